"""The free body against smplx on the same file, and its frame, gradients and parts."""

import math
import shutil

import pytest
import smplx
import smplx.vertex_ids
import torch

from mmsynth.body_models import forward_kinematics, free, ground, load_body
from mmsynth.geometry import UPRIGHT, matrix_from_rotvec, rotation_about
from mmsynth.joints import SMPLX_JOINTS
from mmsynth.resources import data_file
from mmsynth.types import Motion

D = torch.float64


def motion_of(rotations: torch.Tensor, translation: torch.Tensor, shape: torch.Tensor) -> Motion:
    return Motion(SMPLX_JOINTS, rotations, translation, torch.arange(len(rotations), dtype=D) / 30, shape)


def random_parameters(frames: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Rotation vectors [frames, 55, 3], translation [frames, 3], betas [10]."""
    generator = torch.Generator().manual_seed(seed)
    draw = [torch.randn(*size, generator=generator, dtype=D) for size in ((frames, 55, 3), (frames, 3), (10,))]
    return 0.5 * draw[0], draw[1], 0.5 * draw[2]


def standing(**turns: tuple[str, float]) -> Motion:
    rotations = torch.eye(3, dtype=D).repeat(1, 55, 1, 1)
    rotations[:, 0] = UPRIGHT
    for name, (axis, angle) in turns.items():
        rotations[:, SMPLX_JOINTS.index(name)] = rotation_about(axis, angle)
    return motion_of(rotations, torch.zeros(1, 3, dtype=D), torch.zeros(10, dtype=D))


@pytest.mark.parametrize("name", ["free", "free-low"])
def test_agrees_with_smplx_on_the_same_file(name, monkeypatch, tmp_path):
    if name == "free-low":  # smplx appends landmarks picked by vertex number, which the small mesh does not have
        few = dict.fromkeys(smplx.vertex_ids.vertex_ids["smplx"], 0)
        monkeypatch.setitem(smplx.body_models.VERTEX_IDS, "smplx", few)
    (tmp_path / "smplx").mkdir()
    shutil.copy(data_file("body_models", f"{name}.npz"), tmp_path / "smplx" / "SMPLX_NEUTRAL.npz")
    other = smplx.create(str(tmp_path), "smplx", use_pca=False, flat_hand_mean=True, dtype=D, batch_size=4)
    rotvec, translation, shape = random_parameters(4, seed=1)
    names = ("global_orient", "body_pose", "jaw_pose", "leye_pose", "reye_pose", "left_hand_pose", "right_hand_pose")
    parts = rotvec.split([1, 21, 1, 1, 1, 15, 15], 1)
    with torch.no_grad():
        out = other(betas=shape.expand(4, -1), **{k: p.reshape(4, -1) for k, p in zip(names, parts, strict=True)})
    mesh = load_body(name)(motion_of(matrix_from_rotvec(rotvec), translation, shape))
    # smplx stands where the file puts it; a Motion's translation is that of the pelvis.
    shift = (translation - out.joints[:, 0])[:, None]
    assert mesh.joint_names == SMPLX_JOINTS
    assert (mesh.joints - (out.joints[:, :55] + shift)).norm(dim=-1).max() < 1e-5
    assert (mesh.vertices - (out.vertices + shift)).norm(dim=-1).max() < 1e-5


def test_stands_upright_facing_minus_y_with_its_left_at_plus_x():
    body = load_body("free")
    mesh = body(ground(standing(), body))
    at = dict(zip(mesh.joint_names, mesh.joints[0], strict=True))
    assert at["left_wrist"][0] > 0.6 and at["right_wrist"][0] < -0.6
    assert at["left_eye"][1] < at["head"][1] - 0.04  # eyes before the neck, towards -y
    assert at["left_foot"][1] < at["left_ankle"][1] - 0.05
    low, high = mesh.vertices[0, :, 2].min(), mesh.vertices[0, :, 2].max()
    assert abs(float(low)) < 1e-9
    assert abs(float(high) - 1.70) < 1e-3
    # Outward faces: the signed volume is a person's.
    corner = mesh.vertices[0][mesh.faces]
    volume = (torch.linalg.cross(corner[:, 0], corner[:, 1]) * corner[:, 2]).sum() / 6
    assert 0.05 < float(volume) < 0.08


def test_turned_parameters_are_turned_vertices():
    rotvec, translation, shape = random_parameters(2, seed=2)
    rotations, body = matrix_from_rotvec(rotvec), load_body("free-low")
    turn, step = rotation_about("z", 0.7) @ rotation_about("x", -0.4), torch.tensor([1.0, -2.0, 0.5], dtype=D)
    turned = torch.cat([turn @ rotations[:, :1], rotations[:, 1:]], 1)
    before = body(motion_of(rotations, translation, shape))
    after = body(motion_of(turned, translation @ turn.T + step, shape))
    # float32 skinning of about a metre: a few units of 6e-8.
    assert (after.vertices - (before.vertices @ turn.T + step)).abs().max() < 1e-6
    assert (after.joints - (before.joints @ turn.T + step)).abs().max() < 1e-12


def test_batch_is_singles_and_joints_need_no_surface():
    rotvec, translation, shape = random_parameters(19, seed=3)  # more than one batch of the skinning, and a rest
    rotations, body = matrix_from_rotvec(rotvec), load_body("free-low")
    batch = motion_of(rotations, translation, shape)
    mesh = body(batch)
    for i in (0, 15, 16, 18):
        single = body(motion_of(rotations[i : i + 1], translation[i : i + 1], shape))
        assert (single.vertices[0] - mesh.vertices[i]).abs().max() < 1e-6
    assert torch.equal(body.joints(batch), mesh.joints)


def test_far_from_the_origin_nothing_is_lost():
    rotvec, translation, shape = random_parameters(1, seed=4)
    rotations, body = matrix_from_rotvec(rotvec), load_body("free-low")
    near, far = (body(motion_of(rotations, translation * 0 + d, shape)).vertices for d in (0.0, 1000.0))
    assert (far - 1000 - near).abs().max() < 1e-9


def test_gradients_by_finite_differences():
    body = load_body("free-low")
    rotvec, translation, shape = random_parameters(2, seed=5)
    leaves = [t.requires_grad_() for t in (rotvec, translation, shape)]
    weights = torch.randn(2, len(body(standing()).vertices[0]), 3, generator=torch.Generator().manual_seed(6), dtype=D)

    def loss(rotvec, translation, shape):
        mesh = body(motion_of(matrix_from_rotvec(rotvec), translation, shape))
        return (mesh.vertices * weights).mean() * 1e3 + mesh.joints.square().mean()

    grads = torch.autograd.grad(loss(*leaves), leaves)
    generator = torch.Generator().manual_seed(7)
    for k, leaf in enumerate(leaves):
        assert torch.isfinite(grads[k]).all()
        way = torch.randn(leaf.shape, generator=generator, dtype=D)
        moved = []
        for sign in (1, -1):
            args = [x.detach() + (sign * 1e-2 * way if i == k else 0) for i, x in enumerate(leaves)]
            moved.append(loss(*args))
        expected = (grads[k] * way).sum()
        # The step must be coarse for float32 skinning, so its own curvature leaves a few thousandths.
        assert float((moved[0] - moved[1]) / 2e-2) == pytest.approx(float(expected), rel=1e-2, abs=1e-3)


def test_sparse_product_gradients_are_exact():
    generator = torch.Generator().manual_seed(8)
    values = torch.randn(5, generator=generator, dtype=D, requires_grad=True)
    dense = torch.randn(4, 3, generator=generator, dtype=D, requires_grad=True)
    starts, rows, columns = torch.tensor([0, 2, 2, 5]), torch.tensor([0, 0, 2, 2, 2]), torch.tensor([1, 3, 0, 1, 2])
    assert torch.autograd.gradcheck(lambda v, d: free._sparse_product(v, starts, rows, columns, d), (values, dense))


def test_kinematics_of_a_bent_arm_is_geometry():
    # Upper arm down along the body, elbow bent to a right angle: the forearm points forward.
    mesh = load_body("free-low")(standing(left_shoulder=("z", -math.pi / 2), left_elbow=("y", -math.pi / 2)))
    at = dict(zip(mesh.joint_names, mesh.joints[0], strict=True))
    upper, fore = at["left_elbow"] - at["left_shoulder"], at["left_wrist"] - at["left_elbow"]
    assert torch.allclose(upper / upper.norm(), torch.tensor([0, 0, -1.0], dtype=D), atol=0.02)
    assert torch.allclose(fore / fore.norm(), torch.tensor([0, -1.0, 0], dtype=D), atol=0.02)


def test_forward_kinematics_joint_by_joint():
    generator = torch.Generator().manual_seed(9)
    parents = (-1, 0, 0, 1, 3, 2)
    rotations = matrix_from_rotvec(torch.randn(3, 6, 3, generator=generator, dtype=D))
    rest = torch.randn(6, 3, generator=generator, dtype=D)
    turns, places = forward_kinematics(rotations, rest, parents)
    for f in range(3):
        turn, place = [rotations[f, 0]], [torch.zeros(3, dtype=D)]
        for j in range(1, 6):
            p = parents[j]
            place.append(place[p] + turn[p] @ (rest[j] - rest[p]))
            turn.append(turn[p] @ rotations[f, j])
        assert torch.allclose(torch.stack(turn), turns[f]) and torch.allclose(torch.stack(place), places[f])


def test_every_region_lies_where_its_name_says():
    body = load_body("free")
    mesh = body(ground(standing(), body))
    center = mesh.vertices[0][mesh.faces].mean(1)
    at = {name: center[mesh.region == i] for i, name in enumerate(mesh.region_names)}
    assert all(len(points) > 300 for points in at.values())
    for name, points in at.items():
        if "left" in name:
            right = at[name.replace("left", "right")]
            assert float(points[:, 0].min()) > -0.01
            assert len(right) == len(points)
    height = {name: float(points[:, 2].mean()) for name, points in at.items()}
    order = ["shoe:left_foot", "cloth:left_shin", "cloth:left_thigh", "cloth:hips", "cloth:torso", "skin:face"]
    assert sorted(order, key=height.get) == order
    assert height["hair:head"] > height["skin:face"]
    # Bare at the eyes and on the brow, hair on the crown and at the back of the head at the height of the eyes.
    eye = mesh.joints[0, mesh.joint_names.index("left_eye")]
    back, brow, crown = (
        eye.clone(),
        eye + torch.tensor([0, -0.02, 0.03], dtype=D),
        eye + torch.tensor([0, 0, 1.0], dtype=D),
    )
    back[1] += 1.0
    for point, name in ((eye, "skin:face"), (brow, "skin:face"), (crown, "hair:head"), (back, "hair:head")):
        nearest = int((center - point).norm(dim=-1).argmin())
        assert mesh.region_names[int(mesh.region[nearest])] == name


def test_refuses_what_it_does_not_have():
    body, motion = load_body("free-low"), standing()
    with pytest.raises(ValueError, match="'tail'"):
        body(Motion(("pelvis", "tail"), motion.rotations[:, :2], motion.translation, motion.times))
    with pytest.raises(ValueError, match="at most 10 betas, got 11"):
        body(motion_of(motion.rotations, motion.translation, torch.zeros(11, dtype=D)))
    with pytest.raises(ValueError, match="got 'fat'"):
        load_body("fat")


def test_another_familys_betas_are_not_taken_for_its_own():
    body, rotations = load_body("free-low"), standing().rotations
    foreign = torch.full((16,), 2.0, dtype=D)  # AMASS has sixteen
    place, times = torch.zeros(1, 3, dtype=D), torch.zeros(1, dtype=D)
    amass = Motion(SMPLX_JOINTS, rotations, place, times, foreign, shape_of="smpl")
    assert torch.equal(body(amass).vertices, body(standing()).vertices)
    own = Motion(SMPLX_JOINTS, rotations, place, times, foreign[:10], shape_of="free")
    assert (body(own).vertices - body(standing()).vertices).abs().max() > 0.1


def test_ground_is_not_lifted_by_a_few_bad_frames():
    body, rotations = load_body("free-low"), standing().rotations.repeat(200, 1, 1, 1)
    translation = torch.zeros(200, 3, dtype=D)
    translation[7, 2] = -0.3  # one frame of jitter
    grounded = ground(motion_of(rotations, translation, torch.zeros(10, dtype=D)), body)
    low = body(grounded).vertices[..., 2].amin(1)
    assert abs(float(low.median())) < 1e-6


def test_lowest_is_that_of_the_surface():
    body, (turns, places, shape) = load_body("free-low"), random_parameters(3, 5)
    motion = motion_of(matrix_from_rotvec(turns), places, shape)
    assert torch.equal(body.lowest(motion), body(motion).vertices[..., 2].amin(1))
