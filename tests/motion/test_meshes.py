"""Mesh sequences: read, turned outward, refused."""

import numpy as np
import pytest
import trimesh

from mmsynth.motion import read_motion
from mmsynth.types import MeshSequence


@pytest.mark.parametrize("suffix", [".obj", ".ply", ".npz"])
def test_mesh_sequences(tmp_path, suffix):
    box = trimesh.creation.box((0.5, 1.7, 0.3))
    vertices = np.stack([box.vertices + [0.01 * k, 0, 0] for k in range(12)])
    if suffix == ".npz":
        np.savez(tmp_path / "meshes.npz", vertices=vertices.astype(np.float32), faces=box.faces, fps=25)
        found = read_motion(tmp_path / "meshes.npz")
    else:
        folder = tmp_path / "meshes"
        folder.mkdir()
        for k, points in enumerate(vertices):
            trimesh.Trimesh(points, box.faces, process=False).export(folder / f"frame_{k}{suffix}")
        found = read_motion(folder, frame_rate=25.0)
    assert isinstance(found, MeshSequence) and found.vertices.shape == (12, 8, 3)
    assert abs(float(found.times[-1]) - 11 / 25) < 1e-9
    # y is the long side: it becomes up, the lowest vertex stands on the floor, order is 2 before 10.
    assert float(found.vertices[..., 2].min()) == 0 and abs(float(found.vertices[..., 2].max()) - 1.7) < 1e-6
    assert (found.vertices[:, 0, 0].diff() - 0.01).abs().max() < 1e-6


@pytest.mark.parametrize("inside_out", [False, True])
def test_meshes_are_seen_from_outside_and_stand_with_their_arms_spread(tmp_path, inside_out):
    """A T-pose is wider than high; faces the wrong way round would show the simulator the far side of the body."""
    box = trimesh.creation.box((1.9, 1.7, 0.3))
    faces = box.faces[:, ::-1] if inside_out else box.faces
    np.savez(tmp_path / "meshes.npz", vertices=box.vertices[None] + [0.0, 5.0, 2.0], faces=faces, fps=25)
    found = read_motion(tmp_path / "meshes.npz")
    assert abs(float(found.vertices[..., 2].max()) - 1.7) < 1e-6
    read = trimesh.Trimesh(found.vertices[0].numpy(), found.faces.numpy(), process=False)
    assert abs(read.volume - 1.9 * 1.7 * 0.3) < 1e-6
    assert ("faces turned outward" in found.labels.source) == inside_out


def test_a_mesh_that_is_partly_inside_out_is_refused(tmp_path):
    """The simulator would not see every second face."""
    body = trimesh.creation.capsule(height=1.2, radius=0.25)
    faces = body.faces.copy()
    faces[::2] = faces[::2, ::-1]
    np.savez(tmp_path / "mixed.npz", vertices=body.vertices[None], faces=faces, fps=25)
    with pytest.raises(ValueError, match=r"mixed\.npz: faces: expected all to look outwards, got \d+% of neighbours"):
        read_motion(tmp_path / "mixed.npz")
    # An open one, whose border has one face, is none of that kind.
    np.savez(tmp_path / "open.npz", vertices=body.vertices[None], faces=body.faces[:-40], fps=25)
    assert len(read_motion(tmp_path / "open.npz").faces) == len(body.faces) - 40
