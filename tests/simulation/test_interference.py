"""Other radars and carriers: products of both ramps, of one sign, in the samples that they cross."""

import math
from dataclasses import replace

import pytest
import torch
from oracles import first_order_highpass
from simulation.receivers import radar_with, seeded, silence

from mmsynth.simulation import receive


def test_another_radar_meets_the_errors_of_our_receivers_alone() -> None:
    terms = {"interference": 1e-6, "gain": 3.0, "temperature": 0.0}
    bare, off = (radar_with(loops=4, **terms, **more) for more in ({}, {"channel_gain": 0.2, "channel_phase": 0.5}))
    heard, ours = (receive(silence(r), r, seeded(3)) for r in (bare, off))
    loud = heard.abs() > 0.5 * heard.abs().max()
    ratio = torch.where(loud, ours / torch.where(loud, heard, 1), 0)
    each = ratio.sum((0, 1, 2, 4)) / loud.sum((0, 1, 2, 4))
    torch.testing.assert_close(ours, heard * each[:, None], atol=1e-5 * float(heard.abs().max()), rtol=0)
    assert float(each.abs().std()) > 0.01 and float(each.angle().std()) > 0.05


def test_a_carrier_beside_ours_is_the_product_of_both_and_of_one_sign():
    # Our ramp rises by 0.6 MHz only: a carrier 1 MHz under its start is in the band in every sample of the frame, in
    # which it turns on and on while each of our ramps starts anew.
    # No whole number of turns from chirp to chirp, as 77 GHz would make.
    own = replace(radar_with().waveform, slope=1e10, start_frequency=77.0123e9)
    for below, band, more in ((1e6, True, {}), (-1e6, False, {"lowpass": 1e15})):
        terms = {"interference": 1e-6, "interference_slope": 0.0, "interference_offset": -below} | more
        radar = replace(radar_with(loops=8, gain=3.0, interference_period=1.0, **terms), waveform=replace(own, loops=8))
        got = receive(silence(radar), radar, seeded())[0, :, :, 0].to(torch.complex128)
        if not band:  # complex samples have no negative frequencies
            assert float(got.abs().max()) < 1e-6
            continue
        time, fast = radar.chirp_times()[..., None] + own.sample_times(), own.sample_times()
        cycles = own.start_frequency * fast + own.slope * fast**2 / 2 - (own.start_frequency - below) * time
        turned = got * torch.polar(torch.ones_like(cycles), -math.tau * torch.remainder(cycles, 1.0))
        # One unknown phase; 1 uW over 1 ohm is 1 mV, times the gain.
        torch.testing.assert_close(turned, turned.mean().expand_as(turned), atol=2e-6, rtol=0)
        assert float(turned.mean().abs()) == pytest.approx(3e-3, rel=1e-3)
        # As often as it starts anew, it has another phase.
        short = replace(radar, receiver=replace(radar.receiver, interference_period=own.chirp_time))
        first = receive(silence(short, 8), short, seeded())[..., 0, 100].flatten()
        turns = first[1:] * first[:-1].conj()
        assert float((turns / turns.abs()).mean().abs()) < 0.3  # 191 of them: 0.07
        # A high-pass holds it back at the frequency that it has from sample to sample.
        near = replace(radar, receiver=replace(radar.receiver, highpass=1.4e6))
        held = receive(silence(near), near, seeded())[0, :, :, 0].to(torch.complex128)
        passed = first_order_highpass(below + own.slope * fast, 1.4e6)
        torch.testing.assert_close(held.abs(), (got.abs() * passed.abs()).expand_as(got), atol=1e-8, rtol=1e-4)


@pytest.mark.parametrize("complex_samples", [True, False])
def test_crossing_interferer_hits_the_share_of_samples_in_which_it_sweeps_through_the_band(complex_samples) -> None:
    ramp, period = 30e12, 91.3e-6
    radar = radar_with(64, complex_samples, interference=1e-6, interference_slope=ramp, interference_period=period)
    wave = radar.waveform
    got = torch.cat([receive(silence(radar), radar, seeded(s)) for s in range(6)])
    hit = got.abs() > 1e-6
    # sqrt(1 uW 1 ohm), rms
    if complex_samples:
        torch.testing.assert_close(got[hit].abs(), torch.full((int(hit.sum()),), 1e-3), rtol=2e-3, atol=0)
    assert float(got[hit].abs().square().mean()) == pytest.approx(1e-6, rel=0.05)
    # Starting instants are uniform over the period, and so is its frequency over the sweep: as long as ours is inside
    # that sweep too, the difference is in the band for rate / sweep of the samples.
    sweep = ramp * period
    ours = wave.slope * wave.sample_times()
    want = wave.sample_rate / sweep * float((ours < sweep).double().mean())
    assert float(hit.double().mean()) == pytest.approx(want, rel=0.1)  # 98 hits a frame of 64 x 3 chirps
    assert torch.equal(hit[..., 0, :], hit[..., 3, :])


def test_interferer_is_the_product_of_both_ramps() -> None:
    """Ours rises a little faster than theirs: what enters the band at 0 Hz leaves it at the rate, at a steady slope."""
    own = radar_with().waveform
    ramp = 0.98 * own.slope
    theirs = {"interference": 1e-6, "interference_slope": ramp, "interference_offset": 1.3 * own.sample_rate}
    radar = radar_with(loops=1, interference_period=own.chirp_time, **theirs)
    got = receive(silence(radar, frames=600), radar, seeded())[..., 0, :]
    real = replace(radar, waveform=replace(own, loops=1, complex_samples=False))
    in_phase = receive(silence(real, frames=600), real, seeded())[..., 0, :]
    step, crossings = (own.slope - ramp) / own.sample_rate, 0  # Hz from sample to sample
    for chirp in got.reshape(-1, own.samples):
        hit = (chirp.abs() > 1e-6).nonzero()[:, 0]
        # Those that cross the band within the samples: not cut off by the first or last of these.
        if len(hit) == 0 or hit[0] == 0 or hit[-1] == own.samples - 1:
            continue
        crossings += 1
        assert len(hit) == pytest.approx(own.sample_rate / step, abs=1)
        turn = (chirp[hit[1:]] * chirp[hit[:-1]].conj()).angle().double().remainder(math.tau)
        beat = turn * own.sample_rate / math.tau  # midway between two samples
        want = (torch.arange(len(beat), dtype=torch.float64) + 1) * step
        assert float((beat - want).abs().max()) < 0.6 * step
    assert crossings > 3
    # Real samples hold the in-phase part of what both bands have in common, 0 to half the rate.
    both = (got.abs() > 1e-6) & (in_phase.abs() > 1e-6)
    assert int(both.sum()) > 50
    torch.testing.assert_close(in_phase[both], math.sqrt(2) * got[both].real, atol=1e-6, rtol=0)
