"""The room's own echoes: images in walls and corners, diffuse patches, once for all frames."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from oracles import fresnel_power, image_echo, trihedral_rcs
from simulation.scenes import mesh, plate, rcs, small_radar

from mmsynth.geometry import radar_pose
from mmsynth.radar import load_radar, pattern_gain
from mmsynth.scene import load_room
from mmsynth.simulation import Simulation, frame_knots, knot_times, simulate, simulate_clean, synthesize, trace_room
from mmsynth.simulation.paths import trace
from mmsynth.simulation.room import ASIDE, PATCH, cut_mesh
from mmsynth.types import Material, MeshSequence, Pattern, Receiver, Scene

STONE = Material("stone", complex(5.2, -0.2), frequency=60e9)
METAL = Material("metal", None)
QUIET = Simulation(diffuse=False)


def room(quads: list[np.ndarray], material: Material = METAL) -> Scene:
    """A scene of flat walls, each of which is a mirror too; the radar looks along +y from the origin."""
    corners = torch.tensor(np.array(quads), dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    walls = MeshSequence(
        corners.reshape(1, -1, 3),
        torch.cat([faces + 4 * k for k in range(len(quads))]),
        torch.zeros(1, dtype=torch.float64),
        torch.zeros(2 * len(quads), dtype=torch.long),
        ("wall",),
    )
    names = ("wall",) * len(quads)
    return Scene(torch.eye(4, dtype=torch.float64), (), {"wall": material}, walls, corners, names)


def wall_ahead(distance: float) -> np.ndarray:
    """A quad that faces the origin from +y."""
    return np.array([[-2.0, distance, -2], [2, distance, -2], [2, distance, 2], [-2, distance, 2]])


@pytest.mark.parametrize("material", [METAL, STONE])
def test_wall_is_the_image_of_the_radar(material: Material) -> None:
    radar = small_radar()
    paths = trace_room(room([wall_ahead(2.5)], material), radar, QUIET, 0)
    assert paths is not None
    assert len(paths) == 1
    reflection = 1.0 if material is METAL else fresnel_power(STONE.permittivity, 0.0, "te")
    delay, amplitude = image_echo(5.0, radar.waveform.wavelength, reflection)
    assert float(paths.tx_delay[0, 0, 0] + paths.rx_delay[0, 0, 0]) == pytest.approx(delay, rel=1e-12)
    assert float(paths.gain[0, 0].abs()) == pytest.approx(amplitude, rel=1e-5)
    assert float(paths.gain[0, 0].real) < 0  # the field turns over at a conductor and at a denser medium


def test_the_echo_of_a_wall_aside_passes_the_beam_twice() -> None:
    # Turned away, so that the wall's image lies 25 degrees to the left of the boresight and 10 above it.
    narrow = Pattern(peak_gain=8.0, azimuth_width=math.radians(60), elevation_width=math.radians(40))
    scene = replace(room([wall_ahead(3.0)]), world_from_radar=radar_pose((0.0, 0.0, 0.0), -0.4363, -0.1745))
    plain, through = (trace_room(scene, replace(small_radar(), pattern=p), QUIET, 0) for p in (Pattern(), narrow))
    assert plain is not None and through is not None
    direction = scene.world_from_radar[:3, :3].T @ torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64)
    got = float(through.gain[0, 0].abs() / plain.gain[0, 0].abs())
    assert got == pytest.approx(float(pattern_gain(narrow, direction)), rel=1e-5)  # the root of its square
    assert 0.5 < got < 6


def test_corner_sends_the_wave_back_by_its_edge() -> None:
    edge = np.array([1.0, 3.0])
    left = np.array([[1.0, 3, -2], [1.0, 3, 2], [-2, 3, 2], [-2, 3, -2]])
    right = np.array([[1.0, 3, -2], [1.0, -1, -2], [1.0, -1, 2], [1.0, 3, 2]])
    turned = [
        quad[::-1] if np.cross(quad[1] - quad[0], quad[3] - quad[0]) @ -quad.mean(0) < 0 else quad
        for quad in (left, right)
    ]
    radar = small_radar()
    paths = trace_room(room(turned), radar, replace(QUIET, bounces=1), 0)
    assert paths is not None
    twice = (paths.order == 1).nonzero()[:, 0]
    assert len(twice) == 1  # both orders have the same image: the wave comes back once
    delay, amplitude = image_echo(2 * np.hypot(*edge), radar.waveform.wavelength, 1.0)
    path = int(twice[0])
    assert float(paths.tx_delay[path, 0, 0] + paths.rx_delay[path, 0, 0]) == pytest.approx(delay, rel=1e-12)
    assert float(paths.gain[path, 0].abs()) == pytest.approx(amplitude, rel=1e-4)


def test_a_corner_of_two_materials_reflects_by_each_at_its_own_angle() -> None:
    # Straight back from the corner at (1, 3): 18 degrees off one wall, 72 off the other, both across.
    ahead = np.array([[-2.0, 3, -2], [1, 3, -2], [1, 3, 2], [-2, 3, 2]])
    aside = np.array([[1.0, 3, -2], [1, -1, -2], [1, -1, 2], [1, 3, 2]])
    found = room([ahead, aside])
    assert found.room is not None
    names = ("ahead", "aside")
    walls = replace(found.room, region=torch.tensor([0, 0, 1, 1]), region_names=names)
    materials = {"ahead": STONE, "aside": replace(STONE, permittivity=complex(2.0, -0.4))}
    radar, angle = small_radar(), math.atan2(1, 3)
    scene = replace(found, room=walls, mirror_regions=names, materials=materials)
    paths = trace_room(scene, radar, replace(QUIET, bounces=1), 0)
    assert paths is not None and int((paths.order == 1).sum()) == 1
    power = [
        fresnel_power(materials[name].permittivity, at, "te")
        for name, at in zip(names, (angle, math.pi / 2 - angle), strict=True)
    ]
    _, amplitude = image_echo(2 * math.hypot(1, 3), radar.waveform.wavelength, power[0] * power[1])
    assert float(paths.gain[paths.order == 1].abs()[0, 0]) == pytest.approx(amplitude, rel=1e-3)


def test_a_path_is_of_the_wall_that_it_comes_from() -> None:
    behind = wall_ahead(-1.5)[::-1]
    scene = room([wall_ahead(2.5), behind])
    assert scene.room is not None
    walls = replace(scene.room, region=torch.tensor([0, 0, 1, 1]), region_names=("ahead", "behind"))
    scene = replace(scene, room=walls, mirror_regions=("ahead", "behind"), materials={"ahead": METAL, "behind": METAL})
    paths = trace_room(scene, small_radar(), replace(QUIET, bounces=2), 0)
    assert paths is not None and torch.bincount(paths.order).tolist() == [2, 2, 2]
    for region, way in zip(paths.region.tolist(), paths.arrival[:, 1].tolist(), strict=True):
        assert (paths.region_names[region] == "ahead") == (way > 0)
    # Over an even number of walls it leaves by the other one.
    assert (paths.departure[:, 1] * paths.arrival[:, 1] > 0).tolist() == (paths.order != 1).tolist()


def test_corners_send_back_wherever_the_room_stands() -> None:
    # Close to the edge of two walls a ray is shorter than a millimetre: whether it arrived was a matter of rounding.
    radar, settings = small_radar(), Simulation(bounces=1, diffuse=False)
    for k in range(6):
        size, center = [4.0, 5.0, 2.7], [0.0137 * k, 2.0 + 0.0071 * k]
        walls, mirrors, names, materials = load_room({"room": {"size": size, "center": center}})
        pose = radar_pose((0.0, 0.0, 1.0 + 0.003 * k))
        paths = trace_room(
            Scene(pose, (), materials, room=walls, mirrors=mirrors, mirror_regions=names), radar, settings, 1
        )
        # Six walls; between opposite ones three pairs in two orders; and one order of each of twelve edges.
        assert torch.bincount(paths.order).tolist() == [6, 18]


@pytest.mark.parametrize("left", [False, True])
def test_a_board_sees_every_corner_of_a_room(left: bool) -> None:
    # The phase centres of its TX and RX are a millimetre apart: which order of two walls is there hangs on no less.
    radar, settings, draw = load_radar("mmmesh").radar, Simulation(bounces=1, diffuse=False), np.random.default_rng(4)
    if left:  # an RX to the left of its TX and below it, as far as the ray goes aside: it must not go back to the TX
        one, other = (torch.tensor([p], dtype=torch.float64) for p in ((0.0, 0.0, 0.0), ASIDE))
        radar = replace(radar, tx=other, rx=one, codes=torch.eye(1))
    for _ in range(40):
        size = draw.uniform([2.5, 2.5, 2.2], [8, 8, 3.2])
        walls, mirrors, names, materials = load_room({"room": {"size": size.tolist(), "center": [0.0, 0.0]}}, 77e9)
        place = draw.uniform([-0.45, -0.45, 0.1], [0.45, 0.45, 0.9]) * size
        pose = radar_pose(tuple(place), draw.uniform(-3, 3), draw.uniform(-0.6, 0.6))
        paths = trace_room(Scene(pose, (), materials, walls, mirrors, names), radar, settings, 1)
        assert torch.bincount(paths.order).tolist() == [6, 18]


def test_a_corner_reflector_from_a_file_stands_in_the_room_with_its_three_bounces(tmp_path) -> None:
    # Three triangles of 8 cm, their axis (1, 1, 1) turned to the radar (-y), and no flat wall: no image to look for.
    radar, distance = small_radar(77e9), 6.0
    turn = trimesh.geometry.align_vectors([1, 1, 1], [0, -1, 0])[:3, :3]
    corners = np.concatenate([np.zeros((1, 3)), 0.08 * np.eye(3)]) @ turn.T
    trimesh.Trimesh(corners, [[0, 1, 2], [0, 2, 3], [0, 3, 1]], process=False).export(tmp_path / "corner.obj")
    file = {"file": str(tmp_path / "corner.obj"), "position": [0.0, distance, 0.0], "material": "metal"}
    still, quads, names, materials = load_room({"mesh": [file]}, 77e9)
    scene = Scene(torch.eye(4, dtype=torch.float64), (), materials, still, quads, names)
    levels = []
    for bounces in (1, 2):
        paths = trace_room(scene, radar, replace(QUIET, bounces=bounces), 0)
        assert paths is not None
        level = rcs(paths, radar, distance) / trihedral_rcs(0.08, radar.waveform.wavelength)
        levels.append(10 * math.log10(level))
    assert levels[0] < -25  # what its sides send back alone, and by twos
    assert levels[1] == pytest.approx(0, abs=0.3)  # its rim is cut in pieces of 2 mm, an edge of it is 113


def test_furniture_hides_the_wall_behind_it() -> None:
    board = np.array([[-0.3, 1.0, -0.3], [0.3, 1.0, -0.3], [0.3, 1.0, 0.3], [-0.3, 1.0, 0.3]])
    paths = trace_room(room([wall_ahead(2.5), board]), small_radar(), QUIET, 0)
    assert paths is not None
    ranges = 299792458 / 2 * (paths.tx_delay + paths.rx_delay)[:, 0, 0]
    assert ranges.tolist() == pytest.approx([1.0])


def test_a_wall_hides_what_is_no_mirror_behind_it() -> None:
    board = np.array([[-0.3, 1.0, -0.3], [0.3, 1.0, -0.3], [0.3, 1.0, 0.3], [-0.3, 1.0, 0.3]])
    nearest = []
    for aside in (0.0, 2.0):
        scene = room([board + [aside, 0, 0]])
        assert scene.room is not None
        points, faces = plate(0.1, 0.1, 2.0, cells=2)
        thing = torch.as_tensor(points, dtype=torch.float64)
        both = replace(
            scene.room,
            vertices=torch.cat([scene.room.vertices, thing[None]], 1),
            faces=torch.cat([scene.room.faces, torch.as_tensor(faces) + 4]),
            region=torch.cat([scene.room.region, torch.ones(len(faces), dtype=torch.long)]),
            region_names=("wall", "thing"),
        )
        there = replace(scene, room=both, materials={"wall": METAL, "thing": METAL})
        paths = trace_room(there, small_radar(), QUIET, 0)
        assert paths is not None
        nearest.append({paths.region_names[k] for k in paths.region.tolist()})
    assert nearest == [{"wall"}, {"thing"}]  # aside, the board is no mirror of the radar's


def test_diffuse_patches_hold_the_power_of_lambert_s_law() -> None:
    rough = replace(STONE, roughness=5e-3)  # nothing is left of the mirror image at 60 GHz
    radar, distance, half = small_radar(), 4.0, 0.25
    square = np.array(
        [[-half, distance, -half], [half, distance, -half], [half, distance, half], [-half, distance, half]]
    )
    paths = trace_room(room([square], rough), radar, Simulation(), 3)
    assert paths is not None
    lost = fresnel_power(STONE.permittivity, 0.0, "te")
    sigma = 4 * lost * (2 * half) ** 2
    want = sigma * radar.waveform.wavelength**2 / ((4 * math.pi) ** 3 * distance**4)
    assert float(paths.gain[:, 0].abs().square().sum()) == pytest.approx(want, rel=0.03)  # cosines down to 0.996


def test_phases_of_rough_walls_are_not_those_of_the_first_person() -> None:
    scene, radar = room([wall_ahead(4.0)], replace(STONE, roughness=5e-3)), small_radar()
    settings, knots = (
        Simulation(coherent=False, drop=0.0, knots=2, grain=0.0),
        frame_knots(small_radar(), Simulation(knots=2)),
    )
    assert scene.room is not None
    body = cut_mesh(scene.room, torch.ones(2, dtype=torch.bool), PATCH, knots)
    person = trace(replace(scene, people=(body,), room=None, mirrors=None, mirror_regions=()), radar, 0, settings, 3)
    walls = trace_room(scene, radar, settings, 3)
    assert walls is not None and len(walls) == len(person) > 500
    torch.testing.assert_close(walls.gain.abs(), person.gain.abs())
    turn = torch.polar(torch.ones(len(walls)), (walls.gain[:, 0] * person.gain[:, 0].conj()).angle())
    assert float(turn.mean().abs()) < 0.15


def test_cut_triangles_keep_area_side_and_place() -> None:
    points, faces = plate(0.7, 0.4, 2.0, angle=0.3)
    whole = mesh(points, faces, rows=1)
    cut = cut_mesh(whole, torch.ones(len(faces), dtype=torch.bool), 0.05, torch.tensor([0.0, 1.0]).double())

    def area(m: MeshSequence) -> torch.Tensor:
        a, b, c = m.vertices[0][m.faces].unbind(1)
        return torch.linalg.cross(b - a, c - a) / 2

    torch.testing.assert_close(area(cut).sum(0), area(whole).sum(0))
    torch.testing.assert_close(area(cut).norm(dim=1).sum(), area(whole).norm(dim=1).sum())
    corners = cut.vertices[0][cut.faces]
    assert float((corners - corners.roll(1, 1)).norm(dim=-1).max()) <= 0.05 + 1e-9
    assert cut.vertices.shape[0] == 2


def test_room_is_the_same_in_every_loop_and_frame_and_adds_to_the_people() -> None:
    radar = small_radar(loops=3)
    # Shadows of people on the room are in test_shadows.py.
    settings = Simulation(diffuse=False, occlusion=False)
    person = mesh(*plate(0.05, 0.05, 1.5, cells=4), rows=2 * 3, velocity=(0, 1, 0))
    person = replace(person, times=knot_times(radar, 2, settings))
    walls = room([wall_ahead(2.5)])
    scene = replace(walls, people=(person,), materials={"wall": METAL, "conductor": METAL})
    whole = simulate_clean(scene, radar, 2, settings, 0)
    people = simulate_clean(scene, radar, 2, replace(settings, static_room=False), 0)
    still = whole - people
    room_paths = trace_room(scene, radar, settings, 0)
    assert room_paths is not None
    want = synthesize(room_paths, radar)
    scale = float(want.abs().max())
    assert scale > 0
    # float32 sums of the two
    torch.testing.assert_close(still, want.expand_as(still), rtol=0, atol=2e-3 * scale)
    assert float((whole[0] - whole[1]).abs().max()) > 1e-3 * float(people.abs().max())
    # Through a filter whose corner is the wall's beat frequency: 1 / (1 + j), in fast time no more than a factor.
    low = replace(radar, receiver=Receiver(lowpass=radar.waveform.slope * 5 / 299792458))
    passed = [simulate_clean(scene, low, 2, replace(settings, static_room=static), 0) for static in (True, False)]
    torch.testing.assert_close((passed[0] - passed[1]) * (1 + 1j), still, rtol=0, atol=2e-3 * scale)
    frames = simulate(scene, radar, 2, settings, torch.Generator().manual_seed(0))
    assert frames.times.tolist() == [0, radar.waveform.frame_period]
