"""Whether the ray tubes between the limbs of one walking person converge, and what they take.

    python benchmarks/tubes.py

The free body walks before the IWR6843ISK from 3 m in free space, four frames apart. The truth cuts every facet's edges
into 24. For every other cut: the error of the coherent sum at the twelve channels, in dB of its power, of all frames
and of each; the same in dB of the direct sum; tubes; CPU time. `default` cuts as the simulator does, by its budget.
"""

import math
import time
from dataclasses import replace

import torch
import workloads

from mmsynth.simulation import Simulation
from mmsynth.simulation.facets.paths import facet_paths
from mmsynth.simulation.legs import direct_legs
from mmsynth.simulation.paths import TUBES, join
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.tubes import tubes
from mmsynth.simulation.visible import visible

FRAMES = (0, 6, 12, 18)
SETTINGS = Simulation(bounces=1)


def field(paths, radar):
    """Sum of the paths in every channel, [tx, rx]."""
    turn = 2j * math.pi * radar.waveform.center_frequency
    middle = len(paths.knots) // 2
    there, back = (torch.exp(turn * delay[:, :, middle]) for delay in (paths.tx_delay, paths.rx_delay))
    return torch.einsum("p,pt,pr->tr", paths.gain[:, 0].to(torch.complex128), there, back)


def decibel(power):
    return 10 * math.log10(float(power))


def main():
    torch.set_num_threads(1)
    line = workloads.prepare(replace(workloads.WORKLOADS["I"], furnished=False, bounces=1))
    scene, radar = line.scene_of(workloads.posed(line, max(FRAMES) + 1)), line.setup.radar
    ends, stages = direct_legs(scene, radar, SETTINGS), []
    for frame in FRAMES:
        pose = pose_frame(scene, radar, frame, SETTINGS, 1)
        seen = visible(pose, ends)
        direct = facet_paths(pose, ends, seen)
        power = float(direct.gain.abs().square().sum())
        stages.append((pose, seen, field(direct, radar), TUBES * SETTINGS.bounce_drop * power))
    truth, default = [], tubes.CUTS
    print("cuts      tubes  CPU ms | error in dB of itself: all, frames | in dB of the direct sum: level, error")
    for name, cuts in (("24", (24,)), ("12", (12,)), ("8", (8,)), ("4", (4,)), ("2", (2,)), ("default", default)):
        tubes.CUTS, start = cuts, time.process_time()
        found = [join(tubes.tube_paths(pose, ends, seen, budget)) for pose, seen, _, budget in stages]
        taken = 1e3 * (time.process_time() - start) / len(stages)
        sums = [field(paths, radar) for paths in found]
        truth = truth or sums
        wrong = [(a - b).abs().square().sum() + 1e-30 for a, b in zip(sums, truth, strict=True)]
        power = [x.abs().square().sum() for x in truth]
        whole = [stage[2].abs().square().sum() for stage in stages]
        own = " ".join(f"{decibel(a / b):6.1f}" for a, b in zip(wrong, power, strict=True))
        level = " ".join(f"{decibel(a.abs().square().sum() / b):6.1f}" for a, b in zip(sums, whole, strict=True))
        error = " ".join(f"{decibel(a / b):6.1f}" for a, b in zip(wrong, whole, strict=True))
        count = sum(len(paths.gain) for paths in found) // len(found)
        print(f"{name:8s} {count:6d} {taken:7.0f} | {decibel(sum(wrong) / sum(power)):6.1f} {own} | {level} | {error}")


if __name__ == "__main__":
    main()
