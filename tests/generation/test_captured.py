"""Motion files that a recipe varies: each clip by values of its own, and nothing else changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from generation.small import TEXT
from made_up import PERSON, make_clip, quiet

from mmsynth.body_models import load_body, stature
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.activity import Edits
from mmsynth.generation.captured import check_motions
from mmsynth.generation.clip import stage
from mmsynth.generation.play import draw_play
from mmsynth.generation.recipe import Recipe
from mmsynth.look import plays_sheet
from mmsynth.types import Motion

BODY = load_body("free-low")


def recipe_of(folder: Path, edits: str, seconds: float = 0.5, frames: int = 61) -> Recipe:
    """Of one file: somebody glides forward (world -y) at 1 m/s for (frames - 1) / 20 s, the left arm held out."""
    held = PERSON.copy()
    held[5:7] = [[0.45, 0, 1.4], [0.7, 0, 1.4]]  # elbow and wrist, level with the shoulder
    way = np.arange(frames)[:, None, None] / 20 * [0.0, -1.0, 0.0]
    np.savez(folder / "glide.npz", positions=held + way, fps=20)
    text = TEXT.replace('motion = "walk"', f'files = ["glide.npz"]\nedits = {{ {edits} }}')
    path = folder / "r.toml"
    path.write_text(text.replace("seconds = 0.1", f"seconds = {seconds}"))
    return load_recipe(path)


def pace(motion: Motion) -> float:
    return float((motion.translation[-1] - motion.translation[0])[:2].norm()) / motion.duration


def raised(motion: Motion) -> str:
    """Which hand is held out."""
    joints = dict(zip(BODY.joint_names, BODY.joints(motion).mean(0), strict=True))
    return max(("left", "right"), key=lambda side: float(joints[f"{side}_wrist"][2]))


def people(recipe: Recipe, count: int) -> list[Motion]:
    return [draw_play(recipe, BODY, 2 * k).motions[0] for k in range(count)]  # every other clip is of a built-in motion


def test_without_edits_a_file_is_as_it_is(tmp_path: Path) -> None:
    plain = recipe_of(tmp_path, "")
    assert plain.activities[0].edits == Edits() and "mirror = false" in plain.text()
    assert all(pace(m) == pytest.approx(1.0, rel=0.02) and raised(m) == "left" for m in people(plain, 4))


def test_half_of_the_clips_are_mirrored(tmp_path: Path) -> None:
    found = [raised(m) for m in people(recipe_of(tmp_path, "mirror = true"), 40)]
    assert 10 <= found.count("right") <= 30  # of forty fair draws all but 0.2 %
    assert found == [raised(m) for m in people(recipe_of(tmp_path, "mirror = true, noise = [0.0, 0.1]"), 40)]


def test_each_clip_has_a_pace_and_a_size_of_its_own(tmp_path: Path) -> None:
    """Who glides at 1 m/s goes as much faster, or as much farther in the time."""
    for edits in ("speed = [0.8, 1.25]", "amplitude = [0.8, 1.25]"):
        found = np.array([pace(m) for m in people(recipe_of(tmp_path, edits), 30)])
        assert found.min() > 0.78 and found.max() < 1.28
        # Of thirty uniform draws the mean is known to 0.13 / sqrt(30), and both ends are come near to.
        assert abs(found.mean() - 1.025) < 0.08 and found.min() < 0.9 and found.max() > 1.15
    both = [pace(m) for m in people(recipe_of(tmp_path, "speed = [1.25, 1.25], amplitude = [1.2, 1.2]"), 3)]
    assert both == pytest.approx([1.5] * 3, rel=0.02)


def test_jumps_that_are_quicker_are_lower(tmp_path: Path) -> None:
    """As gravity has it: of 20 cm at 1.25 times the pace 12.8 are left, in the labels too."""
    recipe = recipe_of(tmp_path, "speed = [1.25, 1.25]", 2.0)
    times = np.arange(161) / 40
    up = (0.2 - 0.5 * 9.81 * (times % 1 - 0.5) ** 2).clip(0)
    np.savez(tmp_path / "glide.npz", positions=PERSON + up[:, None, None] * [0, 0, 1], fps=40)
    (motion,) = people(recipe, 1)
    height = BODY.lowest(motion)
    assert float(height.amax() - height.amin()) == pytest.approx(0.2 / 1.25**2, rel=0.05)


def test_noise_moves_the_arms_and_no_leg(tmp_path: Path) -> None:
    still, rough = (people(recipe_of(tmp_path, f"noise = [{n}, {n}]"), 3) for n in (0.0, 0.1))
    for one, two in zip(still, rough, strict=True):
        apart = (BODY.joints(one) - BODY.joints(two)).norm(dim=-1).amax(0)
        moved = {name for name, far in zip(BODY.joint_names, apart, strict=True) if float(far) > 1e-6}
        assert "left_wrist" in moved and not any(n.endswith(("hip", "knee", "ankle", "foot")) for n in moved)


def test_edits_change_nothing_else(tmp_path: Path) -> None:
    """Places, people, clothes, and the clips of activities without edits stay as they were drawn."""
    plain, edited = (recipe_of(tmp_path, edits) for edits in ("", "mirror = true, noise = [0.0, 0.1], build = true"))
    for index in range(4):
        one, two = (draw_play(r, BODY, index) for r in (plain, edited))
        assert (one.subject, one.clothing, one.labels, one.file) == (two.subject, two.clothing, two.labels, two.file)
        assert torch.equal(one.world_from_radar, two.world_from_radar)
        middle = [0.5 * (m.translation.amax(0) + m.translation.amin(0))[:2] for m in (one.motions[0], two.motions[0])]
        assert (middle[0] - middle[1]).norm() < 0.02
        if index % 2:
            assert torch.equal(one.motions[0].rotations, two.motions[0].rotations)


def test_with_build_the_recipes_people_do_it(tmp_path: Path) -> None:
    """Each in a body of the person's own height, and the labels are that body's joints."""
    plain, own = (recipe_of(tmp_path, edits, 0.1) for edits in ("", "build = true"))
    heights = []
    for index in (0, 2):
        subject = draw_play(own, BODY, index).subject
        heights += [stature(BODY, draw_play(r, BODY, index).motions[0]) for r in (plain, own)]
        assert heights[-1] == pytest.approx(subject.height, abs=0.01)
        (sample,) = make_clip(stage(replace(own, noise_draws=1)), index)
        head = sample.joints[..., 2].amax() + draw_play(own, BODY, index).world_from_radar[2, 3]
        assert 0.85 * subject.height < float(head) < subject.height
    assert heights[0] == heights[2] and abs(heights[1] - heights[3]) > 0.01


def test_bystanders_are_edited_too(tmp_path: Path) -> None:
    found = recipe_of(tmp_path, "speed = [1.25, 1.25], loop = true")
    room = replace(found.placement, distance=(1.5, 3.0), bearing=(-0.6, 0.6))
    both = replace(found, activities=found.activities[:1], placement=room, subjects=replace(found.subjects, others=1))
    assert [pace(m) for m in draw_play(both, BODY, 0).motions] == pytest.approx([1.25, 1.25], rel=0.02)


def test_short_files_are_repeated_where_the_recipe_says_so(tmp_path: Path) -> None:
    """1.5 s of gliding make clips of 4 s, in a line, at the pace that it has."""
    looped = recipe_of(tmp_path, "loop = true", 4.0, frames=31)
    check_motions(looped)
    for motion in people(looped, 3):
        assert motion.duration == pytest.approx(4 + 1 / 30) and pace(motion) == pytest.approx(1.0, rel=0.02)
    with pytest.raises(ValueError, match=r"the clips' 4.03 s among .* 1.50 s at most \(edits with loop"):
        check_motions(recipe_of(tmp_path, "", 4.0, frames=31))
    with pytest.raises(ValueError, match="at least 0.95 s, to be repeated, among its files, got 0.50 s at most$"):
        generate(recipe_of(tmp_path, "loop = true", 4.0, frames=11), tmp_path / "out", quiet)
    assert not (tmp_path / "out").exists()


def test_files_must_last_as_long_as_the_fastest_clip_takes_of_them(tmp_path: Path) -> None:
    check_motions(recipe_of(tmp_path, "speed = [1.0, 1.1]", 0.9, frames=22))
    fast = recipe_of(tmp_path, "speed = [1.0, 1.2]", 0.9, frames=22)
    with pytest.raises(
        ValueError, match=r"clips' 1.12 s \(up to 1.2 times as fast\) among its files, got 1.05 s at most"
    ):
        check_motions(fast)
    # Drawn one by one, clips say the same, whatever their own pace.
    with pytest.raises(
        ValueError, match=r"clips' 1.12 s \(up to 1.2 times as fast\) among its files, got 1.05 s at most"
    ):
        people(fast, 12)


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ("speed = [0.1, 1.0]", r"edits: speed: expected \[low, high\] within 0.5 to 2, rising, got \[0.1, 1.0\]"),
        ("amplitude = [1.2, 0.9]", r"edits: amplitude: expected \[low, high\] within 0.7 to 1.3, rising"),
        ("noise = [0.0, 1.0]", r"edits: noise: expected \[low, high\] within 0 to 0.2 rad \(in degrees: .*_deg\)"),
        ("speed = 1.2", "edits.speed: expected an array in brackets, got 1.2"),
        ("miror = true", "unknown key 'activities.*edits.miror': the nearest known one is 'mirror'"),
    ],
)
def test_bad_edits_are_named(tmp_path: Path, edits: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        recipe_of(tmp_path, edits)


def test_built_in_motions_have_a_style_instead(tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    path.write_text(TEXT.replace('motion = "walk"', 'motion = "walk"\nedits = { mirror = true }'))
    with pytest.raises(ValueError, match="activity 'walk': edits are of motion files, got 'walk', which has a style"):
        load_recipe(path)


def test_the_sheet_of_a_recipe_shows_its_first_clips(tmp_path: Path) -> None:
    figure = plays_sheet(recipe_of(tmp_path, "mirror = true"))
    said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert [t for t in said if t.startswith("clip")] == [
        *("clip 0: walk, glide.npz", "clip 1: jack", "clip 2: walk, glide.npz", "clip 3: jack"),
    ]
