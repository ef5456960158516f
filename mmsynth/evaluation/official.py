"""Scores on a published split, as `mmsynth train` and `evaluate` give them: for comparison only."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from mmsynth.datasets import Dataset
from mmsynth.evaluation.evaluate import Report, evaluate
from mmsynth.evaluation.pose import PoseReport, evaluate_poses
from mmsynth.training import fit
from mmsynth.training.recipe import Data, Recipe


def split_reports(
    recipe: Recipe, recordings: Path, split: str, seeds: Sequence[int], out: Path
) -> Iterator[Report | PoseReport]:
    """Train on the training clips of a split, recordings alone, and score the test clips, once a seed.

    Args:
        recipe: of the model; its data are replaced.
        recordings: file that `mmsynth import` wrote.
        split: name of the protocol, see `load_split`.
        seeds: of the model.
        out: folder in which runs and reports stay.

    Raises:
        ValueError: the recordings have none of the test clips.
    """
    data = Data(real=(recordings.absolute(),), split=split)
    for seed in seeds:
        folder = out / f"{split}-{recipe.model}-{seed}"
        run = fit(replace(recipe, data=data, seed=seed), folder / "run", lambda done, total: None)
        score = evaluate_poses if recipe.task == "pose" else evaluate
        yield score(run, Dataset.open(recordings), folder)
