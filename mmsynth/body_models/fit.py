"""Fits a body to joint positions: shape from the lengths of bones over the clip, pose by batched optimisation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mmsynth.body_models.base import BodyModel, forward_kinematics
from mmsynth.body_models.feet import plant
from mmsynth.body_models.limits import limit_tensors
from mmsynth.body_models.pose_solver import Pose, Problem, solve, targets
from mmsynth.body_models.pose_start import row_of, start
from mmsynth.joints import JOINT_SETS, LANDMARKS, SMPLX_JOINTS
from mmsynth.types import Motion, Skeleton

# Pairs of joints that no pose brings closer.
_BONES = (
    *((f"{s}_{a}", f"{s}_{b}") for a, b in (("hip", "knee"), ("knee", "ankle")) for s in ("left", "right")),
    *((f"{s}_{a}", f"{s}_{b}") for a, b in (("shoulder", "elbow"), ("elbow", "wrist")) for s in ("left", "right")),
    ("left_hip", "right_hip"),
    ("left_shoulder", "right_shoulder"),
    ("left_hip", "left_shoulder"),
    ("right_hip", "right_shoulder"),
)


# Standard deviation in m of a joint position, and the distance in m beyond which a joint counts for less and less.
_NOISE, _ROBUST = 0.03, 0.15
# Typical accelerations of joints in rad/s^2 and of the pelvis in m/s^2; what is above is taken for jitter.
_TURN, _MOVE = 60.0, 10.0
# Gauss-Newton steps for the pose, before and after smoothness joins.
_STEPS = (6, 4)
# What stands on the floor.
_FEET = ("left_ankle", "left_foot", "right_ankle", "right_foot")
# Between the joints farthest apart, in m: of an arm alone, and of anybody on their toes with arms up.
_SMALLEST, _LARGEST = 0.1, 4.0
# Every source puts these elsewhere along the trunk; they count for less where no known set says where.
_VAGUE = {"pelvis", "spine1", "spine2", "spine3", "neck", "left_collar", "right_collar"}


@dataclass(frozen=True)
class FitSettings:
    """How a body is fitted.

    Attributes:
        shape_weight: precision of betas against bone lengths known to 2 cm; larger stays nearer to the mean person.
        plant_feet: hold feet still that are seen to stand.
    """

    shape_weight: float = 3.0
    plant_feet: bool = True


def fit_skeleton(
    skeleton: Skeleton,
    body: BodyModel,
    settings: FitSettings = FitSettings(),
    shape: Tensor | None = None,
) -> Motion:
    """The motion of `body` whose joints follow those of the skeleton.

    Joints go by the skeleton's `joint_set` or else by their names: SMPL-X's, or those of a set of `mmsynth.joints`.
    Gaps (NaN) are bridged; one at the start or end keeps the nearest pose. The motion has all frames of the skeleton,
    betas [10], and those joints of the body that carry something seen.

    Args:
        skeleton: joints over time, z up: this is not checked, since people lie; `read_motion` finds which way is up.
        body: that follows them.
        settings: of the fit.
        shape: betas [10] of who is seen, where other recordings tell them (`person_shape`); None = by these frames.

    Raises:
        ValueError: joints of no known set, fewer than 4 of them, nothing seen at all, or not in metres.
    """
    names, problem = body.joint_names, _problem(skeleton, body)
    betas = _shape_from_bones(problem, body, settings.shape_weight) if shape is None else shape.to(problem.seen)
    problem = replace(problem, rest=_rest(body, betas))
    pose = solve(problem, start(problem, names), _STEPS[0], smooth=False)
    if shape is None:
        betas = _shape_from_pose(problem, pose, body, betas, settings.shape_weight)
        problem = replace(problem, rest=_rest(body, betas))
    if settings.plant_feet:
        feet = [r for j in _FEET if (r := row_of(problem.mix, names.index(j))) is not None]
        problem = plant(problem, targets(problem, pose), feet, skeleton.times.to(problem.seen))
    pose = solve(problem, pose, _STEPS[1], smooth=True)
    return Motion(
        joint_names=tuple(names[j] for j in problem.active),
        rotations=pose.rotations[:, problem.active],
        translation=pose.translation,
        times=skeleton.times,
        shape=betas,
        labels=skeleton.labels,
        shape_of=body.family,
    )


def person_shape(recordings: Sequence[Skeleton], body: BodyModel) -> Tensor:
    """Betas [10] of one person by several recordings: of each beta the median of what each recording alone would say.

    Cameras misjudge bones that a move hides: of one person of MARS, Kinect's lunges make bodies of 1.58 to 1.74 m, the
    moves of arms 1.70 to 1.71 m.

    Raises:
        ValueError: there is no recording, or one that `fit_skeleton` refuses.
    """
    if not recordings:
        raise ValueError("person_shape: expected recordings, got none")
    alone: list[Tensor] = [fit_skeleton(recording, body).shape for recording in recordings]
    return torch.stack(alone).quantile(0.5, dim=0)


def fit_error(skeleton: Skeleton, body: BodyModel, motion: Motion) -> Tensor:
    """Distance [frames, joints] in m of the body's joints from the skeleton's; NaN where nothing was seen."""
    placed: Tensor = _mix(skeleton, body) @ body.joints(motion)
    apart: Tensor = (placed - skeleton.positions).norm(dim=-1)
    return apart


def _problem(skeleton: Skeleton, body: BodyModel) -> Problem:
    """What is seen, of the body's mean person."""
    mix = _mix(skeleton, body)
    seen, weight = _bridge(skeleton.positions.to(torch.float64))
    known = weight.sum(0) > 0
    if int(known.sum()) < 4:
        raise ValueError(f"Skeleton: expected at least 4 joints that are seen, got {int(known.sum())}")
    if skeleton.joint_set not in JOINT_SETS:
        weight = weight * torch.tensor([0.2 if n in _VAGUE else 1.0 for n in skeleton.joint_names]).to(weight)
    mix, seen, weight = mix[known], seen[:, known], weight[:, known]
    across = float((seen.amax(1) - seen.amin(1)).norm(dim=-1).median())
    if not _SMALLEST < across < _LARGEST:
        raise ValueError(f"Skeleton: expected joints of a person in metres, got joints that lie {across:.3g} m apart")
    active = _active(mix, body.parents)
    limits = limit_tensors(tuple(body.joint_names[j] for j in active))
    return Problem(
        seen=seen,
        weight=weight / _NOISE**2,
        mix=mix,
        rest=_rest(body, seen.new_zeros(10)),
        parents=body.parents,
        active=active,
        limits={k: v.to(seen.device) for k, v in limits.items()},
        calm=_calm(skeleton.times.to(seen.device)),
        robust=_ROBUST,
    )


def _mix(skeleton: Skeleton, body: BodyModel) -> Tensor:
    """Weights [skeleton's joints, body's joints]."""
    table = joint_table(skeleton)
    mix = torch.zeros(len(table), len(body.joint_names), dtype=torch.float64, device=skeleton.positions.device)
    for row, parts in enumerate(table.values()):
        for name, share in parts.items():
            if name in body.joint_names:
                mix[row, body.joint_names.index(name)] += share
            else:  # SMPL and SMPL-H have no face, SMPL no fingers: the joint that would carry it
                near = "head" if name in SMPLX_JOINTS[22:25] else f"{name.partition('_')[0]}_wrist"
                mix[row, body.joint_names.index(near)] += share
    return mix


def joint_table(skeleton: Skeleton) -> dict[str, dict[str, float]]:
    """The skeleton's joints as weights over SMPL-X's.

    Raises:
        ValueError: unknown joints.
    """
    table: dict[str, dict[str, float]] = JOINT_SETS.get(skeleton.joint_set, {})
    if not table:
        for known in (*JOINT_SETS.values(), LANDMARKS, JOINT_SETS["smplx55"]):
            table = table | known
    strange = [name for name in skeleton.joint_names if name not in table]
    if strange:
        raise ValueError(f"Skeleton.joint_names: expected joints of {', '.join(JOINT_SETS)}, got '{strange[0]}'")
    return {name: table[name] for name in skeleton.joint_names}


def _bridge(positions: Tensor) -> tuple[Tensor, Tensor]:
    """Positions with gaps filled on straight lines, and weights [frames, joints]: 1 seen, 0.05 filled, 0 never seen."""
    frames, joints = positions.shape[:2]
    good = torch.isfinite(positions).all(-1)
    index = torch.arange(frames, device=positions.device)[:, None].expand(-1, joints)
    before = torch.where(good, index, -1).cummax(0).values
    after = torch.where(good, index, frames).flip(0).cummin(0).values.flip(0)
    left, right = torch.where(before < 0, after, before), torch.where(after >= frames, before, after)
    left, right = left.clamp(0, frames - 1), right.clamp(0, frames - 1)
    share = torch.where(right > left, (index - left) / (right - left).clamp_min(1), torch.zeros_like(index))[..., None]
    clean = torch.nan_to_num(positions, nan=0.0, posinf=0.0, neginf=0.0)
    pick = [clean.gather(0, i[..., None].expand(-1, -1, 3)) for i in (left, right)]
    filled = pick[0] * (1 - share) + pick[1] * share
    weight = torch.where(good, 1.0, 0.05).to(positions) * good.any(0)
    return torch.where(good[..., None], clean, filled), weight


def _active(mix: Tensor, parents: tuple[int, ...]) -> list[int]:
    """The pelvis and the joints that carry something seen."""
    carries = set()
    for j in torch.nonzero((mix != 0).any(0)).flatten().tolist():
        while parents[j] >= 0:
            j = parents[j]
            carries.add(j)
    return sorted(carries | {0})


def _calm(times: Tensor) -> tuple[Tensor, Tensor]:
    """Half the acceleration times the square of the time step: how far a frame lies from its neighbours' mean."""
    step = times.to(torch.float64).diff().clamp_min(1e-3) if len(times) > 1 else times.new_ones(1).to(torch.float64)
    step = torch.cat([step, step[-1:]])[: len(times)]
    return 0.5 * _TURN * step**2, 0.5 * _MOVE * step**2


def _rest(body: BodyModel, shape: Tensor) -> Tensor:
    unit = torch.eye(3, dtype=torch.float64, device=shape.device)[None, None]
    zero = torch.zeros(1, dtype=torch.float64, device=shape.device)
    return body.rest_joints(Motion(("pelvis",), unit, zero[None].expand(1, 3), zero, shape))


def _directions(body: BodyModel, device: torch.device) -> tuple[Tensor, Tensor]:
    """Rest joints [joints, 3] of the mean shape, and how each beta moves them [10, joints, 3]: exactly linear."""
    units = torch.eye(10, dtype=torch.float64, device=device)
    mean = _rest(body, torch.zeros_like(units[0]))
    return mean, torch.stack([_rest(body, unit) - mean for unit in units])


def _shape_from_bones(problem: Problem, body: BodyModel, prior: float) -> Tensor:
    """Betas whose bones have the median lengths seen, by Gauss-Newton with a prior of unit variance."""
    mean, directions = _directions(body, problem.seen.device)
    pairs = []
    single = {body.joint_names[int(row.argmax())]: i for i, row in enumerate(problem.mix) if float(row.max()) > 0.99}
    for a, b in _BONES:
        if a in single and b in single:
            length = (problem.seen[:, single[a]] - problem.seen[:, single[b]]).norm(dim=-1).median()
            pairs.append((body.joint_names.index(a), body.joint_names.index(b), length))
    shape = torch.zeros(len(directions), dtype=torch.float64, device=mean.device)
    if not pairs:
        return shape
    first, second = [p[0] for p in pairs], [p[1] for p in pairs]
    wanted = torch.stack([p[2] for p in pairs])
    for _ in range(8):
        span = (mean + torch.einsum("k,kjc->jc", shape, directions))[first]
        span = span - (mean + torch.einsum("k,kjc->jc", shape, directions))[second]
        length = span.norm(dim=-1)
        slope = ((directions[:, first] - directions[:, second]) * (span / length[:, None])).sum(-1).T / 0.02
        normal = slope.T @ slope + prior * torch.eye(len(shape), dtype=slope.dtype, device=slope.device)
        shape = torch.linalg.solve(normal, slope.T @ ((wanted - length) / 0.02 + slope @ shape))
    return shape


def _shape_from_pose(problem: Problem, pose: Pose, body: BodyModel, shape: Tensor, prior: float) -> Tensor:
    """Betas that best explain up to 200 posed frames: given rotations, joints are linear in them."""
    some = (
        torch.linspace(0, len(pose.translation) - 1, min(200, len(pose.translation))).long().to(pose.translation.device)
    )
    turns = pose.rotations[some]
    mean, directions = _directions(body, turns.device)
    columns = [problem.mix @ forward_kinematics(turns, d, problem.parents)[1] for d in directions]
    base = problem.mix @ (forward_kinematics(turns, mean, problem.parents)[1] + pose.translation[some, None])
    a, b = torch.stack(columns, -1), problem.seen[some] - base
    # The place of the pelvis is free in every frame: it takes the mean, so only what differs from it counts.
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    far = (b - a @ shape).square().sum(-1)
    trust = problem.weight[some] * (problem.robust**2 / (problem.robust**2 + far)) ** 2
    # Errors of a joint set are the same in every frame: thousands of frames weigh as much as ten.
    trust = trust * (10 / len(some))
    normal = torch.einsum("ft,ftck,ftcl->kl", trust, a, a)
    right = torch.einsum("ft,ftck,ftc->k", trust, a, b)
    unit = torch.eye(len(shape), dtype=a.dtype, device=a.device)
    better: Tensor = torch.linalg.solve(normal + prior * unit, right)
    return better
