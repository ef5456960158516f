"""Layout of the HDF5 file, shared by writer and reader.

    clips/      id activity subject session source provenance (JSON), one row a clip; frame_offsets [clips + 1]
    frames/     time, one row a frame (seconds from the clip's first frame); point_offsets [frames + 1]
    points/     values [points, 7], columns x y z v intensity snr_db noise_db (NaN = not recorded); region [points]
    joints/     positions [frames, joints, 3] in the radar frame (NaN = not known), where the file has a joint set
    heatmaps/K/ power [frames, rows, columns], rows, columns, time; frame_offsets [clips + 1], for each kind K
    adc/        samples [frames, loops, slots, rx, samples, I Q], scale [frames] volts a count, time; frame_offsets

Clip i has rows `frame_offsets[i]:frame_offsets[i + 1]`, frame f the points `point_offsets[f]:point_offsets[f + 1]`.
Axes and units stand on every array, taken from the nouns' own annotations.
"""

from mmsynth.arrays import specs
from mmsynth.types import AdcFrames, Heatmap, PointCloud, Sample

SCHEMA = "mmsynth-dataset"
VERSION = 1
COLUMNS = ("x", "y", "z", "v", "intensity", "snr_db", "noise_db")
LABEL_COLUMNS = ("id", "activity", "subject", "session", "source")
TEXT_COLUMNS = (*LABEL_COLUMNS, "provenance")

_CLOUD, _SAMPLE, _MAP, _ADC = specs(PointCloud), specs(Sample), specs(Heatmap), specs(AdcFrames)


def column_units(intensity_unit: str) -> str:
    """Units of the seven columns of points, apart by spaces."""
    units = [_CLOUD["position"][1]] * 3 + [_CLOUD["velocity"][1], intensity_unit.replace(" ", "_")]
    return " ".join([*units, _CLOUD["snr_db"][1], _CLOUD["noise_db"][1]])


# Axes and unit of every array by its path in the file; `*` stands for the kind of a heatmap.
AXES: dict[str, tuple[str, str]] = {
    **{f"clips/{name}": ("clips", "1") for name in TEXT_COLUMNS},
    "clips/frame_offsets": ("bounds", "1"),
    "frames/time": _CLOUD["times"],
    "frames/point_offsets": ("bounds", "1"),
    "points/values": ("points columns", ""),
    "points/region": _CLOUD["region"],
    "joints/positions": _SAMPLE["joints"],
    "heatmaps/*/power": _MAP["power"],
    "heatmaps/*/rows": _MAP["rows"],
    "heatmaps/*/columns": _MAP["columns"],
    "heatmaps/*/time": _MAP["times"],
    "heatmaps/*/frame_offsets": ("bounds", "1"),
    "adc/samples": (f"{_ADC['samples'][0]} parts", "1"),
    "adc/scale": ("frames", _ADC["samples"][1]),
    "adc/time": _ADC["times"],
    "adc/frame_offsets": ("bounds", "1"),
}


# Units of the rows and columns of the heatmaps that processing makes; other kinds are without.
_MAP_UNITS = {
    "range_doppler": ("m", "m/s"),
    "range_azimuth": ("m", "rad"),
    "range_elevation": ("m", "rad"),
    "micro_doppler": ("m/s", "s"),
}


def axes_of(path: str) -> tuple[tuple[str, ...], str]:
    """Names of the axes and the unit of the array at `path`."""
    parts = path.split("/")
    axes, unit = AXES["/".join([parts[0], "*", parts[2]]) if parts[0] == "heatmaps" else path]
    if parts[0] == "heatmaps" and parts[2] in ("rows", "columns"):
        unit = _MAP_UNITS.get(parts[1], ("1", "1"))[parts[2] == "columns"]
    names = axes.split()
    return tuple(name if not name.isdigit() else "xyz" for name in names), unit
