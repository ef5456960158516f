"""Heatmaps: grids, bins and the network on them; the loss of poses on a grid."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from made_up import quiet

from mmsynth.datasets import Dataset, DatasetWriter
from mmsynth.training import fit, predict
from mmsynth.training.maps import COLUMNS, HALF_WIDTH, ROWS, grid, regrid, to_grid
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.windows import Windows, WindowSettings
from mmsynth.types import Heatmap, PointCloud

QUICK = Optimise(steps=60, pretrain_steps=0, batch=16, every=30, warmup=5, patience=0, rate=5e-3)


def test_a_grid_keeps_a_slope_and_a_level() -> None:
    coarse, fine = np.linspace(0, 6, 20), np.linspace(0, 6, 300)
    target = grid("range_doppler", (0.5, 5.5))[0]
    for source in (coarse, fine):
        weight = regrid(source, target)
        assert np.allclose(weight.sum(1), 1)
        # A triangle of the source's step interpolates; over many finer steps it averages, off by their step at most.
        assert np.allclose(weight @ source, target, atol=0.5 * 6 / 299)
    assert not regrid(np.linspace(0, 2, 20), target)[target > 2.2].any()
    _, angles = grid("range_azimuth", (0.5, 5.5))
    assert len(angles) == COLUMNS and abs(angles).max() < HALF_WIDTH["range_azimuth"]


def test_a_target_lands_in_its_cell_and_gain_does_not_matter() -> None:
    rows, columns = torch.linspace(0, 6, 150), torch.linspace(-4, 4, 33)
    power = torch.zeros(1, 150, 33)
    power[0, 60, 20] = 45.0
    there = Heatmap("range_doppler", power, rows, columns, torch.zeros(1))
    level = to_grid(there, (0.35, 5.1))[0]
    row, column = np.unravel_index(level.argmax(), level.shape)
    own_rows, own_columns = grid("range_doppler", (0.35, 5.1))
    assert abs(own_rows[row] - float(rows[60])) < 0.1 and abs(own_columns[column] - float(columns[20])) < 0.25
    louder = replace(there, power=power + 17)
    assert np.array_equal(to_grid(louder, (0.35, 5.1))[0], level)


def test_heatmaps_of_a_bin_are_the_mean_of_its_frames(posed: Path, windows: Windows) -> None:
    assert windows.maps.shape == (36, 20, 1, ROWS, COLUMNS)
    own = to_grid(Dataset.open(posed)[0].heatmaps[0], (0.35, 5.1)).astype(float)
    assert np.allclose(windows.maps[0, 3, 0], own[6:8].mean(0), atol=2e-3)  # float16 near 2: steps of 1e-3


def test_the_heatmap_network_tells_activities(posed: Path, tmp_path: Path) -> None:
    window = WindowSettings(points="all", maps=("range_doppler",))
    recipe = Recipe(Data(synthetic=(posed,)), model="heatmaps", width=16, window=window, optimise=QUICK)
    run = fit(recipe, tmp_path / "run", quiet)
    found = predict(run, Dataset.open(posed))
    assert np.mean([a == b for a, b in zip(found.label, found.truth, strict=True)]) > 0.9
    # Of two clips of three windows each: as maps are read, and then as it answers.
    told: list[tuple[int, int]] = []
    predict(run, Dataset.open(posed), [1, 3], progress=lambda *done: told.append(done))
    assert told == [(0, 6), (3, 6), (0, 6), (6, 6)]
    # It reads no points: recordings without any are as good.
    with Dataset.open(posed) as data, DatasetWriter(tmp_path / "bare.h5", data.attributes) as writer:
        for sample in data:
            cloud, none = sample.cloud, torch.zeros(0)
            offsets = torch.zeros_like(cloud.offsets)
            bare = PointCloud(torch.zeros(0, 3), none, none, none, none, offsets, cloud.times)
            writer.append(replace(sample, cloud=bare))
    blind = predict(run, Dataset.open(tmp_path / "bare.h5"))
    np.testing.assert_array_equal(blind.probability, found.probability)
    assert not blind.empty.any() and not found.empty.any()
