"""Shadows of people on the room."""

import torch
from simulation.scenes import mesh, plate, response, small_radar

from mmsynth.simulation import Simulation, frame_knots, knot_times, simulate_clean, trace_room
from mmsynth.simulation.paths import join, trace
from mmsynth.simulation.shadows import shadow_paths
from mmsynth.types import Material, MeshSequence, Scene

QUIET = Simulation(diffuse=False, drop=0.0)


def wall_scene(person, roughness=0.0):
    """A metal wall 4 m ahead, and a person between it and the radar."""
    quad = torch.tensor([[-2.0, 4, -2], [2, 4, -2], [2, 4, 2], [-2, 4, 2]], dtype=torch.float64)
    faces = torch.tensor([[0, 1, 2], [0, 2, 3]])
    region = torch.zeros(2, dtype=torch.int64)
    wall = MeshSequence(quad[None], faces, torch.zeros(1, dtype=torch.float64), region, ("wall",))
    materials = {"conductor": Material("absorber", 1.0 + 0j), "wall": Material("wall", None, roughness=roughness)}
    return Scene(torch.eye(4, dtype=torch.float64), (person,), materials, wall, quad[None], ("wall",))


def screen(aside):
    vertices, faces = plate(0.3, 0.3, 2.0, cells=2)
    return mesh(vertices + [aside, 0, 0], faces)


def test_a_person_in_the_way_takes_the_echo_of_the_wall_away():
    radar = small_radar(60e9)
    for aside, left in ((0.0, 0.0), (1.0, 1.0)):
        scene = wall_scene(screen(aside))
        room = trace_room(scene, radar, QUIET, 1)
        shadow = shadow_paths(scene, radar, 0, QUIET, room)
        whole = response(room, radar)
        rest = whole + (0 if shadow is None else response(shadow, radar))
        assert float(rest.abs() / whole.abs()) == left


def test_patches_behind_a_person_and_no_others_are_hidden():
    radar = small_radar(60e9)
    scene = wall_scene(screen(0.5), roughness=3e-4)
    settings = Simulation(coherent=False, drop=0.0)
    room = trace_room(scene, radar, settings, 1)
    shadow = shadow_paths(scene, radar, 0, settings, room)

    # The screen at 2 m, 0.3 wide about x = 0.5, hides twice its size of the wall: x from 0.7 to 1.3, |z| under 0.3.
    def count(paths, wide):
        place = paths.departure * paths.tx_delay[:, 0, :1].float() * 299792458.0
        inside = ((place[:, 0] - 1).abs() < 0.3 + wide) & (place[:, 2].abs() < 0.3 + wide)
        return int(inside.sum()), len(paths)

    # All of a square 1 cm smaller on each side are hidden, and none outside one 1 cm larger.
    assert count(shadow, -0.01)[0] == count(room, -0.01)[0] > 50
    assert count(shadow, 0.01)[0] == count(shadow, 0.01)[1]


def test_the_clip_holds_the_shadow():
    # The wall behind an absorbing screen is gone from the samples; beside it, it is there.
    radar = small_radar(60e9)
    times = knot_times(radar, 1, QUIET)
    power = []
    for aside in (0.0, 1.0):
        still = screen(aside)
        person = MeshSequence(
            still.vertices[:1].expand(len(times), -1, -1), still.faces, times, still.region, still.region_names
        )
        power.append(float(simulate_clean(wall_scene(person), radar, 1, QUIET, 1).abs().square().mean()))
    assert power[0] < 1e-6 * power[1]


def test_paths_of_room_and_people_fit_together():
    radar = small_radar(60e9)
    scene = wall_scene(screen(0.0))
    room = trace_room(scene, radar, QUIET, 1)
    shadow = shadow_paths(scene, radar, 0, QUIET, room)
    both = join([trace(scene, radar, 0, QUIET, 1), shadow])
    assert both.tx_delay.shape[2] == len(frame_knots(radar, QUIET))
    assert both.region_names[int(both.region[-1])] == "wall"
