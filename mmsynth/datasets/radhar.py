"""The RadHAR data set (Singh et al., mmNets 2019): text of an IWR1443BOOST under ROS, one file a take of 20 s."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets.attributes import Attributes
from mmsynth.datasets.capture import Capture, ImportReport, make_cloud
from mmsynth.datasets.cards import existing_folder, is_apple_double
from mmsynth.datasets.rostext import read_ros_frames
from mmsynth.radar import load_radar
from mmsynth.types import Labels, Sample

ACTIVITIES = ("boxing", "jack", "jump", "squats", "walk")
NEAREST, FARTHEST, FASTEST = 0.35, 5.1, 5.0  # m, m, m/s
# The published takes were recorded in four sittings on two days; subjects are not published.
_SESSIONS = (
    ("2019-06-28T00:00", "2019-06-28-a"),
    ("2019-06-28T01:20", "2019-06-28-b"),
    ("2019-06-30T00:00", "2019-06-30-a"),
    ("2019-06-30T04:12", "2019-06-30-b"),
)
# As the driver computes it of the demo's peak value; the unit that `processing` gives clouds simulated for this radar.
_INTENSITY = "10 log10(ADC counts + 1)"


def import_radhar(src: Path | str) -> Capture:
    """Open the published folder, or any folder above files `ACTIVITY/NAME.txt`.

    One clip a file; its id is the file's name without `.txt`. Columns go to the radar frame: forward to y, lateral to
    -x (the driver that wrote the files negates TI's x in every published version, while its README calls y "right
    positive"), up to z; velocity is positive when receding. `range` and `bearing` are left out: the first is 6.7 % too
    long (bin times resolution), both follow from x, y, z. Points nearer than 0.35 m (antenna coupling), beyond 5.1 m or
    faster than 5 m/s (corrupt) are dropped and counted. Static points are kept: protocols choose.

    Times are frame numbers over the configured frame rate: stamps come in pairs, their slope over a file is 30.00/s.

    Raises:
        ValueError: there is no such folder, or no text file under a folder named as an activity.
    """
    src = existing_folder(src)
    found = (p for p in src.rglob("*.txt") if p.parent.name in ACTIVITIES and not is_apple_double(p.name))
    files = sorted(found, key=lambda p: p.as_posix())
    if not files:
        raise ValueError(f"{src}: expected text files in folders {', '.join(ACTIVITIES)}, found none")
    setup = load_radar("radhar")
    report = ImportReport()
    attributes = Attributes(radar=setup.radar, processing=setup.processing, intensity_unit=_INTENSITY)
    period = setup.radar.waveform.frame_period
    return Capture(attributes, (_clip(path, period, report) for path in files), report)


def _clip(path: Path, period: float, report: ImportReport) -> Sample:
    found = read_ros_frames(path, period)
    keep = _keep(found.columns, report)
    report.read.update(files=1, frames=len(found.times), points=len(found.frame))
    report.dropped["points in a damaged block"] += found.damaged
    report.dropped["points before a file's first whole frame"] += found.lead
    report.dropped["frames lost by the recorder"] += found.lost
    points = {name: column[keep] for name, column in found.columns.items()}
    try:
        start = datetime.fromtimestamp(found.start, UTC)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{path}: expected a stamp in seconds since 1970, got {found.start:g}") from None
    return Sample(
        id=path.stem,
        labels=Labels(path.parent.name, "", session_of(start), "radhar"),
        cloud=make_cloud(points, found.frame[keep], found.times, _INTENSITY),
        provenance={"start": start.isoformat(timespec="milliseconds"), "part": path.parent.parent.name},
    )


def session_of(start: datetime) -> str:
    """Name of the sitting in which a take was recorded (it begins with the date); the date for takes of other days."""
    date = start.date().isoformat()
    begun = [name for begin, name in _SESSIONS if datetime.fromisoformat(begin).replace(tzinfo=UTC) <= start]
    return begun[-1] if begun and begun[-1].startswith(date) else date


def _keep(columns: dict[str, NDArray[np.float64]], report: ImportReport) -> NDArray[np.bool_]:
    distance = np.sqrt(columns["x"] ** 2 + columns["y"] ** 2 + columns["z"] ** 2)
    near, far, fast = distance < NEAREST, distance > FARTHEST, np.abs(columns["v"]) > FASTEST
    report.dropped[f"points nearer than {NEAREST} m (antenna coupling)"] += int(near.sum())
    report.dropped[f"points beyond {FARTHEST} m"] += int((far & ~near).sum())
    report.dropped[f"points faster than {FASTEST} m/s (corrupt)"] += int((fast & ~near & ~far).sum())
    return ~(near | far | fast)
