"""What is left out over mirrors before a ray is shot: nothing that counts."""

import itertools
import math
from dataclasses import replace

import pytest
import torch
import trimesh
from simulation.scenes import CONDUCTOR, bounced, mesh, small_radar

from mmsynth import geometry
from mmsynth.scene import load_room
from mmsynth.simulation import legs
from mmsynth.simulation.mirrors.chains import chains_of, room_mirrors
from mmsynth.simulation.mirrors.illumination import lit
from mmsynth.simulation.paths import trace
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.settings import Simulation, frame_knots
from mmsynth.simulation.surface import length, unit
from mmsynth.types import Pattern, Scene

ROOM = {
    "room": {"size": [4.0, 5.0, 2.6], "center": [0.0, 2.0]},
    "furniture": [{"name": "cabinet", "size": [0.8, 0.5, 1.2], "position": [1.2, 3.2, 0.0], "material": "metal"}],
}


def furnished() -> Scene:
    """A capsule that comes 4 cm nearer to a metal cabinet within a frame."""
    # Flat facets of 1.2 m, as the capsule has them, would be cut into many more.
    shape = trimesh.creation.capsule(height=1.2, radius=0.2, count=[20, 20]).subdivide_to_size(0.12)
    knots = frame_knots(small_radar(60e9), Simulation())
    person = mesh(shape.vertices + [-0.3, 2.4, 0.3], shape.faces, velocity=(150.0, 0.0, 0.0), times=knots)
    room, mirrors, regions, materials = load_room(ROOM, 60e9)
    pose = geometry.radar_pose((0.3, 0.0, 1.1))
    return Scene(pose, (person,), materials | {"conductor": CONDUCTOR}, room, mirrors, regions)


def test_what_reaches_a_facet_is_the_field_over_the_mirrors():
    scene, settings = furnished(), Simulation(bounces=2)
    radar = replace(small_radar(60e9), pattern=Pattern(5.0, 1.2, 0.6))
    pose = pose_frame(scene, radar, 0, settings, 1)
    facets = torch.arange(0, pose.topology.moving, 3)
    corner = pose.vertices[pose.rows[0]][:, pose.topology.faces[:, facets]]
    centre = corner.mean(1)
    several = 0
    for leg, _ in chains_of(scene, radar, settings, legs.direct_legs(scene, radar, settings)).chains:
        way = (centre - leg.centre[:, None]).float()
        field = legs.field(leg, unit(way), math.tau / radar.waveform.wavelength).abs().square().sum(0).sqrt()
        want = field * legs.pattern(leg, unit(way), radar) / length(way) * legs.free(leg, centre.T, None)
        got = lit(pose, [leg], ((centre - pose.anchor[:, None]).float()[None], None))[0, 0]
        assert torch.allclose(
            got, want, rtol=1e-4, atol=1e-7
        )  # float32; near Brewster's angle the field is a difference
        several += int((got > 0).any())
    assert several > 15


def test_no_chain_of_mirrors_is_missed():
    scene, radar, settings = furnished(), small_radar(60e9), Simulation(bounces=2)
    ends = legs.direct_legs(scene, radar, settings)
    mirrors = room_mirrors(scene)
    found = [tx.mirrors for tx, _ in chains_of(scene, radar, settings, ends).chains]
    place = {tuple(m.corners.flatten().tolist()): k for k, m in enumerate(mirrors)}
    found = {tuple(place[tuple(m.corners.flatten().tolist())] for m in chain) for chain in found}
    points = scene.people[0].vertices.flatten(0, 1)
    for count in (1, 2):
        for numbers in itertools.product(range(len(mirrors)), repeat=count):
            leg, front = ends[0], True
            for number, before in zip(numbers, (None, *numbers), strict=False):
                front = front and number != before
                front = front and bool((leg.centre - mirrors[number].corners[0]) @ mirrors[number].normal > 0)
                leg = bounced(leg, mirrors[number])
            used = front and bool(legs.free(leg, points, None).any())
            assert numbers in found or not used
    assert len(found) < 1 + 11 + 11 * 10  # six walls and five sides of the cabinet that are not on the floor


@pytest.mark.parametrize("drop", [1e-5, 1e-3])
def test_facets_left_out_hold_less_than_the_budget(drop):
    # TX and RX share rays: a floor alone makes three families, TX over it, RX over it, and both.
    scene, radar = furnished(), small_radar(60e9)
    floor = [k for k, name in enumerate(scene.mirror_regions) if name.endswith(":floor")]
    scene = Scene(
        scene.world_from_radar,
        scene.people,
        scene.materials,
        None,
        scene.mirrors[floor],
        (scene.mirror_regions[floor[0]],),
    )
    whole, part = (trace(scene, radar, 0, Simulation(drop=0.0, bounce_drop=d, bounces=2), 1) for d in (0.0, drop))
    power = [p.gain.abs().square().sum(1) for p in (whole, part)]
    direct = float(power[0][whole.order == 0].sum())
    assert float(power[0].sum() - power[1].sum()) < drop * direct
    for order in (1, 2):
        assert int((part.order == order).sum()) < int((whole.order == order).sum())
