"""The fused kernel against its reference in plain torch."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import trimesh
from simulation.scenes import bounced, mesh, small_radar

from mmsynth import geometry
from mmsynth.simulation.facets.fused import fused_gains
from mmsynth.simulation.facets.gains import facet_gains
from mmsynth.simulation.facets.paths import facet_ways
from mmsynth.simulation.facets.ways import fused_ways
from mmsynth.simulation.legs import direct_legs
from mmsynth.simulation.mirrors.chains import room_mirrors
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.surface import carry
from mmsynth.simulation.visible import visible
from mmsynth.types import Material, Pattern, Scene

FLOOR = torch.tensor([[[-9.0, -9, 0], [9, -9, 0], [9, 9, 0], [-9, 9, 0]]], dtype=torch.float64)
BEAM = Pattern(4.0, math.radians(70), math.radians(40))
CUTS = Pattern(
    4.0, 1.0, 1.0, *(torch.tensor(x) for x in ([-1.5, -0.3, 0.2, 1.5], [0.1, 0.8, 1, 0.2], [0.3, 1, 0.9, 0]))
)


def bent_blob(spin=1.0):
    """A squashed, dented, spinning sphere of 2,560 faces: cut in two to six, with creases and waists."""
    ball = trimesh.creation.icosphere(subdivisions=3, radius=0.15)
    points = np.array(ball.vertices) * [1.0, 0.4, 1.6]
    points[::7] *= 0.93
    turns = geometry.matrix_from_rotvec(
        torch.tensor([[0.0, 0, a * spin] for a in (0.0, 0.01, 0.02, 0.03, 0.05)], dtype=torch.float64)
    )
    spun = torch.from_numpy(points) @ turns.mT + torch.tensor([0.4, 2.0, 1.3], dtype=torch.float64)
    return replace(mesh(points, ball.faces, rows=5, region="skin"), vertices=spun)


@pytest.mark.parametrize("over", [0, 1, 2], ids=["direct", "one mirror", "both ways over the floor"])
@pytest.mark.parametrize(
    ("settings", "pattern", "skin"),
    [
        (Simulation(), CUTS, Material("skin", complex(6.6, -8.9), roughness=2e-4, layer_loss=0.7)),
        (Simulation(polarization="horizontal", flatness=0.0, diffuse=False), BEAM, Material("skin", None)),
        (Simulation(flatness=1e-4, coherent=True), BEAM, Material("skin", complex(3, -0.1), roughness=1e-3)),
        (Simulation(method="points"), CUTS, Material("skin", complex(6.6, -8.9))),
    ],
    ids=["default", "flat conductor", "finely cut", "points"],
)
@pytest.mark.parametrize("loops", [4, 200], ids=["short frame", "long frame"])
def test_kernel_is_its_reference(over, settings, pattern, skin, loops):
    materials = {"skin": skin, "floor": Material("floor", complex(5, -0.5), roughness=1e-3, layer_loss=0.9)}
    pose = geometry.radar_pose((0.1, -0.2, 1.0), yaw=0.1, tilt=0.05)
    scene = Scene(pose, (bent_blob(),), materials, mirrors=FLOOR, mirror_regions=("floor",))
    radar = replace(small_radar(loops=loops, tx=((0, 0, 0), (2e-3, 0, 0))), pattern=pattern)
    frame = pose_frame(scene, radar, 0, replace(settings, knots=5, turn=0.0), seed=2**40 + 3)
    straight = direct_legs(scene, radar, settings)
    slanted = [bounced(leg, room_mirrors(scene)[0]) for leg in straight]
    ends = (slanted[0] if over else straight[0], slanted[1] if over == 2 else straight[1])
    seen = visible(frame, ends)
    facets = seen.any(0).nonzero()[:, 0]
    assert len(facets) > 300
    pairs = zip(fused_gains(frame, facets, ends, seen), facet_gains(frame, facets, ends, seen), strict=True)
    for got, expected in pairs:  # gains and slopes
        # Both are float32; the phases of a facet, some tens of rad, hold 1e-5.
        assert float((got - expected).abs().max()) <= 2e-5 * float(expected.abs().max())
        assert bool(((got == 0) == (expected == 0)).all())
    for fused, reference in zip(fused_ways(frame, facets, ends), facet_ways(frame, facets, ends), strict=True):
        # Both are exact: 3e-17 s are 1e-8 m, 2e-5 rad.
        assert float((fused - reference).abs().max()) < (3e-17 if fused.dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize("height", [1e-5, 0.0])
def test_slivers_return_next_to_nothing(height):
    """A mesh that folds has facets of no height: what bends them is lost to rounding, and once came out as 1e12 m."""
    blob = bent_blob()
    faces, vertices = blob.faces.long(), blob.vertices.clone()
    used, slivers = set(), []
    for number, face in enumerate(faces.tolist()):
        if not used & set(face):
            used |= set(faces[(faces == face[0]).any(1)].flatten().tolist()) | set(face)
            middle = vertices[:, face[1:]].mean(1)
            vertices[:, face[0]] = middle + height * (vertices[:, face[0]] - middle)
            slivers.append(number)
    folded, skin = (
        replace(blob, vertices=vertices.requires_grad_()),
        Material("skin", complex(6.6, -8.9), roughness=2e-4),
    )
    scene = Scene(torch.eye(4, dtype=torch.float64), (folded,), {"skin": skin})
    frame = pose_frame(scene, small_radar(), 0, Simulation(knots=5, turn=0.0), seed=1)
    ends = direct_legs(scene, frame.radar, frame.settings)
    seen = visible(frame, ends)
    facets = seen.any(0).nonzero()[:, 0]
    thin = torch.isin(facets, torch.tensor(slivers))
    assert int(thin.sum()) > 20
    for gains in (fused_gains, facet_gains):
        gain = gains(frame, facets, ends, seen)[0]
        size = gain.detach().abs()
        # Echoes go with the area, of which they have a hundred-thousandth; what is diffuse, with its root.
        assert bool(size.isfinite().all()) and float(size[thin].max()) < 1e-3 * float(size.max())
    assert bool(torch.autograd.grad(gain.abs().square().sum(), vertices)[0].isfinite().all())


def test_slivers_of_a_millimetre_have_gradients():
    draw = torch.Generator().manual_seed(1)
    corner, bend = (size * torch.rand(3, 3, 500, generator=draw) for size in (1e-3, 1e-5))
    corner[:, 2] = corner[:, :2].mean(1)
    corner.requires_grad_()
    carried = carry(bend, corner, corner.detach())
    assert not carried.any() and bool(torch.autograd.grad(carried.sum(), corner)[0].isfinite().all())


def test_facets_that_hardly_turn_have_one_gain():
    scene = Scene(torch.eye(4, dtype=torch.float64), (bent_blob(0.02),), {"skin": Material("skin", complex(6.6, -8.9))})
    radar, both = small_radar(), {}
    for turn in (0.0, 0.02):
        frame = pose_frame(scene, radar, 0, Simulation(knots=5, turn=turn), seed=1)
        ends = direct_legs(scene, radar, frame.settings)
        seen = visible(frame, ends)
        both[turn] = fused_gains(frame, seen.any(0).nonzero()[:, 0], ends, seen)[0]
    one = both[0.02][:, 0] == both[0.02][:, 1]
    assert 0.05 < float(one.double().mean()) < 0.95
    # Each is as far from mid-frame at most as half the turn that is let pass, of the whole plate of a facet.
    error = (both[0.02] - both[0.0])[one].abs().square().sum() / both[0.0][one].abs().square().sum()
    assert 0 < float(error) < 0.01**2
    assert torch.equal(both[0.02][~one], both[0.0][~one])
