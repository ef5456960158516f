"""Tubes between rays that have bounced from person to person, and their integrals, in one Warp kernel.

Six rays, the corners of a triangle on a facet and the middles of its edges, make a tube. Its footprint is the quadratic
triangle through where they land, its weight linear between the middles. Of what its rays miss, or meet on another sheet
of surface, the tube loses its share.
"""

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.kernels.lanes import GEOMETRY, ONE_LANE
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import (
    FIELD,
    MIRRORS,
    Beam,
    LegStruct,
    as_array,
    beam_struct,
    corner_of,
    leg_struct,
)
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays.bvh import torch_stream
from mmsynth.simulation.tubes.footprints import MOST_PIECES, NUMBERS, integrals
from mmsynth.simulation.tubes.shooting import Rays, Shape, Shots, shape_of

wp.set_module_options({"enable_backward": False})

# Phase in rad by which an edge of a piece of a tube may bend off a straight one.
BOW = 0.2
_BOW, _PIECES, _PI = wp.constant(BOW), wp.constant(float(MOST_PIECES)), wp.constant(torch.pi)

# Nodes of a tube: corners 0, 1, 2, then the middles of the edges 0-1, 1-2, 2-0.
_Places = wp.types.matrix(shape=(6, 3), dtype=wp.float64)
_Ways = wp.types.matrix(shape=(6, 3), dtype=float)
_Lengths = wp.types.vector(length=6, dtype=wp.float64)
_Numbers = wp.types.vector(length=6, dtype=float)


@wp.func
def _times(a: wp.vec2, b: wp.vec2):
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
def _apart(rays: Rays, stop: int, table: wp.array2d(dtype=wp.int32), piece: int, base: int, known: int):
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
def _share(bits: int, count: int):
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


@wp.func
def _wave(phase: float):
    return wp.vec2(wp.cos(phase), wp.sin(phase))


@wp.struct
class _Tube:
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
def _pieces(t: _Tube, rx: wp.vec3d, wavenumber: float, row: int, items: wp.array2d(dtype=float)):
    """Write the numbers of a tube that `footprints` asks for, but for its weight; how many pieces its edges need."""
    way, out = t.places[0] - t.earlier[0], rx - t.places[0]
    whole = wp.length(way) + wp.length(out)
    phase = _Numbers()
    for n in range(6):
        more, away = t.places[n] - t.earlier[n] - way, t.places[n] - t.places[0]
        for k in range(3):
            items[row, 7 * n + k] = float(more[k])
            items[row, 7 * n + 3 + k] = float(away[k])
        items[row, 7 * n + 6] = float(t.before[n] + whole)
        phase[n] = wavenumber * float(t.before[n] + wp.length(way + more) + wp.length(out - away))
    for k in range(3):
        items[row, 42 + k] = float(way[k])
        items[row, 45 + k] = float(out[k])
    worst, bulge = float(0.0), float(0.0)
    for n in range(3):
        bow = phase[n + 3] - 0.5 * (phase[n] + phase[(n + 1) % 3])
        worst = wp.max(worst, wp.abs(bow))
        bulge += bow
    items[row, 51] = bulge
    return int(wp.clamp(wp.ceil(wp.sqrt(worst / _BOW)), 1.0, _PIECES))


@wp.func
def _begin(tx: LegStruct, rays: Rays, table: wp.array2d(dtype=wp.int32), tube: int, base: int):
    """A tube where it starts."""
    t = _Tube()
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
def _advance(t: _Tube, rays: Rays, s: int, table: wp.array2d(dtype=wp.int32), which: wp.vec3i, bits: int):
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
    t.turn = _times(t.turn, _foci(t.earlier, t.places, rays.ahead[s - 1, one]))
    return t


_ALONG = (
    ONE_LANE
    + GEOMETRY
    + MIRRORS
    + FIELD
    + """
    const int count = rays.place.shape[1];
    auto between = [](const auto& from, const auto& to) {
        return three{lane(to.c[0] - from.c[0]), lane(to.c[1] - from.c[1]), lane(to.c[2] - from.c[2])};
    };
    three way = unit(between(tx.centre, rays.place.data[ray]));
    three out = unit(between(rays.place.data[stop * count + ray], rx.centre)), back = out * -1.0f;
    wave_of field = field_of(tx, way, shape.wavenumber);
    lane left = root(beam_of(beam, tx, way) * beam_of(beam, rx, back));
    for (int s = 0; s <= stop; ++s) {
        const int at = s * count + ray, region = shape.region.data[rays.face.data[at]];
        three ahead = s < stop ? same(rays.ahead.data[at]) : out;
        auto eps = shape.permittivity.data[region];
        field = reflected({eps.c[0], eps.c[1]}, way, ahead, field);
        lane rough = shape.wavenumber * shape.roughness.data[region] * dot(ahead - way, same(rays.normal.data[at]));
        left *= exponential(-0.5f * rough * rough) * root(shape.loss.data[region]);
        way = ahead;
    }
    number found = product(field, field_of(rx, back, shape.wavenumber));
    return wp::vec2(left * found.real, left * found.imag);
"""
)


@wp.func_native(_ALONG)
def _along(shape: Shape, tx: LegStruct, rx: LegStruct, beam: Beam, stop: int, rays: Rays, ray: int) -> wp.vec2:
    """What the surfaces that a ray meets and both antennas leave of a unit field."""
    ...


@wp.func
def _length_along(shape: Shape, tx: LegStruct, rx: LegStruct, stop: int, rays: Rays, one: int):
    """The way over the flat facets that a ray meets."""
    last, total = wp.vec3d(tx.centre), wp.float64(0.0)
    for s in range(stop + 1):
        here, w = wp.vec3d(), wp.vec3d(rays.weight[s, one])
        for k in range(3):
            here += w[k] * corner_of(shape.vertices, shape.faces, shape.knot, rays.face[s, one], k)
        total += wp.length(here - last)
        last = here
    return total + wp.length(rx.centre - last)


@wp.func
def _scattered(
    t: _Tube, rays: Rays, stop: int, table: wp.array2d(dtype=wp.int32), which: wp.vec3i, bits: int, rx: wp.vec3d
):
    """The weights at the middles of the edges of a tube that scatters to the RX, arguments as in `_advance`.

    It is the area times the harmonic mean of the cosines: physical optics' in the direction of a mirror, it goes to
    zero at the edge of either shadow, where (cos_in + cos_out) / 2 makes an edge that smooth bodies do not have.
    """
    found = wp.vec3()
    for n in range(3):
        ray = which[2]
        if ((bits >> (n + 3)) & 1) == 1:
            ray = which[1] + table[which[0], n + 3]
        normal = rays.normal[stop, ray]
        enter = wp.max(-wp.dot(t.into[n + 3], normal), 1.0e-6)
        leave = wp.max(wp.dot(wp.normalize(wp.vec3(rx - t.places[n + 3])), normal), 0.0)
        found[n] = t.size[n] * 2.0 * enter * leave / (enter + leave) * wp.length(t.across[n])
    return found


@wp.kernel
def _choose(
    rx: LegStruct,
    stop: int,
    nodes: int,
    table: wp.array2d(dtype=wp.int32),
    rays: Rays,
    chosen: wp.array2d(dtype=wp.int32),
    met: wp.array2d(dtype=wp.int32),
):
    """The ray that speaks for each piece [tubes * pieces, sheets] that ends at `stop` in sight of the RX, or -1."""
    row = wp.tid()
    piece, base = row % table.shape[0], row // table.shape[0] * nodes
    known = int(0)
    for sheet in range(2):
        one, bits = _apart(rays, stop, table, piece, base, known)
        known = known | bits
        if one >= 0 and wp.dot(wp.vec3(rx.centre - rays.place[stop, one]), rays.normal[stop, one]) <= 0.0:
            one = int(-1)
        chosen[row, sheet] = one
        met[row, sheet] = bits


@wp.kernel
def _close(
    shape: Shape,
    tx: LegStruct,
    rx: LegStruct,
    beam: Beam,
    stop: int,
    nodes: int,
    table: wp.array2d(dtype=wp.int32),
    rays: Rays,
    rows: wp.array(dtype=wp.int64),
    chosen: wp.array2d(dtype=wp.int32),
    met: wp.array2d(dtype=wp.int32),
    cut: wp.array(dtype=wp.int32),
    items: wp.array2d(dtype=float),
    factor: wp.array(dtype=wp.vec2),
    turn: wp.array(dtype=wp.vec2),
):
    """The tubes `rows` of those of `_choose`; see `close`."""
    item = wp.tid()
    row, sheet = int(rows[item]) // 2, int(rows[item]) % 2
    one, bits = chosen[row, sheet], met[row, sheet]
    tube, base = row % table.shape[0], row // table.shape[0] * nodes
    which = wp.vec3i(tube, base, one)
    t = _begin(tx, rays, table, tube, base)
    for s in range(1, stop + 1):
        t = _advance(t, rays, s, table, which, bits)
    size = _scattered(t, rays, stop, table, which, bits, rx.centre) * _share(bits, table.shape[1])
    reference = _length_along(shape, tx, rx, stop, rays, one)
    for n in range(6):
        t.before[n] = t.before[n] - reference
    cut[item] = _pieces(t, rx.centre, shape.wavenumber, item, items)
    items[item, 48] = size[0] + size[2] - size[1]
    items[item, 49] = 2.0 * (size[1] - size[2])
    items[item, 50] = 2.0 * (size[1] - size[0])
    wave = _times(t.turn, _along(shape, tx, rx, beam, stop, rays, one))
    # Huygens' -j k / sqrt(pi).
    spread = wp.length(rays.place[0, one] - tx.centre) * wp.length(rx.centre - rays.place[stop, one])
    factor[item] = shape.wavenumber / (wp.sqrt(_PI) * float(spread)) * wp.vec2(wave[1], -wave[0])
    turns = reference * wp.float64(shape.wavenumber / (2.0 * _PI))
    turn[item] = _wave(2.0 * _PI * float(turns - wp.floor(turns)))


def close(pose: Pose, ends: tuple[Leg, Leg], shots: Shots, pieces: Tensor, stop: int) -> tuple[Tensor, ...]:
    """The tubes between rays where they have met surface `stop`: gains, the rays that speak for them, their row, sums.

    `pieces` [pieces, 6] are rows of the rays of a tube that was shot, see `lattice`. A piece may end on two sheets of
    surface; those that end on none, or out of the RX's sight, are not there. Gains [found] are over lambda / (4
    pi)^1.5, with the phase referenced to the way over the flat facets that the ray meets; the sums [tubes, pieces] of
    both sheets have that of the way.
    """
    device, on = shots.face.device, wp.device_from_torch(shots.face.device)
    several = shots.face.shape[1] // shots.nodes * len(pieces)
    chosen, bits = (torch.empty(several, 2, dtype=torch.int32, device=device) for _ in range(2))
    rays, legs = shots.struct, [leg_struct(leg) for leg in ends]
    where = [stop, shots.nodes, as_array(pieces.to(device)), rays]
    with torch_stream(device):
        both = [as_array(chosen), as_array(bits)]
        wp.launch(_choose, dim=several, inputs=[legs[1], *where], outputs=both, device=on)
    chosen = chosen.flatten()
    rows = (chosen >= 0).nonzero()[:, 0]
    cut = torch.empty(len(rows), dtype=torch.int32, device=device)
    items, factor, turn = (torch.empty(len(rows), size, device=device) for size in (NUMBERS, 2, 2))
    shape, beam = shape_of(pose), beam_struct(pose.radar.pattern, device)
    with torch_stream(device):
        outputs = [as_array(cut), as_array(items), *(as_array(x, wp.vec2) for x in (factor, turn))]
        inputs = [shape, *legs, beam, *where, as_array(rows), *both]
        wp.launch(_close, dim=len(rows), inputs=inputs, outputs=outputs, device=on)
    gain = torch.view_as_complex(factor) * integrals(items, cut, shape.wavenumber)
    sums = torch.zeros(several, dtype=gain.dtype, device=device)
    sums.index_add_(0, rows // 2, gain * torch.view_as_complex(turn))
    return gain, chosen.index_select(0, rows).long(), rows // 2, sums.reshape(-1, len(pieces))
