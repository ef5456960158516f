"""Thins a triangle mesh to a subset of its own vertices: half-edge collapses by quadric error (Garland 1997)."""

import heapq

import numpy as np


def decimate(vertices: np.ndarray, faces: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray]:
    """Kept vertices [target] as sorted indices, and faces [F, 3] over them.

    A collapse moves u into its neighbour v; it is refused where it would turn a face by more than 80 degrees or tie
    the surface to itself.
    """
    face_of: list[set[int]] = [set() for _ in vertices]
    faces = faces.copy()
    for i, face in enumerate(faces):
        for v in face:
            face_of[v].add(i)
    quadric = _quadrics(vertices, faces)
    stamp = np.zeros(len(vertices), dtype=int)
    heap = [_entry(vertices, quadric, stamp, u, v) for f in faces for u, v in zip(f, np.roll(f, 1), strict=True)]
    heap += [_entry(vertices, quadric, stamp, e[3], e[2]) for e in heap]
    heapq.heapify(heap)
    left = len(vertices)
    while left > target and heap:
        _, when, u, v = heapq.heappop(heap)
        if when != (stamp[u], stamp[v]) or not _allowed(vertices, faces, face_of, u, v):
            continue
        for i in list(face_of[u]):
            if v in faces[i]:
                for w in faces[i]:
                    face_of[w].discard(i)
            else:
                faces[i][faces[i] == u] = v
                face_of[v].add(i)
        face_of[u] = set()
        quadric[v] += quadric[u]
        stamp[u], stamp[v], left = -1, stamp[v] + 1, left - 1
        for w in {int(w) for i in face_of[v] for w in faces[i]} - {v}:
            heapq.heappush(heap, _entry(vertices, quadric, stamp, v, w))
            heapq.heappush(heap, _entry(vertices, quadric, stamp, w, v))
    keep = np.array([v for v in range(len(vertices)) if face_of[v]])
    alive = sorted({i for around in face_of for i in around})
    return keep, np.searchsorted(keep, faces[alive])


def _quadrics(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corner = vertices[faces]
    normal = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
    area = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = normal / np.maximum(area, 1e-15)
    plane = np.concatenate([normal, -(normal * corner[:, 0]).sum(1, keepdims=True)], 1)
    quadric = np.zeros((len(vertices), 4, 4))
    for k in range(3):
        np.add.at(quadric, faces[:, k], area[..., None] * plane[:, :, None] * plane[:, None, :])
    return quadric


def _entry(vertices: np.ndarray, quadric: np.ndarray, stamp: np.ndarray, u: int, v: int) -> tuple:
    """Cost of moving u into v: the quadric error, and a little for length so that flat parts thin evenly."""
    p = np.append(vertices[v], 1.0)
    cost = p @ (quadric[u] + quadric[v]) @ p + 1e-7 * ((vertices[u] - vertices[v]) ** 2).sum()
    return float(cost), (int(stamp[u]), int(stamp[v])), int(u), int(v)


def _allowed(vertices: np.ndarray, faces: np.ndarray, face_of: list[set[int]], u: int, v: int) -> bool:
    shared = face_of[u] & face_of[v]
    ring_u = {int(w) for i in face_of[u] for w in faces[i]}
    ring_v = {int(w) for i in face_of[v] for w in faces[i]}
    if len(shared) != 2 or len(ring_u & ring_v) != 4:
        return False
    for i in face_of[u] - shared:
        now = vertices[faces[i]]
        then = np.where((faces[i] == u)[:, None], vertices[v], now)
        a = np.cross(now[1] - now[0], now[2] - now[0])
        b = np.cross(then[1] - then[0], then[2] - then[0])
        if a @ b <= 0.17 * np.linalg.norm(a) * np.linalg.norm(b):
            return False
    return True
