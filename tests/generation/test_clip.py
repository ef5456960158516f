"""Clips: labels, joints and points agree; what differs from sample to sample and what does not."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from generation.small import TEXT
from made_up import PERSON, make_clip

from mmsynth.body_models import stature
from mmsynth.generation import load_recipe
from mmsynth.generation.clip import Traced, _unit, draw_take, pose_take, record, stage, trace_take
from mmsynth.generation.draws import stream
from mmsynth.generation.play import draw_play
from mmsynth.generation.recipe import Recipe
from mmsynth.geometry import apply, inverse
from mmsynth.joints import convert_joints
from mmsynth.motion import resample
from mmsynth.radar import load_radar


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
    # Labels may be asked for where another instrument has them; the person stands where they stood.
    offset = (0.1, -0.2, 0.3)
    (moved, _) = make_clip(stage(replace(recipe, outputs=replace(recipe.outputs, joints_offset=offset))), 0)
    assert moved.joints is not None and torch.equal(moved.cloud.position, first.cloud.position)
    torch.testing.assert_close(moved.joints, first.joints + torch.tensor(offset))


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


def test_the_gain_of_a_unit_is_that_of_echoes_alone(recipe: Recipe) -> None:
    """Coupling never left the board, another radar has losses of its own, and noise arises behind the antennas."""
    ready = stage(replace(recipe, outputs=replace(recipe.outputs, adc=True)))
    radar = ready.setup.radar
    terms = {"leakage": 1e-3, "interference": 1e-9, "phase_noise": 0.0, "bits": 0}
    radar = replace(radar, receiver=replace(radar.receiver, **terms))
    ready = replace(ready, setup=replace(ready.setup, radar=radar))
    traced = trace_take(ready, draw_take(ready, 0))

    def samples(gain_db: float, traced: Traced) -> torch.Tensor:
        device = replace(recipe.device, gain_db=(gain_db, gain_db))
        adc = record(replace(ready, recipe=replace(ready.recipe, device=device)), traced, 0).adc
        assert adc is not None
        return adc.samples

    rest = samples(0.0, replace(traced, clean=torch.zeros_like(traced.clean)))
    echo = samples(-6.0, traced) - rest
    assert float(rest.abs().max()) > 10 * float(echo.abs().max())
    torch.testing.assert_close(echo, 10**-0.3 * traced.clean, rtol=0, atol=1e-6 * float(rest.abs().max()))


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
