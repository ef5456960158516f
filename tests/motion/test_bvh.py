"""BVH files written here in the conventions of several programs, from motions whose joints are known."""

import math

import numpy as np
import pytest
import torch

from mmsynth.geometry import UPRIGHT, matrix_from_rotvec, rotation_about
from mmsynth.joints import SMPLX_PARENT
from mmsynth.motion import Subject, generate_motion, read_motion
from mmsynth.motion.bvh import read_rig
from mmsynth.motion.retarget import match_joints
from mmsynth.motion.skeleton import JOINTS, forward, offset
from mmsynth.types import Motion

CMU = {
    "pelvis": "Hips",
    "spine1": "LowerBack",
    "spine2": "Spine",
    "spine3": "Spine1",
    "neck": "Neck",
    "head": "Head",
} | {
    f"{s}_{j}": f"{s.title()}{n}"
    for s in ("left", "right")
    for j, n in {
        "hip": "UpLeg",
        "knee": "Leg",
        "ankle": "Foot",
        "foot": "ToeBase",
        "collar": "Shoulder",
        "shoulder": "Arm",
        "elbow": "ForeArm",
        "wrist": "Hand",
    }.items()
}
MIXAMO = {joint: f"mixamorig:{name}" for joint, name in CMU.items()} | {
    "spine1": "mixamorig:Spine",
    "spine2": "mixamorig:Spine1",
    "spine3": "mixamorig:Spine2",
}
BANDAI = {j: n for j, n in CMU.items() if "_" not in j} | {
    f"{s}_{j}": f"{n}_{s[0].upper()}"
    for s in ("left", "right")
    for j, n in {
        "hip": "UpperLeg",
        "knee": "LowerLeg",
        "ankle": "Foot",
        "foot": "Toes",
        "collar": "Shoulder",
        "shoulder": "UpperArm",
        "elbow": "LowerArm",
        "wrist": "Hand",
    }.items()
}
POSER = CMU | {
    f"{s}_{j}": f"{s.title()}{n}"
    for s in ("left", "right")
    for j, n in {
        "hip": "Hip",
        "knee": "Knee",
        "ankle": "Ankle",
        "foot": "Toe",
        "collar": "Collar",
        "shoulder": "Shoulder",
        "elbow": "Elbow",
        "wrist": "Wrist",
    }.items()
}


def euler_zxy(matrix: np.ndarray) -> np.ndarray:
    """Angles in degrees of Z, X, Y channels with R = Rz Rx Ry."""
    x = np.arcsin(np.clip(matrix[..., 2, 1], -1, 1))
    z = np.arctan2(-matrix[..., 0, 1], matrix[..., 1, 1])
    y = np.arctan2(-matrix[..., 2, 0], matrix[..., 2, 2])
    return np.degrees(np.stack([z, x, y], -1))


def write_bvh(path, motion, names, unit=1.0, axes=None, local=None):
    """The motion as BVH: lengths in `unit` m, the world turned by `axes` from y up, joints' own axes by `local`."""
    turn = torch.eye(3).double() if axes is None else axes
    frames_of = {j: torch.eye(3).double() if local is None else local[j] for j in JOINTS}
    world = {}
    for k, joint in enumerate(JOINTS):
        parent = SMPLX_PARENT[joint]
        world[joint] = UPRIGHT.T @ motion.rotations[:, k] if parent is None else world[parent] @ motion.rotations[:, k]
    own = {j: turn @ world[j] @ frames_of[j] for j in JOINTS}
    step = {
        j: (torch.zeros(3).double() if SMPLX_PARENT[j] is None else frames_of[SMPLX_PARENT[j]].T @ offset(j)) / unit
        for j in JOINTS
    }
    if local is None:
        own = {j: turn @ world[j] @ turn.T for j in JOINTS}
        step = {j: (turn @ offset(j) if SMPLX_PARENT[j] else torch.zeros(3).double()) / unit for j in JOINTS}
    columns, lines = [(motion.translation @ UPRIGHT @ turn.T / unit).numpy()], ["HIERARCHY"]

    def emit(joint, depth):
        pad, parent = "\t" * depth, SMPLX_PARENT[joint]
        relative = own[joint] if parent is None else own[parent].transpose(-1, -2) @ own[joint]
        columns.append(euler_zxy(relative.numpy()))
        lines.extend([f"{pad}{'JOINT' if parent else 'ROOT'} {names[joint]}", pad + "{"])
        lines.append(f"{pad}\tOFFSET " + " ".join(f"{v:.9f}" for v in step[joint].tolist()))
        place = "" if parent else "Xposition Yposition Zposition "
        lines.append(f"{pad}\tCHANNELS {3 if parent else 6} {place}Zrotation Xrotation Yrotation")
        children = [c for c in JOINTS if SMPLX_PARENT[c] == joint]
        for child in children:
            emit(child, depth + 1)
        if not children:
            lines.extend([f"{pad}\tEnd Site", pad + "\t{", f"{pad}\t\tOFFSET 0 0 0", pad + "\t}"])
        lines.append(pad + "}")

    emit("pelvis", 0)
    rows = np.concatenate(columns, 1)
    lines += ["MOTION", f"Frames: {len(rows)}", f"Frame Time: {float(motion.times[1]):.9f}"]
    lines += [" ".join(f"{v:.9f}" for v in row) for row in rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def walking():
    return generate_motion("walk", 2.0, Subject(1), torch.Generator().manual_seed(1), frame_rate=30.0)


def test_numbers_with_the_comma_of_a_country(tmp_path, walking):
    write_bvh(tmp_path / "a.bvh", walking, BANDAI, 0.01)
    (tmp_path / "b.bvh").write_text((tmp_path / "a.bvh").read_text().replace(".", ","))
    one, other = (read_motion(tmp_path / f"{name}.bvh") for name in "ab")
    assert torch.equal(one.rotations, other.rotations) and torch.equal(one.times, other.times)


@pytest.mark.parametrize(
    ("names", "unit", "axis", "said"),
    [
        (CMU, 0.0254, "y", "inch, +y up"),
        (MIXAMO, 0.01, "y", "cm, +y up"),
        (BANDAI, 0.01, "z", "cm, +z up"),
        (POSER, 1.0, "x", "m, +x up"),
    ],
    ids=["cmu", "mixamo", "bandai", "poser"],
)
def test_names_units_and_axes_of_programs(tmp_path, walking, names, unit, axis, said):
    axes = {"y": None, "z": rotation_about("x", math.pi / 2), "x": rotation_about("z", -math.pi / 2)}[axis]
    write_bvh(tmp_path / "walk.bvh", walking, names, unit, axes)
    found = read_motion(tmp_path / "walk.bvh")
    assert said in found.labels.source and "22 joints matched" in found.labels.source
    expected = forward(walking)
    got = forward(found)
    if axis == "x":  # which way the person faces is the file's: compare up to the heading about z
        turn = rotation_about("z", -math.pi / 2)
        expected = min(
            (expected @ rotation_about("z", k * math.pi / 2).T for k in range(4)), key=lambda e: (e - got).abs().max()
        )
        assert turn.shape == (3, 3)
    # The file carries nine decimals; what is left is the alignment, which is exact for these proportions.
    assert (got - expected).norm(dim=-1).max() < 1e-5
    assert (found.times - walking.times).abs().max() < 1e-6


def test_positions_in_channels_stand_for_the_offset_and_turns_follow_in_their_order(tmp_path):
    """Worked by hand: the root turns by 90 degrees about z, then by 90 about its new x; the hand lies along its y."""
    (tmp_path / "two.bvh").write_text(
        "HIERARCHY\nROOT hips\n{\nOFFSET 1 2 3\n"
        "CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation\n"
        "JOINT hand\n{\nOFFSET 0 7 0\nCHANNELS 3 Zposition Xposition Yposition\nEnd Site\n{\nOFFSET 0 1 0\n}\n}\n}\n"
        "MOTION\nFrames: 2\nFrame Time: 0.1\n10 20 30 0 0 0 0 0 5\n10 20 30 90 90 0 0 0 5\n"
    )
    found = read_rig(tmp_path / "two.bvh")
    assert found.positions[0].tolist() == [[10, 20, 30], [10, 25, 30]]
    # Turned about z alone it would lie along -x; about the new x, that goes on to z.
    torch.testing.assert_close(found.positions[1, 1], torch.tensor([10.0, 20.0, 35.0]).double())
    assert found.rest.tolist() == [[1, 2, 3], [1, 9, 3]] and found.times.tolist() == [0, 0.1]


def test_joints_with_axes_of_their_own(tmp_path, walking):
    """As in LaFAN's and Bandai's files: zero rotation is no pose at all, so that an upright frame must serve."""
    generator = torch.Generator().manual_seed(5)
    local = {j: matrix_from_rotvec(2.0 * torch.randn(3, generator=generator).double()) for j in JOINTS}
    write_bvh(tmp_path / "walk.bvh", walking, CMU, 0.01, None, local)
    found = read_motion(tmp_path / "walk.bvh")
    expected, got = forward(walking), forward(found)
    error = (got - expected).norm(dim=-1)
    limbs = [
        JOINTS.index(f"{s}_{j}")
        for s in ("left", "right")
        for j in ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    ]
    # In the reference frame the trunk is taken as straight, so shoulders may be off by its bend there; legs are exact.
    assert error[:, limbs[:3] + limbs[6:9]].max() < 1e-4
    assert error[:, limbs].max() < 0.06


def test_feet_stay_flat_under_legs_that_lean(tmp_path):
    """Hips turned outwards, ankles turned back by as much: the soles are level, whatever way the shanks lean."""
    turns = torch.eye(3).double().repeat(3, len(JOINTS), 1, 1)
    turns[:, 0] = UPRIGHT
    for side, sign in (("left", 1), ("right", -1)):
        turns[:, JOINTS.index(f"{side}_hip")] = rotation_about("z", sign * math.radians(12))
        turns[:, JOINTS.index(f"{side}_ankle")] = rotation_about("z", -sign * math.radians(12))
    apart = Motion(JOINTS, turns, torch.tensor([[0.0, 0.0, 0.9]]).double().expand(3, 3), torch.arange(3) / 30)
    # Axes of their own keep zero rotation from being a pose, so that this one is the reference.
    local = dict.fromkeys(JOINTS, rotation_about("x", 2.0) @ rotation_about("y", 1.0))
    write_bvh(tmp_path / "apart.bvh", apart, CMU, 0.01, None, local)
    found = read_motion(tmp_path / "apart.bvh")
    for side in ("left", "right"):
        world = UPRIGHT.T @ found.rotations[0, 0]
        for joint in (f"{side}_hip", f"{side}_knee", f"{side}_ankle"):
            world = world @ found.rotations[0, JOINTS.index(joint)]
        assert (world - torch.eye(3).double()).abs().max() < 1e-6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: "", "expected a motion file, got an empty one"),
        (lambda t: t[: len(t) // 2], "cut short"),
        (lambda t: t[: t.index("MOTION")], "HIERARCHY and MOTION"),
        (lambda t: t[: t.index("JOINT") + 40] + t[t.index("MOTION") :], "BVH"),
        (lambda t: t.replace("Frame Time: 0.0", "Frame Time: nan 0.0", 1), "finite"),
        (lambda t: t[:-30] + " nan " + t[-30:], "finite"),
        (lambda t: t[:-30] + " x " + t[-30:], "numbers"),
        (lambda t: t.replace("Frames: 61", "Frames: 6100000000"), "cut short"),
        (lambda t: t.replace("LeftLeg", "Tentacle"), "found no left_knee"),
        (lambda t: t.replace("OFFSET", "OFFSAT", 1), "expected a joint, OFFSET"),
    ],
)
def test_bad_files_are_refused_in_one_sentence(tmp_path, walking, change, message):
    write_bvh(tmp_path / "walk.bvh", walking, CMU)
    broken = tmp_path / "broken.bvh"
    broken.write_text(change((tmp_path / "walk.bvh").read_text()))
    with pytest.raises(ValueError, match=message) as caught:
        read_motion(broken)
    assert str(broken) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.real
def test_bandai_clips(real_data):
    clips = sorted((real_data / "mocap/bandai_ccbync").glob("*.bvh"))
    assert len(clips) == 19
    for path in clips:
        motion = read_motion(path)
        assert "21 joints matched, cm, +y up" in motion.labels.source
        joints = forward(motion)
        feet = joints[:, [JOINTS.index("left_ankle"), JOINTS.index("right_ankle")], 2]
        assert 0.02 < feet.min() < 0.13, path.name
        assert joints[:, JOINTS.index("head"), 2].median() > 1.25, path.name


RIGS = {
    "lafan": "Hips>LeftUpLeg>LeftLeg>LeftFoot>LeftToe Hips>RightUpLeg>RightLeg>RightFoot>RightToe "
    "Hips>Spine>Spine1>Spine2>Neck>Head "
    "Spine2>LeftShoulder>LeftArm>LeftForeArm>LeftHand Spine2>RightShoulder>RightArm>RightForeArm>RightHand",
    "rokoko": "Hips>LeftThigh>LeftShin>LeftFoot>LeftToe Hips>RightThigh>RightShin>RightFoot>RightToe "
    "Hips>Spine1>Spine2>Spine3>Spine4>Neck>Head Spine4>LeftShoulder>LeftArm>LeftForeArm>LeftHand "
    "Spine4>RightShoulder>RightArm>RightForeArm>RightHand",
    "xsens": "Hips>LeftUpperLeg>LeftLowerLeg>LeftFoot>LeftToe Hips>RightUpperLeg>RightLowerLeg>RightFoot>RightToe "
    "Hips>Chest>Chest2>Chest3>Chest4>Neck>Head Chest4>LeftCollar>LeftShoulder>LeftElbow>LeftWrist "
    "Chest4>RightCollar>RightShoulder>RightElbow>RightWrist",
    "daz": "hip>lButtock>lThigh>lShin>lFoot>lToe hip>rButtock>rThigh>rShin>rFoot>rToe "
    "hip>abdomen>chest>neck>head chest>lCollar>lShldr>lForeArm>lHand chest>rCollar>rShldr>rForeArm>rHand",
    "genesis": "pelvis>lThighBend>lShin>lFoot>lToe pelvis>rThighBend>rShin>rFoot>rToe "
    "pelvis>abdomen>chestLower>chestUpper>neck>head chestUpper>lCollar>lShldrBend>lForearmBend>lHand "
    "chestUpper>rCollar>rShldrBend>rForearmBend>rHand",
    "smpl": "Pelvis>Left_hip>Left_knee>Left_ankle>Left_foot Pelvis>Right_hip>Right_knee>Right_ankle>Right_foot "
    "Pelvis>Spine1>Spine2>Spine3>Neck>Head Spine3>Left_collar>Left_shoulder>Left_elbow>Left_wrist>Left_palm "
    "Spine3>Right_collar>Right_shoulder>Right_elbow>Right_wrist>Right_palm",
    "asf": "root>lhipjoint>lfemur>ltibia>lfoot>ltoes root>rhipjoint>rfemur>rtibia>rfoot>rtoes "
    "root>lowerback>upperback>thorax>lowerneck>upperneck>head thorax>lclavicle>lhumerus>lradius>lwrist>lhand "
    "thorax>rclavicle>rhumerus>rradius>rwrist>rhand",
}


@pytest.mark.parametrize("figure", ["", "Character1_"])
@pytest.mark.parametrize("rig", RIGS)
def test_joints_of_other_rigs_are_found(rig, figure):
    names, parents = [], []
    for chain in RIGS[rig].split():
        links = chain.split(">")
        for above, name in zip(["", *links], links, strict=False):
            if name not in names:
                names.append(name)
                parents.append(names.index(above) if above else -1)
    called = tuple(figure + name for name in names)
    found = {joint: names[i] for joint, i in match_joints(called, tuple(parents)).items()}
    assert set(found) >= set(JOINTS) - {"spine2"} and len(set(found.values())) == len(found)
    assert found["pelvis"] == names[0] and found["head"].lower() in ("head", "upperneck")
    for joint, name in found.items():
        side = joint.split("_")[0]
        assert side not in ("left", "right") or name.lower().startswith(side[0])
    chain = [names.index(found[j]) for j in ("left_shoulder", "left_elbow", "left_wrist")]
    assert parents[chain[1]] == chain[0] and parents[chain[2]] == chain[1]
    legs = [names.index(found[j]) for j in ("right_hip", "right_knee", "right_ankle", "right_foot")]
    assert all(parents[b] == a for a, b in zip(legs, legs[1:], strict=False))
