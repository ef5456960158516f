"""How finely must a mesh be cut? Spheres and a limb at 60 and 77 GHz, meshes as they are and cut on the smooth surface.

    python benchmarks/refinement.py

Error of the RCS in dB against pi a^2 (spheres; physical optics itself oscillates by 1 / (2 k a) about it) and k a L^2
(an open cylinder of 5 cm radius, 20 cm long, broadside), over turns of the mesh: mean and spread, worst; facets that
are lit; edge and sagitta / wavelength of the mesh.
"""

import math
import sys
from pathlib import Path

import numpy as np
import torch
import trimesh

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from simulation.scenes import decibel, free_space, mesh, rcs, small_radar  # noqa: E402

from mmsynth.simulation import Simulation, trace  # noqa: E402

TURNS = 6


def sphere(radius, level, generator):
    ball = trimesh.creation.icosphere(subdivisions=level, radius=radius)
    ball.apply_transform(trimesh.transformations.random_rotation_matrix(generator.random(3)))
    return ball.vertices + [0, 40, 0], ball.faces, ball.edges_unique_length.mean()


def limb(radius, edge, generator):
    around, along = round(math.tau * radius / edge), round(0.2 / edge)
    angle = np.arange(around) * math.tau / around + generator.random() * math.tau
    rows = np.linspace(-0.1, 0.1, along + 1)
    x, y = radius * np.sin(angle), 40 - radius * np.cos(angle)
    points = np.stack([np.tile(x, along + 1), np.tile(y, along + 1), np.repeat(rows, around)], 1)
    a = (np.arange(along)[:, None] * around + np.arange(around)).reshape(-1)
    b = (np.arange(along)[:, None] * around + (np.arange(around) + 1) % around).reshape(-1)
    faces = np.concatenate([np.stack([a, b, b + around], 1), np.stack([a, b + around, a + around], 1)])
    return points, faces, edge


def main():
    torch.set_num_threads(1)
    shapes = [("sphere", r, level) for r, levels in ((0.04, (3, 4)), (0.1, (4, 5))) for level in levels]
    shapes += [("limb", 0.05, edge) for edge in (0.02, 0.012, 0.006)]
    print("GHz shape   radius edge mm sag/lambda  flatness  mean dB spread  worst  lit facets")
    for frequency in (60e9, 77e9):
        radar = small_radar(frequency)
        wavelength = radar.waveform.wavelength
        for kind, radius, cut in shapes:
            for flatness in (0.0, 0.04, 0.02, 0.01, 0.005):
                generator = np.random.default_rng(0)
                errors = []
                for _ in range(TURNS):
                    build = sphere if kind == "sphere" else limb
                    points, faces, edge = build(radius, cut, generator)
                    settings = Simulation(drop=0.0, flatness=flatness)
                    paths = trace(free_space(mesh(points, faces)), radar, 0, settings, 1)
                    near = 40 - (radius if kind == "limb" else 0)
                    want = math.pi * radius**2 if kind == "sphere" else math.tau / wavelength * radius * 0.2**2
                    errors.append(decibel(rcs(paths, radar, near) / want))
                sag = edge**2 / (8 * radius * wavelength)
                print(
                    f"{frequency / 1e9:3.0f} {kind:7s} {radius:6.2f} {edge * 1e3:7.1f} {sag:10.4f} {flatness:9.3f} "
                    f"{np.mean(errors):8.2f} {np.std(errors):6.2f} {np.abs(errors).max():6.2f} {len(paths):8d}"
                )


if __name__ == "__main__":
    main()
