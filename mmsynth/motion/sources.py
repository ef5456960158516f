"""Where motion files come from: data sets that `read_motion` takes, their terms, and which of them are here."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class MotionSource:
    """A collection of motion files: `name` of the folder that it is looked for in, `files` patterns of its files."""

    name: str
    title: str
    licence: str
    page: str
    files: tuple[str, ...]


SOURCES = (
    MotionSource("amass", "AMASS", "non-commercial, registration", "https://amass.is.tue.mpg.de", ("*.npz",)),
    MotionSource(
        "aist", "AIST++", "CC BY 4.0; see its terms", "https://google.github.io/aistplusplus_dataset", ("*.pkl",)
    ),
    MotionSource("cmu", "CMU motion capture", "free for all uses", "http://mocap.cs.cmu.edu", ("*.bvh", "*.npz")),
    MotionSource(
        "bandai",
        "Bandai-Namco Research",
        "CC BY-NC 4.0",
        "https://github.com/BandaiNamcoResearchInc/Bandai-Namco-Research-Motiondataset",
        ("*.bvh",),
    ),
    MotionSource(
        "lafan",
        "LaFAN1",
        "CC BY-NC-ND 4.0",
        "https://github.com/ubisoft/ubisoft-laforge-animation-dataset",
        ("*.bvh",),
    ),
    MotionSource("mixamo", "Mixamo", "Adobe's terms, account", "https://www.mixamo.com", ("*.bvh",)),
    MotionSource(
        "ntu", "NTU RGB+D", "academic, registration", "https://rose1.ntu.edu.sg/dataset/actionRecognition", ("*.npy",)
    ),
    MotionSource("h36m", "Human3.6M", "academic, registration", "http://vision.imar.ro/human3.6m", ("*.npz", "*.npy")),
    MotionSource("mars", "MARS's Kinect", "MIT", "https://github.com/SizheAn/MARS", ("kinect_data_*.csv",)),
    MotionSource("deepmimic", "DeepMimic", "MIT", "https://github.com/xbpeng/DeepMimic", ("*.txt", "*.json")),
)


def motions_folder() -> Path | None:
    """Where motion files are looked for, one folder a source: `MMSYNTH_MOTIONS`."""
    named = os.environ.get("MMSYNTH_MOTIONS", "")
    return Path(named) if named else None


def list_sources(folder: Path | None = None) -> tuple[tuple[MotionSource, int], ...]:
    """Every source, and how many of its files lie in the folder of its name below `folder` or MMSYNTH_MOTIONS."""
    root = folder or motions_folder()
    return tuple((source, _count(root / source.name, source.files) if root else 0) for source in SOURCES)


def _count(folder: Path, patterns: tuple[str, ...]) -> int:
    return len({path for pattern in patterns for path in folder.rglob(pattern)}) if folder.is_dir() else 0
