"""What a picture says is hidden, against shadow rays."""

import torch

from mmsynth.body_models import load_body
from mmsynth.geometry import radar_pose
from mmsynth.motion import Subject, generate_motion, place, resample
from mmsynth.radar import load_radar
from mmsynth.scene import person_materials
from mmsynth.simulation import Simulation, knot_times
from mmsynth.simulation import visible as visible_module
from mmsynth.simulation.legs import direct_legs
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.rays.bvh import Bvh
from mmsynth.simulation.rays.picture import hidden
from mmsynth.simulation.visible import seen_from
from mmsynth.types import Scene


def test_a_picture_hides_what_rays_find_hidden(monkeypatch):
    # Two walkers, one before the other, seen from above their heads and from the hip; a ray for every facet.
    body, radar, settings = load_body("free-low"), load_radar("mmmesh").radar, Simulation(grain=0.0)
    people = []
    for k, spot in enumerate(((0.0, 2.0), (0.3, 3.0))):
        motion = generate_motion("walk", 2.0, Subject(k), torch.Generator().manual_seed(k))
        people.append(body(resample(place(motion, spot, 0.7), knot_times(radar, 2, settings))))
    materials = person_materials(people[0].region_names)
    for height, tilt in ((1.0, 0.0), (2.6, 0.5)):
        scene = Scene(radar_pose((0.0, 0.0, height), tilt=tilt), tuple(people), materials)
        pose = pose_frame(scene, radar, 0, settings, 0, 2)
        leg = direct_legs(scene, radar, settings)[0]
        from_picture = seen_from(pose, leg)
        with monkeypatch.context() as patch:
            patch.setattr(visible_module, "hidden", lambda *_: None)
            from_rays = seen_from(pose, leg)
        front = visible_module.shown(pose, leg) > 0
        assert 0.1 < 1 - float(from_rays.sum() / front.sum()) < 0.9
        # Both are float32: a point may lie within a rounding of the edge of what hides it.
        assert int((from_picture != from_rays).sum()) <= 1e-4 * front.sum()


def test_a_picture_of_triangles_at_random_is_that_of_rays():
    # Of all sizes, so that many cells, and some, and none lie under one; in three poses of their own.
    draw = torch.Generator().manual_seed(3)
    size = 10 ** (torch.rand(3, 1, 400, generator=draw) * 2.5 - 3)
    middle = torch.rand(3, 3, 400, generator=draw) * torch.tensor([2.0, 1.0, 2.0])[:, None] - torch.tensor(
        [1.0, -2.0, 1.0]
    ).reshape(3, 1)
    corner = middle[:, :, None] + size[:, :, None] * torch.randn(3, 3, 3, 400, generator=draw)
    vertices, faces = corner.flatten(2), torch.arange(1200).reshape(3, 400)
    vertices[:, 1].clamp_(min=0.2)
    points = torch.rand(3, 3000, generator=draw) * torch.tensor([2.0, 1.5, 2.0])[:, None] - torch.tensor(
        [1.0, -2.0, 1.0]
    ).reshape(3, 1)
    pose = torch.arange(3).repeat_interleave(1000)
    bvh = Bvh(vertices[0].T, faces.T, 3)
    bvh.refit(vertices.transpose(1, 2))
    got = hidden((vertices, faces), points, pose, 0.03)
    stop = points * (0.03 / points.norm(dim=0))
    want = bvh.blocked(points.T, stop.T, pose)
    assert 0.1 < float(want.float().mean()) < 0.9
    assert int((got != want).sum()) <= 1


def test_there_is_no_picture_of_who_stands_behind():
    vertices = torch.tensor([[0.0, 3.0, 0.0], [1.0, 3.0, 0.0], [0.0, 3.0, 1.0], [0.0, -1.0, 0.0]]).T[None]
    faces, point = torch.tensor([[0, 1, 2]]).T, torch.tensor([[0.1], [4.0], [0.1]])
    pose = torch.zeros(1, dtype=torch.int64)
    assert hidden((vertices, faces), point, pose, 0.03) is None
    assert hidden((vertices[..., :3], faces), point, pose, 0.03).tolist() == [True]


def test_a_picture_of_points_in_one_line_of_sight():
    # All lie in one spot of the picture, so that the triangle beside them is some 1e9 of its cells away.
    before = [[-0.1, 2.5, -0.1], [0.1, 2.5, -0.1], [0.0, 2.5, 0.2]]
    aside = [[3.0, 1.0, 0.0], [3.0, 1.0, 0.1], [3.2, 1.0, 0.0]]
    vertices = torch.tensor([*before, *aside]).T[None]
    points = torch.tensor([[0.0, 2.0, 0.0], [0.0, 3.0, 0.0]]).T
    got = hidden((vertices, torch.arange(6).reshape(2, 3).T), points, torch.zeros(2, dtype=torch.int64), 0.03)
    assert got.tolist() == [False, True]
