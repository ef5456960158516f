"""The default visibility, one ray a patch, against rays to 64 points of every facet of a walking body."""

import runpy
from pathlib import Path

import numpy as np

from mmsynth.body_models import load_body
from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation


def test_patches_cost_no_more_than_single_rays_do():
    bench = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks/visibility.py"))
    radar, body = load_radar("radhar").radar, load_body("free")
    default = Simulation().grain
    # From the side, where an arm hides the trunk and much of the body is grazed; the worst of the benchmark.
    scene = bench["body_scene"](body, radar, "walk", 1.2, 0.9)
    single, patch, coarse = bench["compare"](scene, radar, (0.0, default, 0.05))
    # A facet is 1 cm wide and lit in part at the edge of a shadow: even a ray for each is wrong about 2 % of the area.
    # Patches of the same size add less than half of that again; of 5 cm, several times.
    assert single[2] < 0.03
    assert patch[2] < 1.5 * single[2] < 0.75 * coarse[2]
    # The field: within a factor of 2 of the error of single rays, and 8 dB under the field itself.
    assert patch[0] < 2 * single[0] + 0.01
    assert 10 * np.log10(patch[0]) < -8
