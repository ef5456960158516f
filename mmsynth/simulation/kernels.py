"""What every facet scatters, as one Warp kernel: the arithmetic of `gains.py` with nothing stored in between.

`gains.py` stays as its reference, and as the route that can be differentiated. CPU and CUDA run one source. Complex
numbers are `vec2` (real, imaginary).
"""

import math
from typing import Any
from weakref import WeakKeyDictionary

import torch
import warp as wp
from torch import Tensor

from mmsynth.radar import cosine_exponent
from mmsynth.simulation.integrals import NUMBERS, add_integrals
from mmsynth.simulation.legs import Leg
from mmsynth.simulation.pose import Pose
from mmsynth.simulation.rays import torch_stream
from mmsynth.simulation.scattering import MOST_PIECES
from mmsynth.simulation.surface import CREASE_COSINE
from mmsynth.types import Pattern, gain_rows

# Gradients go the way of the reference.
wp.set_module_options({"enable_backward": False})

_SMOOTH, _PIECES = wp.constant(CREASE_COSINE), wp.constant(float(MOST_PIECES))
_TURN, _PI = wp.constant(1 / math.tau), wp.constant(math.pi)
_GOLDEN = wp.constant(wp.uint64(0x9E3779B97F4A7C15))
_MIX1, _MIX2 = wp.constant(wp.uint64(0xBF58476D1CE4E5B9)), wp.constant(wp.uint64(0x94D049BB133111EB))

# Rows 0 to 2 are the corners of a facet, 3 to 5 the sagittas of its edges 0-1, 1-2, 2-0.
_Patch = wp.types.matrix(shape=(6, 3), dtype=float)


@wp.struct
class LegStruct:
    """One leg: `legs.Leg` without its antennas, and its mirrors as arrays."""

    centre: wp.vec3d
    polarization: wp.vec3
    radar_from_world: wp.mat33
    normal: wp.array(dtype=wp.vec3)
    permittivity: wp.array(dtype=wp.vec2)
    roughness: wp.array(dtype=float)
    loss: wp.array(dtype=float)


@wp.struct
class Beam:
    """`types.Pattern`: two exponents of cosines, or a table."""

    peak: float
    azimuth: float
    elevation: float
    angle: wp.array(dtype=float)
    azimuth_cut: wp.array(dtype=float)
    elevation_cut: wp.array(dtype=float)


@wp.struct
class _Way:
    """Both legs and the pattern of the elements at their ends."""

    tx: LegStruct
    rx: LegStruct
    beam: Beam


@wp.struct
class _Law:
    """Scalars of the simulation: see `settings.Simulation`; `flatness` in m, `scale` = lambda / (4 pi)^1.5."""

    wavenumber: float
    flatness: float
    scale: float
    coherent: int
    diffuse: int
    points: int
    seed: wp.uint64
    turn: float


@wp.struct
class _Mesh:
    """What `pose.Pose` and its topology hold; `normals` are those at the knot `shape` of each frame."""

    vertices: wp.array3d(dtype=wp.float64)
    faces: wp.array2d(dtype=wp.int64)
    normals: wp.array3d(dtype=float)
    knots: int
    shape: int
    moving: wp.int64
    person: wp.array(dtype=wp.int64)
    facet: wp.array(dtype=wp.int64)
    region: wp.array(dtype=wp.int64)
    permittivity: wp.array(dtype=wp.vec2)
    roughness: wp.array(dtype=float)
    loss: wp.array(dtype=float)


@wp.func
def _times(a: wp.vec2, b: wp.vec2):
    return wp.vec2(a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0])


@wp.func
def _over(a: wp.vec2, b: wp.vec2):
    return wp.vec2(a[0] * b[0] + a[1] * b[1], a[1] * b[0] - a[0] * b[1]) / wp.dot(b, b)


@wp.func
def _root(a: wp.vec2):
    """The principal square root."""
    size = wp.length(a)
    real = wp.sqrt(wp.max(0.5 * (size + a[0]), 0.0))
    imag = wp.sqrt(wp.max(0.5 * (size - a[0]), 0.0))
    return wp.vec2(real, wp.where(a[1] < 0.0, -imag, imag))


@wp.func
def expj(phase: float):
    """Cosine and sine, each within 3e-7: by those of half the angle, which need no branch."""
    turns = phase * _TURN
    half = (turns - wp.floor(turns + 0.5)) * _PI
    w = half * half
    sine = w * (1.0 / 120.0 + w * (-1.0 / 5040.0 + w * (1.0 / 362880.0 - w / 39916800.0)))
    sine = half * (1.0 + w * (-1.0 / 6.0 + sine))
    cosine = w * (-1.0 / 720.0 + w * (1.0 / 40320.0 + w * (-1.0 / 3628800.0 + w / 479001600.0)))
    cosine = 1.0 + w * (-0.5 + w * (1.0 / 24.0 + cosine))
    return wp.vec2(1.0 - 2.0 * sine * sine, 2.0 * sine * cosine)


@wp.func
def _offer(shape: _Patch, bisector: wp.vec3, law: _Law, factor: wp.vec2, item: wp.array(dtype=float)):
    """Write what `integrals` takes of one facet, and return into how many pieces to cut its edges.

    Along the bisector a node has a phase, across it a place; the area that a piece shows is that of its places.
    """
    size = wp.length(bisector)
    if size < 1e-9:
        return 0
    ahead = bisector / size
    helper = wp.where(wp.abs(ahead[2]) < 0.7, wp.vec3(0.0, 0.0, 1.0), wp.vec3(1.0, 0.0, 0.0))
    across = wp.normalize(wp.cross(helper, ahead))
    up = wp.cross(ahead, across)
    worst = float(0.0)
    for n in range(6):
        point = shape[n]
        along = wp.dot(point, bisector)
        item[3 * n] = wp.dot(point, across)
        item[3 * n + 1] = wp.dot(point, up)
        item[3 * n + 2] = -2.0 * law.wavenumber * along
        if n >= 3:
            worst = wp.max(worst, wp.abs(along))
    item[18] = 0.5 * size * factor[0]
    item[19] = 0.5 * size * factor[1]
    if law.flatness == 0.0:
        return 1
    return int(wp.clamp(wp.ceil(wp.sqrt(worst / law.flatness)), 2.0, _PIECES))


@wp.func
def _least_axis(direction: wp.vec3):
    size = wp.vec3(wp.abs(direction[0]), wp.abs(direction[1]), wp.abs(direction[2]))
    least = wp.min(size)
    return wp.vec3(
        wp.where(size[0] == least, 1.0, 0.0),
        wp.where(size[1] == least, 1.0, 0.0),
        wp.where(size[2] == least, 1.0, 0.0),
    )


@wp.func
def _reflected(permittivity: wp.vec2, incident: wp.vec3, scattered: wp.vec3, real: wp.vec3, imag: wp.vec3):
    """`scattering.polarised_reflection` of the field (real, imag)."""
    cosine = wp.clamp(0.5 * wp.length(scattered - incident), 1e-6, 1.0)
    te, tm = wp.vec2(-1.0, 0.0), wp.vec2(1.0, 0.0)
    if wp.isfinite(permittivity[0]):
        root = _root(permittivity - wp.vec2(1.0 - cosine * cosine, 0.0))
        straight, slanted = wp.vec2(cosine, 0.0), permittivity * cosine
        te = _over(straight - root, straight + root)
        tm = _over(slanted - root, slanted + root)
    axis = wp.cross(incident, scattered)
    if wp.dot(axis, axis) <= 1e-8:
        axis = wp.cross(incident, _least_axis(incident))
    axis = wp.normalize(axis)
    into, out = wp.cross(axis, incident), wp.cross(axis, scattered)
    # Conjugated to exp(+j omega tau).
    s = _times(wp.vec2(te[0], -te[1]), wp.vec2(wp.dot(real, axis), wp.dot(imag, axis)))
    p = _times(wp.vec2(tm[0], -tm[1]), wp.vec2(wp.dot(real, into), wp.dot(imag, into)))
    return s[0] * axis + p[0] * out, s[1] * axis + p[1] * out


@wp.func
def before_mirrors(leg: LegStruct, mirror: int, direction: wp.vec3):
    """The direction before the mirrors from `mirror` on, for that in which the leg arrives."""
    way = direction
    for m in range(leg.normal.shape[0] - 1, mirror - 1, -1):
        way = way - 2.0 * wp.dot(way, leg.normal[m]) * leg.normal[m]
    return way


@wp.func
def mirrored_field(leg: LegStruct, direction: wp.vec3, wavenumber: float):
    """`legs.field` of one direction."""
    way = before_mirrors(leg, 0, direction)
    real = wp.normalize(leg.polarization - wp.dot(leg.polarization, way) * way)
    imag = wp.vec3(0.0, 0.0, 0.0)
    for m in range(leg.normal.shape[0]):
        after = before_mirrors(leg, m + 1, direction)
        lost = wavenumber * leg.roughness[m] * wp.dot(way, leg.normal[m])
        left = wp.exp(-2.0 * lost * lost) * wp.sqrt(leg.loss[m])
        real, imag = _reflected(leg.permittivity[m], way, after, real, imag)
        real, imag = real * left, imag * left
        way = after
    return real, imag


@wp.func
def _read(angle: float, knots: wp.array(dtype=float), values: wp.array(dtype=float)):
    right = wp.clamp(wp.lower_bound(knots, angle), 1, knots.shape[0] - 1)
    weight = wp.clamp((angle - knots[right - 1]) / (knots[right] - knots[right - 1]), 0.0, 1.0)
    return values[right - 1] + weight * (values[right] - values[right - 1])


@wp.func
def amplitude_gain(beam: Beam, leg: LegStruct, direction: wp.vec3):
    """`legs.pattern` of one direction."""
    way = leg.radar_from_world * before_mirrors(leg, 0, direction)
    level = wp.sqrt(way[0] * way[0] + way[1] * way[1])
    if beam.angle.shape[0] > 0:
        azimuth, elevation = wp.atan2(way[0], way[1]), wp.atan2(way[2], level)
        cuts = _read(azimuth, beam.angle, beam.azimuth_cut) * _read(elevation, beam.angle, beam.elevation_cut)
        return wp.sqrt(beam.peak * cuts)
    power = beam.peak
    if beam.azimuth != 0.0:
        power *= wp.pow(wp.max(way[1] / wp.max(level, 1e-30), 1e-9), beam.azimuth)
    if beam.elevation != 0.0:
        power *= wp.pow(wp.max(level / wp.length(way), 1e-9), beam.elevation)
    return wp.sqrt(power)


@wp.func
def _mixed(x: wp.uint64):
    """SplitMix64, as `scattering._mix`."""
    x += _GOLDEN
    x = (x ^ (x >> wp.uint64(30))) * _MIX1
    x = (x ^ (x >> wp.uint64(27))) * _MIX2
    return x ^ (x >> wp.uint64(31))


@wp.func
def corner_of(
    vertices: wp.array3d(dtype=wp.float64), faces: wp.array2d(dtype=wp.int64), knot: int, face: wp.int64, corner: int
):
    """A corner of a face at a knot."""
    v = faces[corner, face]
    return wp.vec3d(vertices[knot, 0, v], vertices[knot, 1, v], vertices[knot, 2, v])


@wp.func
def _normal(mesh: _Mesh, frame: int, face: wp.int64, corner: int):
    v = mesh.faces[corner, face]
    return wp.vec3(mesh.normals[frame, 0, v], mesh.normals[frame, 1, v], mesh.normals[frame, 2, v])


@wp.func
def _shape(mesh: _Mesh, knot: int, face: wp.int64):
    """Corners relative to their mean as rows 0 to 2, and the mean."""
    a = corner_of(mesh.vertices, mesh.faces, knot, face, 0)
    b = corner_of(mesh.vertices, mesh.faces, knot, face, 1)
    c = corner_of(mesh.vertices, mesh.faces, knot, face, 2)
    centre = (a + b + c) / wp.float64(3.0)
    shape = _Patch()
    shape[0] = wp.vec3(a - centre)
    shape[1] = wp.vec3(b - centre)
    shape[2] = wp.vec3(c - centre)
    return shape, centre


@wp.func
def _sagittas(mesh: _Mesh, frame: int, face: wp.int64):
    """`surface.sagitta` of the edges of a facet, as components along edges 0-1 and 0-2 and the unit normal."""
    shape, _ = _shape(mesh, frame * mesh.knots + mesh.shape, face)
    one, two = shape[1] - shape[0], shape[2] - shape[0]
    up = wp.normalize(wp.cross(one, two))
    a, b, c = wp.dot(one, one), wp.dot(one, two), wp.dot(two, two)
    scale = 1.0 / wp.max(a * c - b * b, 1e-30)
    n0, n1, n2 = _normal(mesh, frame, face, 0), _normal(mesh, frame, face, 1), _normal(mesh, frame, face, 2)
    least = wp.min(wp.dot(n0, up), wp.min(wp.dot(n1, up), wp.dot(n2, up)))
    found = wp.mat33()
    if least > _SMOOTH:
        for n in range(3):
            start = wp.where(n == 0, n0, wp.where(n == 1, n1, n2))
            end = wp.where(n == 0, n1, wp.where(n == 1, n2, n0))
            edge = shape[(n + 1) % 3] - shape[n]
            bend = -0.125 * (wp.dot(edge, start) * start - wp.dot(edge, end) * end)
            along, aside = wp.dot(bend, one), wp.dot(bend, two)
            found[n] = wp.vec3((c * along - b * aside) * scale, (a * aside - b * along) * scale, wp.dot(bend, up))
    return found


@wp.func
def _bent(shape: _Patch, sagittas: wp.mat33):
    """`shape` with the sagittas of `_sagittas` as rows 3 to 5."""
    one, two = shape[1] - shape[0], shape[2] - shape[0]
    up = wp.normalize(wp.cross(one, two))
    for n in range(3):
        shape[3 + n] = sagittas[n, 0] * one + sagittas[n, 1] * two + sagittas[n, 2] * up
    return shape


@wp.func
def _ways(centre: wp.vec3d, legs: _Way):
    """From both ends to a point, as vectors."""
    return wp.vec3(centre - legs.tx.centre), wp.vec3(centre - legs.rx.centre)


@wp.func
def _amplitude(
    mesh: _Mesh,
    law: _Law,
    legs: _Way,
    face: wp.int64,
    shape: _Patch,
    centre: wp.vec3d,
    common: wp.vec2,
    item: wp.array(dtype=float),
):
    """`gains._amplitude` of one facet of a given shape and place, times `common`, but for the coherent part.

    That is left to `integrals`, in `item`: the second value is into how many pieces to cut its edges.
    """
    way, back = _ways(centre, legs)
    far, near = wp.length(way), wp.length(back)
    into, out = way / far, back / near
    common = common / (far * near)
    area = 0.5 * wp.cross(shape[1] - shape[0], shape[2] - shape[0])
    size = wp.length(area)
    cos_in, cos_out = wp.max(-wp.dot(into, area), 0.0) / size, wp.max(-wp.dot(out, area), 0.0) / size
    if law.points != 0:
        return wp.sqrt(size * wp.sqrt(wp.max(cos_in * cos_out, 1e-12))) * common, 0
    rough = law.wavenumber * mesh.roughness[mesh.region[face]] * (cos_in + cos_out)
    value, cut = wp.vec2(0.0, 0.0), int(0)
    if law.coherent != 0:
        left = law.wavenumber / wp.sqrt(_PI) * wp.exp(-0.5 * rough * rough)
        cut = _offer(shape, -0.5 * (into + out), law, left * wp.vec2(common[1], -common[0]), item)
    if law.diffuse != 0:
        lost = 1.0 - wp.exp(-rough * rough)
        bits = _mixed(_mixed(_mixed(law.seed) + wp.uint64(mesh.person[face])) + wp.uint64(mesh.facet[face]))
        phase = float(bits >> wp.uint64(40)) * (2.0 * _PI / 16777216.0)
        value = wp.sqrt(4.0 * lost * size * cos_in * cos_out) * _times(common, expj(phase))
    return value, cut


@wp.func
def _turned(law: _Law, legs: _Way, first: _Patch, from_: wp.vec3d, last: _Patch, to: wp.vec3d):
    """The most in rad by which the phase of a corner against the centroid differs between two shapes and places."""
    way, back = _ways(from_, legs)
    later_way, later_back = _ways(to, legs)
    before, after = wp.normalize(way) + wp.normalize(back), wp.normalize(later_way) + wp.normalize(later_back)
    most = float(0.0)
    for n in range(3):
        most = wp.max(most, wp.abs(wp.dot(first[n], before) - wp.dot(last[n], after)))
    return law.wavenumber * most


@wp.func
def _coefficient(mesh: _Mesh, law: _Law, way: _Way, face: wp.int64, centre: wp.vec3d):
    """`gains._coefficient` of one facet."""
    there, here = _ways(centre, way)
    into, out = wp.normalize(there), wp.normalize(here)
    real, imag = mirrored_field(way.tx, into, law.wavenumber)
    real, imag = _reflected(mesh.permittivity[mesh.region[face]], into, -out, real, imag)
    back, turn = mirrored_field(way.rx, out, law.wavenumber)
    scale = law.scale * amplitude_gain(way.beam, way.tx, into) * amplitude_gain(way.beam, way.rx, out)
    scale *= wp.sqrt(mesh.loss[mesh.region[face]])
    return scale * wp.vec2(
        wp.dot(real, back) - wp.dot(imag, turn),
        wp.dot(real, turn) + wp.dot(imag, back),
    )


@wp.kernel
def _gains(
    mesh: _Mesh,
    law: _Law,
    way: _Way,
    facets: wp.array(dtype=wp.int64),
    seen: wp.array2d(dtype=wp.uint8),
    instants: int,
    rows: wp.array(dtype=int),
    fade: wp.array2d(dtype=float),
    gain: wp.array2d(dtype=wp.vec2),
    items: wp.array3d(dtype=float),
    cuts: wp.array2d(dtype=wp.int32),
    alike: wp.array(dtype=wp.uint8),
):
    """All but the coherent part, which is left to `integrals`."""
    row = wp.tid()
    frame, face = int(facets[row] // mesh.moving), facets[row] % mesh.moving
    begin, final = frame * mesh.knots, (frame + 1) * mesh.knots - 1
    shape, centre = _shape(mesh, begin + mesh.knots // 2, face)
    common = _coefficient(mesh, law, way, face, centre)
    first, start = _shape(mesh, begin, face)
    last, end = _shape(mesh, final, face)
    sagittas = wp.mat33()
    bends = law.points == 0 and law.coherent != 0 and law.flatness > 0.0
    if bends:
        sagittas = _sagittas(mesh, frame, face)
        shape, first, last = _bent(shape, sagittas), _bent(first, sagittas), _bent(last, sagittas)
    one, two = float(seen[frame * instants, face]), float(seen[frame * instants + instants - 1, face])
    if one > 0.0 and two > 0.0 and _turned(law, way, first, start, last, end) < law.turn:
        alike[row] = wp.uint8(1)
        value, cut = _amplitude(mesh, law, way, face, shape, centre, common, items[row, 0])
        cuts[row, 0] = cut
        for k in range(rows.shape[0]):
            gain[row, k] = value
        return
    for k in range(rows.shape[0]):
        share = fade[k, 0] * one + fade[k, 1] * two
        if share > 0.0:
            patch, place = first, start
            if rows[k] == mesh.knots - 1:
                patch, place = last, end
            elif rows[k] > 0:
                patch, place = _shape(mesh, begin + rows[k], face)
                if bends:
                    patch = _bent(patch, sagittas)
            value, cut = _amplitude(mesh, law, way, face, patch, place, share * common, items[row, k])
            gain[row, k] = value
            cuts[row, k] = cut


def fused_gains(pose: Pose, facets: Tensor, ends: tuple[Leg, Leg], seen: Tensor) -> Tensor:
    """Gains [facets, gains] (complex64) of the paths over the faces `facets`, by `facet_paths`; see `facet_gains`."""
    settings, wavelength = pose.settings, pose.radar.waveform.wavelength
    rows = torch.tensor(gain_rows(len(pose.knots)), dtype=torch.int32, device=facets.device)
    gain = torch.zeros(len(facets), len(rows), 2, dtype=torch.float32, device=facets.device)
    items = torch.empty(*gain.shape[:2], NUMBERS, dtype=torch.float32, device=facets.device)
    cuts = torch.zeros(gain.shape[:2], dtype=torch.int32, device=facets.device)
    alike = torch.zeros(len(facets), dtype=torch.uint8, device=facets.device)
    topology = pose.topology
    mesh = _Mesh()
    mesh.vertices, mesh.faces = as_array(pose.vertices), as_array(topology.faces)
    mesh.normals, mesh.shape = as_array(pose.normals), pose.instants[-1]
    mesh.knots, mesh.moving = len(pose.knots), max(topology.moving, 1)
    mesh.person, mesh.facet, mesh.region = (
        as_array(topology.person),
        as_array(topology.facet),
        as_array(topology.region),
    )
    mesh.permittivity, mesh.roughness, mesh.loss = _materials(*pose.materials)
    law = _Law()
    law.wavenumber, law.flatness = math.tau / wavelength, settings.flatness * wavelength
    law.scale = wavelength / (4 * math.pi) ** 1.5
    law.coherent, law.diffuse, law.points = settings.coherent, settings.diffuse, settings.method == "points"
    law.seed, law.turn = pose.seed & (2**64 - 1), settings.turn
    way = _Way()
    way.tx, way.rx = (leg_struct(leg) for leg in ends)
    way.beam = beam_struct(pose.radar.pattern, facets.device)
    inputs = [mesh, law, way, as_array(facets), as_array(seen.view(torch.uint8)), len(pose.instants)]
    inputs += [as_array(rows), as_array(pose.fade)]
    with torch_stream(facets.device):
        device = wp.device_from_torch(facets.device)
        outputs = [as_array(gain, wp.vec2), *(as_array(x) for x in (items, cuts, alike))]
        wp.launch(_gains, dim=len(facets), inputs=inputs, outputs=outputs, device=device)
    add_integrals(items.flatten(0, 1), cuts.flatten(), alike, gain)
    return torch.view_as_complex(gain)


def as_array(values: Tensor, dtype: Any = None) -> Any:
    """A tensor as Warp sees it, without its gradient."""
    return wp.from_torch(values.detach().contiguous(), dtype=dtype)


def _materials(permittivity: Tensor, roughness: Tensor, loss: Tensor) -> tuple[Any, Any, Any]:
    """Material arrays of a kernel, from tensors [n]."""
    eps = torch.view_as_real(permittivity.detach().to(torch.complex64).contiguous())
    return as_array(eps, wp.vec2), as_array(roughness.to(torch.float32)), as_array(loss.to(torch.float32))


# Legs and patterns as kernels take them, as long as they live: a memo, which changes no result.
_legs: "WeakKeyDictionary[Leg, Any]" = WeakKeyDictionary()
_beams: "WeakKeyDictionary[Pattern, dict[torch.device, Any]]" = WeakKeyDictionary()


def leg_struct(leg: Leg) -> Any:
    """A leg as kernels take it."""
    if leg not in _legs:
        _legs[leg] = _leg_struct(leg)
    return _legs[leg]


def _leg_struct(leg: Leg) -> Any:
    out = LegStruct()
    out.centre = wp.vec3d(*leg.centre.tolist())
    out.polarization = wp.vec3(*leg.polarization.tolist())
    out.radar_from_world = wp.mat33(*leg.world_from_radar.T.flatten().tolist())
    if leg.mirrors:
        out.normal = as_array(torch.stack([m.normal for m in leg.mirrors]).to(torch.float32), wp.vec3)
        parts = ((m.permittivity, m.roughness, m.layer_loss) for m in leg.mirrors)
        out.permittivity, out.roughness, out.loss = _materials(*(torch.stack(x) for x in zip(*parts, strict=True)))
    return out


def beam_struct(pattern: Pattern, device: torch.device) -> Any:
    """A pattern as kernels take it."""
    known = _beams.setdefault(pattern, {})
    if device not in known:
        known[device] = _beam_struct(pattern, device)
    return known[device]


def _beam_struct(pattern: Pattern, device: torch.device) -> Any:
    out = Beam()
    out.peak = pattern.peak_gain
    out.azimuth, out.elevation = cosine_exponent(pattern.azimuth_width), cosine_exponent(pattern.elevation_width)
    if pattern.table_angle is not None:
        names = ("angle", "azimuth_cut", "elevation_cut")
        cuts = (pattern.table_angle, pattern.azimuth_cut, pattern.elevation_cut)
        for name, values in zip(names, cuts, strict=True):
            if values is not None:
                setattr(out, name, as_array(values.to(device, torch.float32)))
    return out
