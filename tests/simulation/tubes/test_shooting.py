"""Rays of ray tubes, and the ways over the points that they meet, by two routes each."""

from dataclasses import replace

import pytest
import torch
import trimesh
from simulation.scenes import CONDUCTOR, free_space, mesh, response, small_radar

from mmsynth.simulation.legs import direct_legs
from mmsynth.simulation.paths import select, trace
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.tubes import tubes
from mmsynth.simulation.tubes.shooting import Starts, lattice, parted, shoot
from mmsynth.simulation.tubes.ways import chain_ways, reference_ways
from mmsynth.types import Material

SETTINGS = Simulation(drop=0.0, bounce_drop=0.0, bounces=1)
CENTRES = ((-0.11, 3.0, 0.0), (0.11, 3.1, 0.03))
CPU = torch.device("cpu")


def balls(velocity=(0.0, 0.0, 0.0)):
    """A pose of two balls that light each other, legs, and tubes over all facets of the left one that face it."""
    radar = small_radar(60e9, tx=((-0.3, 0, 0.1), (-0.2, 0, 0)), rx=((0.4, 0, 0.0),))
    shape = trimesh.creation.icosphere(subdivisions=3, radius=0.06)
    bodies = [
        mesh(shape.vertices + c, shape.faces, velocity=velocity, region=k) for k, c in zip("ab", CENTRES, strict=True)
    ]
    scene = free_space(*bodies, materials={"a": CONDUCTOR, "b": CONDUCTOR})
    settings = Simulation(bounces=2)
    pose = pose_frame(scene, radar, 0, settings, 1)
    pose.bvh.refit(pose.vertices[len(pose.knots) // 2].T[None])
    facets = ((pose.area[0, 1] < 0) & (pose.area[0, 0] > 0)).nonzero()[:, 0]
    facets = facets[facets < len(shape.faces)]
    tubes = Starts(facets, torch.eye(3).expand(len(facets), 3, 3), facets.new_empty(len(facets), 0))
    return pose, direct_legs(scene, radar, settings), tubes


def test_rays_kept_from_cut_to_cut_are_those_that_one_cut_shoots():
    pose, (tx, _), starts = balls()
    twice = parted(
        starts, shoot(pose, tx, starts, lattice(2, CPU)[0], 2), lattice(2, CPU), torch.arange(4 * len(starts.face))
    )
    kept = shoot(pose, tx, twice, lattice(2, CPU)[0], 2)
    anew = shoot(pose, tx, Starts(twice.face, twice.corner, twice.known[:, :0]), lattice(2, CPU)[0], 2)
    met = kept.face[1] >= 0
    assert 0.01 < float(met.float().mean()) < 0.95
    # Rays at an edge of a facet may fall to either side of it, by rounding.
    assert float((kept.face == anew.face).float().mean()) > 0.995
    # The weights of a node are found from other corners: 1e-7 of a facet.
    assert float((kept.place[1] - anew.place[1])[met & (anew.face[1] >= 0)].abs().max()) < 1e-6
    # The nodes of all pieces are those of edges cut into four.
    whole = shoot(pose, tx, starts, lattice(4, CPU)[0], 2)
    size = 15 * 4 * len(starts.face)
    places = {tuple(x) for x in (whole.place[0] * 1e6).round().long().tolist()}
    assert len(kept.face[0]) == size
    found = (kept.place[0] * 1e6).round().long().tolist()
    assert sum(tuple(x) in places for x in found) > 0.98 * size  # but for those that fall between two micrometres


def test_ways_over_chains_are_those_of_torch_in_double_precision():
    pose, ends, starts = balls(velocity=(0.0, -1.0, 0.0))
    shots = shoot(pose, ends[0], starts, lattice(2, CPU)[0], 1)
    rows = (shots.face[1] >= 0).nonzero()[:, 0]
    chain = shots.face[:, rows], shots.weight[:, rows]
    fast, want = chain_ways(pose, chain, ends), reference_ways(pose, chain, ends)
    for a, b in zip(fast[:2], want[:2], strict=True):
        assert a.shape == b.shape and float((a - b).abs().max()) < 1e-21  # 1e-12 m: the last digits of 6 m
    for a, b in zip(fast[2:], want[2:], strict=True):
        assert torch.allclose(a, b, atol=1e-6)
    # Rows of the mesh are 1 ms apart: at 1 m/s two of them are 2 mm, there and back.
    moved = (fast[0][:, 0] + fast[1][:, 0]).diff(dim=1).sum(1) * 299792458.0
    assert float(moved.mean()) == pytest.approx(-4e-3, rel=0.02)


@pytest.mark.parametrize("name", ["permittivity", "roughness", "layer_loss"])
def test_gains_over_tubes_have_the_gradients_of_materials(name, monkeypatch):
    monkeypatch.setattr(tubes, "CUTS", (2,))  # this is about gradients
    radar = small_radar(60e9, tx=((-0.3, 0, 0.1),), rx=((0.4, 0, 0.0),))
    shape = trimesh.creation.icosphere(subdivisions=3, radius=0.06)
    bodies = [mesh(shape.vertices + c, shape.faces, region=k) for k, c in zip("ab", CENTRES, strict=True)]
    skin = Material("skin", torch.tensor(8 - 10j), roughness=torch.tensor(3e-4), layer_loss=torch.tensor(0.7))

    def power(scale):
        other = replace(skin, **{name: getattr(skin, name) * scale})
        paths = trace(free_space(*bodies, materials={"a": skin, "b": other}), radar, 0, SETTINGS, 1)
        return response(select(paths, (paths.order == 1).nonzero()[:, 0]), radar).abs().square()

    scale = torch.ones((), requires_grad=True)
    now = power(scale)
    (slope,) = torch.autograd.grad(now, scale)
    want = (power(torch.tensor(1.01)) - power(torch.tensor(0.99))) / 0.02
    # Directions at a surface are those of the flat facets, half a degree off at edges of 9 mm.
    assert float(slope / now.detach()) == pytest.approx(float(want / now.detach()), rel=0.01)
    assert abs(float(want / now.detach())) > 0.1
