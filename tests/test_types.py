"""What the nouns refuse at construction."""

import math
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
import torch

from mmsynth.datasets import WindowTable
from mmsynth.geometry import matrix_from_rotvec, radar_pose
from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation
from mmsynth.types import (
    Cfar,
    Labels,
    Material,
    MeshSequence,
    Motion,
    Pattern,
    Processing,
    Radar,
    Receiver,
    Scene,
    Waveform,
)


def test_a_scene_takes_a_rigid_right_handed_place_of_the_radar() -> None:
    pose = radar_pose((1.0, 2.0, 1.5), 0.3, -0.2)
    assert Scene(pose, (), {}).world_from_radar is pose
    for axis in range(3):
        mirrored = pose.clone()
        mirrored[:3, axis] *= -1
        with pytest.raises(ValueError, match=r"^Scene.world_from_radar: expected a rotation and a place"):
            Scene(mirrored, (), {})
    doubled = torch.diag(torch.tensor([1.0, 1.0, 1.0, 2.0], dtype=pose.dtype)) @ pose
    for wrong in (pose * 1.1, pose.T, doubled, pose * math.nan, pose + torch.eye(4) * math.inf):
        with pytest.raises(ValueError, match=r"^Scene.world_from_radar: expected a rotation and a place"):
            Scene(wrong, (), {})


@pytest.mark.parametrize("wrong", [np.zeros((2, 3)), [[0.0, 0.0, 0.0]], 1.0])
def test_arrays_of_nouns_are_tensors(wrong: Any) -> None:
    with pytest.raises(ValueError, match=rf"^Radar.tx: expected a torch tensor .*, got {type(wrong).__name__}$"):
        replace(load_radar("radhar").radar, tx=wrong)


def test_arrays_of_tables_are_numpys() -> None:
    table = WindowTable(*(np.zeros(2, int) for _ in range(3)), np.zeros(2), np.zeros(2))
    with pytest.raises(ValueError, match="^WindowTable.start: expected a NumPy array, got Tensor$"):
        replace(table, start=torch.zeros(2))  # type: ignore[arg-type]


def test_people_of_a_scene_are_several() -> None:
    person = MeshSequence(
        *torch.zeros(2, 1, 3, 3)[:1], torch.zeros(1, 3).long(), torch.zeros(1), torch.zeros(1), ("a",)
    )
    assert Scene(radar_pose((0.0, 0.0, 1.0)), (person,), {}).people == (person,)
    for wrong in (person, [person], (person, "b")):
        with pytest.raises(ValueError, match=r"^Scene.people: expected a tuple of MeshSequence, got "):
            Scene(radar_pose((0.0, 0.0, 1.0)), wrong, {})  # type: ignore[arg-type]


def test_a_motion_takes_rotations() -> None:
    turned = matrix_from_rotvec(torch.tensor([[[0.3, -2.0, 0.7]]], dtype=torch.float64))
    place, times = torch.zeros(1, 3), torch.zeros(1)
    for fine in (turned, turned.float(), turned.double().round(decimals=3)):
        assert Motion(("pelvis",), fine, place, times).rotations is fine
    for wrong in (1.1 * turned, 0 * turned, -turned, turned.flip(-1), turned + 0.1):
        with pytest.raises(ValueError, match=r"^Motion.rotations: expected rotation matrices .*, got some .* off$"):
            Motion(("pelvis",), wrong, place, times)


def test_a_radar_takes_antennas_and_times_that_are_numbers() -> None:
    radar = load_radar("radhar").radar
    with pytest.raises(ValueError, match=r"^Radar.rx: expected finite numbers, got 3 "):
        replace(radar, rx=torch.cat([radar.rx[:-1], radar.rx[-1:] * math.nan]))
    for name in ("adc_start", "idle_time", "loop_idle"):
        for seconds in (-1e-6, math.nan):
            with pytest.raises(ValueError, match=rf"^Waveform.{name}: expected a finite number from 0 on"):
                replace(radar.waveform, **{name: seconds})
    with pytest.raises(ValueError, match=r"^Waveform.samples: expected at least 2, got 1"):
        replace(radar.waveform, samples=1)


@pytest.mark.parametrize(
    ("noun", "name", "wrong", "said"),
    [
        (Waveform, "slope", math.inf, "finite number above 0"),
        (Receiver, "noise_figure", 0.0, "finite number above 0, got 0.0"),
        (Receiver, "full_scale", -1.0, "finite number above 0"),
        (Receiver, "highpass", -1e5, "finite number from 0 on"),
        (Receiver, "phase_noise", math.nan, "finite number from 0 on, got nan"),
        (Receiver, "iq_gain", -1.0, "finite number above -1"),
        (Receiver, "dc", math.inf, "finite number, got inf"),
        (Receiver, "bits", 70, "at most 24, got 70"),
        (Pattern, "azimuth_width", 0.0, "finite number above 0"),
        (Radar, "tx_power", -0.01, "finite number above 0"),
        (Material, "roughness", -1e-4, "finite number from 0 on"),
        (Material, "layer_loss", 2.0, "what is left of the power, 0 to 1, got 2"),
        (Material, "permittivity", 6.5 + 8.9j, r"eps' - j eps'' \(its loss below zero\), got \(6.5\+8.9j\)"),
        (Material, "permittivity", complex(math.nan, 0), "eps' - j eps''"),
        (Cfar, "mode", "XX", "one of CA, CAGO, CASO, OS, got 'XX'"),
        (Cfar, "threshold_db", math.nan, "finite number, got nan"),
        (Processing, "detection", "level", "one of log, power, got 'level'"),
        (Receiver, "interference_period", 1e-12, "finite number from 1e-06 on, got 1e-12"),
        (Waveform, "loops", 16.5, "whole number, got 16.5"),
        (Receiver, "lowpass_order", 2.0, "whole number, got 2.0"),
        (Cfar, "window", True, "whole number, got True"),
        (Cfar, "divide_shift", 2.5, "whole number, got 2.5"),
        (Processing, "max_points", 0.5, "whole number, got 0.5"),
        (Simulation, "bounces", 1.5, "whole number, got 1.5"),
        (Radar, "codes", torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0, 1]]), "TX in every slot, got none in slot 1"),
        (Radar, "codes", torch.zeros(0, 3), "at least one row, got none"),
        (Radar, "rx", torch.zeros(0, 3), "at least one row, got none"),
    ],
)
def test_what_no_device_and_no_surface_has_is_refused(noun: type, name: str, wrong: Any, said: str) -> None:
    radar = load_radar("radhar").radar
    known = (
        radar,
        radar.waveform,
        radar.receiver,
        Pattern(),
        Material("skin", 6.5 - 8.9j),
        Cfar(),
        Processing(),
        Simulation(),
    )
    with pytest.raises(ValueError, match=rf"^{noun.__name__}.{name}: expected (a )?{said}"):
        replace(next(one for one in known if type(one) is noun), **{name: wrong})


RADAR = load_radar("radhar").radar


@pytest.mark.parametrize(
    "noun",
    [
        RADAR,
        RADAR.waveform,
        RADAR.receiver,
        Pattern(),
        Material("skin", 6.5 - 8.9j),
        Cfar(),
        Processing(),
        Simulation(),
    ],
    ids=lambda noun: type(noun).__name__,
)
def test_no_number_of_a_noun_may_be_nan(noun: Any) -> None:
    numbers = [field.name for field in fields(noun) if isinstance(getattr(noun, field.name), float)]
    assert numbers
    for name in numbers:
        with pytest.raises(ValueError, match=rf"^{type(noun).__name__}.{name}: expected"):
            replace(noun, **{name: math.nan})


@pytest.mark.parametrize(
    ("noun", "names", "wrong"),
    [
        (RADAR.waveform, "start_frequency slope sample_rate ramp_time frame_period loops", 0),
        (RADAR.receiver, "noise_figure gain load full_scale phase_noise_offset interference_period", 0),
        (RADAR.receiver, "temperature bits phase_noise leakage leakage_delay highpass lowpass adc_noise", -1),
        (RADAR.receiver, "channel_phase antenna_offset interference lowpass_order", -1),
        (Pattern(), "peak_gain azimuth_width elevation_width", 0),
        (Material("skin", 6.5 - 8.9j), "frequency roughness layer_loss", -1),
        (Cfar(), "window guard divide_shift order", -1),
        (Processing(), "dc_range_bins dc_range_bins_negative angle_step second_peak position_step sources", -1),
    ],
)
def test_numbers_below_what_there_is_are_refused(noun: Any, names: str, wrong: int) -> None:
    for name in names.split():
        with pytest.raises(ValueError, match=rf"^{type(noun).__name__}.*{name}\b.*expected|^Cfar: expected .*{name}"):
            replace(noun, **{name: wrong})


def test_counts_of_other_libraries_are_whole_numbers_too() -> None:
    assert Cfar(window=np.int64(4)).window == 4
    assert Cfar(divide_shift=None).divide_shift is None


@pytest.mark.parametrize(
    ("angle", "azimuth", "elevation", "said"),
    [
        (
            [1.0, 0.0],
            [1.0, 1.0],
            [1.0, 1.0],
            r"\.table_angle: expected at least two increasing angles, got \[1.0, 0.0\]",
        ),
        (
            [0.0, 0.0],
            [1.0, 1.0],
            [1.0, 1.0],
            r"\.table_angle: expected at least two increasing angles, got \[0.0, 0.0\]",
        ),
        ([0.0], [1.0], [1.0], r"\.table_angle: expected at least two increasing angles, got \[0.0\]"),
        ([0.0, 1.0], [1.0, -0.1], [1.0, 1.0], r"\.azimuth_cut: expected finite gains from 0 on, got \[1.0, -0.1"),
        (
            [0.0, 1.0],
            [1.0, 1.0],
            [1.0, math.nan],
            r"\.elevation_cut: expected finite gains from 0 on, got \[1.0, nan\]",
        ),
        (
            [0.0, 1.0],
            [1.0, 1.0],
            None,
            ": expected table_angle, azimuth_cut, elevation_cut together .* azimuth_cut alone",
        ),
        (None, None, [1.0, 1.0], ": expected .* or none of them, got elevation_cut alone"),
    ],
)
def test_tables_of_a_pattern_rise(angle: Any, azimuth: Any, elevation: Any, said: str) -> None:
    parts = (None if part is None else torch.tensor(part) for part in (angle, azimuth, elevation))
    with pytest.raises(ValueError, match=rf"^Pattern{said}"):
        Pattern(1.0, 1.0, 1.0, *parts)


@pytest.mark.parametrize("wrong", ["jumping\njacks", "jumping\tjacks", "jumping\u2028jacks"])
def test_labels_fit_a_line_of_a_table(wrong: str) -> None:
    assert Labels("jumping jacks ü").activity == "jumping jacks ü"
    with pytest.raises(ValueError, match=r"^Labels.activity: expected one line without tabs, got 'jumping\\"):
        Labels(wrong)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"range_limits": (5.0, 1.0)}, r"range_limits: expected \[low, high\], rising, got \[5.0, 1.0\]"),
        ({"azimuth_limits": (math.nan, 1.0)}, r"azimuth_limits: expected \[low, high\], rising"),
        ({"angle_fft": 0}, "angle_fft: expected 2 to 4096, got 0"),
        ({"max_points": -3}, "max_points: expected a finite number from 1 on, got -3"),
        ({"second_peak": -0.5}, "second_peak: expected a finite number from 0 on, got -0.5"),
    ],
)
def test_a_chain_takes_limits_that_rise_and_counts_of_something(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=rf"^Processing.{message}"):
        Processing(**settings)
