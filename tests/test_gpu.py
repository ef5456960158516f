"""Every product, method and training on a GPU against the CPU: `pytest -m gpu`. What is compared is free of noise."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from generation.test_clip import TEXT
from made_up import generated as generated
from made_up import posed as posed
from made_up import recordings as recordings
from made_up import write as write
from simulation.scenes import error_db
from simulation.test_frames import walker

from mmsynth.arrays import moved
from mmsynth.datasets import Dataset
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.clip import record, stage, trace_clip
from mmsynth.processing import label_points, range_doppler
from mmsynth.processing.cloud import detect
from mmsynth.resources import data_folder
from mmsynth.simulation import simulate_clean, synthesize_frames, trace
from mmsynth.training import fit, load_run, predict, predict_poses
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.windows import WindowSettings
from mmsynth.types import AdcFrames

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
CUDA = "cuda:0"
MAPS = 'heatmaps = ["range_doppler", "range_azimuth", "range_elevation"]\nadc = true\nregions = true'
ROOM = f'room = "{data_folder("datasets") / "rooms" / "small_room.toml"}"\n'
WIDE = TEXT.replace("[20, 22]", "[-25, 25]")
CLIPS = {
    "all products": TEXT.replace('heatmaps = ["range_doppler"]', MAPS),
    "points": TEXT + '[simulation]\nmethod = "points"\n',
    "bones": TEXT + '[simulation]\nmethod = "bones"\n',
    "two people": WIDE.replace("count = 2", "count = 3\nothers = 1"),
    "long frames": TEXT.replace("IWR1443BOOST/radhar", "mmmesh"),
    "real samples": TEXT.replace("IWR1443BOOST/radhar", "bgt60").replace("[1.9, 2.1]", "[0.6, 0.7]"),
    "room, two bounces": ROOM + TEXT + "[simulation]\nbounces = 2\n",
}


def recipe_of(text: str, folder: Path):
    (folder / "recipe.toml").write_text(text)
    return load_recipe(folder / "recipe.toml")


@pytest.mark.parametrize("name", CLIPS)
def test_a_clip_of_each_kind_is_the_cpus(name: str, tmp_path: Path) -> None:
    recipe = recipe_of(CLIPS[name], tmp_path)
    stages = [stage(recipe, device) for device in ("cpu", CUDA)]
    want, got = (trace_clip(one, 0) for one in stages)
    assert got.clean.is_cuda and torch.equal(got.joints, want.joints)
    # Rays that pass an edge by a rounding error may differ, a facet or two of a thousand.
    assert error_db(got.clean.cpu(), want.clean) < -40
    sample = record(stages[1], got, 0)
    assert len(sample.cloud.velocity) and bool(torch.isfinite(sample.cloud.position).all())
    processing, clouds = stages[0].setup.processing, []
    for traced in (want, got):
        adc = AdcFrames(stages[0].setup.radar, traced.clean, torch.zeros(len(traced.clean), dtype=torch.float64))
        cloud = detect(range_doppler(adc, processing), processing)
        clouds.append(label_points(cloud, traced.paths, stages[0].setup.radar, processing) if traced.paths else cloud)
    # A cell at the very threshold may go the other way.
    assert abs(len(clouds[0].velocity) - len(clouds[1].velocity)) <= 0.05 * len(clouds[0].velocity) + 1


def test_gradients_are_those_of_the_cpu() -> None:
    scene, radar, settings = walker("radhar", 8, True)
    found = []
    for device in ("cpu", CUDA):
        there = moved(scene, device)
        vertices = there.people[0].vertices.clone().requires_grad_()
        there = replace(there, people=(replace(there.people[0], vertices=vertices),))
        samples = synthesize_frames(trace(there, radar, 0, settings, 7), radar)
        samples.abs().square().sum().backward()
        found.append(vertices.grad.cpu())
    assert error_db(found[1], found[0]) < -40


def test_frames_beyond_one_batch_are_those_of_the_cpu() -> None:
    scene, radar, settings = walker("radhar", 8)
    person = scene.people[0]
    several, times = person.vertices.repeat(12, 1, 1), torch.arange(12 * len(person.times), dtype=torch.float64)
    many = replace(person, vertices=several, times=times, joints=None, joint_names=())
    scene = replace(scene, people=(many,))
    want = simulate_clean(scene, radar, 36, settings, 7)
    assert error_db(simulate_clean(moved(scene, CUDA), radar, 36, settings, 7).cpu(), want) < -45


def test_sets_are_made_by_two_workers_that_share_a_gpu(tmp_path: Path) -> None:
    recipe = recipe_of(CLIPS["all products"], tmp_path)
    files = [generate(recipe, tmp_path / d, lambda *_: None, 2, d)[0] for d in ("cpu", CUDA)]
    want, got = map(Dataset.open, files)
    assert len(got) == len(want) == 8 and list(got.labels.id) == list(want.labels.id)
    for k in range(8):
        assert torch.equal(got[k].joints, want[k].joints) and got[k].adc is not None and len(got[k].heatmaps) == 3


@pytest.mark.parametrize("adapt", ["none", "statistics", "adversarial"])
@pytest.mark.parametrize("model", ["points", "voxels"])
def test_a_network_learns(model: str, adapt: str, recordings: Path, generated: Path, tmp_path: Path) -> None:
    data = Data((recordings,), unlabelled=() if adapt == "none" else (generated,))
    optimise = Optimise(steps=60, pretrain_steps=0, batch=16, every=20, warmup=2, patience=0)
    recipe = Recipe(data, model=model, width=16, optimise=optimise, adapt=Adapt(adapt), device=CUDA)  # type: ignore[arg-type]
    found = predict(fit(recipe, tmp_path / "run", lambda *_: None), Dataset.open(generated))
    assert np.mean([a == b for a, b in zip(found.label, found.truth, strict=True)]) > 0.9
    # What was kept answers alike on the CPU.
    again = predict(load_run(tmp_path / "run"), Dataset.open(generated))
    np.testing.assert_allclose(again.probability, found.probability, atol=1e-3)


@pytest.mark.parametrize("model", ["points", "voxels", "heatmaps", "histograms"])
def test_poses_are_learnt(model: str, posed: Path, tmp_path: Path) -> None:
    more = {"window": WindowSettings(maps=("range_doppler",))} if model == "heatmaps" else {}
    optimise = Optimise(steps=40, pretrain_steps=0, batch=16, every=20, warmup=2, patience=0)
    recipe = Recipe(Data((posed,)), "pose", model=model, width=16, optimise=optimise, device=CUDA, **more)  # type: ignore[arg-type]
    poses = predict_poses(fit(recipe, tmp_path / "run", lambda *_: None), Dataset.open(posed))
    assert np.isfinite(poses.joints).all() and np.nanmean(np.abs(poses.joints - poses.truth)) < 0.5
