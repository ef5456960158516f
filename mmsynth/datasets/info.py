"""What a data set holds, for people."""

from collections import Counter
from pathlib import Path

import numpy as np

from mmsynth.datasets.dataset import Dataset
from mmsynth.datasets.windows import STATIC_SPEED


def info(path: Path | str) -> dict[str, str]:
    """A data set in lines of name and text.

    Raises:
        ValueError: the file is no data set.
    """
    with Dataset.open(path) as data:
        given, labels = data.attributes, data.labels
        flat = data.points()
        lines = {
            "clips": f"{len(data)}, {data.frames} frames, {len(flat.values)} points",
            "time": _times(flat.clip_offsets, flat.frame_time),
            "activities": _counts(labels.activity.tolist()),
            "subjects": _counts(labels.subject.tolist()),
            "sessions": _counts(labels.session.tolist()),
            "sources": _counts(labels.source.tolist()),
            "points": _points(flat.values, data.frames, given.intensity_unit),
            "joints": _joints(data),
            "heatmaps": ", ".join(data.heatmap_kinds) or "none",
            "ADC": "int16 with scale" if data.has_adc else "none",
            "radar": given.radar.name if given.radar else "not known",
            "made by": given.method + (f", {given.facets} facets" if given.facets else ""),
            "seed": str(given.seed) if given.seed >= 0 else "none",
            "versions": ", ".join(f"{name} {version}" for name, version in given.versions.items()),
            "bytes": f"{Path(path).stat().st_size}",
        }
        return {name: text for name, text in lines.items() if text} | given.notes


def _counts(values: list[str], most: int = 12) -> str:
    found = Counter(value or "(not known)" for value in values)
    shown = [f"{name} {count}" for name, count in sorted(found.items())[:most]]
    return ", ".join(shown + ([f"and {len(found) - most} more"] if len(found) > most else []))


def _times(clip_offsets: np.ndarray, frame_time: np.ndarray) -> str:
    inside = np.ones(len(frame_time), bool)
    inside[clip_offsets[:-1][clip_offsets[:-1] < len(frame_time)]] = False
    steps = np.diff(frame_time, prepend=0.0)[inside]
    if len(steps) == 0:
        return "single frames"
    period = float(np.median(steps))
    return f"{len(frame_time) * period:.1f} s at {1 / period:.2f} frames/s" if period > 0 else "not known"


def _points(values: np.ndarray, frames: int, unit: str) -> str:
    if len(values) == 0:
        return "none"
    moving = np.abs(values[:, 3]) > STATIC_SPEED
    distance = np.linalg.norm(values[np.isfinite(values[:, :3]).all(1), :3], axis=1)
    low, high = np.percentile(distance, [1, 99]) if len(distance) else (np.nan, np.nan)
    return (
        f"{len(values) / frames:.2f} a frame ({moving.sum() / frames:.2f} moving), "
        f"98 % of them from {low:.2f} m to {high:.2f} m; intensity in {unit}"
    )


def _joints(data: Dataset) -> str:
    joints = data.joints()
    if joints is None:
        return "none"
    known = float(np.isfinite(joints).all(axis=(1, 2)).mean()) if len(joints) else 0.0
    return f"{data.joint_set}, {joints.shape[1]} joints, in {known:.1%} of frames"
