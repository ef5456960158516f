"""A scene and its radar elsewhere in the world, and what the radar's own frame is for: beams and polarisation."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from simulation.scenes import mesh, plate, response, small_radar

from mmsynth import geometry
from mmsynth.radar import pattern_gain
from mmsynth.scene import load_room
from mmsynth.simulation import trace_room
from mmsynth.simulation.paths import trace
from mmsynth.simulation.settings import Simulation
from mmsynth.types import Material, Pattern, Scene

BEAM = Pattern(4.0, math.radians(70), math.radians(40))
EXACT = Simulation(drop=0.0, bounce_drop=0.0, bounces=1)


def moved_by(turn, shift):
    """The rigid transform [4, 4] that turns about the vector `turn` in rad, then shifts by `shift` in m."""
    pose = torch.eye(4, dtype=torch.float64)
    pose[:3, :3] = geometry.matrix_from_rotvec(torch.tensor(turn, dtype=torch.float64))
    pose[:3, 3] = torch.tensor(shift, dtype=torch.float64)
    return pose


@pytest.mark.parametrize("polarization", ["vertical", "horizontal"])
def test_where_in_the_world_a_scene_lies_does_not_matter(polarization):
    # A limb of two materials over a floor, TX and RX apart: turned and shifted as a whole, its echo is the same.
    limb = trimesh.creation.capsule(height=0.3, radius=0.05, count=[24, 24])
    person = mesh(limb.vertices + [0.4, 3.0, 1.1], limb.faces)
    half = torch.arange(len(limb.faces)) % 2
    person = replace(person, region=half, region_names=("skin", "cloth"))
    floor = torch.tensor([[[-9.0, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0]]], dtype=torch.float64)
    materials = {
        "skin": Material("skin", 6.56 - 8.91j),
        "cloth": Material("cloth", 3.0 - 0.2j, roughness=2e-4, layer_loss=0.6),
        "floor": Material("floor", 5.24 - 0.34j, roughness=1e-4),
    }
    radar = replace(small_radar(60e9, tx=((-0.3, 0, 0.1),), rx=((0.4, 0, 0.0),)), pattern=BEAM)
    pose = geometry.radar_pose((0.0, 0.0, 1.0), yaw=0.1, tilt=-0.15)
    found = []
    for world in (torch.eye(4, dtype=torch.float64), moved_by([0.7, -0.4, 1.1], [3.0, -2.0, 5.0])):
        there = replace(person, vertices=geometry.apply(world, person.vertices))
        scene = Scene(world @ pose, (there,), materials, None, geometry.apply(world, floor), ("floor",))
        settings = replace(EXACT, polarization=polarization)
        found.append(trace(scene, radar, 0, settings, 1))
    here, there = found
    assert len(here) == len(there) and int((here.order == 1).sum()) > 100
    assert abs(complex(response(there, radar) / response(here, radar)) - 1) < 1e-3
    torch.testing.assert_close(there.departure, here.departure, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("azimuth", "elevation", "share"), [(35, 0, 0.5), (0, -20, 0.5), (-35, 20, 0.25)])
def test_an_echo_passes_the_beam_twice(azimuth, elevation, share):
    # At half a beam width an element sends and takes half the power: half the amplitude of peak_gain's for both ways.
    radar = replace(small_radar(60e9), pattern=BEAM)
    across, up = math.radians(azimuth), math.radians(elevation)
    way = np.array([math.sin(across) * math.cos(up), math.cos(across) * math.cos(up), math.sin(up)])
    # The plate is square to the way to it, seen by a radar that is turned, tilted and rolled.
    side = np.cross(way, [0, 0, 1]) / math.cos(up)
    points, faces = plate(0.01, 0.01, 0.0)
    turned = points[:, :1] * side + points[:, 2:] * np.cross(side, way) + 3 * way
    pose = moved_by([0.3, -0.5, 0.8], [1.0, 2.0, 3.0])
    target = mesh(geometry.apply(pose, torch.tensor(turned)), faces)
    scene = Scene(pose, (target,), {"conductor": Material("conductor", None)})
    settings = replace(EXACT, bounces=0)
    level = [response(trace(scene, r, 0, settings, 1), r).abs() for r in (radar, small_radar(60e9))]
    assert float(level[0] / level[1]) == pytest.approx(BEAM.peak_gain * share, rel=1e-3)


def test_every_path_passes_the_beams_of_both_its_ends():
    # Direct paths, over a floor, between two balls, of the room: each has the gain of the element where it leaves and
    # where it arrives, which differ for bounces.
    shapes = [trimesh.creation.icosphere(subdivisions=3, radius=0.1) for _ in range(2)]
    balls = [mesh(ball.vertices + [x, 2.0, 0.9], ball.faces) for x, ball in zip((-0.16, 0.16), shapes, strict=True)]
    sides = {"size": [4.0, 5.0, 2.7], "center": [0.03, 2.5]}
    walls, mirrors, names, materials = load_room({"room": sides}, 60e9)
    materials |= {"conductor": Material("conductor", None)}
    pose = geometry.radar_pose((0.1, 0.1, 1.2), yaw=0.2, tilt=-0.1)
    scene = Scene(pose, tuple(balls), materials, walls, mirrors, names)
    isotropic = small_radar(60e9, tx=((-0.02, 0, 0),), rx=((0.02, 0, 0),))
    found = []
    # A table that is nowhere zero, so that the same paths are left.
    angle = torch.tensor([-3.2, -0.4, 0.3, 3.2], dtype=torch.float64)
    cuts = (torch.tensor(x, dtype=torch.float64) for x in ([0.2, 0.8, 1.0, 0.3], [0.3, 1.0, 0.9, 0.4]))
    table = Pattern(4.0, 1.0, 1.0, angle, *cuts)
    for radar in (isotropic, replace(isotropic, pattern=table)):
        bare = replace(scene, room=None, mirrors=None, mirror_regions=())  # its bounces are tubes
        over = [trace(one, radar, 0, EXACT, 1) for one in (scene, bare)]
        found.append((*over, trace_room(scene, radar, EXACT, 1)))
    for plain, beamed in zip(*found, strict=True):
        assert len(plain) == len(beamed) and plain.order.unique().tolist() == [0, 1]
        power = pattern_gain(table, plain.departure) * pattern_gain(table, plain.arrival)
        # A path says where the middle of its facet is; a tube's own ray is up to half a degree beside that.
        torch.testing.assert_close(beamed.gain, plain.gain * power.sqrt()[:, None], rtol=0.02, atol=1e-12)
        bounced = plain.order > 0
        assert float((plain.departure - plain.arrival)[bounced].norm(dim=1).max()) > 0.1
