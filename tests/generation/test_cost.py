"""The cost of a set, told from a few of its clips."""

from dataclasses import replace
from pathlib import Path

import pytest

from mmsynth.generation import estimate, generate, load_recipe
from mmsynth.generation.recipe import Recipe
from mmsynth.processes import Progress

RECIPE = """
name = "cost"
radar = "radhar"
clips = 8
seconds = 0.5
seed = 1
noise_draws = 2

[[activities]]
label = "walk"
motion = "walk"
share = 2

[[activities]]
label = "box"
motion = "box"

[subjects]
body = "free-low"
"""


def recipe(folder: Path) -> Recipe:
    (folder / "recipe.toml").write_text(RECIPE)
    return load_recipe(folder / "recipe.toml")


def test_disk_and_frames_are_those_of_the_whole_set(tmp_path: Path) -> None:
    wanted, told = recipe(tmp_path), []
    cost = estimate(wanted, lambda done, total: told.append((done, total)))
    (file,) = generate(wanted, tmp_path / "all", lambda done, total: None)
    # 4 clips: one to warm up, one for each of the three shares.
    assert cost.measured == 4 and told == [(done, 4) for done in range(5)]
    assert cost.frames == 8 * 2 * 15  # 30 frames a second
    assert cost.bytes == pytest.approx(file.stat().st_size, rel=0.2)
    assert cost.seconds > 0


@pytest.mark.parametrize(("clips", "workers", "hours"), [(1200, 1, 2.0), (1200, 4, 0.5), (3, 4, 0.0425)])
def test_the_start_of_workers_is_not_taken_for_every_clip(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, clips: int, workers: int, hours: float
) -> None:
    """Workers that start for 147 s and then take 6 s a clip."""
    now = [0.0]

    def made(of: Recipe, out: Path, progress: Progress, workers: int, device: str) -> tuple[Path, ...]:
        progress(0, of.clips)
        now[0] += 147.0
        for done in range(1, of.clips + 1):
            now[0] += 6.0 if done % workers == 1 or workers == 1 else 0.0  # all workers are done together
            progress(done, of.clips)
        out.mkdir()
        (out / "set").write_bytes(bytes(100 + 10 * of.clips))
        return (out / "set",)

    monkeypatch.setattr("mmsynth.generation.cost.generate", made)
    monkeypatch.setattr("time.perf_counter", lambda: now[0])
    cost = estimate(replace(recipe(tmp_path), clips=clips), lambda done, total: None, workers)
    assert cost.seconds == pytest.approx(3600 * hours)
    assert cost.bytes == 100 + 10 * clips
