"""Rays in packets: the answers of every ray alone, whatever its neighbours ask."""

import numpy as np
import pytest
import torch
import trimesh

from mmsynth.simulation.rays.bvh import Bvh


def crossings(corners, origin, direction):
    """Distances [rays, triangles] at which rays cross triangles [triangles, 3, 3], inf = never (Moeller, Trumbore)."""
    one, two = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    across = np.cross(direction[:, None], two)
    det = (one * across).sum(-1)
    away = origin[:, None] - corners[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        u = (away * across).sum(-1) / det
        turned = np.cross(away, one)
        v = (direction[:, None] * turned).sum(-1) / det
        t = (two * turned).sum(-1) / det
        return np.where((u >= 0) & (v >= 0) & (u + v <= 1) & (t >= 0), t, np.inf)


@pytest.fixture(scope="module")
def cast():
    """Two poses of a bumpy ball beside a box, and rays of both poses in any order; some run along an axis."""
    draw = np.random.default_rng(4)
    ball = trimesh.creation.icosphere(3, 0.4)
    box = trimesh.creation.box((0.3, 0.5, 0.7), trimesh.transformations.translation_matrix((0.8, 0.1, 0.0)))
    both = trimesh.util.concatenate([ball, box])
    poses = np.stack([both.vertices + 0.05 * draw.standard_normal(both.vertices.shape) for _ in range(2)])
    origin = draw.uniform(-1.5, 1.5, (1001, 3))
    end = draw.uniform(-1.5, 1.5, (1001, 3))
    end[:90] = origin[:90] + np.eye(3)[np.arange(90) % 3] * draw.choice([-2.0, 2.0], (90, 1))
    pose = draw.integers(0, 2, 1001)
    poses, origin, end = (x.astype(np.float32).astype(float) for x in (poses, origin, end))
    return poses, both.faces, origin, end, pose


def tree(poses, faces):
    bvh = Bvh(torch.tensor(poses[0]), torch.tensor(faces), len(poses))
    bvh.refit(torch.tensor(poses))
    return bvh


def test_shadow_rays_of_two_poses_are_those_of_brute_force(cast):
    poses, faces, origin, end, pose = cast
    got = tree(poses, faces).blocked(*(torch.tensor(x) for x in (origin, end, pose)))
    for k in range(2):
        mine = pose == k
        reach = crossings(poses[k][faces], origin[mine], end[mine] - origin[mine]).min(1)
        sure = np.abs(reach - 1) > 1e-5
        assert np.array_equal(got.numpy()[mine][sure], (reach < 1)[sure])
        assert 0.1 < (reach < 1).mean() < 0.9


def test_first_hit_is_the_nearest_of_brute_force(cast):
    poses, faces, origin, end, _ = cast
    way = (end - origin) / np.linalg.norm(end - origin, axis=1, keepdims=True)
    face, distance = tree(poses[1:], faces).first_hit(torch.tensor(origin), torch.tensor(way))
    reach = crossings(poses[1][faces], origin, way)
    near = np.sort(reach, 1)
    met = np.isfinite(near[:, 0])
    assert np.array_equal(face.numpy() >= 0, met)
    assert np.allclose(distance.numpy()[met], near[met, 0], atol=2e-6)  # float32 at 3 m
    clear = met & (near[:, 1] > near[:, 0] + 1e-5)
    assert np.array_equal(face.numpy()[clear], reach.argmin(1)[clear])
    assert np.isinf(distance.numpy()[~met]).all()
