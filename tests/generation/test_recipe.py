"""Recipes of synthetic data sets: strict, resolved, refused in one sentence."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from mmsynth.generation import load_recipe
from mmsynth.generation.draws import uniform
from mmsynth.generation.recipe import Recipe, placement_of
from mmsynth.radar import load_radar, write_cfg

GOOD = """
name = "two"
radar = "radhar"
clips = 4
seconds = 0.1
seed = 3

[[activities]]
label = "walk"
motion = "walk"

[[activities]]
label = "squats"
motion = "squat"
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text)
    return path


def test_a_clip_is_no_longer_than_memory_has_room_for(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"seconds: expected at most 600 \(make more clips instead\), got 1e\+09"):
        load_recipe(write(tmp_path, GOOD.replace("seconds = 0.1", "seconds = 1e9")))


def test_resolved_text_reads_back_as_the_same_recipe(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, GOOD))
    again = tmp_path / "resolved.toml"
    again.write_text(recipe.text())
    assert load_recipe(again) == recipe


def test_overlay_and_radar_replace_keys(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text("[device]\nnoise_db = [1.0, 2.0]\n[placement]\ndistance = [2.5, 2.6]\n")
    own = "[device]\nnoise_db = [5.0, 6.0]\ngain_db = [-1.0, 1.0]\n[placement]\ndistance = [1.5, 1.6]\n"
    recipe = load_recipe(write(tmp_path, GOOD + own), radar="mars", overlays=[overlay])
    # Of a table that both have, the overlay's keys win and the recipe's others stay.
    assert recipe.device.noise_db == (1.0, 2.0) and recipe.device.gain_db == (-1.0, 1.0)
    assert recipe.placement.distance == (2.5, 2.6)
    assert recipe.radar == "mars"
    assert isinstance(recipe, Recipe)


def test_the_last_of_several_overlays_wins(tmp_path: Path) -> None:
    """What a calibration found, and the seed and people of a job."""
    found, job = tmp_path / "found.toml", tmp_path / "job.toml"
    found.write_text('seed = 5\n[device]\nnoise_db = [1.0, 2.0]\n[subjects]\nclothing = ["denim"]\n')
    job.write_text("seed = 7\nsubjects.first = 7000\n")
    recipe = load_recipe(write(tmp_path, GOOD), overlays=[found, job])
    assert (recipe.seed, recipe.subjects.first, recipe.subjects.clothing) == (7, 7000, ("denim",))
    assert recipe.device.noise_db == (1.0, 2.0)
    assert load_recipe(write(tmp_path, GOOD), overlays=[job, found]).seed == 5
    job.write_text("sed = 7\n")
    with pytest.raises(ValueError, match="toml with .*found.toml with .*job.toml: "):
        load_recipe(write(tmp_path, GOOD), overlays=[found, job])


def test_an_overlay_changes_an_activity_by_its_label(tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.toml"
    block = '[[activities]]\nlabel = "{}"\n[activities.placement]\nbearing_deg = [10, 20]\n'
    first = load_recipe(write(tmp_path, GOOD)).activities
    # Both blocks of one label, what they say of other things stays, and so do the other activities.
    twice = (
        GOOD + '\n[[activities]]\nlabel = "walk"\nmotion = "run"\nplacement = { distance = [2, 3], bearing = [0, 1] }\n'
    )
    overlay.write_text(block.format("walk"))
    walk, squats, run = load_recipe(write(tmp_path, twice), overlays=[overlay]).activities
    assert walk == replace(first[0], placement={"bearing_deg": [10, 20]}) and squats == first[1]
    assert (run.motion, run.placement) == ("run", {"distance": [2, 3], "bearing_deg": [10, 20]})
    overlay.write_text(block.format("wlak"))
    with pytest.raises(ValueError, match="activity 'wlak': expected either a motion or files, got both or neither"):
        load_recipe(write(tmp_path, GOOD), overlays=[overlay])


def test_a_radar_given_beside_the_recipe_is_sought_where_the_program_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "a#b, there"  # folders may have a # too
    for folder, profile in ((here, "mmmesh"), (there, "radhar")):
        folder.mkdir()
        (folder / "my.cfg").write_text(write_cfg(load_radar(profile)))
    monkeypatch.chdir(here)
    recipe = write(there, GOOD.replace('"radhar"', '"my.cfg#IWR1443BOOST"'))
    assert load_recipe(recipe).radar == f"{(there / 'my.cfg').resolve()}#IWR1443BOOST"
    assert load_recipe(recipe, radar="my.cfg").radar == str((here / "my.cfg").resolve())
    (here / "my.cfg").unlink()
    assert load_recipe(recipe, radar="my.cfg").radar == str((there / "my.cfg").resolve())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("clips = 4", "clisp = 4"), "recipe.toml: unknown key 'clisp': the nearest known one is 'clips'"),
        (("clips = 4", "clips = 0"), "clips: expected a finite number above 0, got 0"),
        (("clips = 4", "clips = 100000000"), "clips: expected at most 10000000 samples .*, got 100000000 of 1"),
        (("seed = 3", "seed = 3\nnoise_draws = 1001"), "and 1000 noise_draws .* got 4 of 1001 noise_draws"),
        (('motion = "squat"', 'motion = "squad"'), r"no built-in motion 'squad' \(nearest: 'squat'\)"),
        (('motion = "squat"', 'files = ["none*.bvh"]'), "activity 'squats': no file matches"),
        (('motion = "squat"', ""), "expected either a motion or files"),
        (('motion = "squat"', 'motion = "squat"\nplacement = { facin_deg = [0, 1] }'), "'squats': placement.facin_deg"),
        (('motion = "squat"', 'motion = "squat"\nplacement = { distance = [2, 12] }'), "got a person at 12 m"),
        (('radar = "radhar"', 'radar = "radhra"'), "radhra"),
        (('radar = "radhar"', 'radar = ["radhar", "radhra"]'), "radhra"),
        (('radar = "radhar"', 'radar = ["radhar", "radhar"]'), "radar: expected one or several that differ"),
        (('radar = "radhar"', "radar = []"), "radar: expected one or several that differ"),
        (
            ("seconds = 0.1", "seconds = 0.03"),
            "seconds: a frame of radar IWR1443BOOST/radhar takes 0.0333",
        ),
        (("seed = 3", "seed = 3\n[placement]\ndistance = [2.0, 12.0]"), "measures up to 10.46 m, got a person at 12 m"),
        (("seed = 3", "seed = 3\n[placement]\ndistance = [3.0, 2.0]"), r"distance: expected \[low, high\]"),
        (("seed = 3", "seed = 3\n[placement]\ndistance = [1, 3, 2]"), r"distance: expected \[low, high\] .*rising"),
        (("seed = 3", "seed = 3\n[placement]\nbearing_deg = [1]"), r"bearing: expected \[low, high\] .*rising"),
        (("seed = 3", 'seed = 3\nroom = "none.toml"'), "room: no such file"),
        (("seed = 3", 'seed = 3\n[outputs]\nheatmaps = ["range"]'), "heatmaps: expected some of"),
        (("seed = 3", 'seed = 3\n[outputs]\nheatmaps = ["range_doppler", "range_doppler"]'), "once each"),
        (("seed = 3", 'seed = 3\n[outputs]\njoints = "mars20"'), "joints: expected one of mars19.*got 'mars20'"),
        (('label = "squats"', 'label = " "'), "label: expected the name of the class"),
        (('name = "two"', 'name = ""'), "name: expected the name of the data set"),
        (("seconds = 0.1", "seconds = inf"), "seconds: expected a finite number above 0"),
        (("seed = 3", "seed = 9223372036854775808"), r"seed: expected zero to 2\^63 - 1"),
        (("seed = 3", "seed = 3\n[processing]\nmax_pionts = 3"), "processing.max_pionts"),
        (
            ('motion = "squat"', 'motion = "squat"\nstyle = { tempo = [0, 1] }'),
            r"activity 'squats': tempo: expected \[low, high\] within 0.06 to 64, rising, got \[0.0, 1.0\]",
        ),
        (("seed = 3", "seed = 3\nsimulation = { bounces = 99 }"), r"bounces: expected 0 to 4 \(the ways .*, got 99"),
        (("seed = 3", "seed = 3\n[processing]\ndc_range_bins = 257"), "dc_range_bins: expected at most the 256 range"),
        (
            ("seed = 3", "seed = 3\n[processing]\ncompensation = [[1, 0]]"),
            "each of the 12 virtual antennas of .*, got 1",
        ),
        (("seed = 3", "seed = 3\n[processing]\nrange_bias = inf"), "range_bias: expected a finite number, got inf"),
        (("seed = 3", "seed = 3\n[processing]\nangle_fft = 1"), "angle_fft: expected 2 to 4096, got 1"),
        (("seed = 3", "seed = 3\n[processing]\nintensity_scale = 0"), "intensity_scale: expected a finite number"),
        (("seed = 3", "seed = 3\nsubjects = { first = -1 }"), "first: expected zero or more, got -1"),
        (("seed = 3", "seed = 3\nsubjects = { age = [80, 95] }"), r"age: expected \[low, high\] within 2 to 90"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    head, _, rest = GOOD.partition("[[activities]]")
    text = (
        (head.replace(*change) + "[[activities]]" + rest.replace(*change))
        if change[0] in head
        else GOOD.replace(*change)
    )
    if "[placement]" in text or "[outputs]" in text or "[processing]" in text:
        table = text[text.index("seed = 3\n[") + len("seed = 3\n") : text.index("[[activities]]")]
        text = text.replace(table, "\n") + table
    with pytest.raises(ValueError, match=message):
        load_recipe(write(tmp_path, text))


@pytest.mark.parametrize(
    ("placement", "message"),
    [
        ("distance = [1.0, 3.9]", None),
        ("distance = [1.0, 4.1]", "'walk': 4.1 m from the radar at a bearing of .* outside of the room"),
        ("distance = [1.0, 3.0]\nbearing_deg = [0, 45]", "at a bearing of 4. degrees"),
        ("distance = [1.0, 3.0]\nradar_height = [1.5, 1.5]", "placement.radar_height: the room says where"),
        ("distance = [1.0, 3.0]\nradar_tilt_deg = [-10, 0]", "placement.radar_tilt: the room says where"),
    ],
)
def test_people_stand_within_the_room_which_hangs_the_radar(
    tmp_path: Path, placement: str, message: str | None
) -> None:
    # From the radar, which looks along world x, the wall ahead is 4 m away and those aside 2 m.
    room = "[room]\nsize = [5.0, 4.0, 2.5]\ncenter = [1.5, 0.0]\n[radar]\nyaw_deg = -90\n"
    (tmp_path / "room.toml").write_text(room)
    recipe = write(tmp_path, 'room = "room.toml"\n' + GOOD + "\n[placement]\n" + placement)
    if message is None:
        found = load_recipe(recipe)
        assert load_recipe(write(tmp_path, found.text())) == found
        return
    with pytest.raises(ValueError, match=message):
        load_recipe(recipe)


BOX = "[room]\nsize = [4.0, 6.0, 2.5]\ncenter = [0.0, 2.5]\n"


@pytest.mark.parametrize(
    ("room", "message"),
    [
        (BOX + "[radar]\nposition = [0.0, 0.0, 2.5]\n", None),
        (BOX + 'ceiling = ""\n[radar]\nposition = [0.0, 0.0, 2.6]\n', None),
        (BOX + "[radar]\nposition = [0.0, 0.0, 2.6]\n", r"\(0, 0, 2\.6\): expected a free place, got .* 'ceiling'"),
        (BOX + "[radar]\nposition = [0.0, 0.0, -0.1]\n", "behind 'floor'"),
        (BOX + "[radar]\nposition = [0.0, -0.6, 1.0]\n", "behind 'walls'"),
        # Turned by 90 degrees the board lies along y, over the radar or beside it.
        (BOX + "[[furniture]]\nsize = [2.0, 0.2, 1.5]\nposition = [0.0, 0.9, 0.0]\nyaw_deg = 90\n", "'furniture'"),
        (BOX + "[[furniture]]\nsize = [2.0, 0.2, 1.5]\nposition = [0.9, 0.0, 0.0]\nyaw_deg = 90\n", None),
        (BOX + '[[mesh]]\nfile = "none.ply"\n', "none.ply: no such file"),
        (BOX.replace("4.0", "4e5"), "room.size: expected at most 200 m, got 400000"),
        (BOX + "[radar]\ntilt_deg = -91\n", "radar.tilt_deg: expected -90 to 90, got -91"),
        ("[radar]\nposition = [0.0, 4.0, 1.0]\n", "got an empty room"),
        ("[[fan]]\nposition = [0.0, 4.0, 1.0]\n", None),
    ],
)
def test_what_is_wrong_with_a_room_is_told_with_the_recipe(tmp_path: Path, room: str, message: str | None) -> None:
    (tmp_path / "room.toml").write_text(room)
    recipe = write(tmp_path, 'room = "room.toml"\n' + GOOD)
    if message is None:
        load_recipe(recipe)
        return
    with pytest.raises(ValueError, match=message):
        load_recipe(recipe)


def test_motion_files_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "clip.bvh").write_text("")
    write(tmp_path, GOOD.replace('motion = "squat"', 'files = ["*.bvh"]'))
    monkeypatch.chdir(tmp_path)
    assert load_recipe("recipe.toml").activities[1].files == (str(tmp_path.resolve() / "*.bvh"),)


def test_an_activity_has_a_placement_of_its_own_where_it_says_so(tmp_path: Path) -> None:
    changed = GOOD.replace('motion = "squat"', 'motion = "squat"\nplacement = { facing_deg = [80, 90] }')
    recipe = load_recipe(write(tmp_path, changed))
    walk, squats = (placement_of(recipe, activity) for activity in recipe.activities)
    assert walk == recipe.placement
    assert squats.facing == pytest.approx((math.radians(80), math.radians(90)))
    assert squats.distance == recipe.placement.distance
    assert load_recipe(write(tmp_path, recipe.text())) == recipe


def test_a_range_of_more_than_two_values_is_quantiles() -> None:
    draw = torch.Generator().manual_seed(0)
    found = np.array([uniform((0.0, 1.0, 1.0, 5.0), draw) for _ in range(3000)])
    # A third below 1, a third at 1, a third evenly up to 5; 0.0086 is the spread of a share of a third.
    shares = [np.mean(found < 1), np.mean(found == 1), np.mean((found > 1) & (found <= 3)), np.mean(found > 3)]
    assert np.allclose(shares, [1 / 3, 1 / 3, 1 / 6, 1 / 6], atol=0.03) and found.max() <= 5
    # Two values are what they were: the draw, scaled.
    twin = torch.Generator().manual_seed(5), torch.Generator().manual_seed(5)
    plain = float(torch.rand((), generator=twin[1], dtype=torch.float64))
    assert uniform((0.2, 1.7), twin[0]) == 0.2 + (1.7 - 0.2) * plain
