"""Whether radars resolve alike: what a run learns from one says little of recordings of another."""

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from mmsynth.datasets import Clips, Dataset, files_of
from mmsynth.radar import angle_resolution, aperture
from mmsynth.training.run import Run
from mmsynth.types import Radar


@dataclass(frozen=True)
class _Figures:
    """What decides how a person looks to a radar; NaN = not known, infinity = it does not tell angles that way.

    Attributes:
        range: resolution in m; velocity: in m/s; rate: frames a second; azimuth, elevation: resolutions in rad.
    """

    name: str = "a radar that is not known"
    range: float = math.nan
    velocity: float = math.nan
    rate: float = math.nan
    azimuth: float = math.nan
    elevation: float = math.nan

    def resolves_as(self, other: "_Figures") -> bool:
        """Whether nothing that is known of both differs: 2 %, of angles 10 % (antennas stay where the band moves)."""
        pairs = zip(astuple(self)[1:], astuple(other)[1:], (0.02, 0.02, 0.02, 0.1, 0.1), strict=True)
        return all(math.isclose(a, b, rel_tol=tolerance) or math.isnan(a + b) for a, b, tolerance in pairs)

    def text(self) -> str:
        """The name, and in brackets what is known."""
        said = {"{:.3g} cm": 100 * self.range, "{:.3g} m/s": self.velocity, "{:.3g} frames/s": self.rate}
        known = [form.format(value) for form, value in said.items() if not math.isnan(value)]
        angles = [f"{math.degrees(a):.2g}" for a in (self.azimuth, self.elevation) if math.isfinite(a)]
        known += [" x ".join(angles) + " deg"] if angles else []
        known += ["no elevation"] if math.isinf(self.elevation) else []
        return self.name + (f" ({', '.join(known)})" if known else "")


def other_radar(run: Run, dataset: Clips) -> str:
    """A sentence if the radar of clips resolves otherwise than those that a run learnt from; "" if not, or not known.

    The files that the run learnt from are looked at, as far as they are still there. Of several files' radars the first
    that resolves otherwise is told.
    """
    learnt = [found for path in (*run.recipe.data.real, *run.recipe.data.synthetic) if (found := _of_file(path))]
    files = files_of(dataset) if learnt else ()
    each = (_figures(file) for file in files)
    own = next((one for one in each if not any(one.resolves_as(other) for other in learnt)), None)
    if own is None:
        return ""
    these = "some of these clips" if len(files) > 1 else "these clips"
    return f"the run learnt from {learnt[0].text()}, {these} are of {own.text()}: do not trust its predictions"


def two_radars(recordings: Sequence[Dataset], made: Sequence[Dataset]) -> str:
    """A sentence if no synthetic data set is of a radar that resolves as one of the recordings' does; else ""."""
    real, synthetic = [_figures(one) for one in recordings], [_figures(one) for one in made]
    if not real or not synthetic or any(a.resolves_as(b) for a in real for b in synthetic):
        return ""
    return f"the recordings are of {real[0].text()}, the synthetic clips of {synthetic[0].text()}"


def _of_file(path: Path) -> _Figures | None:
    try:
        with Dataset.open(path) as data:
            return _figures(data)
    except (ValueError, OSError):  # it may have been moved or replaced since
        return None


def _figures(data: Dataset) -> _Figures:
    """Of the radar of a data set; of one that is not known the frame rate alone."""
    radar = data.attributes.radar
    if radar is None:
        return _Figures(rate=_rate(data))
    azimuth, elevation = (_angle(radar, extent) for extent in aperture(radar))
    rate = 1 / radar.waveform.frame_period
    return _Figures(radar.name, radar.waveform.range_resolution, radar.velocity_resolution, rate, azimuth, elevation)


def _angle(radar: Radar, extent: float) -> float:
    return angle_resolution(extent, radar.waveform.wavelength) if extent > 1e-6 else math.inf


def _rate(data: Dataset) -> float:
    """Frames a second of the first clip that has several."""
    steps = next((times.diff() for sample in data if len(times := sample.cloud.times) > 1), None)
    return math.nan if steps is None else 1 / float(np.median(steps.numpy()))
