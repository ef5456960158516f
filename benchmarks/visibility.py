"""What sharing a shadow ray per patch costs, against rays to 64 points of every facet.

    python benchmarks/visibility.py

The free body at 2.5 m before RadHAR's radar, eight instants of each activity. The truth weighs every facet with the
share of its 64 points that the radar sees. For one ray a facet (grain 0) and patches of 5, 10 (the default) and 20 mm:
the mean and the worst error of the field at the twelve channels in dB of its power, the median and the worst change of
the level in dB, the lit area (across the rays) that is wrong, and CPU time.
"""

import math
import time

import numpy as np
import torch

from mmsynth import geometry
from mmsynth.body_models import load_body
from mmsynth.motion import generate_motion, place, resample, sample_subject
from mmsynth.radar import load_radar
from mmsynth.scene import person_materials
from mmsynth.simulation import Simulation, knot_times, legs, surface
from mmsynth.simulation.facets.paths import facet_paths
from mmsynth.simulation.pose import pose_frame
from mmsynth.simulation.visible import shown, visible
from mmsynth.types import Scene

CUTS = 8
EXACT = Simulation(grain=0.0, drop=0.0)


def field(paths, radar, weight):
    """Sum of the weighted paths in every channel, [tx, rx]."""
    delay = paths.tx_delay[:, :, None, 0] + paths.rx_delay[:, None, :, 0]
    turn = torch.exp(2j * math.pi * radar.waveform.center_frequency * delay)
    return (paths.gain[:, 0].to(torch.complex128)[:, None, None] * weight[:, None, None] * turn).sum(0)


def seen_share(pose, leg, front):
    """Share [facets] of the points of each facet `front` from which the way along a leg is free."""
    corner = surface.gather(pose.local[pose.instants[0]], pose.topology.faces[:, front])
    off = legs.SURFACE_OFFSET * surface.unit(pose.area[0][:, front])
    pose.bvh.refit(pose.vertices[pose.instants[0]].T[None])
    third = [((i + 1 / 3) / CUTS, (j + 1 / 3) / CUTS) for i in range(CUTS) for j in range(CUTS - i)]
    third += [((i + 2 / 3) / CUTS, (j + 2 / 3) / CUTS) for i in range(CUTS) for j in range(CUTS - 1 - i)]
    free = torch.zeros(len(front))
    for a, b in third:
        point = corner[:, 0] * (1 - a - b) + corner[:, 1] * a + corner[:, 2] * b + off
        free += legs.free(leg, (point + pose.anchor.to(point)[:, None]).T, pose.bvh).float()
    return free / len(third)


def compare(scene, radar, grains):
    """Rows (field error, change of level in dB, wrong share of area, seconds) for each of `grains`."""
    pose = pose_frame(scene, radar, 0, EXACT, 1)
    ends = legs.direct_legs(scene, radar, EXACT)
    leg = legs.between(*ends)
    everything = shown(pose, leg) > 0
    front = everything[0].nonzero()[:, 0]
    share = seen_share(pose, leg, front)
    # With nothing dropped, paths stand in the order of their facets.
    paths = facet_paths(pose, ends, everything)
    truth = field(paths, radar, share)
    to_radar = surface.unit((leg.centre - pose.anchor).float()[:, None] - pose.centre[0])
    across = surface.dot(to_radar, pose.area[0])[front]
    rows = []
    for grain in grains:
        other = pose_frame(scene, radar, 0, Simulation(grain=grain, drop=0.0), 1)
        start = time.process_time()
        seen = visible(other, ends)[0][front].float()
        seconds = time.process_time() - start
        got = field(paths, radar, seen)
        power = float(truth.abs().square().sum())
        error = float((got - truth).abs().square().sum()) / power
        level = 10 * math.log10(float(got.abs().square().sum()) / power)
        wrong = float((across * (seen - share).abs()).sum() / (across * share).sum())
        rows.append((error, abs(level), wrong, seconds))
    return rows


def body_scene(body, radar, activity, heading, start):
    """A person of 2.5 m distance in the middle of an activity."""
    generator = torch.Generator().manual_seed(1)
    motion = generate_motion(activity, 3.0, sample_subject(generator), generator)
    mesh = body(resample(place(motion, (0.0, 2.5), heading), start + knot_times(radar, 1, EXACT)))
    return Scene(geometry.radar_pose((0.0, 0.0, 1.0)), (mesh,), person_materials(body.region_names, 77e9))


def main():
    torch.set_num_threads(1)
    radar, body = load_radar("radhar").radar, load_body("free")
    grains = (0.0, 0.005, 0.01, 0.02)
    print("activity  heading grain mm  field dB mean  worst   level dB median  worst   area wrong  CPU ms")
    for activity, heading in (("walk", 0.0), ("walk", 1.2), ("box", 0.0), ("squat", 0.0)):
        starts = np.arange(0.3, 2.6, 0.3)
        found = np.array([compare(body_scene(body, radar, activity, heading, s), radar, grains) for s in starts])
        for k, grain in enumerate(grains):
            error, level, wrong, seconds = found[:, k].T
            print(
                f"{activity:9s} {heading:7.1f} {grain * 1e3:8.0f} {10 * np.log10(error.mean()):14.1f}"
                f" {10 * np.log10(error.max()):6.1f} {np.median(level):17.2f} {level.max():6.2f}"
                f" {100 * wrong.mean():10.2f} % {1e3 * seconds.min():6.1f}"
            )


if __name__ == "__main__":
    main()
