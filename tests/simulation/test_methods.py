"""The methods beside physical optics, and the settings."""

import math
from dataclasses import replace

import pytest
import torch
import trimesh
from simulation.scenes import free_space, mesh, rcs, small_radar

from mmsynth.scene import material
from mmsynth.simulation.bones import BONES, ellipsoid_rcs
from mmsynth.simulation.paths import trace
from mmsynth.simulation.settings import Simulation, frame_knots, knot_times
from mmsynth.types import Material


def test_knots_span_the_active_time_and_repeat_every_frame():
    radar = small_radar(loops=8)
    knots = frame_knots(radar, Simulation())
    assert knots.dtype == torch.float64 and len(knots) == 3
    assert float(knots[0]) == 0 and float(knots[-1]) == pytest.approx(radar.active_time, abs=1e-15)
    times = knot_times(radar, 3, Simulation())
    assert torch.allclose(times[3:6] - times[:3], torch.full((3,), 0.05, dtype=torch.float64), atol=1e-15)
    assert bool((times.diff() > 0).all())
    # Loops of 64 us: 5 ms have three knots, and every fourfold of it two more.
    for loops, count in ((78, 3), (79, 5), (312, 5), (313, 7), (400, 7), (1250, 7), (1251, 9)):
        longer = replace(radar, waveform=replace(radar.waveform, loops=loops, frame_period=0.1))
        assert len(frame_knots(longer, Simulation())) == count
    assert len(frame_knots(radar, Simulation(knots=4))) == 4


def test_settings_say_what_is_wrong():
    with pytest.raises(ValueError, match="polarization: expected one of vertical, horizontal, got 'circular'"):
        Simulation(polarization="circular")
    for wrong in (
        *({"knots": 1}, {"knots": 65}, {"flatness": -1.0}, {"bounces": -1}, {"bounces": 5}, {"drop": 1.0}),
        *({"bone_points": 0}, {"bone_points": 1001}),
    ):
        with pytest.raises(ValueError, match=f"Simulation.{next(iter(wrong))}"):
            Simulation(**wrong)


def test_a_point_returns_what_falls_on_its_facet():
    # 1 cm^2 across the rays is an isotropic scatterer of 1 cm^2.
    shape = mesh([[-0.01, 8.0, 0], [0.01, 8, 0], [0, 8, 0.01]], [[0, 1, 2]])
    radar = small_radar()
    paths = trace(free_space(shape), radar, 0, Simulation(method="points"), 1)
    distance = float((paths.tx_delay + paths.rx_delay)[0, 0, 0]) * 299792458 / 2
    assert rcs(paths, radar, distance) == pytest.approx(1e-4, rel=1e-3)


def test_the_drop_budget_holds():
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    scene, radar = free_space(mesh(ball.vertices + [0, 5, 0], ball.faces)), small_radar()
    whole, some = (trace(scene, radar, 0, Simulation(drop=d), 1) for d in (0.0, 1e-2))
    power = [float(p.gain.abs().square().sum()) for p in (whole, some)]
    assert len(some) < len(whole)
    assert 0.99 * power[0] <= power[1] < power[0]


def skeleton():
    shape = mesh([[0, 2.0, 0], [0.1, 2, 0], [0, 2, 0.1]], [[0, 1, 2]])
    names = tuple(dict.fromkeys(name for bone in BONES for name in bone))
    generator = torch.Generator().manual_seed(0)
    place = torch.rand(len(names), 3, generator=generator, dtype=torch.float64)
    place = place + torch.tensor([0.0, 3.0, 0.0], dtype=torch.float64)
    return replace(shape, joint_names=names, joints=place.expand(3, -1, -1))


def test_bones_are_ellipsoids():
    # Broadside of a sphere (L = 2 r): pi r^2, whatever the angle. Broadside of the ellipsoid: pi L^2 / 4.
    one = torch.ones(5, dtype=torch.float64)
    cosine = torch.linspace(0, 1, 5, dtype=torch.float64)
    assert torch.allclose(ellipsoid_rcs(0.1 * one, 0.2 * one, cosine, True), math.pi * 0.01 * one)
    assert float(ellipsoid_rcs(one[:1] * 0.05, one[:1] * 0.4, cosine[:1], True)) == pytest.approx(math.pi * 0.04)
    assert float(ellipsoid_rcs(one[:1] * 0.05, one[:1] * 0.4, cosine[:1], False)) == pytest.approx(math.pi * 1e-4)
    assert len(BONES) == 22


def test_bones_give_paths_or_say_what_is_missing():
    radar, settings = small_radar(), Simulation(method="bones")
    paths = trace(free_space(skeleton()), radar, 0, settings, 1)
    assert len(paths) == 22 * 3 and bool(torch.isfinite(paths.gain.abs()).all())
    with pytest.raises(ValueError, match="joints"):
        trace(free_space(mesh([[0, 2.0, 0], [0.1, 2, 0], [0, 2, 0.1]], [[0, 1, 2]])), radar, 0, settings, 1)


def test_points_on_a_bone_return_together_what_its_ellipsoid_does():
    """By the radar equation, of each of three points in the middle of a third of the bone."""
    person, radar = skeleton(), small_radar()
    # Fast enough that a direction of mid-frame is no other knot's.
    way = torch.tensor([[0.0, 0, 0], [0.3, 0, 0], [0.6, 0, 0]], dtype=torch.float64)
    person = replace(person, joints=person.joints + way[:, None])
    paths = trace(free_space(person), radar, 0, Simulation(method="bones"), 1)
    ends = [[person.joint_names.index(bone[k]) for bone in BONES] for k in (0, 1)]
    for row, knot in ((0, 0), (1, 2)):
        low, high = (person.joints[knot, own, None] for own in ends)
        place = low + (high - low) * torch.tensor([1 / 6, 3 / 6, 5 / 6], dtype=torch.float64)[:, None]
        axis, distance = high - low, place.norm(dim=-1)
        length = axis.norm(dim=-1)
        cosine = (place * axis).sum(-1) / (distance * length)
        sigma = ellipsoid_rcs(0.15 * length, length, cosine, True)
        power = radar.waveform.wavelength**2 * sigma / ((4 * math.pi) ** 3 * distance**4)
        torch.testing.assert_close(3 * paths.gain[:, row].real.double(), power.sqrt().flatten(), rtol=1e-5, atol=0)
        delay = (paths.tx_delay + paths.rx_delay)[:, 0, knot] * 299792458 / 2
        torch.testing.assert_close(delay, distance.flatten(), rtol=1e-12, atol=0)
    middle = person.joints[1, ends].mean(0)
    departure = paths.departure.double()[1::3]
    torch.testing.assert_close(departure, middle / middle.norm(dim=1, keepdim=True), rtol=0, atol=1e-6)
    torch.testing.assert_close(paths.arrival, paths.departure)


def test_a_missing_material_or_frame_is_named():
    shape = mesh([[-0.01, 8.0, 0], [0.01, 8, 0], [0, 8, 0.01]], [[0, 1, 2]], region="skin:hand")
    with pytest.raises(ValueError, match="skin:hand"):
        trace(free_space(shape), small_radar(), 0, Simulation(), 1)
    scene = free_space(replace(shape, region_names=("conductor",)))
    with pytest.raises(ValueError, match="row 5"):
        trace(scene, small_radar(), 1, Simulation(), 1)


def test_who_moves_is_posed_at_the_knots():
    # As a file's 30 Hz are not; what rests may be posed whenever.
    radar, settings, corners = small_radar(), Simulation(), [[-0.01, 8.0, 0], [0.01, 8, 0], [0, 8, 0.01]]
    knots = knot_times(radar, 2, settings)
    for times in (knots, 0.7 + knots):
        trace(free_space(mesh(corners, [[0, 1, 2]], velocity=(0, 1, 0), times=times)), radar, 1, settings, 1)
    for times, rates in ((torch.arange(6) / 30.0, (0, 1, 0)), (knots * 0.99, (0, 0, 1))):
        trace(free_space(mesh(corners, [[0, 1, 2]], times=times)), radar, 1, settings, 1)
        with pytest.raises(ValueError, match="poses at the knots"):
            trace(free_space(mesh(corners, [[0, 1, 2]], velocity=rates, times=times)), radar, 1, settings, 1)


def test_materials_are_those_at_the_radars_frequency():
    shape = mesh([[-0.01, 8.0, 0], [0.01, 8, 0], [0, 8, 0.01]], [[0, 1, 2]], region="skin:hand")

    def traced(skin):
        return trace(replace(free_space(shape), materials={"skin:hand": skin}), small_radar(60e9), 0, Simulation(), 1)

    with pytest.raises(ValueError, match=r"expected 'skin:hand' at the radar's 60\.\d GHz, got 77\.0 GHz"):
        traced(material("skin"))
    with pytest.raises(ValueError, match="got 24.0 GHz"):
        traced(material("skin", 24e9))
    own = material("skin", 64e9)
    assert torch.equal(traced(own).gain, traced(Material("mine", own.permittivity, roughness=own.roughness)).gain)
    assert len(traced(material("metal"))) == 1
