"""The loop over a clip's frames: trace, synthesize, receive."""

from dataclasses import replace

import torch
from torch import Tensor

from mmsynth.simulation.paths import join, trace
from mmsynth.simulation.receiver import receive
from mmsynth.simulation.room import trace_room
from mmsynth.simulation.settings import Simulation
from mmsynth.simulation.shadows import shadow_paths
from mmsynth.simulation.synthesis import synthesize
from mmsynth.types import AdcFrames, Radar, Scene


def simulate_clean(scene: Scene, radar: Radar, frames: int, settings: Simulation, seed: int) -> Tensor:
    """Samples [frames, loops, slots, rx, samples] in V at the ADC input, before the receiver adds anything.

    Args:
        scene: its people posed at `knot_times(radar, frames, settings)`.
        radar: the device.
        frames: how many.
        settings: of the simulator.
        seed: of the phases of diffuse scattering.
    """
    room = trace_room(scene, radar, settings, seed) if settings.static_room else None
    rows = []
    for frame in range(frames):
        paths = trace(scene, radar, frame, settings, seed)
        shadow = shadow_paths(scene, radar, frame, settings, room) if room is not None else None
        rows.append(synthesize(paths if shadow is None else join([paths, shadow]), radar))
    samples = torch.stack(rows)
    if room is None:
        return samples
    # Nothing in it moves: one loop of one frame is every loop of every frame.
    one_loop = replace(radar, waveform=replace(radar.waveform, loops=1))
    return samples + synthesize(room, one_loop)


def simulate(scene: Scene, radar: Radar, frames: int, settings: Simulation, generator: torch.Generator) -> AdcFrames:
    """What the radar would have recorded of a scene: `simulate_clean`, then one device's `receive`."""
    seed = int(torch.randint(2**31, (), generator=generator))
    clean = simulate_clean(scene, radar, frames, settings, seed)
    times = torch.arange(frames, dtype=torch.float64) * radar.waveform.frame_period
    return AdcFrames(radar, receive(clean, radar, generator), times)
