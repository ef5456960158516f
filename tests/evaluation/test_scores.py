"""The report, the protocol and the ledger."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from mmsynth.datasets import Attributes, Dataset, Datasets, DatasetWriter
from mmsynth.evaluation import corpus, evaluate, folds
from mmsynth.evaluation.evaluate import Report, met, score_predictions, untouched
from mmsynth.evaluation.official import split_reports
from mmsynth.evaluation.protocol import draw_rows
from mmsynth.evaluation.radhar import _shuffled, across
from mmsynth.evaluation.report import keep_report, without_nan
from mmsynth.evaluation.scores import row, score, text_table, update_ledger, vote
from mmsynth.radar import load_radar
from mmsynth.training import Predictions, WindowSettings, fit, load_run, other_radar
from mmsynth.training.features import count_features
from mmsynth.training.gather import gather
from mmsynth.training.recipe import Data, Recipe
from mmsynth.training.trees import TreeSettings
from mmsynth.view.style import new_figure

SPLIT = {"train": (0, 1, 2), "validation": (3,), "test": (4, 5)}


def test_a_run_is_scored_with_table_figure_and_json(recordings: Path, generated: Path, tmp_path: Path) -> None:
    run = fit(Recipe(Data(real=(recordings,))), tmp_path / "run", lambda done, total: None)
    report = evaluate(run, Dataset.open(generated), tmp_path / "report")
    assert report.windows.balanced_accuracy > 0.9
    assert report.majority.balanced_accuracy == 0.5
    content = json.loads((tmp_path / "report" / "report.json").read_text())
    assert content["windows"]["windows"] == 48 and content["clips"]["windows"] == 16
    assert content["windows"]["confusion"] == [list(r) for r in report.windows.matrix]
    assert (tmp_path / "report" / "confusion.png").stat().st_size > 2000
    assert f"{report.windows.accuracy:.3f}" in (tmp_path / "report" / "report.txt").read_text()


def test_what_a_run_was_trained_on_is_not_scored(recordings: Path, generated: Path, tmp_path: Path) -> None:
    run = fit(Recipe(Data(real=(recordings,), hold_out=("2020-01-02",))), tmp_path / "run", lambda done, total: None)
    data, other = Dataset.open(recordings), Dataset.open(generated)
    held = untouched(run, data)
    assert len(held) == 8 and all(s.startswith("2020-01-02") for s in data.labels.session[held].tolist())
    report = evaluate(run, data, tmp_path / "report")
    assert report.windows.table()["windows"] == 8 * 3 and (report.seen, report.left) == (0, 8)
    assert "8 more clips are none of those that the run held out" in report.text()
    # A file of which nothing was held out counts as a whole.
    assert len(untouched(replace(run, recipe=Recipe(Data(real=(recordings,)))), other)) == len(other)
    # So it does beside one of which some was.
    with DatasetWriter(tmp_path / "strange.h5", data.attributes) as writer:
        for sample in other:
            writer.append(replace(sample, labels=replace(sample.labels, session="elsewhere")))
    both = Datasets.open([tmp_path / "strange.h5", recordings])
    assert untouched(run, both).tolist() == [*range(len(other)), *(len(other) + held)]


def test_a_run_by_a_split_learns_its_training_clips_and_is_scored_on_its_test_clips(
    recordings: Path, tmp_path: Path
) -> None:
    ids = {part: [f"{a}-{n}" for n in own for a in ("fast", "slow")] for part, own in SPLIT.items()}
    lines = [f"{part} = {json.dumps(names)}" for part, names in ids.items()]
    (tmp_path / "own.toml").write_text(
        "\n".join(['dataset = "d"', "leak_free = false", 'note = "One sitting."', *lines])
    )
    data = Data(real=(recordings,), split=str(tmp_path / "own.toml"))
    run, whole = fit(Recipe(data), tmp_path / "run", lambda done, total: None), Dataset.open(recordings)
    assert "learnt from 6 of 16 recordings (4 held out)" in run.about and "LEAKS" in run.about
    assert sorted(whole.labels.id[untouched(run, whole)].tolist()) == sorted(ids["test"])
    assert not any(met(run, whole, untouched(run, whole)))
    said = evaluate(run, whole, tmp_path / "report").text()
    assert said.endswith("LEAKS, so that scores on it are too good: One sitting.")
    # A network is chosen on the split's validation clips.
    material = gather(Recipe(data, model="points"))
    assert material.real is not None and material.validation is not None
    assert set(material.real.clip.tolist()) == set(ids["train"])
    assert set(material.validation.clip.tolist()) == set(ids["validation"])
    with pytest.raises(ValueError, match="none of the test clips of 'radhar-official'"):
        fit(Recipe(replace(data, split="radhar-official")), tmp_path / "none", lambda done, total: None)
    with pytest.raises(ValueError, match="expected none beside hold_out"):
        replace(data, hold_out=("2020-01-02",))


def test_a_published_split_is_trained_on_and_scored_once_a_seed(
    recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ids = {part: [f"{a}-{n}" for n in own for a in ("fast", "slow")] for part, own in SPLIT.items()}
    lines = [f"{part} = {json.dumps(names)}" for part, names in ids.items()]
    Path("own.toml").write_text("\n".join(['dataset = "d"', "leak_free = true", 'note = ""', *lines]))
    recipe = Recipe(Data(synthetic=(Path("other.h5"),)), trees=TreeSettings(20))
    reports = list(split_reports(recipe, recordings, "own.toml", (4, 5), Path("out")))
    assert [report.windows.table()["windows"] for report in reports if isinstance(report, Report)] == [4 * 3] * 2
    for seed in (4, 5):
        run = load_run(Path("out", f"own.toml-trees-{seed}", "run"))
        assert run.recipe.seed == seed and run.about == "learnt from 6 of 16 recordings (4 held out)"
        assert Path("out", f"own.toml-trees-{seed}", "report.txt").is_file()


def seen_by(radar: str, source: Path, path: Path) -> Path:
    """The clips of a data set, as if this radar had recorded them."""
    with Dataset.open(source) as data:
        with DatasetWriter(path, replace(data.attributes, radar=load_radar(radar).radar)) as writer:
            for sample in data:
                writer.append(sample)
    return path


def test_clips_of_another_radar_are_told(recordings: Path, generated: Path, tmp_path: Path) -> None:
    mine = seen_by("radhar", generated, tmp_path / "mine.h5")
    run = fit(Recipe(Data(synthetic=(mine,))), tmp_path / "run", lambda done, total: None)
    other = seen_by("mmmesh", recordings, tmp_path / "other.h5")
    said = other_radar(run, Dataset.open(other))
    assert said.startswith(
        "the run learnt from IWR1443BOOST/radhar (4.36 cm, 0.615 m/s, 30 frames/s, 14 x 56 deg), these clips are of"
    )
    assert said in evaluate(run, Dataset.open(other), tmp_path / "report").text()
    known = (mine, seen_by("radhar", recordings, tmp_path / "same.h5"))
    assert [other_radar(run, Dataset.open(file)) for file in known] == ["", ""]
    several = Datasets.open((known[1], other), drop_intensity=True)
    assert other_radar(run, several) == said.replace("these", "some of these")
    # Of a radar that is not known the frame rate tells.
    assert "these clips are of a radar that is not known (20 frames/s)" in other_radar(run, Dataset.open(recordings))
    mine.unlink()
    assert other_radar(run, Dataset.open(other)) == ""


def test_radars_that_differ_in_antennas_alone_are_told(generated: Path, recordings: Path, tmp_path: Path) -> None:
    whole = load_radar("radhar").radar
    flat = replace(whole, tx=whole.tx * torch.tensor([1.0, 1.0, 0.0]))
    with Dataset.open(recordings) as data:
        with DatasetWriter(tmp_path / "flat.h5", replace(data.attributes, radar=flat)) as writer:
            for sample in data:
                writer.append(sample)
    mine = seen_by("radhar", generated, tmp_path / "mine.h5")
    assert gather(Recipe(Data((tmp_path / "flat.h5",), (mine,)))).about.endswith(
        "; the recordings are of IWR1443BOOST/radhar (4.36 cm, 0.615 m/s, 30 frames/s, 14 deg, no elevation), "
        "the synthetic clips of IWR1443BOOST/radhar (4.36 cm, 0.615 m/s, 30 frames/s, 14 x 56 deg)"
    )
    assert "radhar" not in gather(Recipe(Data((mine,), (mine,)))).about


def test_clips_shorter_than_a_window_are_counted(recordings: Path, tmp_path: Path, write: Callable[..., Path]) -> None:
    run = fit(Recipe(Data((recordings,))), tmp_path / "run", lambda done, total: None)
    with DatasetWriter(tmp_path / "some.h5", Attributes()) as writer:
        for path in (write(tmp_path / "a.h5", range(20, 21)), write(tmp_path / "b.h5", range(30, 32), 1.5)):
            for sample in Dataset.open(path):
                writer.append(sample)
    report = evaluate(run, Dataset.open(tmp_path / "some.h5"), tmp_path / "report")
    assert report.short == 4 and "4 clips are shorter than a window and were not scored" in report.text()


def predictions(truth: list[str], clips: str = "x") -> Predictions:
    probability = np.tile([0.7, 0.3], (len(truth), 1))
    start, clip = np.arange(len(truth), dtype=float), np.array(list(clips * len(truth))[: len(truth)])
    return Predictions(("a", "b"), clip, start, np.array(truth, object), probability, start < 0, 2.0)


def test_unlabelled_windows_do_not_count_and_unknown_labels_are_refused() -> None:
    assert score_predictions(predictions(["a", "", "b"])).windows.matrix == ((1, 0), (1, 0))
    with pytest.raises(ValueError, match="got clips of c"):
        score_predictions(predictions(["a", "c"]))
    with pytest.raises(ValueError, match="got none"):
        score_predictions(predictions(["", ""]))


def test_votes_and_the_constant_answer_are_held_against_what_was_recorded() -> None:
    """Everything is taken for a; the clips x, y, z are of b, a, b, the first of four windows."""
    found = score_predictions(predictions(["b", "b", "b", "b", "a", "b"], "xxxxyz"))
    assert found.windows.matrix == ((1, 0), (5, 0)) and found.clips.matrix == ((1, 0), (2, 0))
    # The constant answer is the commonest activity, not what the run says.
    assert found.majority.matrix == ((0, 1), (0, 5))


def test_a_vote_is_the_product_of_what_windows_say() -> None:
    p = np.array([[0.8, 0.2], [0.8, 0.2], [0.02, 0.98], [0.9, 0.1]])
    voted, first = vote(p, np.array(["x", "x", "x", "y"], object))
    # In the mean the first clip would be of the first class.
    assert voted.argmax(1).tolist() == [1, 0] and first.tolist() == [0, 3]
    # To within the thousandth that is added to each.
    assert voted[0, 1] == pytest.approx(0.0392 / 0.052, abs=0.01) and voted[1, 0] == pytest.approx(0.9, abs=0.001)


def test_exchanged_labels_stay_whole_clips() -> None:
    clip, labels = np.repeat(list("abcdef"), 5), np.repeat([0, 0, 0, 1, 1, 1], 5)
    drawn = [_shuffled(clip, labels, np.random.default_rng(seed)).reshape(6, 5) for seed in range(20)]
    assert all((own == own[:, :1]).all() and own[:, 0].sum() == 3 for own in drawn)
    # A clip gets the label of another kind in half of the draws: three standard deviations of 120 are 0.14.
    assert np.mean([own != labels.reshape(6, 5) for own in drawn]) == pytest.approx(0.5, abs=0.14)


def test_no_group_is_trained_and_tested_on(recordings: Path) -> None:
    data = corpus(Dataset.open(recordings), WindowSettings())
    found = list(folds(data))
    assert [f.name for f in found] == ["2020-01-01", "2020-01-02"]
    for fold in found:
        assert not set(data.dense.clip[fold.train]) & set(data.apart.clip[fold.test])
        assert set(data.apart.session[fold.test]) == {fold.name + "-a"}
    assert sum(f.test.sum() for f in found) == len(data.apart)
    # What is scored does not overlap; what is trained on does, by half.
    assert [sorted(set(w.start.tolist())) for w in (data.apart, data.dense)] == [[0, 2, 4], [0, 1, 2, 3, 4]]
    with pytest.raises(ValueError, match="expected recordings of at least two days"):
        list(folds(type(data)(data.classes, data.dense.take([0]), data.apart.take([0]))))


def test_a_draw_takes_whole_clips_of_every_class_or_a_stretch_of_one(recordings: Path) -> None:
    data = corpus(Dataset.open(recordings), WindowSettings())
    rows = np.arange(len(data.dense))
    for fraction, clips, windows in ((0.25, 2, 5), (0.1, 1, 4), (0.01, 1, 2)):
        some = draw_rows(data.dense, rows, fraction, np.random.default_rng(0))
        names, counts = np.unique(data.dense.clip[some].astype(str), return_counts=True)
        assert sorted(n.split("-")[0] for n in names) == ["fast"] * clips + ["slow"] * clips
        assert set(counts) == {windows}
    # A stretch begins anywhere in its clip.
    few = [draw_rows(data.dense, rows, 0.01, np.random.default_rng(seed)) for seed in range(20)]
    assert {float(data.dense.start[own[0]]) for own in few} == {0, 1, 2, 3}


def test_across_days_the_tempo_is_learnt_and_counts_say_nothing(recordings: Path) -> None:
    data = corpus(Dataset.open(recordings), WindowSettings())
    assert all(s.balanced_accuracy > 0.9 for s in across(data, 0))
    # Every window has the same number of points: what counts alone reach is chance, 24 windows a day.
    assert all(abs(s.balanced_accuracy - 0.5) < 0.35 for s in across(data, 0, count_features))


def test_the_ledger_keeps_the_newest_row_of_each_experiment(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    update_ledger(path, [row("a/x", [0.1, 0.3], "trees"), row("a/y", [1.0], "trees")])
    update_ledger(path, [row("a/x", [0.5], "trees", method="facets"), row("a/y", [2.0], "trees")])
    kept = {(r["experiment"], r["method"]): r["value"] for r in json.loads(path.read_text())}
    assert kept == {("a/x", ""): pytest.approx(0.2), ("a/x", "facets"): 0.5, ("a/y", ""): 2.0}
    assert row("a/x", [0.1, 0.3], "t").spread == pytest.approx(np.sqrt(0.02))
    assert "a/x" in text_table([row("a/x", [0.1], "trees")])


def test_scores_of_a_matrix() -> None:
    found = score(np.array([0, 0, 1]), np.array([0, 1, 1]), ("a", "b", "c"))
    assert found.recall["a"] == 0.5 and np.isnan(found.recall["c"])
    assert found.table()["recall"]["c"] is None
    assert without_nan({"a": [1.0, [np.nan]], "b": np.array([np.nan, 2.0])}) == {"a": [1.0, [None]], "b": [None, 2.0]}


def test_a_report_that_fails_half_way_leaves_the_earlier_one(tmp_path: Path) -> None:
    class Broken(Figure):
        def savefig(self, *_: object, **__: object) -> None:
            raise OSError("disk full")

    text, figure = tmp_path / "report.txt", tmp_path / "confusion.png"
    keep_report(text, figure, "earlier", {"a": 1}, new_figure(1, 1))
    picture = figure.read_bytes()
    with pytest.raises(OSError, match="disk full"):
        keep_report(text, figure, "later", {"a": 2}, Broken())
    assert text.read_text() == "earlier\n" and (tmp_path / "report.json").read_text() == '{\n "a": 1\n}\n'
    assert figure.read_bytes() == picture and len(list(tmp_path.iterdir())) == 3
