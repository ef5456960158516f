"""The loop over a clip's frames: trace, synthesize, receive."""

from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.simulation.paths import alone, join, of_frame, trace
from mmsynth.simulation.receiver import passed, receive
from mmsynth.simulation.room import trace_room
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.shadows import shadow_paths
from mmsynth.simulation.synthesis import synthesize, synthesize_frames
from mmsynth.types import AdcFrames, Paths, Radar, Scene

# Frames that are traced and synthesized at once: on a CPU eight share what Python costs (a third of the time of short
# frames; of longer ones it is all the same); on a GPU one takes no longer than its launches, and 32 of a body of 27,420
# faces fit into 2 GiB.
CPU_FRAMES, CUDA_FRAMES = 8, 32


def simulate_clean(scene: Scene, radar: Radar, frames: int, settings: Simulation, seed: int) -> Tensor:
    """Samples [frames, loops, slots, rx, samples] in V behind the filters of the IF, before the receiver adds anything.

    Args:
        scene: its people posed at `knot_times(radar, frames, settings)`.
        radar: the device, with its antennas where processing believes them to be.
        frames: how many.
        settings: of the simulator.
        seed: of the phases of diffuse scattering, and of where the antennas are.
    """
    return _simulated(scene, radar, frames, settings, seed, keep=False)[0]


def simulate_traced(
    scene: Scene, radar: Radar, frames: int, settings: Simulation, seed: int
) -> tuple[Tensor, list[Paths]]:
    """As `simulate_clean`, and the paths [frames] that each frame is made of, those of the room among them.

    Their delays are those of the mean antenna.
    """
    return _simulated(scene, radar, frames, settings, seed, keep=True)


def _simulated(
    scene: Scene, radar: Radar, frames: int, settings: Simulation, seed: int, keep: bool
) -> tuple[Tensor, list[Paths]]:
    """As `simulate_traced`; without `keep` there are no paths."""
    radar = misplaced(radar, seed)
    room = trace_room(scene, radar, settings, seed) if settings.static_room else None
    at_once = CUDA_FRAMES if scene.world_from_radar.is_cuda else CPU_FRAMES
    rows, kept = [], []
    for frame in range(0, frames, at_once):
        count = min(at_once, frames - frame)
        paths = trace(scene, radar, frame, settings, seed, count)
        if room is not None:
            hidden = (shadow_paths(scene, radar, k, settings, room) for k in range(frame, frame + count))
            taken = [
                part if count == 1 else of_frame(part, k, count) for k, part in enumerate(hidden) if part is not None
            ]
            paths = join([paths, *taken])
        rows.append(synthesize_frames(passed(paths, radar), radar))
        if keep:
            slim = replace(paths, tx_delay=paths.tx_delay.mean(1, True), rx_delay=paths.rx_delay.mean(1, True))
            kept += [alone(slim, k) for k in range(count)]
    samples = torch.cat(rows)
    if room is None:
        return samples, kept
    return samples + _one_loop(room, radar), [with_room(paths, room) for paths in kept]


def simulate_room(scene: Scene, radar: Radar, settings: Simulation, seed: int) -> tuple[Tensor, Paths] | None:
    """What the room of a scene sends back without its people, as `simulate_clean` has it; None without a room.

    Nothing in it moves: one loop [1, slots, rx, samples] is every loop of every frame. And the paths it is made of.
    """
    radar = misplaced(radar, seed)
    room = trace_room(replace(scene, people=()), radar, settings, seed)
    return None if room is None else (_one_loop(room, radar), room)


def _one_loop(room: Paths, radar: Radar) -> Tensor:
    return synthesize(passed(room, radar), replace(radar, waveform=replace(radar.waveform, loops=1)))


def with_room(paths: Paths, room: Paths) -> Paths:
    """The paths of a frame, by `simulate_traced`, and those of the room."""
    delays = [
        delay[:, :, :1].mean(1, True).expand(-1, -1, len(paths.knots)) for delay in (room.tx_delay, room.rx_delay)
    ]
    gain = room.gain[:, :1].expand(-1, paths.gain.shape[1])
    return join([paths, replace(room, gain=gain, tx_delay=delays[0], rx_delay=delays[1], knots=paths.knots)])


def misplaced(radar: Radar, seed: int) -> Radar:
    """The radar with each antenna off its place by a draw of `radar.receiver.antenna_offset`; of none, the same one."""
    spread = radar.receiver.antenna_offset
    if not spread:
        return radar
    draw = torch.Generator().manual_seed(seed)
    tx, rx = (
        place + spread * torch.randn(place.shape, generator=draw, dtype=torch.float64).to(place)
        for place in (radar.tx, radar.rx)
    )
    return replace(radar, tx=tx, rx=rx)


def simulate(scene: Scene, radar: Radar, frames: int, settings: Simulation, generator: torch.Generator) -> AdcFrames:
    """What the radar would have recorded of a scene: `simulate_clean`, then one device's `receive`."""
    seed = int(torch.randint(2**31, (), generator=generator))
    clean = simulate_clean(scene, radar, frames, settings, seed)
    times = torch.arange(frames, dtype=torch.float64) * radar.waveform.frame_period
    return AdcFrames(radar, receive(clean, radar, generator), times)
