"""Every kind of real data that `mmsynth import` takes, by name."""

import difflib
from collections.abc import Callable
from pathlib import Path

from mmsynth.datasets.capture import Capture
from mmsynth.datasets.cards import check_source, load_card
from mmsynth.datasets.mars import import_mars
from mmsynth.datasets.milipoint import import_milipoint
from mmsynth.datasets.mmbody import import_mmbody
from mmsynth.datasets.mmfi import import_mmfi
from mmsynth.datasets.mri import import_mri
from mmsynth.datasets.radhar import import_radhar
from mmsynth.datasets.recordings import import_recordings
from mmsynth.datasets.sources import FORMATS, POINTS_ONLY, RecordingSettings

# Public data sets: the folder as published is all that they need.
PUBLIC: dict[str, Callable[[Path], Capture]] = {
    "radhar": import_radhar,
    "mars": import_mars,
    "mmfi": import_mmfi,
    "mri": import_mri,
    "milipoint": import_milipoint,
    "mmbody": import_mmbody,
}


def import_source(
    kind: str,
    source: Path | str,
    radar: str = "",
    labels: Path | None = None,
    settings: RecordingSettings = POINTS_ONLY,
) -> Capture:
    """Open real data by the name of its kind (a key of `PUBLIC` or of `sources.FORMATS`).

    A public data set is compared with its card; what is missing or different is noted in the report, after what is
    known to be wrong with it.

    Args:
        kind: what it is.
        source: its folder or file.
        radar: profile, .toml or .cfg of the radar that recorded; public data sets have theirs.
        labels: CSV of labels of one's own recordings.
        settings: what is kept of raw recordings.

    Raises:
        ValueError: there is no such kind, it takes no radar or labels, it has no raw samples to keep or to make
            heatmaps of, or the source is not what it should be.
    """
    if kind in FORMATS:
        return import_recordings(kind, source, radar, labels, settings)
    if kind not in PUBLIC:
        known = (*PUBLIC, *FORMATS)
        near = difflib.get_close_matches(kind, known, 1, 0.0)[0]
        raise ValueError(f"import: expected one of {', '.join(known)}, got '{kind}' (nearest: '{near}')")
    if radar or labels:
        raise ValueError(f"import {kind}: has its radar and labels; leave out --cfg and --labels")
    if not settings.points_only:
        raise ValueError(f"import {kind}: holds points, not ADC samples; leave out --adc, --heatmaps and --recipe")
    capture = PUBLIC[kind](Path(source))
    card = load_card(kind)
    capture.report.notes.extend((*(f"known: {defect}" for defect in card.defects), *check_source(card, source)))
    return capture
