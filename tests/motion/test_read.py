"""Every format but BVH: files written here with the published keys, shapes, dtypes and quirks."""

import dataclasses
import json
import math
import pickle

import numpy as np
import pytest
import torch

from mmsynth.geometry import UPRIGHT, matrix_from_rotvec, rotation_about, rotvec_from_matrix
from mmsynth.joints import JOINT_SETS, SMPLX_JOINTS
from mmsynth.motion import read_motion
from mmsynth.motion.read import _without_rest_pose
from mmsynth.motion.skeleton import JOINTS, forward
from mmsynth.types import Motion, Skeleton

SMPL_PELVIS = np.array([-0.002, -0.223, 0.028])
SMPLX_PELVIS = np.array([0.003, -0.351, 0.012])


def rotvecs(motion: Motion) -> np.ndarray:
    return rotvec_from_matrix(motion.rotations).reshape(len(motion.times), -1).numpy()


def same(found: Motion, expected: Motion, names=JOINTS) -> bool:
    picked = [found.joint_names.index(n) for n in names]
    return bool(
        (found.rotations[:, picked] - expected.rotations).abs().max() < 1e-6
        and (found.translation - expected.translation).abs().max() < 1e-6
        and (found.times - expected.times).abs().max() < 1e-6
    )


@pytest.mark.parametrize("columns", [156, 165, 72])
@pytest.mark.parametrize("key", ["mocap_framerate", "mocap_frame_rate"])
def test_amass(tmp_path, walking, columns, key):
    poses = np.zeros((len(walking.times), columns))
    poses[:, :66] = rotvecs(walking)
    pelvis = SMPLX_PELVIS if columns == 165 else SMPL_PELVIS
    np.savez(
        tmp_path / "clip_poses.npz",
        poses=poses,
        trans=walking.translation.numpy() - pelvis,
        betas=np.arange(16.0),
        dmpls=np.zeros((len(poses), 8)),
        gender=np.array(b"female") if columns == 156 else np.array("male"),
        **{key: np.array(30.0)},
    )
    found = read_motion(tmp_path / "clip_poses.npz")
    assert same(found, walking)
    assert found.gender == ("female" if columns == 156 else "male")
    # Whose betas they are decides which body may use them.
    assert found.shape_of == ("smplx" if columns == 165 else "smpl")
    assert found.shape.tolist() == list(range(16)) and len(found.joint_names) == {156: 52, 165: 55, 72: 22}[columns]
    assert f"AMASS {columns} columns, 30 Hz" in found.labels.source


def test_amass_parts_and_objects(tmp_path, walking):
    """AMASS's SMPL-X release: poses in parts, strings as arrays of objects (a pickle inside the file)."""
    poses = rotvecs(walking)
    np.savez(
        tmp_path / "stageii.npz",
        root_orient=poses[:, :3],
        pose_body=poses[:, 3:66],
        pose_hand=np.zeros((len(poses), 90)),
        pose_jaw=np.zeros((len(poses), 3)),
        pose_eye=np.zeros((len(poses), 6)),
        trans=walking.translation.numpy() - SMPLX_PELVIS,
        betas=np.zeros(16),
        gender=np.array("neutral", dtype=object),
        surface_model_type=np.array("smplx", dtype=object),
        mocap_frame_rate=np.array(30.0),
    )
    found = read_motion(tmp_path / "stageii.npz")
    assert same(found, walking) and found.joint_names == SMPLX_JOINTS


def test_aist(tmp_path, walking):
    """y up, centimetres over a scale: the same person after the turn."""
    poses = np.zeros((len(walking.times), 72))
    upright = UPRIGHT.T @ walking.rotations[:, 0]
    poses[:, :66] = rotvecs(walking)
    poses[:, :3] = rotvec_from_matrix(upright).numpy()
    scale = 93.7
    place = (walking.translation @ UPRIGHT).numpy() - SMPL_PELVIS
    content = {
        "smpl_loss": 1.0,
        "smpl_poses": poses,
        "smpl_scaling": np.array([scale]),
        "smpl_trans": place * scale,
    }
    (tmp_path / "gBR_sBM.pkl").write_bytes(pickle.dumps(content))
    found = read_motion(tmp_path / "gBR_sBM.pkl")
    assert (found.rotations - walking.rotations).abs().max() < 1e-6
    assert (found.translation - walking.translation).abs().max() < 1e-6
    assert abs(float(found.times[1]) - 1 / 60) < 1e-12


@pytest.mark.parametrize("up", ["+y", "-y", "+z"])
def test_fits_in_any_frame(tmp_path, walking, up):
    """A camera's frame has y down; the pelvis' rest offset belongs to the model's axes, before the turn."""
    world = {"+y": torch.eye(3).double(), "-y": rotation_about("x", math.pi), "+z": rotation_about("x", math.pi / 2)}[
        up
    ]
    root = world @ UPRIGHT.T @ walking.rotations[:, 0]
    place = (walking.translation @ UPRIGHT @ world.T).numpy() - SMPLX_PELVIS
    body = rotvecs(walking)[:, 3:66]
    content = {
        "global_orient": rotvec_from_matrix(root).numpy().astype(np.float64),
        "body_pose": body if up == "+y" else matrix_from_rotvec(torch.from_numpy(body).reshape(-1, 21, 3)).numpy(),
        "betas": np.arange(10.0) + np.linspace(-1, 1, len(body))[:, None] ** 3,  # an estimator's own for each frame
        "transl": place,
        "jaw_pose": np.zeros((len(body), 3)),
        "left_hand_pose": np.zeros((len(body), 45)),
        "expression": np.zeros((len(body), 10)),
    }
    np.savez(tmp_path / "fit.npz", **content)
    found = read_motion(tmp_path / "fit.npz", frame_rate=30.0)
    got, expected = forward_of(found), forward(walking)
    turns = [rotation_about("z", k * math.pi / 2) for k in range(4)]  # the heading is the file's
    assert min(float((got - expected @ t.T).abs().max()) for t in turns) < 1e-6
    assert f"{up} up" in found.labels.source
    np.testing.assert_allclose(found.shape.numpy(), np.arange(10.0), atol=1e-12)


def forward_of(motion: Motion) -> torch.Tensor:
    from mmsynth.motion.edit import complete

    return forward(complete(motion))


def kinect(walking: Motion) -> tuple[np.ndarray, list[str]]:
    """Kinect's 25 joints of the clip; what the generic skeleton lacks stands at its parent."""
    where = {n: forward(walking)[:, i] for i, n in enumerate(JOINTS)}
    where |= {"left_eye": where["head"], "right_eye": where["head"]}
    for side in ("left", "right"):
        where |= {f"{side}_{f}{k}": where[f"{side}_wrist"] for f in ("middle", "thumb") for k in (1, 3)}
    table = JOINT_SETS["kinect25"]
    return np.stack([sum(w * where[j] for j, w in mix.items()).numpy() for mix in table.values()], 1), list(table)


def test_kinect_table(tmp_path, walking):
    positions, names = kinect(walking)
    full = [
        n.removesuffix("L") + "Left" if n[-1] == "L" else n.removesuffix("R") + "Right" if n[-1] == "R" else n
        for n in names
    ]
    rows = [",".join(f"{n}_{axis}" for axis in "XYZ" for n in full)]
    rows += [",".join(f"{v:.6f}" for v in frame.T.reshape(-1)) for frame in positions]
    (tmp_path / "kinect.csv").write_text("\n".join(rows))
    found = read_motion(tmp_path / "kinect.csv", frame_rate=10.0)
    assert isinstance(found, Skeleton) and found.joint_set == "kinect25" and found.joint_names == tuple(names)
    assert np.abs(found.positions.numpy() - positions).max() < 1e-6
    assert abs(float(found.times[1]) - 0.1) < 1e-12


@pytest.mark.parametrize(("unit", "told"), [("s", 1.0), ("ms", 1e3), ("us", 1e6), ("0.1 us", 1e7), ("ns", 1e9)])
@pytest.mark.parametrize("rate", [10.0, 30.0, 59.94])
def test_unit_of_time_stamps(tmp_path, walking, unit, told, rate):
    positions, names = kinect(walking)
    stamps = np.round((1e5 + np.arange(len(positions)) / rate) * told, 6)
    np.savez(tmp_path / "kinect.npz", joints=positions, names=names, timestamps=stamps)
    found = read_motion(tmp_path / "kinect.npz")
    assert f"times of the file in {unit}" in found.labels.source
    # Stamps of whole milliseconds, and floats of 52 bits at 1e14 ns.
    np.testing.assert_allclose(found.times.numpy(), np.arange(len(positions)) / rate, atol=1e-5)


@pytest.mark.parametrize("column", ["time", "timestamp_ms", "Time (Seconds)", "t[ms]"])
def test_columns_of_times_that_name_their_unit(tmp_path, walking, column):
    positions, names = kinect(walking)
    stamps = np.arange(len(positions)) / 24 * (1000 if "ms" in column else 1)
    rows = [",".join([column, *(f"{n}_{axis}" for n in names for axis in "xyz")])]
    rows += [
        ",".join([f"{t:.6f}", *(f"{v:.6f}" for v in f.reshape(-1))]) for t, f in zip(stamps, positions, strict=True)
    ]
    (tmp_path / "kinect.csv").write_text("\n".join(rows))
    np.testing.assert_allclose(read_motion(tmp_path / "kinect.csv").times[1], 1 / 24, atol=1e-6)


@pytest.mark.parametrize("feet", [True, False])
def test_left_handed_axes_are_mirrored_back(tmp_path, walking, feet):
    """A game engine's axes: y up, but x to the other side; a person's left would be on the right."""
    where = forward(walking)
    kept = [i for i, name in enumerate(JOINTS) if feet or not name.endswith("foot")]
    proper = where[:, kept] @ UPRIGHT.to(where)
    names = [JOINTS[i] for i in kept]
    for name, sign in (("right", 1.0), ("left", -1.0)):
        values = proper * torch.tensor([sign, 1.0, 1.0])
        np.savez(tmp_path / f"{name}.npz", joints=values.numpy(), names=names, fps=30)
        found = read_motion(tmp_path / f"{name}.npz")
        assert ("left-handed" in found.labels.source) == (sign < 0)
        same_joints = [JOINTS.index(name) for name in found.joint_names]
        torch.testing.assert_close(found.positions, where[:, same_joints], atol=1e-9, rtol=0)


def test_bare_arrays_by_count_unit_and_axis(tmp_path, walking):
    """H36M's 17 joints in millimetres with y down, without a word about any of it."""
    order = (
        "pelvis right_hip right_knee right_ankle left_hip left_knee left_ankle spine2 neck head head left_shoulder "
        "left_elbow left_wrist right_shoulder right_elbow right_wrist"
    )
    where = forward(walking)
    values = where[:, [JOINTS.index(n) for n in order.split()]]
    middle = 0.5 * (where[:, JOINTS.index("left_hip")] + where[:, JOINTS.index("right_hip")])
    values[:, 0] = middle
    camera = values @ (rotation_about("x", math.pi) @ UPRIGHT.T).T * 1000
    np.save(tmp_path / "h36m.npy", camera.numpy().astype(np.float32))
    found = read_motion(tmp_path / "h36m.npy")
    assert isinstance(found, Skeleton) and "mm, -y up, 30 Hz assumed" in found.labels.source
    index = found.joint_names.index
    # Turning back from the camera is a turn about z at most.
    assert (found.positions[:, index("left_ankle"), 2] - where[:, JOINTS.index("left_ankle"), 2]).abs().max() < 1e-5
    assert (found.positions.norm(dim=-1) - values.norm(dim=-1)).abs().max() < 1e-5


def test_a_rest_pose_before_the_motion_is_left_out(tmp_path, walking):
    positions, names = kinect(walking)
    spread = positions[:1] + 0.0
    reach = [i for i, name in enumerate(names) if name.startswith(("Wrist", "Elbow"))]
    spread[0, reach, 2] += 0.7  # both arms up, from one frame to the next
    seconds = {}
    for name, values in (("as it is", positions), ("with a pose before", np.concatenate([spread, positions]))):
        np.savez(tmp_path / f"{name}.npz", positions=values, names=names, fps=30)
        found = read_motion(tmp_path / f"{name}.npz")
        seconds[name] = (found.times, found.positions)
        assert ("less the rest pose" in found.labels.source) == (name != "as it is")
    for mine, theirs in zip(*seconds.values(), strict=True):
        torch.testing.assert_close(mine, theirs)
    # The same for rotations; and a person who jumps about all the time is left whole.
    arms = walking.rotations.clone()
    arms[0, walking.joint_names.index("left_shoulder")] = rotation_about("x", 2.5)
    wild = walking.translation + 0.6 * (torch.arange(len(walking.times)) % 2)[:, None]
    assert len(_without_rest_pose(dataclasses.replace(walking, rotations=arms)).times) == len(walking.times) - 1
    assert len(_without_rest_pose(dataclasses.replace(walking, translation=wild)).times) == len(walking.times)


def test_dictionary_in_npy_as_ntu_is_converted(tmp_path, walking):
    """NTU RGB+D's text files, converted to .npy as is usual: a dictionary, a key a person, y up in metres."""
    positions, names = kinect(walking)
    camera = positions @ UPRIGHT.numpy() - np.array([0.0, 0.9, -3.0])
    content = {"file_name": "S001C001P001R001A001", "nbodys": [1] * len(camera), "njoints": 25, "skel_body0": camera}
    np.save(tmp_path / "S001C001P001R001A001.skeleton.npy", content)
    found = read_motion(tmp_path / "S001C001P001R001A001.skeleton.npy")
    assert isinstance(found, Skeleton) and found.joint_set == "kinect25" and "+y up" in found.labels.source
    low = found.joint_names.index("AnkleL")
    raised = found.positions[:, low, 2] - torch.from_numpy(positions[:, names.index("AnkleL"), 2])
    assert (raised - raised[0]).abs().max() < 1e-6


def test_gaps_stay_gaps(tmp_path, walking):
    positions, names = kinect(walking)
    positions[3:5, 7] = np.nan
    positions[9, 2] = 0
    np.savez(tmp_path / "gaps.npz", joints=positions, joint_names=np.array(names), fps=30)
    found = read_motion(tmp_path / "gaps.npz")
    assert found.positions[3:5, 7].isnan().all() and found.positions[9, 2].isnan().all()
    assert int(found.positions.isnan().any(-1).sum()) == 3


def test_deepmimic(tmp_path):
    """Right knee bent by 60 degrees about z (negative there): the right shank points backward, the left one down."""
    frame = np.zeros(44)
    frame[0], frame[2] = 1 / 30, 0.85
    for start in (4, 8, 12, 16, 21, 25, 30, 35, 39):
        frame[start] = 1.0
    frame[20] = -math.radians(60)
    frames = [[seconds, *frame[1:].tolist()] for seconds in (0.1, 0.02, 0.04)]  # how long each lasts
    (tmp_path / "pose.txt").write_text(json.dumps({"Loop": "none", "Frames": frames}))
    found = read_motion(tmp_path / "pose.txt")
    assert found.times.tolist() == pytest.approx([0, 0.1, 0.12])
    p = forward(found)[0]
    shank = {s: p[JOINTS.index(f"{s}_ankle")] - p[JOINTS.index(f"{s}_knee")] for s in ("left", "right")}
    ahead = found.rotations[0, 0] @ torch.tensor([0.0, 0.0, 1.0]).double()
    assert abs(float(shank["right"] @ ahead / shank["right"].norm()) + math.sin(math.radians(60))) < 1e-6
    assert float(shank["left"][2] / shank["left"].norm()) < -0.999999
    # Arms hang in that humanoid's rest pose.
    arm = p[JOINTS.index("left_elbow")] - p[JOINTS.index("left_shoulder")]
    assert float(arm[2] / arm.norm()) < -0.99


@pytest.mark.real
def test_every_motion_of_the_pack_goes_in(real_data):
    files = [*(real_data / "mocap/deepmimic").glob("*.txt"), *(real_data / "mocap").glob("cmu_*/*.npz")]
    files += (real_data / "mars").rglob("kinect_data_*.csv")
    assert len(files) > 60
    for path in files:
        found = read_motion(path)
        up = found.positions[..., 2] if isinstance(found, Skeleton) else found.translation[:, 2]
        assert " m, " in found.labels.source and 0 < len(up), path
