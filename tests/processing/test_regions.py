"""Points get the region of the path that caused them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from oracles import point_target_adc

from mmsynth.processing import detect, label_points, range_doppler
from mmsynth.processing.regions import Echoes, doppler_response, echoes
from mmsynth.processing.spectrum import window
from mmsynth.types import AdcFrames, Paths, PointCloud, Processing

LIGHT = 299792458.0


def paths_to(radar, targets, gains, regions, knots=2, names=("hand", "torso", "wall")) -> Paths:
    """Knots of the exact delays to moving points."""
    place = torch.tensor([p for p, _ in targets], dtype=torch.float64)
    velocity = torch.tensor([v for _, v in targets], dtype=torch.float64)
    knots = torch.linspace(0, radar.active_time, knots, dtype=torch.float64)
    at = place[:, None] + velocity[:, None] * knots[:, None]
    legs = [(at[:, None] - antennas[None, :, None]).norm(dim=-1) / LIGHT for antennas in (radar.tx, radar.rx)]
    return Paths(
        gain=torch.tensor(gains, dtype=torch.complex64)[:, None].expand(-1, 2),
        tx_delay=legs[0],
        rx_delay=legs[1],
        knots=knots,
        departure=torch.nn.functional.normalize(place, dim=1),
        arrival=torch.nn.functional.normalize(place, dim=1),
        region=torch.tensor(regions),
        order=torch.zeros(len(targets), dtype=torch.int64),
        region_names=tuple(names),
    )


def test_each_point_takes_the_region_of_its_target(radhar, targets):
    bodies = [((0.9, 2.0, 0.2), (0.0, 2.0, 0.0)), ((0.0, 2.6, 0.0), (0.0, 0.0, 0.0)), ((-1.5, 4.0, 0.0), (0.0,) * 3)]
    adc = targets(radhar, *bodies)
    noise = torch.randn(adc.samples.shape, generator=torch.Generator().manual_seed(0), dtype=torch.complex64)
    settings = Processing()
    cloud = detect(range_doppler(replace(adc, samples=adc.samples + 0.3 * noise), settings), settings)
    paths = paths_to(radhar, bodies, [1.0, 1.0, 1.0], [0, 1, 2])
    labelled = label_points(cloud, [paths], radhar, settings)
    truth = torch.tensor([p for p, _ in bodies])
    for position, region in zip(labelled.position, labelled.region.tolist(), strict=True):
        assert region == int((truth - position).norm(dim=1).argmin())
    assert set(labelled.region.tolist()) == {0, 1, 2} and labelled.region_names == ("hand", "torso", "wall")


def test_the_stronger_of_two_in_one_cell_wins_and_far_points_stay_unknown(radhar, targets):
    here, there = ((0.0, 3.0, 0.0), (0.0, 0.0, 0.0)), ((0.0, 7.0, 0.0), (0.0, 0.0, 0.0))
    cloud = detect(range_doppler(targets(radhar, here), Processing()), Processing(max_points=1))
    for gains, expected in (([1.0, 0.2], 0), ([0.2, 1.0], 1)):
        assert label_points(
            cloud, [paths_to(radhar, [here, here], gains, [0, 1])], radhar, Processing()
        ).region.tolist() == [expected]
    assert label_points(cloud, [paths_to(radhar, [there], [1.0], [1])], radhar, Processing()).region.tolist() == [-1]


def test_folded_velocities_are_compared_folded(radhar, targets):
    fast = ((0.0, 3.0, 0.0), (0.0, 7.0, 0.0))
    cloud = detect(range_doppler(targets(radhar, fast), Processing()), Processing(max_points=1))
    assert float(cloud.velocity[0]) < 0
    assert label_points(cloud, [paths_to(radhar, [fast], [1.0], [2])], radhar, Processing()).region.tolist() == [2]


def test_a_folded_echo_is_looked_for_where_tdm_puts_it(radhar, targets):
    fast = ((0.0, 3.0, 0.0), (0.0, 7.0, 0.0))
    adc = targets(radhar, fast)
    cloud = detect(range_doppler(adc, Processing()), Processing(max_points=1))
    assert abs(float(cloud.position[0, 0])) > 0.3  # of 3 m: its slots were turned by the velocity that it seems to have
    slow = (tuple(cloud.position[0].tolist()), tuple((cloud.velocity[0] * cloud.position[0] / 3).tolist()))
    weak = targets(radhar, slow)
    cubes = [range_doppler(one, Processing()) for one in (adc, replace(weak, samples=0.6 * weak.samples))]
    assert int(beams(cloud, cubes, radhar).argmax()) == 0
    paths = paths_to(radhar, [fast, slow], [1.0, 0.6], [2, 0])
    assert label_points(cloud, [paths], radhar, Processing()).region.tolist() == [2]


def test_two_of_one_range_are_told_apart_by_height(radhar, targets):
    upright = replace(radhar, tx=radhar.tx[:, [2, 1, 0]], rx=radhar.rx[:, [2, 1, 0]])
    bodies = [((0.0, 2.0, 0.9), (0.0,) * 3), ((0.0, 2.0, -0.9), (0.0,) * 3)]
    for body, region in zip(bodies, (0, 1), strict=True):
        cloud = detect(range_doppler(targets(upright, body), Processing()), Processing(max_points=1))
        assert label_points(
            cloud, [paths_to(upright, bodies, [1.0, 1.0], [0, 1])], upright, Processing()
        ).region.tolist() == [region]


def test_echoes_add_up_as_waves_and_only_within_four_cells(radhar, targets):
    here = ((0.0, 3.0, 0.0), (0.0, 0.0, 0.0))
    cloud = detect(range_doppler(targets(radhar, here), Processing()), Processing(max_points=1))
    # Three of half the amplitude are more than the one; two of them against the third are less.
    for third, region in ((0.5, 0), (-0.5, 1)):
        several = paths_to(radhar, [here] * 4, [0.5, 0.5, third, 1.0], [0, 0, 0, 1])
        assert label_points(cloud, [several], radhar, Processing()).region.tolist() == [region]
    at = float(cloud.position[0].norm())
    for cells, region in ((3.5, 2), (4.5, -1)):
        beyond = ((0.0, at + cells * radhar.waveform.range_resolution, 0.0), (0.0, 0.0, 0.0))
        assert label_points(cloud, [paths_to(radhar, [beyond], [1.0], [2])], radhar, Processing()).region.tolist() == [
            region
        ]


@pytest.mark.parametrize(("kind", "left"), [("blackman", 0.595), ("hann", 0.5), ("hamming", 0.426)])
def test_an_echo_a_cell_farther_counts_by_the_windows_lobe(radhar, targets, kind, left):
    """Next to a tone, the spectrum of a window a0 - a1 cos + a2 cos 2 has a1 / 2 a0 of its height."""
    settings = Processing(range_window=kind, max_points=1)
    here = ((0.0, 60 * radhar.waveform.range_bin, 0.0), (0.0, 0.0, 0.0))
    cloud = detect(range_doppler(targets(radhar, here), settings), settings)
    beyond = ((0.0, here[0][1] + radhar.waveform.range_resolution, 0.0), (0.0, 0.0, 0.0))
    # Gaussians for lobes err by 3 %; a cell of margin more.
    for own, region in ((0.93 * left, 0), (1.07 * left, 1)):
        paths = paths_to(radhar, [beyond, here], [1.0, own], [0, 1])
        assert label_points(cloud, [paths], radhar, settings).region.tolist() == [region]


def test_features_of_a_path_are_those_of_mid_frame(workload_m):
    place, velocity = (0.5, 3.0, 0.4), (0.3, -3.5, 1.0)
    paths = paths_to(workload_m, [(place, velocity)], [0.5], [0], knots=3)
    seen = echoes(paths, workload_m)
    middle = torch.tensor(place).double() + torch.tensor(velocity).double() * workload_m.active_time / 2
    radial = float(middle @ torch.tensor(velocity).double() / middle.norm())
    wave = workload_m.waveform
    # The mean way to the antennas and back, by two; the beat holds the Doppler frequency, here of some millimetres.
    way = sum((antennas.double() - middle).norm(dim=1).mean() for antennas in (workload_m.tx, workload_m.rx))
    beat = float(way) / 2 + radial * wave.center_frequency / wave.slope
    # The Doppler frequency's part is 4 mm; the speed's own change within the frame leaves 1 um of that.
    assert float(seen.distance[0]) == pytest.approx(beat, abs=1e-5)
    # Antennas stand up to 2 cm beside the origin, from which `radial` and `across` are: a part of 2 cm in 3 m of both.
    assert float(seen.velocity[0]) * workload_m.velocity_resolution == pytest.approx(radial, rel=0.01)
    across = torch.tensor(velocity).double().square().sum() - radial**2
    rise = float(across / middle.norm()) * workload_m.active_time
    assert float(seen.rise[0]) * workload_m.velocity_resolution == pytest.approx(rise, rel=0.02)
    assert abs(complex(seen.amplitude[0])) == pytest.approx(0.5)


def test_frames_must_match(radhar):
    silent = AdcFrames(radhar, torch.zeros(2, 16, 3, 4, 240, dtype=torch.complex64), torch.arange(2) / 30)
    cloud = detect(range_doppler(silent, Processing()), Processing())
    with pytest.raises(ValueError, match="expected 2 Paths"):
        label_points(cloud, [], radhar, Processing())


def limb(draw, radar, place, velocity):
    """Twelve scatterers of any phase along a rod of 0.4 m: samples of one frame, and what `paths_to` wants of them."""
    along = draw.normal(size=3)
    spots = place + 0.4 * (draw.random((12, 1)) - 0.5) * along / np.linalg.norm(along)
    gains = np.exp(2j * np.pi * draw.random(12))
    fields = (radar.waveform, radar.tx.numpy(), radar.rx.numpy(), radar.codes.numpy())
    samples = sum(point_target_adc(*fields, spot, velocity, gain) for spot, gain in zip(spots, gains, strict=True))
    return torch.from_numpy(samples).to(torch.complex64)[None], [(tuple(spot), velocity) for spot in spots], gains


def beams(cloud, cubes, radar):
    """Power [points, regions] of what each region alone sends to the cells of the points, in their directions."""
    cube, codes = cubes[0], radar.codes
    loops = radar.waveform.loops
    doppler = (cube.velocity - cloud.velocity[:, None]).abs().argmin(1)
    bins = (cube.range - cloud.position.norm(dim=1)[:, None]).abs().argmin(1)
    level = radar.tx[:, 2] == radar.tx[0, 2]  # one row
    across = cloud.position[:, 0] / cloud.position.norm(dim=1)
    slot = torch.arange(radar.slots) * radar.waveform.chirp_time / radar.loop_time
    turn = torch.exp(-2j * torch.pi * (doppler[:, None] - loops // 2) / loops * slot)
    found = []
    for one in cubes:
        cells = one.spectrum[0, doppler, :, :, bins] * turn[..., None]  # [points, slots, rx]
        sent = (codes.T.to(cells) @ cells)[:, level]
        place = (radar.tx[level, None] + radar.rx)[..., 0]
        steer = torch.exp(2j * torch.pi * place * across[:, None, None] / radar.waveform.wavelength)
        found.append((sent * steer).sum((1, 2)).abs().square())
    return torch.stack(found, 1)


def test_the_region_of_a_point_is_the_one_that_fills_its_cell_alone(radhar):
    half = replace(radhar.waveform, samples=120, sample_rate=2.442e6)
    radhar, draw, agree = replace(radhar, waveform=half), np.random.default_rng(0), []
    for _ in range(20):
        heart = np.array([draw.uniform(-1, 1), draw.uniform(1.5, 3.5), 0.0])
        limbs = [
            limb(draw, radhar, heart + draw.uniform(-0.3, 0.3, 3), tuple(draw.uniform(-1.5, 1.5, 3))) for _ in range(4)
        ]
        settings = Processing(second_peak=0.0)
        cubes = [range_doppler(AdcFrames(radhar, part, torch.zeros(1)), settings) for part, _, _ in limbs]
        # Noise 35 dB under a scatterer hides the side lobes of windows.
        whole = sum(part for part, _, _ in limbs)
        noise = torch.from_numpy(draw.normal(size=(*whole.shape, 2)).astype(np.float32))
        whole = AdcFrames(radhar, whole + torch.view_as_complex(noise), torch.zeros(1))
        cloud = detect(range_doppler(whole, settings), settings)
        targets = [target for _, rod, _ in limbs for target in rod]
        regions = [k for k, (_, rod, _) in enumerate(limbs) for _ in rod]
        paths = paths_to(radhar, targets, np.concatenate([g for _, _, g in limbs]), regions, names="abcd")
        power = beams(cloud, cubes, radhar)
        best = power.topk(2, dim=1)
        clear = best.values[:, 0] > 2 * best.values[:, 1]
        agree += (label_points(cloud, [paths], radhar, settings).region == best.indices[:, 0])[clear].tolist()
    # By the sum of the paths' powers, in place of their amplitudes, it is 0.70.
    assert len(agree) > 50 and sum(agree) >= 0.97 * len(agree)


def test_what_clutter_removal_took_away_is_not_the_cause(radhar, targets):
    # A wall at rest a thousand times as strong as somebody who moves at one Doppler bin, within the lobe of the wall.
    slow = radhar.velocity_resolution * 1.1
    wall, walker = ((0.0, 3.0, 0.0), (0.0, 0.0, 0.0)), ((0.0, 3.0, 0.0), (0.0, slow, 0.0))
    settings = Processing(clutter_removal=True, max_points=1)
    adc = targets(radhar, *[wall] * 30, walker)
    cloud = detect(range_doppler(adc, settings), settings)
    paths = paths_to(radhar, [wall, walker], [30.0, 1.0], [2, 0])
    assert label_points(cloud, [paths], radhar, settings).region.tolist() == [0]
    kept = replace(settings, clutter_removal=False)
    assert label_points(cloud, [paths], radhar, kept).region.tolist() == [2]


def test_who_speeds_up_fills_several_cells(workload_m):
    # Two at one place; by mid-frame's velocity the steady one is nearer to a cell at 1.5 m/s.
    frame = workload_m.active_time
    here = [((0.0, 3.0, 0.0), (0.0, 1.5 + off, 0.0)) for off in (0.0, 0.35)]
    paths = paths_to(workload_m, here, [0.3, 1.0], [0, 1], knots=3)
    bend = torch.tensor([0.0, 1.0])[:, None, None] * (paths.knots - frame / 2) ** 2 * 25.0 / LIGHT
    paths = replace(paths, tx_delay=paths.tx_delay + 0.5 * bend, rx_delay=paths.rx_delay + 0.5 * bend)
    cell = PointCloud(
        position=torch.tensor([[0.0, 3.0 + 1.5 * frame / 2, 0.0]]),
        velocity=torch.tensor([1.85 + 0.5]),
        intensity=torch.zeros(1),
        snr_db=torch.zeros(1),
        noise_db=torch.zeros(1),
        offsets=torch.tensor([0, 1]),
        times=torch.zeros(1),
    )
    assert label_points(cell, [paths], workload_m, Processing()).region.tolist() == [1]


def test_a_range_bias_is_taken_back(radhar, targets):
    here = ((0.0, 3.0, 0.0), (0.0, 0.0, 0.0))
    settings = Processing(max_points=1, range_bias=0.5)
    cloud = detect(range_doppler(targets(radhar, here), settings), settings)
    assert label_points(cloud, [paths_to(radhar, [here], [1.0], [1])], radhar, settings).region.tolist() == [1]


@pytest.mark.parametrize("kind", ["hann", "hamming", "blackman"])
@pytest.mark.parametrize("removal", [False, True])
def test_doppler_responses_are_the_windows_spectra_of_chirps(radhar, kind, removal):
    settings = Processing(doppler_window=kind, clutter_removal=removal)
    loops = radhar.waveform.loops
    at, own, rise = (x.flatten() for x in torch.meshgrid(*[torch.arange(-3.0, 3.1, 0.75)] * 3, indexing="ij"))
    none = torch.zeros(len(own))
    each = torch.arange(len(own))
    got = doppler_response(at, Echoes(none, own, rise, none, none), (each, each), loops, settings)
    time = (torch.arange(loops) - (loops - 1) / 2) / loops
    echo = torch.exp(2j * torch.pi * (own[:, None] * time + 0.5 * rise[:, None] * time**2))
    echo = echo - removal * echo.mean(1, keepdim=True)
    want = (window(kind, loops) * echo * torch.exp(-2j * torch.pi * at[:, None] * time)).sum(1)
    # The lobes are taken for Gaussians.
    assert float((got - want).abs().max()) < 0.08
    assert float((got - want).abs().square().mean().sqrt()) < 0.03
