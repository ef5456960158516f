"""Random changes to windows that leave the label true; poses and heatmaps go with the points."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mmsynth.joints import mirror_order
from mmsynth.training.maps import COLUMNS, HALF_WIDTH, ROWS, UNIT_DB
from mmsynth.training.windows import BINS_PER_SECOND, Windows, concatenate, medians
from mmsynth.types import check_numbers

Array = NDArray[Any]


@dataclass(frozen=True)
class Augment:
    """How strongly; zero = off. Every window draws its own values.

    Attributes:
        drop: largest share of points that is left out.
        ghost: largest share of points that is moved to a random place and velocity of another point.
        jitter: standard deviation of noise on positions in m.
        speed: largest relative change of tempo; velocities change with it.
        shift: time shift, as a share of the window, circular.
        mirror: probability of swapping left and right.
        turn: standard deviation in rad of a rotation about the radar's vertical axis.
        range: standard deviation in m of a shift of the whole window along its line of sight. As many points stay as
            there were, of the same intensities: what a device loses with distance, `drop` stands for.
        move: standard deviation in m of a shift of the whole window in depth and height.
        level: standard deviation in dB of noise on heatmaps.
    """

    drop: float = 0.3
    ghost: float = 0.1
    jitter: float = 0.03
    speed: float = 0.15
    shift: float = 0.0
    mirror: float = 0.5
    turn: float = 0.0
    range: float = 0.0
    move: float = 0.08
    level: float = 1.0

    def __post_init__(self) -> None:
        check_numbers(self, ("drop", "ghost", "speed", "shift", "mirror"), least=0, most=1, where="augment")
        check_numbers(self, ("jitter", "turn", "range", "move", "level"), least=0, where="augment")


# Of synthetic windows for trees, which take everything at once. Thinning stands for a noise floor that is not known,
# the shift in height for a radar's height that is not known; tempo, jitter and mirror are what they say.
SPREAD = Augment(drop=0.5, ghost=0.05, jitter=0.02, speed=0.15, shift=0.0, mirror=0.5, move=0.06)
COPIES = 3


def with_copies(windows: Windows, draw: np.random.Generator) -> Windows:
    """The windows, followed by `COPIES` augmented ones of each."""
    return concatenate([windows, *(augment(windows, SPREAD, draw) for _ in range(COPIES))])


def augment(windows: Windows, settings: Augment, draw: np.random.Generator) -> Windows:
    """A changed copy of the windows, with as many windows and their labels."""
    windows = _noise(windows, settings, draw)
    windows = _place(windows, settings, draw)
    windows = _tempo(windows, settings, draw)
    keep = draw.random(len(windows.time)) >= (settings.drop * draw.random(len(windows)))[windows.index]
    return _pick(windows, np.flatnonzero(keep))


def _noise(w: Windows, settings: Augment, draw: np.random.Generator) -> Windows:
    """Ghosts, jitter, and noise on heatmaps."""
    position, velocity, points = w.position.copy(), w.velocity.copy(), len(w.time)
    ghost = draw.random(points) < (settings.ghost * draw.random(len(w)))[w.index]
    other = draw.permutation(points)
    position[ghost], velocity[ghost] = position[other][ghost], velocity[other][ghost]
    position += draw.normal(0, settings.jitter, position.shape)
    maps = w.maps
    if maps.size and settings.level:
        noise = draw.standard_normal(maps.shape, np.float32) * np.float32(settings.level / UNIT_DB)
        maps = (maps + noise).clip(0).astype(np.float16)
    return replace(w, position=position, velocity=velocity, maps=maps)


def _place(w: Windows, settings: Augment, draw: np.random.Generator) -> Windows:
    """Another place before the radar, and perhaps the other way round."""
    count, index = len(w), w.index
    move = draw.normal(0, settings.move, (count, 2))
    mirrored = draw.random(count) < settings.mirror
    turn, far = draw.normal(0, settings.turn, count), draw.normal(0, settings.range, count)
    away = far[:, None] * _sight(w)

    def put(place: Array, own: Array) -> Array:
        """Places [..., 3] of the windows `own` [..., 1] after the move."""
        place = place + away[own[..., 0]]
        x = np.where(mirrored, -1, 1)[own] * place[..., :1]
        y = place[..., 1:2] + move[own, 0]
        cos, sin = np.cos(turn)[own], np.sin(turn)[own]
        height = place[..., 2:] + move[own, 1]
        return np.concatenate([cos * x + sin * y, cos * y - sin * x, height], -1).astype(np.float32)

    joints = w.joints
    if joints.size:
        joints = put(joints, np.arange(count)[:, None, None, None])
        order = list(mirror_order(w.joint_set))
        joints[mirrored] = joints[mirrored][:, :, order]
    maps = _moved_maps(w, mirrored, far + move[:, 0], turn)
    return replace(w, position=put(w.position, index[:, None]), joints=joints, maps=maps)


def _sight(w: Windows) -> Array:
    """Unit vectors [windows, 3] from the radar to the median of a window's points; to the front where it has none."""
    middle = np.stack([medians(column, w.offsets) for column in w.position.T], -1)
    middle = np.where(np.isfinite(middle), middle, (0.0, 1.0, 0.0))
    return np.asarray(middle / np.maximum(np.linalg.norm(middle, axis=-1, keepdims=True), 1e-6))


def _moved_maps(w: Windows, mirrored: Array, far: Array, turn: Array) -> Array:
    """Heatmaps moved by whole cells of range, azimuth mirrored and turned."""
    maps = w.maps
    if not maps.size:
        return maps
    maps = maps.copy()
    for channel, kind in enumerate(w.map_kinds):
        if kind == "range_azimuth":
            maps[mirrored, :, channel] = maps[mirrored, :, channel, :, ::-1]
            step = 2 * HALF_WIDTH[kind] / COLUMNS
            maps[:, :, channel] = _columns_at(maps[:, :, channel], np.arange(COLUMNS) - turn[:, None] / step)
    for row, cells in enumerate(np.round(far / w.map_step).astype(int) if w.map_step else ()):
        kept = np.arange(ROWS) - cells
        inside = (kept >= 0) & (kept < ROWS)
        maps[row] = np.where(inside[:, None], maps[row][:, :, kept.clip(0, ROWS - 1)], 0)
    return maps


def _columns_at(maps: Array, place: Array) -> Array:
    """Maps [windows, bins, rows, columns] at fractional columns `place` [windows, columns]; 0 beyond the borders."""
    low = np.floor(place).astype(int)
    found = np.zeros(maps.shape, np.float32)
    for column, weight in ((low, 1 - (place - low)), (low + 1, place - low)):
        weight = np.where((column >= 0) & (column < COLUMNS), weight, 0)[:, None, None].astype(np.float32)
        index = np.broadcast_to(column.clip(0, COLUMNS - 1)[:, None, None], maps.shape)
        found += weight * np.take_along_axis(maps, index, -1)
    return found.astype(maps.dtype)


def _tempo(w: Windows, settings: Augment, draw: np.random.Generator) -> Windows:
    """Another tempo and start; what a faster window lacks at its end comes round again from its start."""
    count, span = len(w), w.duration
    tempo = 1 + settings.speed * draw.uniform(-1, 1, count)
    start = settings.shift * span * draw.random(count)
    time = np.mod(w.time + start[w.index], span) / tempo[w.index]
    again = np.flatnonzero(time + (span / tempo)[w.index] < span)
    first = np.flatnonzero(time < span)
    rows = np.concatenate([first, again])
    order = np.argsort(w.index[rows], kind="stable")
    later = np.concatenate([np.zeros(len(first)), (span / tempo)[w.index[again]]])
    rows, later = rows[order], later[order]
    new_time = np.minimum(time[rows] + later, np.nextafter(np.float32(span), np.float32(0))).astype(np.float32)
    # The bin of the old window that each new one shows.
    middle = (np.arange(w.bins) + 0.5) / BINS_PER_SECOND
    old = np.mod(middle * tempo[:, None] - start[:, None], span) * BINS_PER_SECOND
    bins = np.minimum(old.astype(int), w.bins - 1)
    pick = np.arange(count)[:, None], bins
    velocity = (w.velocity * tempo[w.index]).astype(np.float32)
    maps, centre = w.maps[pick], (COLUMNS - 1) / 2
    for channel, kind in enumerate(w.map_kinds):
        if kind == "range_doppler":
            place = centre + (np.arange(COLUMNS) - centre) / tempo[:, None]
            maps[:, :, channel] = _columns_at(maps[:, :, channel], place)
    return replace(_pick(replace(w, velocity=velocity), rows), time=new_time, joints=_between(w.joints, old), maps=maps)


def _between(joints: Array, place: Array) -> Array:
    """Joints [windows, bins, ...] at fractional places [windows, bins], in bins; the middle of bin k is k + 1/2."""
    bins, rows = joints.shape[1], np.arange(len(joints))[:, None]
    low = np.clip(np.floor(place - 0.5), 0, bins - 1).astype(int)
    high = np.minimum(low + 1, bins - 1)
    mix = np.clip(place - 0.5 - low, 0, 1).round(9)[:, :, None, None]
    found = (1 - mix) * joints[rows, low] + mix * joints[rows, high]
    # On a place itself the other neighbour counts nothing, known or not.
    return np.asarray(np.where(mix == 0, joints[rows, low], found), np.float32)


def _pick(w: Windows, points: Array) -> Windows:
    """The windows with these of their points, which lie window by window."""
    counts = np.bincount(w.index[points], minlength=len(w))
    return replace(
        w,
        time=w.time[points],
        position=w.position[points],
        velocity=w.velocity[points],
        intensity=w.intensity[points],
        offsets=np.concatenate([[0], np.cumsum(counts)]),
    )
