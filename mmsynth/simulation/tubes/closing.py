"""Tubes between rays that have bounced from person to person, and their integrals, in one Warp kernel.

Six rays, the corners of a triangle on a facet and the middles of its edges, make a tube. Its footprint is the quadratic
triangle through where they land, its weight linear between the middles. Of what its rays miss, or meet on another sheet
of surface, the tube loses its share.
"""

import torch
import warp as wp
from torch import Tensor

from mmsynth.simulation.facets.structs import PoseStruct, corner_of, pose_struct
from mmsynth.simulation.kernels.lanes import GEOMETRY, ONE_LANE
from mmsynth.simulation.kernels.launch import launch
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.legs.structs import FIELD, MIRRORS, Beam, LegStruct, beam_struct, leg_struct
from mmsynth.simulation.pose import PosedScene
from mmsynth.simulation.tubes.footprints import MOST_PIECES, NUMBERS, integrals
from mmsynth.simulation.tubes.shooting import Rays, Shots
from mmsynth.simulation.tubes.tube import Tube, advance, apart, begin, share_of, times

wp.set_module_options({"enable_backward": False})

# Phase in rad by which an edge of a piece of a tube may bend off a straight one.
BOW = 0.2
_BOW, _PIECES, _PI = wp.constant(BOW), wp.constant(float(MOST_PIECES)), wp.constant(torch.pi)
_Numbers = wp.types.vector(length=6, dtype=float)


@wp.func
def _wave(phase: float):
    return wp.vec2(wp.cos(phase), wp.sin(phase))


@wp.func
def _pieces(t: Tube, rx: wp.vec3d, wavenumber: float, row: int, items: wp.array2d(dtype=float)):
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
    wave_of field = field_of(tx, way, mesh.wavenumber);
    lane left = root(beam_of(beam, tx, way) * beam_of(beam, rx, back));
    for (int s = 0; s <= stop; ++s) {
        const int at = s * count + ray, region = mesh.region.data[rays.face.data[at]];
        three ahead = s < stop ? same(rays.ahead.data[at]) : out;
        auto eps = mesh.permittivity.data[region];
        field = reflected({eps.c[0], eps.c[1]}, way, ahead, field);
        lane rough = mesh.wavenumber * mesh.roughness.data[region] * dot(ahead - way, same(rays.normal.data[at]));
        left *= exponential(-0.5f * rough * rough) * root(mesh.loss.data[region]);
        way = ahead;
    }
    number found = product(field, field_of(rx, back, mesh.wavenumber));
    return wp::vec2(left * found.real, left * found.imag);
"""
)


@wp.func_native(_ALONG)
def _along(mesh: PoseStruct, tx: LegStruct, rx: LegStruct, beam: Beam, stop: int, rays: Rays, ray: int) -> wp.vec2:
    """What the surfaces that a ray meets and both antennas leave of a unit field."""
    ...


@wp.func
def _length_along(mesh: PoseStruct, tx: LegStruct, rx: LegStruct, stop: int, rays: Rays, one: int):
    """The way over the flat facets that a ray meets."""
    last, total = wp.vec3d(tx.centre), wp.float64(0.0)
    for s in range(stop + 1):
        here, w = wp.vec3d(), wp.vec3d(rays.weight[s, one])
        for k in range(3):
            here += w[k] * corner_of(mesh, mesh.knots // 2, rays.face[s, one], k)
        total += wp.length(here - last)
        last = here
    return total + wp.length(rx.centre - last)


@wp.func
def _scattered(
    t: Tube, rays: Rays, stop: int, table: wp.array2d(dtype=wp.int32), which: wp.vec3i, bits: int, rx: wp.vec3d
):
    """The weights at the middles of the edges of a tube that scatters to the RX, arguments as in `advance`.

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
        one, bits = apart(rays, stop, table, piece, base, known)
        known = known | bits
        if one >= 0 and wp.dot(wp.vec3(rx.centre - rays.place[stop, one]), rays.normal[stop, one]) <= 0.0:
            one = int(-1)
        chosen[row, sheet] = one
        met[row, sheet] = bits


@wp.kernel
def _close(
    mesh: PoseStruct,
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
    t = begin(tx, rays, table, tube, base)
    for s in range(1, stop + 1):
        t = advance(t, rays, s, table, which, bits)
    size = _scattered(t, rays, stop, table, which, bits, rx.centre) * share_of(bits, table.shape[1])
    reference = _length_along(mesh, tx, rx, stop, rays, one)
    for n in range(6):
        t.before[n] = t.before[n] - reference
    cut[item] = _pieces(t, rx.centre, mesh.wavenumber, item, items)
    items[item, 48] = size[0] + size[2] - size[1]
    items[item, 49] = 2.0 * (size[1] - size[2])
    items[item, 50] = 2.0 * (size[1] - size[0])
    wave = times(t.turn, _along(mesh, tx, rx, beam, stop, rays, one))
    # Huygens' -j k / sqrt(pi).
    spread = wp.length(rays.place[0, one] - tx.centre) * wp.length(rx.centre - rays.place[stop, one])
    factor[item] = mesh.wavenumber / (wp.sqrt(_PI) * float(spread)) * wp.vec2(wave[1], -wave[0])
    turns = reference * wp.float64(mesh.wavenumber / (2.0 * _PI))
    turn[item] = _wave(2.0 * _PI * float(turns - wp.floor(turns)))


def close(pose: PosedScene, ends: tuple[Leg, Leg], shots: Shots, pieces: Tensor, stop: int) -> tuple[Tensor, ...]:
    """The tubes between rays where they have met surface `stop`: gains, the rays that speak for them, their row, sums.

    `pieces` [pieces, 6] are rows of the rays of a tube that was shot, see `lattice`. A piece may end on two sheets of
    surface; those that end on none, or out of the RX's sight, are not there. Gains [found] are over lambda / (4
    pi)^1.5, with the phase referenced to the way over the flat facets that the ray meets; the sums [tubes, pieces] of
    both sheets have that of the way.
    """
    device = shots.face.device
    several = shots.face.shape[1] // shots.nodes * len(pieces)
    chosen, bits = (torch.empty(several, 2, dtype=torch.int32, device=device) for _ in range(2))
    mesh, legs = pose_struct(pose), [leg_struct(leg) for leg in ends]
    where = [stop, shots.nodes, pieces.to(device), shots.struct]
    launch(_choose, several, [legs[1], *where, chosen, bits], device)
    rows = (chosen.flatten() >= 0).nonzero()[:, 0]
    cut = torch.empty(len(rows), dtype=torch.int32, device=device)
    items, factor, turn = (torch.empty(len(rows), size, device=device) for size in (NUMBERS, 2, 2))
    inputs = [mesh, *legs, beam_struct(pose.radar.pattern, device), *where, rows, chosen, bits]
    launch(_close, len(rows), [*inputs, cut, items, factor, turn], device)
    gain = torch.view_as_complex(factor) * integrals(items, cut, mesh.wavenumber)
    sums = torch.zeros(several, dtype=gain.dtype, device=device)
    sums.index_add_(0, rows // 2, gain * torch.view_as_complex(turn))
    return gain, chosen.flatten().index_select(0, rows).long(), rows // 2, sums.reshape(-1, len(pieces))
