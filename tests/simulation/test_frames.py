"""Frames traced and synthesized together are those of one at a time, on the CPU and on CUDA."""

from dataclasses import replace
from functools import cache

import pytest
import torch
from simulation.scenes import error_db

from mmsynth.arrays import moved
from mmsynth.body_models import load_body
from mmsynth.geometry import radar_pose
from mmsynth.motion import Subject, generate_motion, place, resample
from mmsynth.radar import load_radar
from mmsynth.scene import load_room, person_materials
from mmsynth.simulation import (
    Simulation,
    knot_times,
    simulate_clean,
    synthesize,
    synthesize_frames,
    trace,
    trace_room,
)
from mmsynth.simulation.shadows import shadow_paths
from mmsynth.types import Radar, Scene

FRAMES = 3
ROWS = ("gain", "tx_delay", "rx_delay", "departure", "arrival", "region", "order")


@cache
def walker(name: str, loops: int, furnished: bool = False) -> tuple[Scene, Radar, Simulation]:
    """Somebody who walks at the radar, for a few frames; of few loops that fit into 5 ms, or of many that do not."""
    radar, settings = load_radar(name).radar, Simulation(bounces=int(furnished))
    radar = replace(radar, waveform=replace(radar.waveform, loops=loops))
    motion = place(generate_motion("walk", 2.0, Subject(1), torch.Generator().manual_seed(1)), (0.0, 2.5), 0.0)
    person = load_body("free-low")(resample(motion, knot_times(radar, FRAMES, settings) + 0.5))
    scene = Scene(radar_pose((0.0, 0.0, 1.0)), (person,), person_materials(person.region_names))
    if furnished:
        room, mirrors, regions, walls = load_room({"room": {"size": [4.0, 5.0, 2.7], "center": [0.0, 2.0]}})
        scene = replace(scene, materials=scene.materials | walls, room=room, mirrors=mirrors, mirror_regions=regions)
    return scene, radar, settings


@pytest.mark.parametrize(("name", "loops"), [("radhar", 8), ("radhar", 64)], ids=["short frame", "long frame"])
def test_frames_together_are_those_of_one_at_a_time(name: str, loops: int) -> None:
    scene, radar, settings = walker(name, loops)
    together = trace(scene, radar, 0, settings, 7, FRAMES)
    assert together.frames == FRAMES
    samples = synthesize_frames(together, radar)
    for frame in range(FRAMES):
        alone = trace(scene, radar, frame, settings, 7)
        own = together.frame == frame
        for row in ROWS:
            # Shapes are taken about a point that the frames share: 1e-7 of 2 m against facets of some cm.
            torch.testing.assert_close(getattr(together, row)[own], getattr(alone, row), rtol=1e-5, atol=1e-9)
        # The series is as long as the frame that needs the longest asks for.
        assert error_db(samples[frame], synthesize(alone, radar)) < -60


def test_bounces_of_frames_together_are_those_of_one_at_a_time() -> None:
    scene, radar, settings = walker("radhar", 64, True)
    together = trace(scene, radar, 0, settings, 7, FRAMES)
    samples = synthesize_frames(together, radar)
    for frame in range(FRAMES):
        alone, own = trace(scene, radar, frame, settings, 7), together.frame == frame
        for order in (0, 1):
            # One at the very budget may go the other way, since shapes are taken about another point.
            count = int((alone.order == order).sum())
            assert count > 50 and abs(int((together.order[own] == order).sum()) - count) <= 2
        assert error_db(samples[frame], synthesize(alone, radar)) < -55


def test_frames_together_have_gradients_by_the_antennas() -> None:
    scene, radar, settings = walker("radhar", 8)
    # The reference has a gain at either end of the frame for all facets.
    settings, paths = replace(settings, turn=0.0), []
    for asked in (False, True):
        antennas = radar.tx.clone().requires_grad_(asked)
        paths.append(trace(scene, replace(radar, tx=antennas), 0, settings, 7, FRAMES))
    assert paths[1].tx_delay.requires_grad
    # float32, by the kernel and by its reference, whose shapes are taken about another point.
    assert error_db(paths[1].gain.detach(), paths[0].gain) < -90


def test_one_frame_is_asked_for() -> None:
    scene, radar, settings = walker("radhar", 8)
    with pytest.raises(ValueError, match="paths: expected those of one frame, got 3 frames"):
        synthesize(trace(scene, radar, 0, settings, 7, FRAMES), radar)


def test_a_room_and_its_shadow_are_there_in_frames_of_any_length() -> None:
    # Of a long frame the paths have more gains than the room, which stands still.
    scene, radar, settings = walker("radhar", 64, furnished=True)
    direct = replace(settings, bounces=0)
    bare = replace(scene, room=None, mirrors=None, mirror_regions=())
    added = simulate_clean(scene, radar, 1, direct, 7) - simulate_clean(bare, radar, 1, direct, 7)
    room = trace_room(scene, radar, direct, 7)
    assert room is not None
    still = synthesize(room, radar)
    shadow = shadow_paths(scene, radar, 0, direct, room)
    assert shadow is not None and shadow.gain.shape[1] > 2
    # Its power is a fifth of the person's, whose own error is -60 dB.
    assert error_db(added[0], still + synthesize(shadow, radar)) < -45
    assert 0.01 < float(added.abs().square().sum() / still.abs().square().sum()) < 0.9


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(
    ("loops", "furnished"), [(8, False), (64, False), (8, True)], ids=["short frame", "long frame", "room, one bounce"]
)
def test_cuda_gives_the_same_clip(loops: int, furnished: bool) -> None:
    scene, radar, settings = walker("radhar", loops, furnished)
    want = simulate_clean(scene, radar, FRAMES, settings, 7)
    got = simulate_clean(moved(scene, "cuda"), radar, FRAMES, settings, 7)
    assert got.is_cuda
    # Rays that pass an edge by a rounding error may differ, a facet or two of a thousand.
    assert error_db(got.cpu(), want) < -45
