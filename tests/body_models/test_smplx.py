"""SMPL, SMPL-H and SMPL-X from files written here with the official names, keys, dtypes and shapes."""

import os
import pickle
import sys
import types

import numpy as np
import pytest
import scipy.sparse
import smplx
import torch

from mmsynth.body_models import load_body
from mmsynth.body_models.files import read_body
from mmsynth.geometry import matrix_from_rotvec
from mmsynth.joints import SMPLX_JOINTS, SMPLX_PARENTS
from mmsynth.types import Motion

D = torch.float64
SIZES = {"smpl": (6890, 24, 13776, 10), "smplh": (6890, 52, 13776, 16), "smplx": (10475, 55, 20908, 400)}


def official(family: str, seed: int = 0) -> dict[str, object]:
    """Arrays with the keys, dtypes and shapes of the official file; the values are a cloud about the joints."""
    vertices, joints, faces, shapes = SIZES[family]
    rng = np.random.default_rng(seed)
    keep = [*range(22), *range(25, 55)] if family == "smplh" else range(min(joints, 55))
    parent = list(SMPLX_PARENTS)
    if family == "smplh":
        parent = [p - 3 if p >= 25 else p for p in (SMPLX_PARENTS[j] for j in keep)]
    elif family == "smpl":
        parent = [*SMPLX_PARENTS[:22], 20, 21]
    place = rng.normal(scale=0.5, size=(joints, 3))
    owner = np.arange(vertices) % joints
    weights = np.zeros((vertices, joints))
    weights[np.arange(vertices), owner] = 0.7
    weights[np.arange(vertices), (owner + 1) % joints] += 0.3
    regressor = np.zeros((joints, vertices))
    for j in range(joints):
        regressor[j, rng.choice(np.flatnonzero(owner == j), 5, replace=False)] = 0.2
    posedirs = np.zeros((vertices, 3, 9 * (joints - 1)))
    posedirs[:500, :, :30] = rng.normal(scale=0.01, size=(500, 3, 30))
    shapedirs = np.zeros((vertices, 3, shapes))
    shapedirs[..., :10] = rng.normal(scale=0.02, size=(vertices, 3, 10))
    if family == "smplx":
        shapedirs[..., 300:310] = rng.normal(scale=0.01, size=(vertices, 3, 10))
    data: dict[str, object] = {
        "v_template": place[owner] + rng.normal(scale=0.05, size=(vertices, 3)),
        "f": rng.integers(vertices, size=(faces, 3)).astype(np.uint32),
        "weights": weights,
        "J_regressor": regressor,
        "kintree_table": np.array(
            [[2**32 - 1, *parent[1:]], range(joints)], np.uint32 if family == "smpl" else np.int64
        ),
        "posedirs": posedirs,
        "shapedirs": shapedirs,
    }
    if family != "smpl":
        for side in "lr":
            data[f"hands_components{side}"] = np.eye(45)
            data[f"hands_mean{side}"] = rng.normal(size=45)  # a body is posed from flat hands whatever stands here
    if family == "smplx":
        # Dictionaries as object arrays stand in the official file beside what is read.
        data |= {"joint2num": np.array({"Pelvis": 0}, dtype=object), "part2num": np.array({"hips": 0}, dtype=object)}
        data |= {"lmk_faces_idx": np.zeros(51, np.int64), "lmk_bary_coords": np.full((51, 3), 1 / 3)}
    return data


def chumpy_pickle(path, data: dict[str, object]) -> None:
    """A `.pkl` as SMPL's: protocol 2, chumpy objects (one of them a selection), a sparse regressor."""
    module = types.ModuleType("chumpy")
    ch = types.ModuleType("chumpy.ch")
    for name in ("Ch", "Select"):
        setattr(ch, name, type(name, (), {"__module__": "chumpy.ch"}))
    sys.modules |= {"chumpy": module, "chumpy.ch": ch}
    try:
        shape, template = ch.Ch(), ch.Select()
        shape.__dict__.update(x=data["shapedirs"], _dirty_vars=set(), _itr=None)
        values = np.asarray(data["v_template"]).ravel()
        source = ch.Ch()
        source.__dict__.update(x=np.concatenate([[9.0], values]))
        template.__dict__.update(a=source, idxs=np.arange(1, len(values) + 1), preferred_shape=(len(values) // 3, 3))
        sparse = scipy.sparse.csc_matrix(data["J_regressor"])
        changed = {"shapedirs": shape, "v_template": template, "J_regressor": sparse, "bs_type": "lrotmin"}
        path.write_bytes(pickle.dumps(data | changed, protocol=2))
    finally:
        del sys.modules["chumpy"], sys.modules["chumpy.ch"]


def motion_for(names: tuple[str, ...], shape: torch.Tensor, expression: torch.Tensor | None = None) -> Motion:
    generator = torch.Generator().manual_seed(3)
    rotations = matrix_from_rotvec(0.5 * torch.randn(3, len(names), 3, generator=generator, dtype=D))
    translation = torch.randn(3, 3, generator=generator, dtype=D)
    times = torch.arange(3, dtype=D)
    return Motion(names, rotations, translation, times, shape, gender="female", expression=expression)


def reference(model, motion: Motion, **hands: int) -> object:
    """The package's own forward pass from rotation vectors."""
    from mmsynth.geometry import rotvec_from_matrix

    rotvec = rotvec_from_matrix(motion.rotations)
    sizes = {"global_orient": 1, "body_pose": 23 if not hands else 21, **hands}
    parts = dict(zip(sizes, rotvec.split(list(sizes.values()), 1), strict=True))
    more = {} if motion.expression is None else {"expression": motion.expression}
    with torch.no_grad():
        return model(betas=motion.shape.expand(3, -1), **{k: v.reshape(3, -1) for k, v in parts.items()}, **more)


def agree(mesh, out, motion: Motion) -> None:
    count = len(mesh.joint_names)
    shift = (motion.translation - out.joints[:, 0])[:, None]
    assert (mesh.joints - (out.joints[:, :count] + shift)).abs().max() < 1e-5
    assert (mesh.vertices - (out.vertices + shift)).abs().max() < 1e-5


def test_smplx_npz_with_hands_face_and_expression(tmp_path):
    folder = tmp_path / "models_smplx_v1_1" / "models" / "smplx"
    folder.mkdir(parents=True)
    np.savez(folder / "SMPLX_FEMALE.npz", **official("smplx"))
    generator = torch.Generator().manual_seed(1)
    shape, expression = (torch.randn(*s, generator=generator, dtype=D) for s in ((10,), (3, 10)))
    motion = motion_for(SMPLX_JOINTS, shape, expression)
    other = smplx.create(
        str(folder.parent), "smplx", gender="female", use_pca=False, flat_hand_mean=True, dtype=D, batch_size=3
    )
    out = reference(other, motion, jaw_pose=1, leye_pose=1, reye_pose=1, left_hand_pose=15, right_hand_pose=15)
    agree(load_body("smplx", tmp_path)(motion), out, motion)


def test_smplh_npz_in_the_layout_of_its_archive(tmp_path):
    folder = tmp_path / "smplh" / "female"
    folder.mkdir(parents=True)
    np.savez(folder / "model.npz", **official("smplh"))
    body = load_body("smplh", tmp_path)
    motion = motion_for(body.joint_names, torch.randn(10, generator=torch.Generator().manual_seed(1), dtype=D))
    other = smplx.SMPLH(str(folder / "model.npz"), ext="npz", use_pca=False, flat_hand_mean=True, dtype=D, batch_size=3)
    agree(body(motion), reference(other, motion, left_hand_pose=15, right_hand_pose=15), motion)


def test_smpl_pickle_with_chumpy_needs_no_chumpy(tmp_path):
    folder = tmp_path / "SMPL_python_v.1.1.0" / "smpl" / "models"
    folder.mkdir(parents=True)
    data = official("smpl")
    chumpy_pickle(folder / "basicmodel_f_lbs_10_207_0_v1.1.0.pkl", data)
    body = load_body("smpl", tmp_path)
    motion = motion_for(body.joint_names, torch.randn(10, generator=torch.Generator().manual_seed(1), dtype=D))
    other = smplx.SMPL("", data_struct=smplx.utils.Struct(**data), dtype=D, batch_size=3)
    agree(body(motion), reference(other, motion), motion)
    assert "chumpy" not in sys.modules


def test_missing_files_say_what_to_download_and_where(tmp_path):
    with pytest.raises(
        ValueError, match=r"models_smplx_v1_1.zip from https://smpl-x.*'free' comes with mmsynth"
    ) as info:
        load_body("smplx", tmp_path / "none")
    assert str(tmp_path / "none") in str(info.value) and "\n" not in str(info.value)


def test_a_file_of_another_family_is_refused(tmp_path):
    np.savez(tmp_path / "SMPLX_NEUTRAL.npz", **official("smplh"))
    with pytest.raises(ValueError, match="expected smplx with 55 joints, got a body of 52"):
        load_body("smplx", tmp_path)


class Bomb:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("nested", ["whole", "in a key", "in an array"])
def test_a_malicious_pickle_is_refused_and_nothing_is_run(tmp_path, nested):
    marker, path = tmp_path / "ran", tmp_path / "SMPL_NEUTRAL.pkl"
    bomb = Bomb(marker)
    content = {"whole": bomb, "in a key": {"f": bomb}, "in an array": {"f": np.array([bomb], dtype=object)}}[nested]
    path.write_bytes(pickle.dumps(content))
    with pytest.raises(ValueError, match=r"SMPL_NEUTRAL.pkl: not read: names posix.system"):
        load_body("smpl", tmp_path)
    assert not marker.exists()


def test_a_malicious_npz_is_refused_and_nothing_is_run(tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "SMPLX_NEUTRAL.npz"
    np.savez(path, **(official("smplx") | {"v_template": np.array([Bomb(marker)], dtype=object)}))
    with pytest.raises(ValueError, match="SMPLX_NEUTRAL.npz: expected an .npz with v_template"):
        load_body("smplx", tmp_path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "call", ["builtins eval", "numpy.f2py.capi_maps getinit", "chumpy_evil run", "scipy.io loadmat"]
)
def test_no_other_name_is_imported(tmp_path, call):
    module, name = call.split()
    path = tmp_path / "x.pkl"
    path.write_bytes(b"\x80\x02c" + module.encode() + b"\n" + name.encode() + b"\n.")
    with pytest.raises(ValueError, match=f"names {module}.{name}"):
        read_body(path)


def test_broken_arrays_are_one_sentence(tmp_path):
    good = official("smpl")
    wrong = {
        "f": np.full((4, 3), 7000, np.uint32),
        "J_regressor": np.zeros((24, 6889)),
        "kintree_table": np.full((2, 24), 23, np.uint32),
        "weights": np.zeros((6890, 7)),
        "posedirs": np.zeros((6890, 3, 12)),
        "shapedirs": np.zeros((6890, 3)),
        "v_template": np.full((6890, 3), np.nan),
        "weights_beyond_float32": good["weights"] + 1e200,
        "posedirs_nan": good["posedirs"] * np.nan,
    }
    for key, value in wrong.items():
        path = tmp_path / f"{key}.pkl"
        path.write_bytes(pickle.dumps(good | {key.partition("_beyond")[0].partition("_nan")[0]: value}))
        with pytest.raises(ValueError, match=f"{key}.pkl: not a body model: ") as info:
            read_body(path)
        assert "\n" not in str(info.value)
    sparse = scipy.sparse.csc_matrix(good["J_regressor"])
    sparse.indices[3] = 10**6  # would be written out of bounds by an unchecked conversion
    (tmp_path / "wild.pkl").write_bytes(pickle.dumps(good | {"J_regressor": sparse}))
    with pytest.raises(ValueError, match="wild.pkl: not a body model"):
        read_body(tmp_path / "wild.pkl")
    whole = (tmp_path / "f.pkl").read_bytes()
    (tmp_path / "cut.pkl").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="cut.pkl: expected a pickle of arrays"):
        read_body(tmp_path / "cut.pkl")
