"""Clips from recipes: labels, joints and points agree, streams are independent of order, bytes of workers."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from made_up import PERSON, make_clip

from mmsynth.body_models import load_body, stature
from mmsynth.datasets import Attributes, Dataset, DatasetWriter
from mmsynth.generation import generate, load_recipe
from mmsynth.generation.clip import _unit, draw_take, pose_take, record, stage, trace_take
from mmsynth.generation.load import check_people
from mmsynth.generation.play import check_motions, draw_play, stream
from mmsynth.generation.recipe import Recipe
from mmsynth.generation.run import _Join, run_note
from mmsynth.geometry import apply, inverse
from mmsynth.joints import JOINT_SETS, convert_joints
from mmsynth.motion import Subject, cut, generate_motion, resample
from mmsynth.motion.together import GAP, least, tracks
from mmsynth.radar import load_radar, write_cfg
from mmsynth.types import Labels, Motion, PointCloud, Sample

TEXT = """
name = "small"
radar = "IWR1443BOOST/radhar"
clips = 4
seconds = 0.1
seed = 3
noise_draws = 2

[[activities]]
label = "walk"
motion = "walk"

[[activities]]
label = "jack"
motion = "jack"

[subjects]
count = 2
body = "free-low"

[placement]
distance = [1.9, 2.1]
bearing_deg = [20, 22]

[outputs]
heatmaps = ["range_doppler"]
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    path = tmp_path / "small.toml"
    path.write_text(TEXT)
    return load_recipe(path)


def quiet(done: int, total: int) -> None:
    """No progress shown."""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


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


def test_what_is_said_of_a_person_is_that_of_the_body_that_was_simulated(recipe: Recipe, tmp_path: Path) -> None:
    np.savez(tmp_path / "tall.npz", positions=np.repeat(1.1 * PERSON[None], 20, 0), fps=30)
    path = tmp_path / "recipe.toml"
    path.write_text(TEXT.replace('motion = "walk"', 'files = ["tall.npz"]'))
    (seen, _) = make_clip(stage(load_recipe(path)), 0)
    assert seen.provenance["motion"] == "tall.npz" and not {"sex", "age", "mass"} & set(seen.provenance)
    # The joints that were drawn stand 1.1 times as far apart as those of a person of about 1.7 m.
    assert 1.75 < float(seen.provenance["height"]) < 2.05
    ready = stage(recipe)
    (drawn, _) = make_clip(ready, 1)
    told, play = drawn.provenance, draw_play(recipe, ready.body, 1)
    assert "motion" not in told and (told["sex"], told["mass"]) == (play.subject.sex, f"{play.subject.mass:.1f}")
    # `shape_for` solves for the height of the whole body; this one has a twelfth of its vertices.
    assert stature(ready.body, play.motions[0]) == pytest.approx(float(told["height"]), abs=0.01)


def test_person_stands_where_the_recipe_says_and_joints_follow(recipe: Recipe) -> None:
    (first, second) = make_clip(stage(recipe), 0)
    assert first.labels.activity == "walk" and first.labels.source == "synthetic"
    assert first.joints is not None and second.joints is not None
    pelvis = first.joints[:, 0]
    azimuth = torch.rad2deg(torch.atan2(pelvis[:, 0], pelvis[:, 1]))
    assert 1.6 < float(pelvis[:, :2].norm(dim=1).mean()) < 2.4  # a step either way
    assert 10 < float(azimuth.mean()) < 32  # to the right of the boresight
    assert torch.equal(first.joints, second.joints)


def test_points_lie_on_the_body(recipe: Recipe) -> None:
    quieter = replace(recipe, device=replace(recipe.device, noise_db=(-20.0, -20.0)))
    sample = next(iter(make_clip(stage(quieter), 1)))
    assert sample.joints is not None and len(sample.cloud.velocity) > 0
    middle = sample.joints[:, :, :2].mean(1)[sample.cloud.frame_index()]
    # A body is half a metre around its middle; the azimuth grid of four antennas adds as much at 2 m.
    near = (sample.cloud.position[:, :2] - middle).norm(dim=1) < 1.0
    assert float(near.double().mean()) > 0.8


def test_a_label_is_the_pose_of_the_middle_of_its_frame(recipe: Recipe) -> None:
    """Somebody who flies by at 5 m/s: in half of a frame's 3.1 ms by 8 mm."""
    ready = stage(recipe)
    play = draw_play(ready.recipe, ready.body, 0)
    motion, velocity = play.motions[0], torch.tensor([3.0, 4.0, 0.0], dtype=torch.float64)
    still = replace(motion, rotations=motion.rotations[:1].expand_as(motion.rotations))
    flying = replace(still, translation=motion.translation[:1] + motion.times[:, None] * velocity)
    found = trace_take(ready, pose_take(ready, replace(play, motions=(flying,)))).joints
    radar = ready.setup.radar
    times = torch.arange(len(found)) * radar.waveform.frame_period + 0.5 * radar.active_time
    start = ready.body.joints(resample(flying, torch.zeros(1, dtype=torch.float64)))
    where = convert_joints(start, ready.body.joint_names, "mars19") + times[:, None, None] * velocity
    torch.testing.assert_close(found.double(), apply(inverse(play.world_from_radar), where), rtol=0, atol=1e-5)


def test_a_unit_differs_by_decibels_of_power_and_of_voltage(recipe: Recipe) -> None:
    """Noise and thresholds count power, the gain of the samples is a voltage's."""
    device = replace(recipe.device, noise_db=(3.0, 3.0), gain_db=(6.0, 6.0), threshold_db=(2.0, 2.0))
    setup = load_radar("iwr6843isk_area")
    unit, gain, chain = _unit(replace(recipe, device=device), setup, torch.Generator())
    assert unit.receiver.noise_figure == pytest.approx(setup.radar.receiver.noise_figure * 10**0.3)
    assert gain == pytest.approx(10**0.3)
    before, after = setup.processing, chain
    assert before.doppler_cfar is not None and after.doppler_cfar is not None
    assert after.range_cfar.threshold_db == pytest.approx(before.range_cfar.threshold_db + 2)
    assert after.doppler_cfar.threshold_db == pytest.approx(before.doppler_cfar.threshold_db + 2)


def test_clips_have_noise_and_ghosts_of_their_own(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """What recurs in several clips could be learnt: no clip and no draw shares a stream with another."""
    asked: list[tuple[int, ...]] = []

    def kept(seed: int, *keys: int) -> torch.Generator:
        asked.append((seed, *keys))
        return stream(seed, *keys)

    ready = stage(recipe)
    traced = [trace_take(ready, draw_take(ready, index)) for index in (0, 1)]
    monkeypatch.setattr("mmsynth.generation.clip.stream", kept)
    for one in (*traced, traced[0]):
        trace_take(ready, one.take)
        for k in (0, 1):
            record(ready, one, k)
    # Of two clips with two draws each: one stream a clip for surfaces, two a draw; asked again, the same ones.
    first, second, again = (asked[5 * k : 5 * k + 5] for k in range(3))
    assert len(asked) == 15 and len(set(first + second)) == 10 and again == first


def test_noise_draws_share_the_trace_and_differ_in_noise(recipe: Recipe) -> None:
    (first, second) = make_clip(stage(recipe), 0)
    assert not torch.equal(first.heatmaps[0].power, second.heatmaps[0].power)
    assert (
        float((first.heatmaps[0].power - second.heatmaps[0].power).abs().median()) < 6
    )  # dB: noise, not another scene


def test_surfaces_of_the_same_clip_of_two_sets_have_phases_of_their_own(recipe: Recipe) -> None:
    ready = stage(replace(recipe, simulation=replace(recipe.simulation, coherent=False)))
    take = draw_take(ready, 1)
    one, again, other = (
        trace_take(replace(ready, recipe=replace(ready.recipe, seed=seed)), take).clean.flatten() for seed in (3, 3, 4)
    )
    torch.testing.assert_close(one, again)
    # Each pair of antennas sees its own speckle, but little of it changes within 0.1 s.
    assert float((one.conj() @ other).abs() / (one.norm() * other.norm())) < 0.6


def test_long_frames_pose_a_motion_of_a_high_rate_more_often(recipe: Recipe) -> None:
    ready = stage(replace(recipe, radar="mmmesh"))
    plain = draw_play(ready.recipe, ready.body, 0)
    count = int(plain.motions[0].duration * 120)
    fine = resample(plain.motions[0], plain.motions[0].times[0] + torch.arange(count, dtype=torch.float64) / 120)
    for play, knots in ((plain, 7), (replace(plain, motions=(fine,)), 9)):
        take = pose_take(ready, play)
        assert len(take.scene.people[0].times) == knots * take.frames
        assert trace_take(ready, take).clean.abs().max() > 0


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

    monkeypatch.setattr("mmsynth.generation.play.cut", kept)
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


def test_others_stand_apart_and_change_nothing_for_the_labelled_person(recipe: Recipe) -> None:
    people = replace(recipe.subjects, count=4, others=2)
    room = replace(recipe.placement, distance=(1.5, 3.0), bearing=(-0.4, 0.4))
    alone, crowd = (
        replace(recipe, seconds=1.0, placement=room, subjects=replace(people, others=others)) for others in (0, 2)
    )
    for index in range(3):
        single, several = (draw_take(stage(r), index) for r in (alone, crowd))
        assert torch.equal(single.play.motions[0].translation, several.play.motions[0].translation)
        assert single.play.labels == several.play.labels and len(single.scene.people) == 1
        first, *others = several.scene.people
        assert torch.equal(first.vertices, single.scene.people[0].vertices) and len(others) == 2
        for a, b in ((first, others[0]), (first, others[1]), (others[0], others[1])):
            near = [float(torch.cdist(a.vertices[k].float(), b.vertices[k].float()).min()) for k in (0, 20, -1)]
            assert min(near) > 0.05  # m, between the surfaces


def test_the_joints_of_a_clip_are_the_labelled_persons(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsynth.generation.clip.simulate_clean", lambda *_: torch.zeros(1))
    room = replace(recipe.placement, distance=(1.5, 3.0), bearing=(-0.4, 0.4))
    joints = []
    for others in (0, 2):
        ready = stage(replace(recipe, placement=room, subjects=replace(recipe.subjects, count=4, others=others)))
        take = draw_take(ready, 1)
        joints.append(trace_take(ready, take).joints)
        assert len(take.scene.people) == 1 + others
    assert torch.equal(*joints)


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


def test_people_in_little_room_keep_the_gap(recipe: Recipe) -> None:
    room = replace(recipe.placement, distance=(1.5, 2.6), bearing=(-0.4, 0.4), facing=(-3.0, 3.0))
    crowd = replace(recipe, placement=room, seconds=0.5, subjects=replace(recipe.subjects, count=2, others=1))
    body = load_body("free-low")
    apart = [least(*tracks(*draw_play(crowd, body, index).motions)) for index in range(12)]
    # Not all are far apart, as they would be in any case.
    assert GAP - 1e-9 <= min(apart) < 0.45


def test_nobody_is_twice_in_a_clip(recipe: Recipe) -> None:
    # Drawn one by one with repeats, the two others of three people would be one person in half of the clips.
    room = replace(recipe.placement, distance=(1.5, 4.0), bearing=(-0.8, 0.8))
    crowd = replace(recipe, placement=room, subjects=replace(recipe.subjects, count=3, others=2))
    body = load_body(crowd.subjects.body)
    for index in range(6):
        bodies = {tuple(motion.shape.tolist()) for motion in draw_play(crowd, body, index).motions}
        assert len(bodies) == 3


def test_more_people_than_there_is_room_for_are_refused(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsynth.generation.play._TRIES", 3)
    with pytest.raises(ValueError, match="fewer than the 2 people of the recipe, got 2"):
        replace(recipe.subjects, others=2)
    crowded = replace(recipe, subjects=replace(recipe.subjects, others=1))
    tight = replace(crowded, placement=replace(crowded.placement, distance=(2.0, 2.01), bearing=(0.0, 0.001)))
    with pytest.raises(ValueError, match="expected room for 2 people"):
        draw_take(stage(tight), 0)
    # What no clip can have room for is told before any is made.
    with pytest.raises(ValueError, match=r"others: expected places for 2 people, 0.35 m apart at least, got .* 0.01 m"):
        check_people(tight)
    check_people(replace(tight, subjects=recipe.subjects))
    check_people(replace(tight, placement=replace(tight.placement, distance=(2.0, 2.4))))


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


def several(recipe: Recipe) -> Recipe:
    """The recipe for a second radar too, whose frames are longer and further apart."""
    return replace(recipe, radar=("IWR1443BOOST/radhar", "IWR1443BOOST/mars"), clips=2, noise_draws=1, seconds=0.12)


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
