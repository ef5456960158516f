"""Who does what and where in a clip: people, motions and places, as the recipe has them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from generation.small import TEXT
from made_up import PERSON, make_clip, quiet

from mmsynth.body_models import load_body
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.captured import check_motions
from mmsynth.generation.clip import draw_take, stage
from mmsynth.generation.draws import stream
from mmsynth.generation.play import draw_play
from mmsynth.generation.recipe import Recipe
from mmsynth.joints import JOINT_SETS
from mmsynth.motion import Subject, cut, generate_motion, resample
from mmsynth.types import Motion


def test_a_person_from_a_file_stands_where_the_recipe_says_too(tmp_path: Path) -> None:
    """However far off and turned away the file has them."""
    turned = PERSON[:, [1, 0, 2]] * [-1, 1, 1]
    np.savez(tmp_path / "far.npz", positions=np.repeat(turned[None] + [5.0, 3.0, 0.0], 20, 0), fps=30)
    path = tmp_path / "recipe.toml"
    path.write_text(TEXT.replace('motion = "walk"', 'files = ["far.npz"]'))
    (sample, _) = make_clip(stage(load_recipe(path)), 0)
    joints = dict(zip(JOINT_SETS["mars19"], sample.joints[0], strict=True))
    azimuth = torch.atan2(joints["SpineBase"][0], joints["SpineBase"][1]).rad2deg()
    assert 1.85 < float(joints["SpineBase"][:2].norm()) < 2.15 and 19 < float(azimuth) < 23
    # Faces the radar, within the recipe's 0.3 rad: the left side is to the radar's right, across the line of sight.
    across = joints["ShoulderL"] - joints["ShoulderR"]
    assert float(across[0]) > 0 and float((across * joints["SpineBase"])[:2].sum() / across.norm() / 2.0) < 0.45


@pytest.mark.parametrize("way", ["fall_forward", "fall_back", "fall_side"])
def test_who_falls_stands_on_the_floor_before_and_lies_on_it_after(tmp_path: Path, way: str) -> None:
    """Of any build: a heavy body that falls reaches lower than the generic one for which the fall was made."""
    path = tmp_path / "falls.toml"
    path.write_text(TEXT.replace('motion = "walk"', f'motion = "{way}"').replace("seconds = 0.1", "seconds = 4.0"))
    recipe = load_recipe(path)
    body = load_body("free-low")
    for index in (0, 2):  # either person
        motion = draw_play(recipe, body, index).motions[0]
        low = body.lowest(resample(motion, torch.tensor([0.0, 4.0])))
        assert float(low.abs().max()) < 0.01, "m over or under the floor at the start and the end"
        assert float(body.lowest(motion).min()) > -0.01


def test_streams_do_not_depend_on_each_other() -> None:
    a = torch.rand(4, generator=stream(1, 0, 5))
    assert torch.equal(a, torch.rand(4, generator=stream(1, 0, 5)))
    assert not torch.equal(a, torch.rand(4, generator=stream(1, 0, 6)))
    assert not torch.equal(a, torch.rand(4, generator=stream(2, 0, 5)))


def test_a_subject_keeps_body_and_style_between_clips(recipe: Recipe) -> None:
    ready = stage(recipe)
    assert draw_take(ready, 0).play.subject == draw_take(ready, 1).play.subject
    assert draw_take(ready, 0).play.subject != draw_take(ready, 2).play.subject
    other = draw_take(stage(replace(recipe, seed=recipe.seed + 1)), 0)
    assert draw_take(ready, 0).play.subject != other.play.subject
    names = {draw_take(ready, 0).play.labels.subject, other.play.labels.subject}
    assert len(names) == 2, "sets of two seeds may be trained on as one"


def test_files_shorter_than_a_clip_are_not_drawn(tmp_path: Path) -> None:
    folder = tmp_path / "mocap [1]"
    folder.mkdir()
    for name, frames in (("a", 3), ("b", 20), ("c", 3)):
        np.savez(folder / f"{name}.npz", positions=np.repeat(PERSON[None], frames, 0), fps=30)
    path = folder / "r.toml"
    path.write_text(TEXT.replace('motion = "walk"', 'files = ["*.npz"]').replace("seconds = 0.1", "seconds = 0.5"))
    found = load_recipe(path)
    body = stage(found).body
    assert all(draw_play(found, body, index).motions[0].duration > 0.5 for index in (0, 2, 4, 6))
    (folder / "b.npz").unlink()
    with pytest.raises(ValueError, match=r"'walk': .* at least the clips' 0.53 s among its files, got 0.07 s at most"):
        draw_play(found, body, 0)


def test_files_that_do_not_say_their_rate_take_the_recipes(tmp_path: Path) -> None:
    steps = PERSON[None] + np.linspace(0.0, 1.0, 21)[:, None, None] * [1.0, 0.0, 0.0]  # 1 m in 20 frames
    np.savez(tmp_path / "a.npz", positions=steps)
    path = tmp_path / "r.toml"
    path.write_text(
        TEXT.replace('motion = "walk"', 'files = ["*.npz"]\nframe_rate = 10').replace("seconds = 0.1", "seconds = 1.5")
    )
    found = load_recipe(path)
    motion = draw_play(found, stage(found).body, 0).motions[0]
    speed = (motion.translation[-1] - motion.translation[0])[:2].norm() / motion.duration
    assert float(speed) == pytest.approx(
        0.5, rel=0.01
    )  # m/s; at 30 Hz the file would not last, and be three times as fast
    assert (
        "frame_rate = 10" in found.text() and "frame_rate" not in replace(found, activities=found.activities[1:]).text()
    )
    for wrong, said in (("-1", "expected a positive number of Hz, got -1"), ("nan", "got nan")):
        path.write_text(path.read_text().replace("frame_rate = 10", f"frame_rate = {wrong}"))
        with pytest.raises(ValueError, match=said):
            load_recipe(path)
        path.write_text(path.read_text().replace(f"frame_rate = {wrong}", "frame_rate = 10"))
    path.write_text(TEXT.replace('motion = "walk"', 'motion = "walk"\nframe_rate = 10'))
    with pytest.raises(ValueError, match="a frame_rate is of motion files; 'walk' has none"):
        load_recipe(path)


def test_who_stands_where_and_how_is_drawn_as_the_recipe_says(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    still = generate_motion("stand", 0.2, Subject(1), torch.Generator().manual_seed(0))
    monkeypatch.setattr("mmsynth.generation.play._motion", lambda *_: still)
    spot = {"distance": (2.0, 2.0), "bearing": (0.5, 0.5), "facing": (1.0, 1.0)}
    where = replace(recipe.placement, **spot, radar_tilt=(0.2, 0.2), radar_height=(1.3, 1.3))  # type: ignore[arg-type]
    often = (replace(recipe.activities[0], share=2), recipe.activities[1])
    people = replace(recipe.subjects, age=(60.0, 62.0), first=4, count=3)
    own = replace(recipe, activities=often, placement=where, subjects=people)
    plays = [draw_play(own, load_body("free-low"), index) for index in range(45)]
    assert [play.labels.activity for play in plays] == ["walk", "walk", "jack"] * 15
    # Everybody does everything before the next one comes; three people of the recipe's numbers.
    assert [int(play.labels.subject[-4:]) for play in plays[::3]] == [4, 5, 6] * 5
    assert all(60 <= play.subject.age <= 62 for play in plays)
    assert {play.clothing for play in plays} == set(people.clothing)
    pose, motion = plays[0].world_from_radar, plays[0].motions[0]
    assert pose[:3, 3].tolist() == [0, 0, 1.3] and float(pose[2, 1]) == pytest.approx(np.sin(0.2))  # looks up
    place, ahead = motion.translation[0, :2].numpy(), motion.rotations[0, 0, :2, 2].numpy()
    # Two metres away to the right; turned from the radar by 1 rad to the left. A standing person sways by some mm
    # and turns a little.
    np.testing.assert_allclose(place, [2 * np.sin(0.5), 2 * np.cos(0.5)], atol=0.03)
    turned = np.angle(complex(*ahead) / complex(*-place))
    assert turned == pytest.approx(1.0, abs=0.1)


def test_a_clip_is_cut_from_anywhere_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of 4 s holds clips of 0.13 s that begin at any time up to 3.87 s."""
    np.savez(tmp_path / "a.npz", positions=np.repeat(PERSON[None], 41, 0), fps=10)
    path, starts = tmp_path / "r.toml", []

    def kept(motion: Motion, start: float, end: float) -> Motion:
        starts.append((start, end))
        return cut(motion, start, end)

    monkeypatch.setattr("mmsynth.generation.captured.cut", kept)
    path.write_text(TEXT.replace('motion = "walk"', 'files = ["a.npz"]'))
    found = load_recipe(path)
    body = load_body("free-low")
    for index in range(0, 40, 2):
        draw_play(found, body, index)
    begin, end = np.array(starts).T
    np.testing.assert_allclose(end - begin, 0.1 + 1 / 30)
    # Of twenty uniform draws none in the first or last quarter: a chance of 0.3 % each.
    assert begin.min() >= 0 and begin.min() < 1 and begin.max() > 2.9 and end.max() <= 4 + 1e-9


def test_sway_comes_to_everybody_and_changes_nothing_else(recipe: Recipe) -> None:
    people = replace(recipe.subjects, count=2, others=1)
    room = replace(recipe.placement, distance=(1.5, 3.0), bearing=(-0.4, 0.4))
    still, swayed = (
        draw_play(replace(recipe, placement=room, subjects=replace(people, sway=sway)), load_body("free-low"), 0)
        for sway in ((0.0, 0.0), (0.05, 0.1))
    )
    for one, two in zip(still.motions, swayed.motions, strict=True):
        moved = (one.rotations - two.rotations).abs().amax((0, 2, 3)) > 0
        trunk = {"spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar"}
        assert {n for n, m in zip(one.joint_names, moved.tolist(), strict=True) if m} == trunk
        assert torch.equal(one.translation, two.translation)
    first, second = (m.rotations[:, 3] - s.rotations[:, 3] for m, s in zip(still.motions, swayed.motions, strict=True))
    assert not torch.allclose(first, second, atol=1e-4)


def test_a_style_that_the_recipe_gives_is_the_persons_own(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two people do two activities in turn: of the same person and activity clips 0 and 4, 2 and 6."""
    asked: list[dict[str, float]] = []

    def kept(*arguments: object, overrides: dict[str, float]) -> Motion:
        asked.append(overrides)
        return generate_motion(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("mmsynth.generation.play.generate_motion", kept)
    wide = replace(recipe.activities[0], style={"speed": (0.5, 1.5), "width": (0.05, 0.2)})
    own = replace(recipe, activities=(wide, recipe.activities[1]))
    for index in (0, 2, 4, 6):
        draw_play(own, load_body("free-low"), index)
    draw_play(replace(own, seed=own.seed + 1), load_body("free-low"), 0)
    assert asked[0] == asked[2] != asked[1] == asked[3] and asked[4] not in asked[:4]
    assert all(0.5 <= style["speed"] <= 1.5 and 0.05 <= style["width"] <= 0.2 for style in asked)


def test_bad_motion_files_are_told_before_any_clip(tmp_path: Path) -> None:
    np.savez(tmp_path / "good.npz", positions=np.repeat(PERSON[None], 20, 0), fps=30)
    path, out = tmp_path / "recipe.toml", tmp_path / "out"
    path.write_text(TEXT.replace('motion = "walk"', 'files = ["*.npz"]'))
    np.savez(tmp_path / "short.npz", positions=np.repeat(PERSON[None], 2, 0), fps=30)
    check_motions(load_recipe(path))  # one that is too short is passed over
    (tmp_path / "z.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:200])
    with pytest.raises(ValueError, match="z.npz: "):
        generate(load_recipe(path), out, quiet)
    for name in ("good", "z"):
        (tmp_path / f"{name}.npz").unlink()
    with pytest.raises(ValueError, match="activity 'walk': expected a motion of at least the clips' 0.13 s"):
        generate(load_recipe(path), out, quiet)
    assert not out.exists()
