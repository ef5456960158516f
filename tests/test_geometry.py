"""Rotations, rigid transforms and angles."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from mmsynth import geometry as g

angles = st.floats(-3.1, 3.1)
vectors = st.tuples(angles, angles, angles)


@given(vectors)
def test_rotvec_matches_scipy_and_returns(vector: tuple[float, float, float]) -> None:
    rotvec = torch.tensor(vector, dtype=torch.float64)
    matrix = g.matrix_from_rotvec(rotvec)
    assert torch.allclose(matrix, torch.tensor(Rotation.from_rotvec(vector).as_matrix()), atol=1e-12)
    again = g.matrix_from_rotvec(g.rotvec_from_matrix(matrix))
    assert torch.allclose(again, matrix, atol=1e-9)  # acos-free, but pi itself has two rotation vectors
    quaternion = g.quaternion_from_matrix(matrix)
    assert torch.allclose(g.matrix_from_quaternion(quaternion), matrix, atol=1e-12)


def test_rotvec_is_smooth_through_zero() -> None:
    rotvec = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    jacobian = torch.autograd.functional.jacobian(g.matrix_from_rotvec, rotvec)
    assert torch.allclose(jacobian[2, 1], torch.tensor([1.0, 0, 0], dtype=torch.float64))  # d R_zy / d rx = 1


def test_upright_stands_and_faces_minus_y_with_left_at_plus_x() -> None:
    left, up, forward = (g.UPRIGHT @ torch.eye(3, dtype=torch.float64)).unbind(1)
    assert torch.allclose(left, torch.tensor([1.0, 0, 0], dtype=torch.float64), atol=1e-12)
    assert torch.allclose(up, torch.tensor([0, 0, 1.0], dtype=torch.float64), atol=1e-12)
    assert torch.allclose(forward, torch.tensor([0, -1.0, 0], dtype=torch.float64), atol=1e-12)


def test_inverse_and_apply() -> None:
    world_from_radar = g.radar_pose((1.0, 2.0, 3.0), yaw=0.4, tilt=-0.2)
    points = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    back = g.apply(g.inverse(world_from_radar), g.apply(world_from_radar, points))
    assert torch.allclose(back, points, atol=1e-12)


def test_radar_pose_yaw_is_to_the_left_and_tilt_up() -> None:
    boresight = torch.tensor([0, 1.0, 0], dtype=torch.float64)
    yawed = g.radar_pose((0, 0, 0), yaw=0.3)[:3, :3] @ boresight
    assert yawed[0] < 0 and abs(float(yawed[2])) < 1e-12
    tilted = g.radar_pose((0, 0, 0), tilt=0.3)[:3, :3] @ boresight
    assert math.isclose(float(tilted[2]), math.sin(0.3), rel_tol=1e-12)


@given(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5))
def test_angles_round_trip(azimuth: float, elevation: float) -> None:
    direction = g.direction_from_angles(*torch.tensor([azimuth, elevation], dtype=torch.float64))
    a, e = g.azimuth_elevation(direction)
    assert math.isclose(float(e), elevation, abs_tol=1e-9)
    assert math.isclose(float(a), azimuth, abs_tol=1e-9)


def test_right_is_positive_azimuth_and_up_positive_elevation() -> None:
    a, e = g.azimuth_elevation(torch.tensor([1.0, 1.0, 1.0], dtype=torch.float64))
    assert math.isclose(float(a), math.pi / 4, rel_tol=1e-12)
    assert math.isclose(float(e), math.asin(1 / math.sqrt(3)), rel_tol=1e-12)


def test_a_radar_is_tilted_about_its_own_horizon_whichever_way_it_looks() -> None:
    pose = g.radar_pose((1.0, 2.0, 3.0), yaw=0.7, tilt=-0.3)
    ahead = [-math.sin(0.7) * math.cos(0.3), math.cos(0.7) * math.cos(0.3), -math.sin(0.3)]
    torch.testing.assert_close(pose[:3, 1], torch.tensor(ahead, dtype=torch.float64))
    assert abs(float(pose[2, 0])) < 1e-12  # its right stays level
