"""A tube between six rays, from surface to surface: its nodes, how it widens, and where it has lines of focus."""

import warp as wp

from mmsynth.simulation.legs.structs import LegStruct
from mmsynth.simulation.tubes.shooting import Rays

wp.set_module_options({"enable_backward": False})

# Nodes of a tube: corners 0, 1, 2, then the middles of the edges 0-1, 1-2, 2-0.
_Places = wp.types.matrix(shape=(6, 3), dtype=wp.float64)
_Ways = wp.types.matrix(shape=(6, 3), dtype=float)
_Lengths = wp.types.vector(length=6, dtype=wp.float64)


@wp.func
def times(a: wp.vec2, b: wp.vec2):
    """The product of two complex numbers."""
    return wp.vec2(a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0])


@wp.func
def _one_sheet(rays: Rays, stop: int, one: int, other: int):
    """Whether a ray ends on the sheet of surface on which another one ends."""
    if rays.face[stop, other] < wp.int64(0):
        return False
    away, normal = wp.vec3(rays.place[stop, other] - rays.place[stop, one]), rays.normal[stop, one]
    flat = wp.abs(wp.dot(away, normal)) <= 0.6 * wp.length(away)
    return flat and wp.dot(rays.normal[stop, other], normal) > 0.2


@wp.func
def apart(rays: Rays, stop: int, table: wp.array2d(dtype=wp.int32), piece: int, base: int, known: int):
    """The rays of a tube that end on one sheet: the one that speaks for them, and the bits of all by their number.

    It is the first one, middles before corners, that ends on a surface and is not among the `known` bits; -1 = none.
    """
    one, bits = int(-1), int(0)
    for k in range(table.shape[1]):
        n = (k + 3) % table.shape[1]
        ray = base + table[piece, n]
        if one < 0 and ((known >> n) & 1) == 0 and rays.face[stop, ray] >= wp.int64(0):
            one = ray
    if one >= 0:
        for n in range(table.shape[1]):
            if _one_sheet(rays, stop, one, base + table[piece, n]):
                bits = bits | (1 << n)
    return one, bits


@wp.func
def share_of(bits: int, count: int):
    """The share of a tube's rays whose bits are set."""
    found = float(0.0)
    for n in range(count):
        found += float((bits >> n) & 1)
    return found / float(count)


@wp.func
def _sides(p: _Places):
    """Derivatives of a quadratic triangle by its two parameters, at its middle."""
    third, most = wp.float64(1.0 / 3.0), wp.float64(4.0 / 3.0)
    return wp.vec3(third * (p[1] - p[0]) + most * (p[4] - p[5])), wp.vec3(third * (p[2] - p[0]) + most * (p[4] - p[3]))


@wp.func
def _across(p: _Places, n: int):
    """The product of the two derivatives of a quadratic triangle at the middle of its edge `n`."""
    i, k = (n + 1) % 3, (n + 2) % 3
    two = wp.float64(2.0)
    return wp.cross(wp.vec3(p[i] - p[n]), wp.vec3(two * (p[3 + i] + p[3 + k] - p[3 + n]) - p[n] - p[k]))


@wp.func
def _foci(before: _Places, after: _Places, ahead: wp.vec3):
    """The turn of the field of a tube from one surface to the next.

    It is a quarter, as stationary phase has it, for each line of focus on the way: there a side has turned over. In
    exp(+j omega tau) that is -j.
    """
    side, aside = _sides(before)
    later, beside = _sides(after)
    width = wp.dot(wp.cross(side, aside), ahead)
    if wp.dot(wp.cross(later, beside), ahead) * width < 0.0:
        return wp.vec2(0.0, -1.0)
    trace = (wp.dot(wp.cross(later, aside), ahead) + wp.dot(wp.cross(side, beside), ahead)) * width
    return wp.vec2(wp.where(trace < 0.0, -1.0, 1.0), 0.0)


@wp.struct
class Tube:
    """The six nodes of a tube on a surface that it meets.

    Their places, ways ahead and metres from the TX; the same (`into`: ways) where they come from; the root of the ratio
    of widths and the product of derivatives at the middles of the edges; the turn by foci.
    """

    places: _Places
    ways: _Ways
    far: _Lengths
    earlier: _Places
    into: _Ways
    before: _Lengths
    size: wp.vec3
    across: wp.mat33
    turn: wp.vec2


@wp.func
def begin(tx: LegStruct, rays: Rays, table: wp.array2d(dtype=wp.int32), tube: int, base: int):
    """A tube where it starts."""
    t = Tube()
    for n in range(6):
        t.places[n] = rays.place[0, base + table[tube, n]]
        t.ways[n] = rays.ahead[0, base + table[tube, n]]
        t.far[n] = wp.length(t.places[n] - tx.centre)
    t.size = wp.vec3(1.0, 1.0, 1.0)
    t.turn = wp.vec2(1.0, 0.0)
    for n in range(3):
        t.across[n] = _across(t.places, n)
    return t


@wp.func
def advance(t: Tube, rays: Rays, s: int, table: wp.array2d(dtype=wp.int32), which: wp.vec3i, bits: int):
    """A tube, `which` (its row, first ray and chosen ray), on the next surface `s`; `bits`: of the rays that it has."""
    tube, base, one = which[0], which[1], which[2]
    plane, origin = rays.normal[s, one], rays.place[s, one]
    longest = wp.float64(2.0) * wp.length(origin - rays.place[s - 1, one])
    t.earlier = t.places
    t.into = t.ways
    t.before = t.far
    for n in range(6):
        ray = base + table[tube, n]
        if ((bits >> n) & 1) == 1:
            t.places[n] = rays.place[s, ray]
            t.ways[n] = rays.ahead[s, ray]
        else:
            # Where there is no surface, or another one, the tube goes on to the plane that touches its own.
            fall = wp.dot(t.into[n], plane)
            step = wp.dot(origin - t.earlier[n], wp.vec3d(plane)) / wp.float64(wp.min(fall, -0.02))
            t.places[n] = t.earlier[n] + wp.clamp(step, wp.float64(0.0), longest) * wp.vec3d(t.into[n])
            t.ways[n] = t.into[n] - 2.0 * fall * plane
        t.far[n] = t.before[n] + wp.length(t.places[n] - t.earlier[n])
    for n in range(3):
        width = wp.abs(wp.dot(t.across[n], t.into[n + 3]))
        t.across[n] = _across(t.places, n)
        # The ratio of widths is that of powers; in a focus the width is zero.
        after = wp.abs(wp.dot(t.across[n], t.into[n + 3]))
        t.size[n] = t.size[n] * wp.sqrt(width / wp.max(after, 1.0e-4 * width + 1.0e-20))
    t.turn = times(t.turn, _foci(t.earlier, t.places, rays.ahead[s - 1, one]))
    return t
