"""Mutated motion files: a clear error or a valid motion, never a crash, a hang or gigabytes.

The default suite draws 25 mutations a format; MMSYNTH_FUZZ sets another number (`make fuzz`: 10000).
"""

import json
import pickle
import resource
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from damage import FUZZ, damaged
from hypothesis import given

from mmsynth.motion import read_motion
from mmsynth.types import MeshSequence, Motion, Skeleton

WORDS = (
    b"nan",
    b"inf",
    b"-1",
    b"0",
    b"1e308",
    b"99999999999",
    b"{",
    b"}",
    b"\x00",
    b"\xff\xff\xff\xff",
    b"CHANNELS",
    b"",
)

BVH = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
%s
}
MOTION
Frames: 2
Frame Time: 0.033
%s
"""


def bvh() -> bytes:
    def joint(chain: list[tuple[str, str]]) -> str:
        (name, offset), rest = chain[0], chain[1:]
        inner = joint(rest) if rest else " End Site\n {\n OFFSET 0 0 0\n }\n"
        return f" JOINT {name}\n {{\n OFFSET {offset}\n CHANNELS 3 Zrotation Xrotation Yrotation\n{inner} }}\n"

    text, count = "", 6
    for side, sign in (("Left", ""), ("Right", "-")):
        legs = [(f"{side}UpLeg", f"{sign}10 -8 0"), (f"{side}Leg", "0 -40 0"), (f"{side}Foot", "0 -42 0")]
        arms = [(f"{side}Arm", f"{sign}18 50 0"), (f"{side}ForeArm", f"{sign}26 0 0"), (f"{side}Hand", f"{sign}24 0 0")]
        text += joint(legs) + joint(arms)
        count += 18
    return (BVH % (text, "\n".join(" ".join(["1.5"] * count) for _ in range(2)))).encode()


def seeds(folder: Path) -> dict[str, bytes]:
    """A small valid file of each format."""
    np.savez(
        folder / "a.npz",
        poses=np.zeros((3, 156)),
        trans=np.zeros((3, 3)),
        betas=np.zeros(16),
        gender="male",
        mocap_framerate=60.0,
    )
    standing = np.zeros((3, 22, 3))
    standing[:, :, 1] = np.linspace(1.6, 0, 22)
    np.save(folder / "p.npy", standing.astype(np.float32))
    seen = np.zeros((3, 25, 3))
    seen[:, :, 1] = np.linspace(0.2, 1.7, 25)
    np.save(folder / "n.npy", {"nbodys": [1, 1, 1], "njoints": 25, "skel_body0": seen})
    box = trimesh.creation.box((0.5, 0.4, 1.7))
    np.savez(folder / "m.npz", vertices=np.stack([box.vertices] * 2), faces=box.faces)
    frame = [
        0.03,
        0,
        0.85,
        0,
        *[1, 0, 0, 0] * 4,
        0.1,
        *[1, 0, 0, 0] * 2,
        0.1,
        *[1, 0, 0, 0],
        -0.1,
        *[1, 0, 0, 0] * 2,
        0.1,
    ]
    names = [
        f"{j}_{a}"
        for j in (
            "HipLeft",
            "HipRight",
            "KneeLeft",
            "KneeRight",
            "AnkleLeft",
            "AnkleRight",
            "ShoulderLeft",
            "ShoulderRight",
        )
        for a in "XYZ"
    ]
    return {
        "clip.bvh": bvh(),
        "amass.npz": (folder / "a.npz").read_bytes(),
        "aist.pkl": pickle.dumps(
            {"smpl_poses": np.zeros((3, 72)), "smpl_scaling": np.ones(1), "smpl_trans": np.zeros((3, 3))}
        ),
        "positions.npy": (folder / "p.npy").read_bytes(),
        "person.npy": (folder / "n.npy").read_bytes(),
        "table.csv": (
            ",".join(names) + "\n" + "\n".join(",".join(str(0.1 * k) for k in range(24)) for _ in range(2))
        ).encode(),
        "pose.json": json.dumps({"Loop": "wrap", "Frames": [frame, frame]}).encode(),
        "mesh.npz": (folder / "m.npz").read_bytes(),
    }


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    ["clip.bvh", "amass.npz", "aist.pkl", "positions.npy", "person.npy", "table.csv", "pose.json", "mesh.npz"],
)
def test_mutated_files(tmp_path, name):
    whole = seeds(tmp_path)[name]
    path = tmp_path / name
    outcomes = {"read": 0, "refused": 0}
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    @FUZZ
    @given(damaged(whole, WORDS))
    def mutate(content: bytes) -> None:
        path.write_bytes(content)
        try:
            found = read_motion(path)
        except ValueError as error:
            assert str(path) in str(error)
            outcomes["refused"] += 1
            return
        assert isinstance(found, Motion | Skeleton | MeshSequence)
        if isinstance(found, Motion):
            eye = found.rotations @ found.rotations.transpose(-1, -2)
            assert (eye - torch.eye(3)).abs().max() < 1e-6
        outcomes["read"] += 1

    mutate()
    # In kB; a small file must not make the process grow by more than half a GB.
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
    assert outcomes["refused"] > 0, outcomes
