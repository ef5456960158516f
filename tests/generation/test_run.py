"""Runs: the same bytes of any number of workers, whole or gone on with, and nothing else written over."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from generation.small import TEXT, digest, several
from made_up import PERSON, quiet

from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.recipe import Recipe
from mmsynth.generation.run import _Join, run_note
from mmsynth.radar import load_radar, write_cfg
from mmsynth.types import Labels, PointCloud, Sample


def test_one_worker_two_workers_and_resumed_make_the_same_bytes(recipe: Recipe, tmp_path: Path) -> None:
    (one,) = generate(recipe, tmp_path / "one", quiet, 1)
    (two,) = generate(recipe, tmp_path / "two", quiet, 2)
    assert digest(one) == digest(two)
    assert not (tmp_path / "one" / "parts").exists()
    done: list[int] = []

    def stop_after_two(count: int, total: int) -> None:
        done.append(count)
        if count == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(recipe, tmp_path / "three", stop_after_two, 1)
    assert not (tmp_path / "three" / "dataset.h5").exists()
    resumed: dict[int, bool] = {}

    def look(count: int, total: int) -> None:
        resumed[count] = (tmp_path / "three" / "dataset.h5.part").exists()

    (three,) = generate(recipe, tmp_path / "three", look, 1)
    # Parts are joined as clips are finished, not at the end.
    assert resumed == {2: False, 3: False, 4: True}
    assert digest(three) == digest(one)
    with Dataset.open(three) as data:
        assert len(data) == 8
        assert data.labels.activity.tolist() == ["walk", "walk", "jack", "jack"] * 2


def test_existing_output_and_foreign_folders_are_left_alone(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "dataset.h5").write_text("mine")
    with pytest.raises(ValueError, match="exists already"):
        generate(recipe, out, quiet)
    assert (out / "dataset.h5").read_text() == "mine"
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(ValueError, match="expected a new or empty folder, got one with other files in it"):
        generate(recipe, other, quiet)
    assert [p.name for p in other.iterdir()] == ["thesis.txt"]
    with pytest.raises(ValueError, match="expected a new or empty folder, got a file"):
        generate(recipe, other / "thesis.txt", quiet)


def test_two_runs_do_not_write_into_one_folder(recipe: Recipe, tmp_path: Path) -> None:
    refused = []

    def second(done: int, total: int) -> None:
        if done == 1:
            with pytest.raises(ValueError, match="another run writes into it now") as caught:
                generate(recipe, tmp_path / "out", quiet)
            refused.append(caught.value)

    (file,) = generate(recipe, tmp_path / "out", second)
    assert len(refused) == 1
    assert digest(file) == digest(generate(recipe, tmp_path / "again", quiet)[0])


def test_another_recipe_does_not_go_on_in_the_same_folder(recipe: Recipe, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "parts").mkdir(parents=True)
    (out / "recipe.toml").write_text(replace(recipe, seed=9).text())
    made = out / "parts" / "0000000-dataset.h5"
    made.write_text("a clip of the other")
    with pytest.raises(ValueError, match="unfinished run of another recipe"):
        generate(recipe, out, quiet)
    # One that had not made anything yet is in nobody's way.
    made.rename(made.with_suffix(".part"))
    small = replace(recipe, clips=1, noise_draws=1)
    with Dataset.open(generate(small, out, quiet)[0]) as data:
        assert len(data) == 1 and data.attributes.seed == recipe.seed


def test_a_run_whose_radar_has_changed_does_not_go_on(tmp_path: Path) -> None:
    device = files("mmsynth") / "radar" / "devices" / "iwr1443boost.toml"
    text = device.read_text(encoding="utf-8")
    (tmp_path / "mine.toml").write_text(text, encoding="utf-8")
    (tmp_path / "small.toml").write_text(TEXT.replace("IWR1443BOOST/radhar", "mine.toml#radhar"))
    mine, out = load_recipe(tmp_path / "small.toml"), tmp_path / "out"

    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(mine, out, stop)
    (tmp_path / "mine.toml").write_text(text.replace("peak_gain_db = ", "peak_gain_db = 1"), encoding="utf-8")
    with pytest.raises(ValueError, match="files that it names have changed since"):
        generate(load_recipe(tmp_path / "small.toml"), out, quiet)


@pytest.mark.parametrize("key", ["room", "clutter.room"])
def test_a_run_whose_room_motions_or_version_have_changed_does_not_go_on(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def person(name: str, frames: int) -> None:
        np.savez(tmp_path / name, positions=np.repeat(PERSON[None], frames, 0), fps=10)

    def ball(radius: float) -> None:
        trimesh.creation.icosphere(1, radius).export(tmp_path / "ball.ply")

    ball(0.1)
    person("a.npz", 21)
    (tmp_path / "room.toml").write_text('[[mesh]]\nfile = "ball.ply"\nposition = [0.0, 4.0, 1.0]\n')
    text = TEXT.replace("clips = 4", f'clips = 2\n{key} = "room.toml"').replace('motion = "walk"', 'files = ["*.npz"]')
    (tmp_path / "small.toml").write_text(text)
    out, found = tmp_path / "out", load_recipe(tmp_path / "small.toml")
    (out / "parts").mkdir(parents=True)
    (out / "parts" / "0000000-dataset.h5").write_text("a clip")
    newer = ("mmsynth.generation.run.__version__", "next")
    longer, another = lambda: person("a.npz", 31), lambda: person("b.npz", 21)
    for change in (lambda: ball(0.2), longer, another, lambda: monkeypatch.setattr(*newer)):
        (out / "recipe.toml").write_text(run_note(found))
        change()
        with pytest.raises(ValueError, match="files that it names have changed since, or mmsynth's version"):
            generate(found, out, quiet)


def test_clips_are_joined_in_their_order_whenever_they_are_made(tmp_path: Path) -> None:
    parts = [tmp_path / f"{k}.h5" for k in range(3)]
    none = torch.zeros(0)
    cloud = PointCloud(torch.zeros(0, 3), none, none, none, none, torch.zeros(2).long(), torch.zeros(1).double())
    with _Join(parts, tmp_path / "set.h5") as joined:
        for k in (1, 0, 2):
            with DatasetWriter(parts[k], Attributes()) as writer:
                writer.append(Sample(str(k), Labels(), cloud))
            joined.grow(2)
    assert Dataset.open(tmp_path / "set.h5").labels.id.tolist() == ["0", "1", "2"]
    # A set that was not finished is none.
    with pytest.raises(KeyboardInterrupt), _Join(parts, tmp_path / "half.h5") as joined:
        joined.grow(2)
        raise KeyboardInterrupt
    assert not list(tmp_path.glob("half*"))


def test_two_radars_of_one_name_are_refused(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "mine.cfg").write_text(write_cfg(load_radar("radhar")))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.cfg").write_text(write_cfg(load_radar("mars")))
    both = replace(recipe, radar=tuple(str(p) for p in sorted(tmp_path.rglob("mine.cfg"))))
    with pytest.raises(ValueError, match="radar: expected radars of different names, got"):
        generate(both, tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists()


def test_memory_that_does_not_hold_a_clip_is_told(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for greedy in (lambda *_: torch.empty(1 << 50), lambda *_: np.empty(1 << 50)):  # no machine addresses so much
        monkeypatch.setattr("mmsynth.generation.run.make_samples", greedy)
        with pytest.raises(OSError, match="clip 0: out of memory; fewer workers, clips of fewer seconds"):
            generate(recipe, tmp_path / "out", quiet)

    def wrong(*_: object) -> None:
        raise RuntimeError("another fault")

    monkeypatch.setattr("mmsynth.generation.run.make_samples", wrong)
    with pytest.raises(RuntimeError, match="another fault"):
        generate(recipe, tmp_path / "out", quiet)


def test_several_radars_make_the_sets_that_each_makes_alone(recipe: Recipe, tmp_path: Path) -> None:
    both = several(recipe)
    files = generate(both, tmp_path / "both", quiet)
    assert [file.name for file in files] == ["IWR1443BOOST_radhar.h5", "IWR1443BOOST_mars.h5"]
    for one, file in zip(both.apart(), files, strict=True):
        (alone,) = generate(one, tmp_path / one.radars[0], quiet)
        assert digest(file) == digest(alone)
    with Dataset.open(files[0]) as first, Dataset.open(files[1]) as second:
        assert first.labels.subject.tolist() == second.labels.subject.tolist()
        assert (first.frames, second.frames) == (2 * 3, 2 * 1)  # those that fit into 0.12 s
        # One motion: half a frame's active time lies between the joints of the two, at no more than 2 m/s.
        assert (first[0].joints[0] - second[0].joints[0]).norm(dim=1).max() < 2.0 * 1.2e-3


def test_a_run_for_several_radars_goes_on_where_it_stopped(recipe: Recipe, tmp_path: Path) -> None:
    both, out = several(recipe), tmp_path / "out"
    whole = [digest(file) for file in generate(both, tmp_path / "whole", quiet)]
    stop = KeyboardInterrupt

    def stop_after_one(count: int, total: int) -> None:
        if count == 1:
            raise stop

    with pytest.raises(stop):
        generate(both, out, stop_after_one)
    # As if it had been killed between the two radars of a clip, ...
    (out / "parts" / "0000000-IWR1443BOOST_mars.h5").unlink()
    files = generate(both, out, quiet)
    assert [digest(file) for file in files] == whole and not (out / "parts").exists()
    # ... or between the two sets.
    (out / "parts").mkdir()
    files[1].unlink()
    assert [digest(file) for file in generate(both, out, quiet)] == whole
    # What is finished is finished again at once, as of an array of jobs that is started anew; another recipe's is not.
    written, told = [file.stat().st_mtime_ns for file in files], list[tuple[int, int]]()
    assert generate(both, out, lambda done, total: told.append((done, total))) == files
    assert told == [(both.clips, both.clips)] and not (out / "parts").exists()
    with pytest.raises(ValueError, match="exists already"):
        generate(replace(both, seed=both.seed + 1), out, quiet)
    # One that was killed when both sets stood leaves parts, which go.
    (out / "parts").mkdir()
    assert generate(both, out, quiet) == files and not (out / "parts").exists()
    assert [file.stat().st_mtime_ns for file in files] == written
    # One set of two is not all that there was.
    files[0].unlink()
    with pytest.raises(ValueError, match="exists already"):
        generate(both, out, quiet)


def test_workers_that_end_before_their_time_are_told(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise BrokenProcessPool

    monkeypatch.setattr("mmsynth.generation.run.worker_pool", lambda *_: ThreadPoolExecutor(1))
    monkeypatch.setattr("mmsynth.generation.run._work", gone)
    with pytest.raises(OSError, match='calls generate outside of `if __name__ == "__main__":`; the same command'):
        generate(replace(recipe, clips=2), tmp_path / "out", lambda done, total: None, workers=2)
    assert [p.name for p in (tmp_path / "out").iterdir() if p.is_file()] == ["recipe.toml"]
