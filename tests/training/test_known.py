"""Clips that a run has seen, whatever their file and they are called."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from made_up import quiet

from mmsynth.datasets import Dataset, DatasetWriter
from mmsynth.datasets.clouds import cut_cloud
from mmsynth.evaluation import evaluate
from mmsynth.evaluation.evaluate import ADAPTED, met, untouched
from mmsynth.training import Recipe, are_known, fit, load_run
from mmsynth.training.known import marks_of
from mmsynth.training.recipe import Adapt, Data
from mmsynth.training.trees import TreeSettings
from mmsynth.types import Labels, Sample

FEW, ALL = TreeSettings(5), np.arange(16)


def imported_again(path: Path, data: Dataset, first: int) -> Dataset:
    """The clips from a frame on, of other names and without sessions and people."""
    with DatasetWriter(path, data.attributes) as writer:
        for number, sample in enumerate(data):
            cloud = cut_cloud(sample.cloud, first, len(sample.cloud.times))
            writer.append(Sample(f"take {number}", Labels(sample.labels.activity, "", "", ""), cloud))
    return Dataset.open(path)


def test_a_copy_of_what_a_run_was_trained_on_is_known(recordings: Path, generated: Path, tmp_path: Path) -> None:
    data, other = Dataset.open(recordings), Dataset.open(generated)
    again = imported_again(tmp_path / "again.h5", data, 30)
    made = Data(real=(recordings,), synthetic=(generated,), hold_out=("2020-01-02",))
    run = fit(Recipe(made, trees=FEW), tmp_path / "run", quiet)
    for where in (run, load_run(run.folder)):
        assert met(where, data, ALL) == met(where, again, ALL) == (8, 0)
        assert met(where, data, untouched(where, data)) == (0, 0) and met(where, other, ALL) == (16, 0)
    assert "of these clips the run was trained on 8: " in evaluate(run, again, tmp_path / "report").text()


def test_a_copy_of_what_a_run_was_adapted_to_is_known(recordings: Path, generated: Path, tmp_path: Path) -> None:
    again = imported_again(tmp_path / "again.h5", Dataset.open(recordings), 30)
    for hold_out, count in (((), 16), (("2020-01-02",), 8)):
        data = Data(synthetic=(generated,), unlabelled=(recordings,), hold_out=hold_out)
        recipe = Recipe(data, adapt=Adapt("self-training"), trees=FEW)
        run = fit(recipe, tmp_path / f"run-{count}", quiet)
        assert met(run, again, ALL) == (0, count)
        assert ADAPTED.format(count) in evaluate(run, again, tmp_path / f"report-{count}").text()


def test_clips_that_chose_a_network_or_taught_the_one_it_began_from_are_known(
    recordings: Path, generated: Path, tmp_path: Path
) -> None:
    data, quick = Data(synthetic=(generated,)), {"steps": 1, "pretrain_steps": 0}
    recipe = Recipe(data, model="points", width=8)
    recipe = replace(recipe, optimise=replace(recipe.optimise, **quick))
    first = fit(recipe, tmp_path / "first", quiet)
    assert "more choose the model" in first.about and met(first, Dataset.open(generated), ALL) == (16, 0)
    then = fit(replace(recipe, data=Data(real=(recordings,)), initial=first.folder), tmp_path / "then", quiet)
    for file in (recordings, generated):
        assert met(then, Dataset.open(file), ALL) == (16, 0)


def test_a_clip_is_known_from_half_of_its_frames_that_hold_points_on(recordings: Path, tmp_path: Path) -> None:
    data = Dataset.open(recordings)
    frames = len(data[0].cloud.times)
    for first, known in ((frames // 2, 16), (frames // 2 + 1, 0)):
        later = imported_again(tmp_path / f"{first}.h5", data, first)
        assert int(are_known(data, marks_of(later, ALL))[0].sum()) == known
    # Frames without points tell nothing.
    with DatasetWriter(tmp_path / "empty.h5", data.attributes) as writer:
        cloud = data[0].cloud
        none = {name: getattr(cloud, name)[:0] for name in ("position", "velocity", "intensity", "snr_db", "noise_db")}
        writer.append(replace(data[0], cloud=replace(cloud, **none, offsets=cloud.offsets * 0)))
    empty = Dataset.open(tmp_path / "empty.h5")
    assert not are_known(empty, marks_of(empty, np.arange(1)))[0].any()
    assert not are_known(data, marks_of(empty, [0]))[0].any()
