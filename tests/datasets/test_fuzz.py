"""Mutated files of every kind that the importers read: valid clips or one sentence, in bounded time and memory.

The default suite draws 40 mutations a kind; MMSYNTH_FUZZ sets another number (`make fuzz`: 10000).
"""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from damage import one_sentence

from mmsynth.datasets import Attributes, Dataset, DatasetWriter, import_source
from mmsynth.datasets.segments import read_segments
from mmsynth.types import Sample

DRAWS = int(os.environ.get("MMSYNTH_FUZZ", "40"))
WORDS = (
    b"nan",
    b"inf",
    b"-1",
    b"1e308",
    b"99999999999",
    b"",
    b"\n",
    b",",
    b"\x00",
    b"\xff\xff\xff\xff",
    b"---\n",
    b": ",
)


def mutated(content: bytes, draw: np.random.Generator) -> bytes:
    data = bytearray(content)
    for _ in range(draw.integers(1, 5)):
        at = int(draw.integers(len(data) + 1))
        kind = draw.integers(5)
        if kind == 0 and at < len(data):
            data[at] = draw.integers(256)
        elif kind == 1:
            word = WORDS[draw.integers(len(WORDS))]
            data[at : at + len(word)] = word
        elif kind == 2:
            del data[at : at + int(draw.integers(1, 40))]
        elif kind == 3:
            data[at:at] = data[: int(draw.integers(1, 200))]
        elif draw.integers(4) == 0:
            del data[at:]
    return bytes(data)


def radhar(root: Path) -> Path:
    keys = ("header: ", "  seq: 7", "  stamp: ", "    secs: 1561866868", "    nsecs:  46700495", '  frame_id: "t"')
    text = ""
    for k in range(6):
        values = ("x: 2.0", "y: 0.5", "z: -0.25", "range: 2.1", "velocity: 0.6147", "doppler_bin: 9", "bearing: 3")
        text += "\n".join((*keys, f"point_id: {k % 3}", *values, "intensity: 25.5", "---\n"))
    path = root / "walk" / "a.txt"
    path.parent.mkdir()
    path.write_text(text)
    return path


def table(root: Path) -> Path:
    path = root / "p.csv"
    path.write_text("frame,time,x,y,z,v\n" + "".join(f"{k // 2},{k // 2 / 10},1,2,3,{k / 7}\n" for k in range(12)))
    return path


def table_by_frame(root: Path) -> Path:
    path = root / "p.csv"
    path.write_text("frame,x,y,z,v\n" + "".join(f"{k // 2},1,2,3,{k / 7}\n" for k in range(12)))
    return path


def mars_labels(root: Path) -> Path:
    import h5py

    home = root / "subject1"
    (home / "timesplit").mkdir(parents=True)
    with h5py.File(home / "radar_data1.mat", "w") as file:
        file["radar_data_cropped"] = np.stack([np.arange(10.0)] * 8)
    joints = (
        "SpineBase SpineMid Neck Head ShoulderLeft ElbowLeft WristLeft ShoulderRight ElbowRight WristRight HipLeft "
    )
    joints += "KneeLeft AnkleLeft FootLeft HipRight KneeRight AnkleRight FootRight SpineShoulder"
    header = ",".join(f"{name}_{axis}" for axis in "XYZ" for name in joints.split())
    path = home / "timesplit" / "kinect_data_validate.csv"
    np.savetxt(path, np.ones((2, 57)), "%.2f", ",", header=header, comments="")
    return path


def mmfi(root: Path) -> Path:
    home = root / "E01" / "S01" / "A01" / "mmwave"
    home.mkdir(parents=True)
    path = home / "frame001.bin"
    path.write_bytes(np.arange(20.0).tobytes())
    return path


def mmfi_poses(root: Path) -> Path:
    mmfi(root)
    path = root / "E01" / "S01" / "A01" / "ground_truth.npy"
    np.save(path, np.ones((1, 17, 3)))
    return path


def mri(root: Path) -> Path:
    (root / "radar" / "singleframe").mkdir(parents=True)
    (root / "pose_labels").mkdir()
    rows = "".join(f"{k},1,2,3,4,5\n" for k in range(9))
    (root / "radar" / "singleframe" / "subject1.csv").write_text("Camera Frame,X,Y,Z,Doppler,Intensity\n" + rows)
    path = root / "pose_labels" / "subject1_all_labels.cpl"
    labels = {"refined_gt_kps": np.ones((9, 3, 17)), "gt_avail_frames": [0, 8], "radar_avail_frames": [0, 8]}
    path.write_bytes(pickle.dumps(labels | {"video_label": {"pose_1": [0, 5]}}))
    return path


def mri_points(root: Path) -> Path:
    mri(root)
    return root / "radar" / "singleframe" / "subject1.csv"


def milipoint(root: Path) -> Path:
    path = root / "0.pkl"
    path.write_bytes(pickle.dumps([{"x": np.ones((2, 3)), "y": np.ones((18, 3))}] * 3))
    np.save(root / "action_label.npy", np.array([1, 1, 2]))
    return path


def milipoint_labels(root: Path) -> Path:
    milipoint(root)
    return root / "action_label.npy"


def mmbody(root: Path) -> Path:
    (root / "sequence_0" / "radar").mkdir(parents=True)
    (root / "sequence_0" / "mesh").mkdir()
    np.savez(root / "sequence_0" / "mesh" / "frame_0.npz", joints=np.ones((22, 3)))
    path = root / "sequence_0" / "radar" / "frame_0.npy"
    np.save(path, np.ones((3, 6)))
    return path


def mmbody_mesh(root: Path) -> Path:
    mmbody(root)
    return root / "sequence_0" / "mesh" / "frame_0.npz"


KINDS: dict[str, tuple[Callable[[Path], Path], str, str]] = {
    "radhar": (radhar, "radhar", ""),
    "mars": (mars_labels, "mars", ""),
    "csv": (table, "csv", ""),
    "csv by frame": (table_by_frame, "csv", "mars"),
    "mmfi": (mmfi, "mmfi", ""),
    "mmfi poses": (mmfi_poses, "mmfi", ""),
    "mri": (mri, "mri", ""),
    "mri points": (mri_points, "mri", ""),
    "milipoint": (milipoint, "milipoint", ""),
    "milipoint labels": (milipoint_labels, "milipoint", ""),
    "mmbody": (mmbody, "mmbody", ""),
    "mmbody mesh": (mmbody_mesh, "mmbody", ""),
}


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", KINDS)
def test_mutated_sources(name: str, tmp_path: Path) -> None:
    make, kind, radar = KINDS[name]
    path = make(tmp_path)
    whole, draw = path.read_bytes(), np.random.default_rng(0)
    assert sum(1 for _ in import_source(kind, tmp_path, radar).samples) > 0
    for _ in range(DRAWS):
        path.write_bytes(mutated(whole, draw))
        try:
            for sample in import_source(kind, tmp_path, radar).samples:
                assert isinstance(sample, Sample) and len(sample.cloud.times) < 10_000
        except ValueError as error:
            one_sentence(error)


@pytest.mark.fuzz
def test_mutated_label_tables(tmp_path: Path) -> None:
    whole, draw = (
        b"file,start,end,label,subject,session\na.bin,0,2.5,walk,anna,d1\nb.bin,,,sit,bob,\n",
        np.random.default_rng(0),
    )
    path = tmp_path / "l.csv"
    for _ in range(10 * DRAWS):
        path.write_bytes(mutated(whole, draw))
        try:
            assert all(0 <= part.start < part.end and part.file for part in read_segments(path))
        except ValueError as error:
            one_sentence(error)


@pytest.mark.fuzz
def test_mutated_data_sets(tmp_path: Path, attributes: Attributes, make_sample: Callable[..., Sample]) -> None:
    path = tmp_path / "a.h5"
    with DatasetWriter(path, attributes) as writer:
        writer.append(make_sample(0, frames=2))
    whole, draw, refused = path.read_bytes(), np.random.default_rng(0), 0
    for _ in range(DRAWS):
        path.write_bytes(mutated(whole, draw))
        try:
            with Dataset.open(path) as data:
                assert all(isinstance(sample, Sample) for sample in data)
                assert torch.from_numpy(data.points().values).shape[1] == 7
        except ValueError as error:
            one_sentence(error)
            refused += 1
    # Checksums stand over headers and chunks; what goes unnoticed lies in the gaps between them.
    assert refused > DRAWS / 4
