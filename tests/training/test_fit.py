"""Training: what is learnt, exact resume, recipes, and what is said of them."""

import json
import resource
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_up import quiet

from mmsynth.datasets import Dataset
from mmsynth.resources import data_folder
from mmsynth.training import estimate, fit, load_recipe, predict
from mmsynth.training.adapt import adapt
from mmsynth.training.forests import blend_trees
from mmsynth.training.material import TrainingMaterial
from mmsynth.training.models import BlendedTrees, Targets, build
from mmsynth.training.networks import to_inputs
from mmsynth.training.recipe import Adapt, Data, Optimise, Recipe
from mmsynth.training.trees import Forest, TreeSettings
from mmsynth.training.windows import WindowSettings, cut

QUICK = Optimise(steps=24, pretrain_steps=8, batch=16, every=4, warmup=2, patience=0)


@pytest.mark.parametrize("model", ["trees", "points", "voxels"])
def test_a_model_learns_what_is_there_and_scores_by_chance_on_labels_that_mean_nothing(
    model: str, recordings: Path, generated: Path, tmp_path: Path
) -> None:
    recipe = Recipe(
        Data(real=(recordings,)),
        model=model,  # type: ignore[arg-type]
        width=16,
        optimise=replace(QUICK, steps=60, pretrain_steps=0, every=20),
    )
    found = predict(fit(recipe, tmp_path / "run", quiet), Dataset.open(generated))
    right = np.mean([a == b for a, b in zip(found.label, found.truth, strict=True)])
    assert right > 0.9
    assert np.allclose(found.probability.sum(1), 1) and len(found) == 48


def test_one_batch_is_learnt_by_heart(recordings: Path) -> None:
    windows = cut(Dataset.open(recordings), WindowSettings()).take(np.arange(0, 48, 4))
    truth = torch.arange(12) % 3
    for name in ("points", "voxels"):
        model = build(Recipe(Data((Path("a"),)), model=name, width=24), Targets(("a", "b", "c")))  # type: ignore[arg-type]
        optimiser = torch.optim.Adam(model.parameters(), 1e-2)
        for _ in range(60):
            loss = torch.nn.functional.cross_entropy(model(to_inputs(windows)), truth)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        assert loss < 0.1, name


def test_a_network_does_not_mind_the_order_of_points(recordings: Path) -> None:
    batch = to_inputs(cut(Dataset.open(recordings), WindowSettings()).take([0, 9]))
    # Points lie time bin by time bin; within a bin their order is any.
    draw = torch.rand(len(batch.cell), generator=torch.Generator().manual_seed(0))
    order = (batch.cell + draw).argsort()
    assert torch.equal(batch.cell[order], batch.cell) and not torch.equal(batch.points[order], batch.points)
    for name in ("points", "voxels"):
        model = build(Recipe(Data((Path("a"),)), model=name, width=16), Targets(("a", "b"))).eval()  # type: ignore[arg-type]
        shuffled = model(replace(batch, points=batch.points[order]))
        assert torch.allclose(model(batch), shuffled, atol=1e-5)


def test_a_killed_run_ends_as_if_it_had_not_been_killed(recordings: Path, generated: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data((recordings,), (generated,)), model="points", width=16, optimise=QUICK)

    def killed(done: int, total: int) -> None:
        if done >= 12:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(recipe, tmp_path / "killed", killed)
    assert not (tmp_path / "killed" / "run.json").exists()
    fit(recipe, tmp_path / "killed", quiet)
    fit(recipe, tmp_path / "whole", quiet)
    first, second = (torch.load(tmp_path / n / "model.pt", weights_only=True) for n in ("killed", "whole"))
    assert set(first) == {"network", "trees"}
    assert all(torch.equal(first[part][k], second[part][k]) for part in first for k in first[part])


def test_an_estimate_counts_what_labels_recordings(
    recordings: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(*arguments: Any) -> Forest:
        asked.append(arguments[3].trees)
        return adapt(*arguments)

    monkeypatch.setattr("mmsynth.training.forests.adapt", counted)
    data = Data(synthetic=(generated,), unlabelled=(recordings,), validation=0.0)
    assert estimate(Recipe(data, adapt=Adapt("self-training"))).seconds > 0
    assert asked == [1, 10, 50]


def test_trees_are_timed_on_some_of_many_windows(
    recordings: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, sizes = Recipe(Data((recordings,), (generated,), validation=0.0)), []

    def seen(_: Recipe, part: TrainingMaterial, __: Any) -> None:
        assert part.real is not None and part.synthetic is not None
        assert set(part.real.activity) == set(part.synthetic.activity) == set(part.classes)  # drawn, not the first ones
        sizes.append((len(part.real), len(part.synthetic)))

    module = import_module("mmsynth.training.fit")  # the package has the function of this name
    monkeypatch.setattr(module, "fit_trees", seen)
    monkeypatch.setattr(module, "_MEASURED", 50)
    assert estimate(recipe).windows == 160 and sizes == 3 * [(50, 50)]


@pytest.mark.parametrize(("share", "steps"), [(0.5, 5), (0.0, 9)])
def test_trees_tell_how_far_they_are(
    recordings: Path, generated: Path, tmp_path: Path, share: float, steps: int
) -> None:
    """Trees on a million frames take minutes: a bar that begins at its end is none."""
    told: list[tuple[int, int]] = []
    data = Data((recordings,) if share else (), (generated,), unlabelled=(recordings,), validation=0.0)
    recipe = Recipe(replace(data, real_fraction=share or 1.0), adapt=Adapt("self-training"), trees=TreeSettings(4))
    fit(recipe, tmp_path / "run", lambda done, total: told.append((done, total)))
    assert told == [(k, steps) for k in range(1, steps + 1)]


def test_an_estimate_of_a_network_counts_trees_that_it_is_joined_with(
    recordings: Path, generated: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def counted(recipe: Recipe, *others: Any) -> BlendedTrees:
        asked.append(recipe.trees.count)
        return blend_trees(recipe, *others)

    monkeypatch.setattr("mmsynth.training.forests.blend_trees", counted)
    recipe = Recipe(Data((recordings,), (generated,)), model="points", width=8, optimise=Optimise(8, 4, 8, every=4))
    alone = replace(recipe, data=replace(recipe.data, schedule="mix"))
    assert estimate(alone).seconds > 0 and not asked
    assert estimate(recipe).seconds > 0 and asked == [1, 10, 50]


def test_wrong_recipes_are_refused_in_a_sentence(tmp_path: Path, recordings: Path) -> None:
    cases = {
        "[data]\nreal = []\n": "data: expected files",
        "model = 'tree'\n[data]\nreal = ['a.h5']\n": "nearest: 'trees'",
        "[data]\nreel = ['a.h5']\n": "unknown key 'data.reel': the nearest known one is 'real'",
        "[data]\nreal = ['a.h5']\n[optimise]\nsteps = 5\n": "optimise.pretrain_steps: expected 0 to 4",
        "width = 0\n[data]\nreal = ['a.h5']\n": "width: expected 1 or more, got 0",
        "smoothing = 1.0\n[data]\nreal = ['a.h5']\n": "smoothing: expected a number from 0 to below 1",
        "[data]\nreal = ['a.h5']\n[trees]\ncount = 0\n": "trees.count: expected a finite number from 1 on, got 0",
        "[data]\nreal = ['a.h5']\n[optimise]\nwarmup = -1\n": "optimise.warmup: expected a finite number from 0 on",
        "[data]\nreal = ['a.h5']\n[optimise]\naverage = -3.0\n": "optimise.average: expected a number from 0 to",
        "seed = -1\n[data]\nreal = ['a.h5']\n": "seed: expected zero to 2.31 - 1, got -1",
        "classes = ['a', 'a']\n[data]\nreal = ['a.h5']\n": "classes: expected names that differ, got 'a', 'a'",
        "[data]\nreal = ['a.h5']\n[window]\nduration = inf\n": "a duration and a step from 0.01 s on, got inf s",
        "[data]\nreal = ['a.h5']\n[window]\nstep = 1e-9\n": "from 0.01 s on, got 2 s and 1e-09 s$",
        "[data]\nreal = ['a.h5']\n[adapt]\nweight = -1.0\n": "adapt.weight: expected a finite number from 0 on, got -1",
        "[data]\nreal = ['a.h5']\n[trees]\nshare = 2.0\n": "trees.share: expected a finite number from 0 to 1, got 2",
        "[data]\nreal = ['a.h5']\n[window]\nmin_range = 9.0\n": r"min_range < max_range \(m\), got 9 and 5.1",
    }
    for text, message in cases.items():
        path = tmp_path / "recipe.toml"
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            load_recipe(path)
    with pytest.raises(ValueError, match="no such file"):
        fit(Recipe(Data(real=(tmp_path / "none.h5",))), tmp_path / "run", quiet)
    assert not (tmp_path / "run").exists()
    mistyped = Data(real=(recordings,), hold_out=("p1", "2020-1-02"))
    with pytest.raises(ValueError, match=r"of a session or subject '2020-1-02'; there are 2020-01-01-a, .*, p0, p1"):
        fit(Recipe(mistyped), tmp_path / "run", quiet)
    adapting = Data(synthetic=(recordings,), unlabelled=(recordings,), hold_out=("2020-1-02",))
    with pytest.raises(ValueError, match="of a session or subject '2020-1-02'"):
        fit(Recipe(adapting, adapt=Adapt("self-training")), tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="split: expected one of .*, got 'radhar'"):
        fit(Recipe(Data(synthetic=(recordings,), split="radhar")), tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="no clip of jump is left"):
        fit(Recipe(Data(real=(recordings,)), classes=("jump",)), tmp_path / "run", quiet)
    with pytest.raises(ValueError, match="no clip of slwo is left to train on; there are fast$"):
        fit(Recipe(Data(real=(recordings,)), classes=("fast", "slwo")), tmp_path / "run", quiet)


def test_a_checkpoint_that_does_not_fit_on_the_disk_is_one_sentence(recordings: Path, tmp_path: Path) -> None:
    quick = replace(QUICK, steps=4, pretrain_steps=0, every=2)
    recipe = Recipe(Data((recordings,)), model="points", width=32, optimise=quick)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OSError, match=r"checkpoint\.pt: cannot write: File too large"):
            fit(recipe, tmp_path / "run", quiet)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list((tmp_path / "run").glob("*.p*t*"))
    fit(recipe, tmp_path / "run", quiet)


def test_a_training_that_diverges_is_not_kept(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data((recordings,)), model="points", width=8, optimise=replace(QUICK, steps=10, every=5, rate=1e30))
    with pytest.raises(ValueError, match=r"optimise.rate: expected one at which .* got 1e\+30"):
        fit(recipe, tmp_path / "run", quiet)
    assert not (tmp_path / "run" / "run.json").exists()


def test_files_of_a_recipe_lie_relative_to_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    text = (
        "initial = 'run'\n[data]\nreal = ['a.h5', '/b.h5']\nunlabelled = ['c.h5']\n[adapt]\nmethod = 'self-training'\n"
    )
    (tmp_path / "deep" / "recipe.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    found = load_recipe("deep/recipe.toml")
    assert found.data.real == (tmp_path / "a.h5", Path("/b.h5"))
    assert (found.data.synthetic, found.data.unlabelled) == ((), (tmp_path / "c.h5",))
    assert found.initial == tmp_path / "run"


def test_a_pattern_stands_for_all_files_that_match(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In order, and beside files that are named; a name with brackets that is there is itself."""
    for name in ("job10/set.h5", "job2/set.h5", "other/set.h5", "[1].h5"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "recipe.toml"
    recipe.write_text("[data]\nsynthetic = ['job*/set.h5', 'missing.h5', '[1].h5']\n")
    found = load_recipe(recipe).data.synthetic
    assert found == tuple(tmp_path / name for name in ("job10/set.h5", "job2/set.h5", "missing.h5", "[1].h5"))
    recipe.write_text("[data]\nsynthetic = ['jib*/set.h5']\n")
    with pytest.raises(ValueError, match=r"recipe.toml: data: no file matches jib\*/set.h5"):
        load_recipe(recipe)


def test_a_run_says_how_long_it_will_take_and_what_it_logged(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data(real=(recordings,)), model="points", width=16, optimise=QUICK)
    cost = estimate(recipe)
    assert cost.seconds > 0 and cost.parameters > 1000 and cost.windows == 5 * 14
    fit(recipe, tmp_path / "run", quiet)
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [4, 8, 12, 16, 20, 24]


def test_every_recipe_of_the_training_folder_loads() -> None:
    found = sorted(data_folder("training").glob("*.toml"))
    assert found
    for path in found:
        load_recipe(path)


@pytest.mark.parametrize("path", sorted(data_folder("training").glob("*.toml")), ids=lambda p: p.stem)
def test_every_recipe_of_the_training_folder_trains_two_steps(
    path: Path, recordings: Path, generated: Path, posed: Path, tmp_path: Path
) -> None:
    recipe = load_recipe(path)
    rich = recipe.task == "pose" or bool(recipe.window.maps)
    data = replace(
        recipe.data,
        real=(posed if rich else recordings,) if recipe.data.real else (),
        synthetic=(posed if rich else generated,) if recipe.data.synthetic else (),
        hold_out=(),
    )
    steps = replace(recipe.optimise, steps=2, pretrain_steps=1, every=1)
    trees = replace(recipe.trees, count=3)
    short = replace(recipe, data=data, classes=(), optimise=steps, trees=trees, device="cpu")
    run = fit(short, tmp_path / "run", quiet)
    assert run.targets.joint_set == "mars19" if recipe.task == "pose" else run.classes == ("fast", "slow")


def test_a_run_starts_from_the_weights_of_another(recordings: Path, generated: Path, tmp_path: Path) -> None:
    first = fit(Recipe(Data(synthetic=(generated,)), model="points", width=16, optimise=QUICK), tmp_path / "a", quiet)
    still = replace(QUICK, steps=1, pretrain_steps=0, every=1, rate=1e-12)
    data = Data(real=(recordings,))
    recipe = Recipe(data, model="points", width=16, optimise=still, initial=first.folder)
    second = fit(recipe, tmp_path / "b", quiet)
    found = [predict(run, Dataset.open(recordings)).probability for run in (first, second)]
    # The statistics of the normalisation layers have taken one step of a tenth towards the recordings'.
    assert np.abs(found[0] - found[1]).max() < 0.2 and (found[0].argmax(1) == found[1].argmax(1)).mean() > 0.95
    other = Recipe(data, classes=("slow", "fast"), model="points", width=16, optimise=still, initial=first.folder)
    with pytest.raises(ValueError, match="predicts fast, slow; expected a network for the targets of this recipe"):
        fit(other, tmp_path / "c", quiet)
    with pytest.raises(ValueError, match="a holds another network than model 'points' of width 8"):
        fit(replace(recipe, width=8), tmp_path / "c", quiet)
    # Nothing was trained in that folder: a mended recipe may have it.
    assert fit(recipe, tmp_path / "c", quiet).classes == ("fast", "slow")


def test_events_are_written_for_tensorboard(recordings: Path, tmp_path: Path) -> None:
    recipe = Recipe(Data(real=(recordings,)), model="points", width=16, optimise=QUICK, tensorboard=True)
    fit(recipe, tmp_path / "run", quiet)
    found = list((tmp_path / "run" / "events").iterdir())
    assert len(found) == 1 and found[0].stat().st_size > 200
