"""A data set without a recipe: motion, radar, room and two people of one's own, noun by noun as in the README's line.

Somebody walks in place, somebody else stands beside and waves, before a radar of one's own in a room of one's own.

python datasets/example_by_hand.py OUT_FILE [CLIPS]
"""

import math
import sys
from pathlib import Path

import torch

from mmsynth.body_models import fit_skeleton, ground, load_body
from mmsynth.datasets import Attributes, DatasetWriter
from mmsynth.geometry import UPRIGHT, apply, inverse, matrix_from_rotvec
from mmsynth.joints import convert_joints
from mmsynth.motion import place, resample
from mmsynth.processing import beamform, detect, range_doppler
from mmsynth.scene import load_room, mounted, person_materials
from mmsynth.simulation import Simulation, knot_times, simulate
from mmsynth.types import Labels, Motion, Processing, Radar, Receiver, Sample, Scene, Skeleton, Waveform

SECONDS, RATE = 2.0, 30.0  # of motion, in samples a second
TIMES = torch.arange(round(SECONDS * RATE) + 2, dtype=torch.float64) / RATE  # a little longer than the clip
FRAMES = 20

ROOM = {
    "room": {"size": [4.0, 5.0, 2.6], "center": [0.0, 2.4], "walls": "plasterboard"},
    "furniture": [{"name": "table", "size": [1.2, 0.6, 0.7], "position": [-1.2, 4.2, 0.0], "material": "wood"}],
    "radar": {"position": [0.0, 0.1, 1.2], "tilt_deg": -5},
}


def own_radar() -> Radar:
    """Two transmitters in turn (TDM) and four receivers: eight virtual antennas, half a wavelength apart."""
    ramps = Waveform(
        start_frequency=60e9,
        slope=60e12,
        samples=128,
        sample_rate=4e6,
        adc_start=4e-6,
        idle_time=150e-6,
        ramp_time=40e-6,
        loops=32,
        frame_period=0.1,
    )
    half = 0.5 * ramps.wavelength
    rx = torch.tensor([[k * half, 0.0, 0.0] for k in range(4)], dtype=torch.float64)
    tx = torch.tensor([[0.0, 0.0, 0.0], [4 * half, 0.0, 0.0]], dtype=torch.float64)
    codes = torch.eye(2, dtype=torch.float64)  # one transmitter a slot
    receiver = Receiver(noise_figure=10**1.2, gain=10**1.5, bits=16)
    return Radar("mine", ramps, tx, rx, codes, tx_power=10**1.2 / 1e3, receiver=receiver)


def stepping(tempo: float) -> Motion:
    """SMPL-style parameters: rotations of joints from the T-pose (x left, y up, z forward), the pelvis in the world."""
    phase = 2 * math.pi * tempo * TIMES
    turns = torch.zeros(len(TIMES), 7, 3, dtype=torch.float64)  # rotation vectors in rad
    for side, (hip, knee, shoulder) in {1: (1, 3, 5), -1: (2, 4, 6)}.items():
        lift = torch.relu(side * torch.sin(phase))
        turns[:, hip, 0], turns[:, knee, 0] = -0.9 * lift, 1.2 * lift
        turns[:, shoulder, 2] = -side * 1.2  # arms down
    rotations = matrix_from_rotvec(turns)
    rotations[:, 0] = UPRIGHT @ rotations[:, 0]  # standing, facing world -y
    names = ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee", "left_shoulder", "right_shoulder")
    return Motion(names, rotations, torch.tensor([0.0, 0.0, 0.9], dtype=torch.float64).expand(len(TIMES), 3), TIMES)


def waving(tempo: float) -> Skeleton:
    """Joint positions in the world, as a motion capture gives them: z up, facing -y, left at +x."""
    still = {
        "pelvis": (0.0, 0.0, 0.95), "left_hip": (0.09, 0.0, 0.9), "right_hip": (-0.09, 0.0, 0.9),
        "left_knee": (0.1, 0.0, 0.5), "right_knee": (-0.1, 0.0, 0.5),
        "left_ankle": (0.1, 0.03, 0.09), "right_ankle": (-0.1, 0.03, 0.09),
        "neck": (0.0, 0.02, 1.45), "head": (0.0, 0.0, 1.58),
        "left_shoulder": (0.17, 0.02, 1.4), "right_shoulder": (-0.17, 0.02, 1.4),
        "left_elbow": (0.2, 0.02, 1.12), "right_elbow": (-0.4, 0.0, 1.5),
        "left_wrist": (0.22, -0.02, 0.87), "right_wrist": (-0.4, -0.05, 1.74),
    }  # fmt: skip
    positions = torch.tensor(list(still.values()), dtype=torch.float64).repeat(len(TIMES), 1, 1)
    positions[:, list(still).index("right_wrist"), 0] += 0.15 * torch.sin(2 * math.pi * tempo * TIMES)
    return Skeleton(tuple(still), positions, TIMES)


def main(out: str, clips: str = "4") -> None:
    """Simulate and write, half of the clips labelled by each of the two people."""
    body, radar, settings = load_body(), own_radar(), Simulation()
    chain = Processing(clutter_removal=True)
    band = radar.waveform.center_frequency
    room, mirrors, mirror_regions, of_room = load_room(ROOM, band)
    world_from_radar = mounted(ROOM)
    # The instants at which the radar's frames need people posed; all people at the same ones.
    knots = knot_times(radar, FRAMES, settings)
    middles = torch.arange(FRAMES) * radar.waveform.frame_period + 0.5 * radar.active_time

    with DatasetWriter(out, Attributes(radar=radar, processing=chain, joint_set="smplx22", method="facets")) as writer:
        for clip in range(int(clips)):
            draw = torch.Generator().manual_seed(clip)
            tempo, aside = 1.0 + 0.3 * torch.rand(2, generator=draw).numpy()
            moves = {"step": stepping(tempo), "wave": fit_skeleton(waving(tempo), body)}
            spots = {"step": (-0.5 * aside, 2.0), "wave": (0.6 * aside, 2.6)}
            moves = {name: place(ground(motion, body), spots[name]) for name, motion in moves.items()}
            people = tuple(body(resample(motion, knots)) for motion in moves.values())
            regions = [name for person in people for name in person.region_names]
            materials = person_materials(regions, band) | of_room
            scene = Scene(world_from_radar, people, materials, room, mirrors, mirror_regions)

            adc = simulate(scene, radar, FRAMES, settings, draw)
            cube = range_doppler(adc, chain)
            label = ("step", "wave")[clip % 2]  # whose joints, and whose activity, are the clip's labels
            joints = apply(inverse(world_from_radar), body.joints(resample(moves[label], middles)).double())
            writer.append(
                Sample(
                    id=f"clip-{clip}",
                    labels=Labels(activity=label, subject=f"person-{clip // 2}", source="synthetic"),
                    cloud=detect(cube, chain),
                    joints=convert_joints(joints, body.joint_names, "smplx22"),
                    joint_set="smplx22",
                    heatmaps=tuple(beamform(cube, kind, chain) for kind in ("range_doppler", "range_azimuth")),
                    adc=adc,
                )
            )


if __name__ == "__main__":
    main(*sys.argv[1:])
    print(f"wrote {Path(sys.argv[1])}")
