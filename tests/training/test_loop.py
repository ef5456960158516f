"""The training loop: what a batch holds, which weights are kept, and when it stops."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mmsynth.datasets import Dataset
from mmsynth.training.augment import Augment, augment
from mmsynth.training.loop import start, train_network, train_step, validation_score
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import Targets
from mmsynth.training.recipe import Data, Optimise, Recipe
from mmsynth.training.schedule import rate
from mmsynth.training.windows import Windows, WindowSettings, cut

STILL = Augment(drop=0, ghost=0, jitter=0, speed=0, shift=0, mirror=0, turn=0, range=0, move=0, level=0)
OPTIMISE = Optimise(steps=40, pretrain_steps=10, batch=12, every=1, warmup=2, patience=0)
RECIPE = Recipe(Data((Path("a"),), (Path("b"),)), model="points", width=8, augment=STILL, optimise=OPTIMISE)


@pytest.fixture(scope="module")
def windows(recordings: Path) -> Windows:
    return cut(Dataset.open(recordings), WindowSettings())


@pytest.fixture(scope="module")
def material(windows: Windows) -> TrainingMaterial:
    """Recordings with seven windows of one activity to one of the other; as many synthetic windows of either."""
    fast, slow = (np.flatnonzero(windows.activity == name) for name in ("fast", "slow"))
    real = windows.take(np.concatenate([fast[:2], slow[:14]]))
    made = replace(windows, subject=np.full(len(windows), "made"))
    return TrainingMaterial(Targets(("fast", "slow")), real=real, synthetic=made)


def drawn(recipe: Recipe, material: TrainingMaterial, steps: int, monkeypatch: pytest.MonkeyPatch) -> list[Windows]:
    """The windows of each of the first steps."""
    found: list[Windows] = []
    monkeypatch.setattr("mmsynth.training.loop.augment", lambda w, *_: (found.append(w), w)[1])
    state = start(recipe, material)
    for _ in range(steps):
        train_step(recipe, material, state)
    return found


def test_a_mixed_batch_has_its_share_and_activities_alike(
    material: TrainingMaterial, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, data=replace(RECIPE.data, schedule="mix", synthetic_share=0.25))
    batches = drawn(recipe, material, 40, monkeypatch)
    assert [int((w.subject == "made").sum()) for w in batches] == [3] * 40
    # Each step draws anew.
    assert len({tuple(zip(w.clip, w.start, strict=True)) for w in batches}) == 40
    # 360 recorded windows: a standard deviation of 0.026; as they come, an eighth would be fast.
    recorded = np.concatenate([w.activity[w.subject != "made"] for w in batches])
    assert len(recorded) == 360 and abs(np.mean(recorded == "fast") - 0.5) < 0.1


def test_synthetic_windows_come_first_and_recorded_ones_after(
    material: TrainingMaterial, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = drawn(RECIPE, material, 12, monkeypatch)
    assert [float(np.mean(w.subject == "made")) for w in batches] == [1.0] * 10 + [0.0] * 2


def test_the_average_follows_the_weights(material: TrainingMaterial) -> None:
    state = start(RECIPE, material)
    before = {k: v.clone() for k, v in state.average.state_dict().items() if v.dtype.is_floating_point}
    train_step(RECIPE, material, state)
    # So that it forgets how it began, the average moves by 9 / (step + 9) of the way, and by 1 % at least.
    for name, value in state.network.state_dict().items():
        if name in before:
            expected = before[name] + 0.9 * (value - before[name])
            assert torch.allclose(state.average.state_dict()[name], expected, atol=1e-6), name


def test_it_stops_when_nothing_gets_better_and_keeps_the_best(
    windows: Windows, material: TrainingMaterial, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = replace(RECIPE, data=Data((Path("a"),)), optimise=replace(OPTIMISE, pretrain_steps=0, patience=2))
    scores, seen = iter([1.0, 3.0, 2.0, 3.0]), []
    own = replace(material, synthetic=None, validation=windows.take([0, 5]))

    def scored(model: object, chosen: Windows) -> float:
        assert chosen is own.validation
        weights = model.network.state_dict()  # type: ignore[attr-defined]
        seen.append({k: v.clone() for k, v in weights.items()})
        return next(scores)

    monkeypatch.setattr("mmsynth.training.loop.validation_score", scored)
    done: list[int] = []
    kept = train_network(recipe, own, None, lambda step, total: done.append(step)).network.state_dict()
    assert done == [1, 2, 3, 4]
    assert all(torch.equal(value, seen[1][name]) for name, value in kept.items())
    assert any(not torch.equal(value, seen[3][name]) for name, value in kept.items())


@pytest.mark.parametrize("chosen", [True, False])
def test_a_stop_forgets_neither_the_best_weights_nor_the_average(
    chosen: bool, windows: Windows, material: TrainingMaterial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after the third step of six: what is kept is that of the second, or the average without a choice."""
    monkeypatch.setattr("mmsynth.training.loop.validation_score", lambda *_: next(scores))
    recipe = replace(RECIPE, data=Data((Path("a"),)), optimise=replace(OPTIMISE, steps=6, pretrain_steps=0))
    own = replace(material, synthetic=None, validation=windows.take([0, 5]) if chosen else None)

    def killed(step: int, total: int) -> None:
        if step == 3:
            raise KeyboardInterrupt

    found = []
    for folder in ("killed", "whole"):
        (tmp_path / folder).mkdir()
        scores = iter([1.0, 3.0, 2.0, 2.5, 2.9, 2.7])
        if folder == "killed":
            with pytest.raises(KeyboardInterrupt):
                train_network(recipe, own, tmp_path / folder, killed)
        found.append(train_network(recipe, own, tmp_path / folder, lambda step, total: None).network.state_dict())
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())


def test_of_states_that_are_right_as_often_the_surer_one_is_chosen(windows: Windows) -> None:
    truth = np.eye(2)[windows.labels(("fast", "slow"))]

    def scored(sure: float, wrong: int = 0) -> float:
        said = sure * truth + (1 - sure) * (1 - truth)
        said[:wrong] = said[:wrong, ::-1]
        model = SimpleNamespace(targets=Targets(("fast", "slow")), probabilities=lambda _: said)
        return validation_score(model, windows)  # type: ignore[arg-type]

    assert 1 > scored(0.9) > scored(0.6) > scored(0.9, wrong=2)


def test_recorded_windows_are_learnt_more_slowly_than_synthetic_ones(material: TrainingMaterial) -> None:
    """After pre-training the rate takes its course once more, as of a training of that length, and lower."""
    plain = replace(RECIPE, optimise=replace(OPTIMISE, steps=30, pretrain_steps=0))
    alone = replace(material, synthetic=None)
    course = np.array([rate(plain, alone, step) for step in range(30)])
    assert [rate(RECIPE, material, 10 + step) for step in range(30)] == pytest.approx(OPTIMISE.finetune_rate * course)
    assert OPTIMISE.finetune_rate < 1 and course.max() == course[2] <= OPTIMISE.rate


def test_ghosts_are_points_of_elsewhere_and_jitter_has_its_size(windows: Windows) -> None:
    ghosts = augment(windows, replace(STILL, ghost=1.0), np.random.default_rng(0))
    moved = (ghosts.position != windows.position).any(1)
    # Half of the points on average, a share drawn anew for each of 48 windows: 0.29 / sqrt(48) = 0.04.
    assert abs(moved.mean() - 0.5) < 0.15
    known = {(*place, speed) for place, speed in zip(windows.position.tolist(), windows.velocity.tolist(), strict=True)}
    assert all((*p, v) in known for p, v in zip(ghosts.position.tolist(), ghosts.velocity.tolist(), strict=True))
    shaken = augment(windows, replace(STILL, jitter=0.05), np.random.default_rng(0))
    off = (shaken.position - windows.position).ravel()
    # The relative error of a standard deviation of n values is 1 / sqrt(2 n).
    assert len(off) > 3000 and abs(off.std() / 0.05 - 1) < 4 / np.sqrt(2 * len(off))
    assert np.array_equal(shaken.velocity, windows.velocity)
