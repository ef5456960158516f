"""Whether a file holds what a data set should, before its arrays are believed: other programs write such files too."""

import h5py
import numpy as np
from numpy.typing import NDArray

from mmsynth.datasets.layout import AXES, COLUMNS, TEXT_COLUMNS, axes_of
from mmsynth.joints import joint_names


def check_arrays(file: h5py.File, size: int, joint_set: str) -> None:
    """Refuse arrays that are not as `layout` has them, of a file of `size` bytes.

    A damaged header may promise more than those bytes can hold: it is refused before memory is asked for it.

    Raises:
        ValueError: an array has other axes, another kind of content, or another length than those beside it.
    """
    lengths: dict[tuple[str, str], int] = {("points", "columns"): len(COLUMNS)}
    if joint_set:
        lengths["joints", "joints"] = len(joint_names(joint_set))

    def check(path: str, data: h5py.Dataset | h5py.Group) -> None:
        if not isinstance(data, h5py.Dataset):
            return
        # gzip packs at most 1032 : 1; a chunk that is barely begun counts as whole.
        if data.size * data.dtype.itemsize > 1032 * size + (1 << 24):
            raise ValueError(f"'{path}' of shape {data.shape} in a file of {size} bytes")
        group, name = path.rpartition("/")[::2]
        if path not in AXES and not (group.startswith("heatmaps/") and f"heatmaps/*/{name}" in AXES):
            return
        axes = axes_of(path)[0]
        kind = "text" if group == "clips" and name in TEXT_COLUMNS else "numbers"
        if len(data.shape) != len(axes) or data.dtype.kind not in ("OS" if kind == "text" else "iuf"):
            raise ValueError(f"'{path}': expected {kind} over {' '.join(axes)}, got {data.dtype} of shape {data.shape}")
        for axis, found in zip(axes, data.shape, strict=True):
            expected = 3 if axis == "xyz" else lengths.setdefault((group, axis), found)
            if found != expected:
                raise ValueError(f"'{path}': axis '{axis}' has size {found}, expected {expected}")

    file.visititems(check)
    if "joints/positions" in file and len(file["joints/positions"]) != len(file["frames/time"]):
        raise ValueError(f"'joints/positions': expected a row for each of the {len(file['frames/time'])} frames")


def checked_bounds(offsets: NDArray[np.int64], end: int) -> NDArray[np.int64]:
    """The bounds [n + 1] of n runs that lie end to end from 0 to `end`.

    Raises:
        ValueError: they do not.
    """
    if len(offsets) == 0 or offsets[0] != 0 or offsets[-1] != end or bool((np.diff(offsets) < 0).any()):
        raise ValueError(f"bounds do not run from 0 to {end}")
    return offsets.astype(np.int64)


def check_clips(ids: NDArray[np.str_], times: NDArray[np.float64], bounds: NDArray[np.int64]) -> None:
    """Refuse clips of one name, and times [frames] in s that are no numbers or step back inside a clip.

    Raises:
        ValueError: one of these; it names the clip.
    """
    names, counts = np.unique(ids, return_counts=True)
    if bool((counts > 1).any()):
        raise ValueError(f"expected clips of different ids, got several of '{names[counts > 1][0]}'")
    wrong = ~np.isfinite(times)
    wrong[1:] |= np.diff(times) < 0
    first = bounds[:-1][bounds[:-1] < len(times)]
    wrong[first] = ~np.isfinite(times[first])
    if wrong.any():
        clip = int(np.searchsorted(bounds, np.flatnonzero(wrong)[0], side="right")) - 1
        raise ValueError(f"clip '{ids[clip]}': expected the times of its frames in order, got a step back or no number")
