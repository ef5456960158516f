"""Rigid transforms, rotations and spherical angles, in torch.

Transforms are 4x4 matrices named `target_from_source`, so that products read by adjacency:
`p_world = apply(world_from_radar, p_radar)`.
"""

import math

import torch
from torch import Tensor


def matrix_from_rotvec(rotvec: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of rotation vectors [..., 3] in rad (Rodrigues), smooth through zero."""
    angle_sq = (rotvec * rotvec).sum(-1)[..., None, None]
    small = angle_sq < 1e-8
    safe = torch.where(small, torch.ones_like(angle_sq), angle_sq)
    angle = safe.sqrt()
    # sin(a)/a and (1 - cos a)/a^2, by their series where a is small.
    sinc = torch.where(small, 1 - angle_sq / 6, angle.sin() / angle)
    cosc = torch.where(small, 0.5 - angle_sq / 24, (1 - angle.cos()) / safe)
    cross = cross_matrix(rotvec)
    eye = torch.eye(3, dtype=rotvec.dtype, device=rotvec.device)
    return eye + sinc * cross + cosc * (cross @ cross)


def cross_matrix(vector: Tensor) -> Tensor:
    """Skew matrices [..., 3, 3] with `cross_matrix(a) @ b == a x b`."""
    x, y, z = vector.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(*vector.shape[:-1], 3, 3)


def quaternion_from_matrix(matrix: Tensor) -> Tensor:
    """Unit quaternions [..., 4] (w, x, y, z; w >= 0) of rotation matrices [..., 3, 3].

    Takes the numerically largest of the four components as the pivot (Shepperd 1978), so that no rotation is near a
    singularity.
    """
    m = matrix
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    four_sq = torch.stack([1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22], -1)
    yz, zx, xy = m[..., 2, 1] - m[..., 1, 2], m[..., 0, 2] - m[..., 2, 0], m[..., 1, 0] - m[..., 0, 1]
    pxy, pzx, pyz = m[..., 1, 0] + m[..., 0, 1], m[..., 0, 2] + m[..., 2, 0], m[..., 2, 1] + m[..., 1, 2]
    rows = torch.stack(
        [
            torch.stack([four_sq[..., 0], yz, zx, xy], -1),
            torch.stack([yz, four_sq[..., 1], pxy, pzx], -1),
            torch.stack([zx, pxy, four_sq[..., 2], pyz], -1),
            torch.stack([xy, pzx, pyz, four_sq[..., 3]], -1),
        ],
        -2,
    )
    pivot = four_sq.argmax(-1)[..., None, None].expand(*four_sq.shape[:-1], 1, 4)
    q = torch.nn.functional.normalize(rows.gather(-2, pivot)[..., 0, :], dim=-1)
    return torch.where(q[..., :1] < 0, -q, q)


def matrix_from_quaternion(quaternion: Tensor) -> Tensor:
    """Rotation matrices [..., 3, 3] of quaternions [..., 4] (w, x, y, z), normalised here."""
    w, x, y, z = torch.nn.functional.normalize(quaternion, dim=-1).unbind(-1)
    return torch.stack(
        [
            *(1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            *(2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            *(2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        ],
        -1,
    ).reshape(*quaternion.shape[:-1], 3, 3)


def rotvec_from_matrix(matrix: Tensor) -> Tensor:
    """Rotation vectors [..., 3] in rad, of length at most pi, of rotation matrices [..., 3, 3]."""
    q = quaternion_from_matrix(matrix)
    half_sin = q[..., 1:].norm(dim=-1, keepdim=True)
    angle = 2 * torch.atan2(half_sin, q[..., :1])
    # angle / sin(angle / 2) tends to 2 as the angle tends to 0.
    tiny = half_sin < 1e-12
    return q[..., 1:] * torch.where(tiny, torch.full_like(angle, 2.0), angle / half_sin.clamp_min(1e-12))


def rotation_about(axis: str, angle: float) -> Tensor:
    """Rotation matrix [3, 3] (float64) by `angle` rad about the axis "x", "y" or "z"."""
    vector = torch.zeros(3, dtype=torch.float64)
    vector["xyz".index(axis)] = angle
    return matrix_from_rotvec(vector)


# SMPL-X body axes (x left, y up, z forward) turned to an upright person in the world (z up) who faces -y, left = +x.
UPRIGHT = rotation_about("x", math.pi / 2)


def rigid(rotation: Tensor, translation: Tensor) -> Tensor:
    """Rigid transforms [..., 4, 4] of rotations [..., 3, 3] and translations [..., 3] in m."""
    top = torch.cat([rotation, translation[..., None]], -1)
    bottom = torch.tensor([0, 0, 0, 1], dtype=top.dtype, device=top.device).expand(*top.shape[:-2], 1, 4)
    return torch.cat([top, bottom], -2)


def inverse(transform: Tensor) -> Tensor:
    """Inverse of rigid transforms [..., 4, 4]."""
    turned = transform[..., :3, :3].transpose(-1, -2)
    return rigid(turned, -(turned @ transform[..., :3, 3:])[..., 0])


def apply(transform: Tensor, points: Tensor) -> Tensor:
    """Points [..., 3] carried through one rigid transform [4, 4]."""
    return points @ transform[:3, :3].T + transform[:3, 3]


def azimuth_elevation(direction: Tensor) -> tuple[Tensor, Tensor]:
    """Azimuth atan2(x, y), positive to the right, and elevation asin(z / r), positive up, in rad, of [..., 3]."""
    x, y, z = direction.unbind(-1)
    return torch.atan2(x, y), torch.atan2(z, torch.hypot(x, y))


def direction_from_angles(azimuth: Tensor, elevation: Tensor) -> Tensor:
    """Unit vectors [..., 3] in the radar frame of azimuth and elevation in rad."""
    level = elevation.cos()
    return torch.stack([level * azimuth.sin(), level * azimuth.cos(), elevation.sin()], -1)


def radar_pose(position: tuple[float, float, float], yaw: float = 0.0, tilt: float = 0.0) -> Tensor:
    """`world_from_radar` [4, 4] of a radar at `position` in m, looking along world +y.

    Yaw turns it to the left about the world's z (positive counter-clockwise seen from above), tilt raises its boresight
    (positive up); both in rad.
    """
    turn = rotation_about("z", yaw) @ rotation_about("x", tilt)
    return rigid(turn, torch.tensor(position, dtype=torch.float64))
