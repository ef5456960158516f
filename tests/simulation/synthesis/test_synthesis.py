"""Synthesis: the direct sum against exact distances, the fast sum against the direct one."""

import math
import platform
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import point_target_adc
from scipy.constants import speed_of_light
from simulation.scenes import error_db

from mmsynth.radar import load_radar
from mmsynth.simulation import Simulation, frame_knots, memory, synthesize, synthesize_direct
from mmsynth.types import Paths, Radar, Receiver, gain_rows

UNIT = Receiver(load=1.0)  # with 1 W, a path of gain 1 has 1 V


def short(name: str, loops: int, **changes: object) -> Radar:
    radar = load_radar(name).radar
    wave = replace(radar.waveform, loops=loops)
    return replace(radar, waveform=wave, tx_power=1.0, receiver=UNIT, **changes)


def moving_paths(radar: Radar, points: dict[str, torch.Tensor], gain: torch.Tensor) -> Paths:
    """Paths to points with position, velocity and acceleration, by exact distances at the knots."""
    knots = frame_knots(radar, Simulation())
    t = knots[:, None]
    place = points["place"][:, None] + points["speed"][:, None] * t + points["push"][:, None] * t**2 / 2
    tx, rx = ((place[:, None] - a[:, None]).norm(dim=-1) / speed_of_light for a in (radar.tx, radar.rx))
    count, zero = len(gain), torch.zeros(len(gain), dtype=torch.long)
    ways = torch.zeros(count, 3)
    return Paths(gain, tx, rx, knots, ways, ways, zero, zero)


def crowd(radar: Radar, count: int, distance: float, speed: float) -> Paths:
    """Points like those of a body at `distance` m: most drift, every fifth moves at up to a few times `speed` m/s."""
    draw = torch.Generator().manual_seed(3)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(shape, generator=draw, dtype=torch.float64)

    place = torch.tensor([0, distance, 0]) + normal(count, 3) * torch.tensor([0.15, 0.15, 0.5])
    fast = torch.where(torch.arange(count) % 5 == 0, speed, 0.3 * speed)[:, None]
    points = {"place": place, "speed": normal(count, 3) * fast, "push": normal(count, 3) * 10}
    first = torch.complex(normal(count), normal(count))
    return moving_paths(radar, points, torch.stack([first, first * (1 + 0.5 * normal(count))], 1).to(torch.complex64))


def fast_error_db(paths: Paths, radar: Radar, tolerance: float = 1e-3) -> float:
    """Error of the fast sum over five loops spread over the frame (the direct one is slow)."""
    loops = torch.arange(0, radar.waveform.loops, max(1, radar.waveform.loops // 4))
    fast = synthesize(paths, radar, tolerance).detach()
    return error_db(fast[loops], synthesize_direct(paths, radar, loops).detach())


def test_direct_sum_of_a_moving_point_is_the_echo_at_exact_distances() -> None:
    radar = short("mmmesh", loops=32)
    place, speed = (0.8, 2.5, 0.4), (1.0, -3.0, 0.5)
    points = {k: torch.tensor([v], dtype=torch.float64) for k, v in (("place", place), ("speed", speed))}
    paths = moving_paths(radar, points | {"push": torch.zeros(1, 3, dtype=torch.float64)}, torch.ones(1, 2) + 0j)
    want = point_target_adc(radar.waveform, radar.tx, radar.rx, radar.codes, place, speed)
    # A third-order term of a path at 3.5 m/s, 2.6 m away, over half of 7 ms: 1e-5 wavelengths at five knots.
    assert error_db(synthesize_direct(paths, radar), torch.from_numpy(want)) < -75


def test_gain_fades_linearly_from_the_first_to_the_last_knot() -> None:
    radar = short("mmmesh", loops=16)
    zero = torch.zeros(1, 3, dtype=torch.float64)
    points = {"place": torch.tensor([[0.1, 2.0, 0.0]], dtype=torch.float64), "speed": zero, "push": zero}
    gain = torch.tensor([[0.0, 1.0 + 1.0j]])
    paths = moving_paths(radar, points, gain)
    whole = moving_paths(radar, points, gain[:, 1:].expand(1, 2))
    times = radar.chirp_times() + radar.waveform.sample_times().mean()
    want = synthesize_direct(whole, radar) * (times / radar.active_time)[:, :, None, None]
    assert error_db(synthesize_direct(paths, radar), want) < -200
    assert error_db(synthesize(paths, radar), want) < -60


def test_gains_at_knots_in_between_are_followed() -> None:
    # 28 ms: seven knots, five gains, four runs of loops. Random gains, then those of a point whose gain goes with t^2.
    radar = load_radar("mmmesh").radar
    radar = replace(radar, tx_power=1.0, receiver=UNIT)
    paths = crowd(radar, 60, 2.0, 2.0)
    draw = torch.Generator().manual_seed(4)
    rows = gain_rows(len(paths.knots))
    assert len(rows) == 5
    paths = replace(paths, gain=torch.randn(60, 5, dtype=torch.complex64, generator=draw))
    assert fast_error_db(paths, radar) < -60
    assert fast_error_db(replace(paths, gain=paths.gain.requires_grad_()), radar) < -60
    square = ((paths.knots / paths.knots[-1]) ** 2).to(torch.complex64).expand(60, -1)
    steady, times = replace(paths, gain=torch.ones(60, 2) + 0j), radar.chirp_times() + 1e-5
    want = synthesize(steady, radar) * ((times / paths.knots[-1]) ** 2)[:, :, None, None]
    # A chord of a quarter of the frame lies at most 1/64 off t^2, 1/4 if it is the whole; rms sqrt(8/15) of that, over
    # an rms gain of sqrt(1/5).
    assert error_db(synthesize(replace(paths, gain=square[:, list(rows)]), radar), want) == pytest.approx(-31.9, abs=1)
    assert error_db(synthesize(replace(paths, gain=square[:, [0, -1]]), radar), want) == pytest.approx(-7.8, abs=1)


@pytest.mark.parametrize("samples", [2, 3, 65, 133, 255])
def test_an_odd_number_of_samples_has_one_in_the_middle(samples: int) -> None:
    # Where a series in the time from there has nothing but its first term: it was NaN, and so was every spectrum.
    radar = short("mmmesh", loops=8)
    radar = replace(radar, waveform=replace(radar.waveform, samples=samples, adc_start=0.0))
    paths = crowd(radar, 60, 2.0, 2.0)
    assert fast_error_db(paths, radar) < -60
    assert fast_error_db(replace(paths, gain=paths.gain.requires_grad_()), radar) < -60


@pytest.mark.parametrize(
    ("name", "loops", "distance", "speed"),
    [
        ("mmmesh", 32, 2.5, 4.0),
        ("mmmesh", 32, 2.5, 0.3),
        ("mmmesh", 32, 1.0, 3.0),  # near: the directions to the antennas turn within the frame
        ("mmmesh", 24, 9.5, 3.0),
        # Far and fast in 28 ms: over half a metre the beat's own phase, S tau, turns by some hundredths of a rad.
        ("mmmesh", 128, 9.5, 8.0),
        ("radhar", 16, 2.0, 3.0),
        ("iwr6843isk_area", 16, 4.0, 2.0),
        ("IWR1443BOOST/radhar", 1, 2.0, 3.0),
    ],
)
def test_fast_sum_is_the_direct_sum_within_60_db(name: str, loops: int, distance: float, speed: float) -> None:
    radar = short(name, loops)
    paths = crowd(radar, 150, distance, speed)
    assert fast_error_db(paths, radar) < -60
    # The route that gradients take is another one.
    with_gradient = replace(paths, gain=paths.gain.requires_grad_())
    assert fast_error_db(with_gradient, radar) < -60


def test_wide_array_past_which_points_rush() -> None:
    # The phases of RX 20 cm apart turn by several rad within eight loops, which no straight line follows.
    rx = torch.tensor([[x, 0.0, 0.0] for x in (-0.1, -0.03, 0.02, 0.05, 0.1)], dtype=torch.float64)
    radar = short("mmmesh", 32, rx=rx)
    assert fast_error_db(crowd(radar, 100, 2.0, 8.0), radar) < -60


@pytest.mark.parametrize("tolerance", [1e-2, 1e-3, 3e-4])
def test_error_keeps_to_the_tolerance(tolerance: float) -> None:
    radar = short("mmmesh", loops=32)
    paths = crowd(radar, 100, 2.0, 3.0)
    assert fast_error_db(paths, radar, tolerance) < 20 * math.log10(tolerance)


@pytest.mark.parametrize(
    "codes",
    [
        [[1, 1, 0], [1, -1, 0], [0, 0, 1]],
        [[0, 1, 0], [0, 0, 1], [1, 0, 0]],  # TDM 2 3 1: not its own transpose, as orders of two are
        [[1, 1, 0], [0, -1, 1], [0, 1, 1], [-1, 0, 1]],
    ],
)
def test_each_slot_is_the_sum_of_its_transmitters_with_their_signs(codes: list[list[int]]) -> None:
    radar = short("mmmesh", loops=16, codes=torch.tensor(codes, dtype=torch.float32))
    paths = crowd(radar, 80, 2.0, 2.0)
    assert fast_error_db(paths, radar) < -60
    # What each TX sends alone in that slot, at that time.
    alone = [synthesize_direct(paths, replace(radar, codes=torch.eye(3)[[m] * len(codes)])) for m in range(3)]
    want = torch.einsum("sm,mlsrk->lsrk", radar.codes.to(alone[0].dtype), torch.stack(alone))
    assert error_db(synthesize_direct(paths, radar), want) < -120


def test_real_samples_are_root_two_times_the_in_phase_part() -> None:
    radar = short("mmmesh", loops=8)
    paths = crowd(radar, 60, 2.0, 1.0)
    real = replace(radar, waveform=replace(radar.waveform, complex_samples=False))
    want = math.sqrt(2) * synthesize_direct(paths, radar).real
    got = synthesize(paths, real)
    assert got.dtype == torch.float32
    assert error_db(got, want) < -60
    assert torch.equal(synthesize_direct(paths, real), want)


def test_volts_are_received_power_times_load_and_gain() -> None:
    radar = replace(short("radhar", 2), tx_power=0.016, receiver=Receiver(gain=30.0, load=50.0))
    paths = moving_paths(
        radar,
        {k: torch.tensor([[0.0, 3.0, 0.0]]).double() for k in ("place", "speed", "push")},
        torch.full((1, 2), 2e-5j),
    )
    for samples in (synthesize(paths, radar), synthesize_direct(paths, radar)):
        np.testing.assert_allclose(samples.abs(), math.sqrt(0.016 * 50) * 2e-5 * 30, rtol=1e-3)


def test_order_of_paths_and_cuts_into_batches_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    radar = short("radhar", 8)
    paths = crowd(radar, 300, 2.0, 2.0)
    whole = synthesize(paths, radar)
    shuffle = torch.randperm(300, generator=torch.Generator().manual_seed(1))
    fields = ("gain", "tx_delay", "rx_delay", "departure", "arrival", "region", "order")
    mixed = replace(paths, **{f: getattr(paths, f)[shuffle] for f in fields})
    monkeypatch.setattr("mmsynth.simulation.synthesis.products.CACHE", 20_000)
    # float32 rounding of some hundred terms
    assert error_db(synthesize(mixed, radar), whole) < -110


def test_no_paths_are_silence() -> None:
    radar = short("radhar", 2)
    paths = crowd(radar, 0, 2.0, 1.0)
    assert synthesize(paths, radar).shape == (2, 3, 4, 240)
    assert not synthesize(paths, radar).any()


def test_gradients_are_those_of_the_direct_sum() -> None:
    radar = short("radhar", 4)
    paths = crowd(radar, 40, 2.0, 2.0)
    grads = []
    for sum_of in (synthesize, synthesize_direct):
        legs = paths.tx_delay.clone().requires_grad_()
        gain = paths.gain.clone().requires_grad_()
        samples = sum_of(replace(paths, tx_delay=legs, gain=gain), radar)
        samples.real.square().sum().backward()
        grads.append((legs.grad, gain.grad))
    for fast, direct in zip(*grads, strict=True):
        # The slope of a truncated series is one order less exact than the series.
        assert error_db(fast, direct) < -45


def test_wrong_antenna_count_and_single_precision_are_refused() -> None:
    radar = short("radhar", 2)
    paths = crowd(radar, 3, 2.0, 1.0)
    with pytest.raises(ValueError, match="paths.tx_delay: expected 3 antennas"):
        synthesize(replace(paths, tx_delay=paths.tx_delay[:, :2]), radar)
    with pytest.raises(ValueError, match="paths.rx_delay: expected float64"):
        synthesize(replace(paths, rx_delay=paths.rx_delay.float()), radar)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_the_same_samples() -> None:
    radar = short("mmmesh", 32)
    paths = crowd(radar, 500, 2.0, 3.0)
    fields = ("gain", "tx_delay", "rx_delay", "knots", "departure", "arrival", "region", "order")
    there = replace(paths, **{f: getattr(paths, f).cuda() for f in fields})
    # TF32 is off by default: both are float32 sums
    assert error_db(synthesize(there, radar).cpu(), synthesize(paths, radar)) < -90


def test_process_keeps_its_memory_where_the_c_library_can() -> None:
    # In a process of its own: the setting stays. The file alone, since the package takes seconds to import.
    call = f"import runpy; print(runpy.run_path({memory.__file__!r})['hold_memory']())"
    found = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(platform.libc_ver()[0] == "glibc")
