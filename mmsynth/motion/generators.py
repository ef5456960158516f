"""The built-in activities: a generator and the ranges of its parameters each; `generate_motion` makes a clip."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from mmsynth.motion import exercises, gait
from mmsynth.motion.clip import Clip
from mmsynth.motion.posing import Pose, to_motion
from mmsynth.motion.subject import Range, Subject, style
from mmsynth.types import Labels, Motion


@dataclass(frozen=True)
class Activity:
    """A generator, the ranges of the parameters of its style, and what it is in a few words."""

    generate: Callable[[Clip], Pose]
    parameters: Mapping[str, Range]
    about: str


_REST = Range(0.0, 0.8, "pauses between repetitions, s")

ACTIVITIES: Mapping[str, Activity] = {
    "walk": Activity(
        gait.walk,
        {
            "speed": Range(0.55, 1.45, "m/s; comfortable 1.27-1.46 outdoors (Bohannon 1997), slower in a small room"),
            "ratio": Range(0.34, 0.44, "walk ratio, m s: 0.0065 m/(steps/min) +- 12 % (Sekiya and Nagasaki 1998)"),
            "width": Range(0.09, 0.17, "step width, m"),
            "lift": Range(0.025, 0.06, "m of the ankle beyond what the roll gives"),
            "arms": Range(0.2, 0.65, "arm swing, rad per metre between the feet; 20-45 degrees in all (Perry 1992)"),
            "extent": Range(0.8, 4.0, "m covered before coming back"),
            "path": Range(0.0, 3.0, "0 turns round, 1 walks backward, 2 sideways"),
        },
        "walking to and fro",
    ),
    "run": Activity(
        gait.run,
        {
            "speed": Range(1.8, 3.4, "m/s; jogging"),
            "tempo": Range(2.5, 3.0, "steps/s; 150-180 a minute"),
            "extent": Range(0.0, 8.0, "m covered before coming back; under 0.5 on the spot"),
            "lift": Range(0.12, 0.28, "m"),
            "drop": Range(0.05, 0.09, "m"),
            "bounce": Range(0.025, 0.045, "m; vertical oscillation 6-10 cm"),
            "arms": Range(0.35, 0.7, "rad"),
        },
        "running to and fro or on the spot",
    ),
    "squat": Activity(
        exercises.squat,
        {
            "tempo": Range(1.7, 3.6, "s a repetition"),
            "rest": _REST,
            "depth": Range(0.22, 0.46, "m the pelvis sinks; knee flexion 70-125 degrees"),
            "lean": Range(0.5, 1.0, "rad of the trunk at the bottom"),
            "hold": Range(0.0, 0.2, "share of the repetition at the bottom"),
            "width": Range(0.22, 0.44, "m between the ankles"),
            "toes_out": Range(0.1, 0.45, "rad"),
            "arms": Range(0.0, 3.0, "0 raised in front, 1 clasped at the chest, 2 hanging"),
        },
        "squats",
    ),
    "jack": Activity(
        exercises.jack,
        {
            "tempo": Range(0.95, 1.5, "s a repetition (open and close)"),
            "rest": Range(0.0, 0.3, "s"),
            "height": Range(0.01, 0.05, "m of flight"),
            "narrow": Range(0.1, 0.22, "m between the ankles, closed"),
            "wide": Range(0.5, 0.85, "m between the ankles, open"),
            "arms": Range(2.3, 3.0, "rad of abduction at the top"),
            "elbow": Range(0.05, 0.6, "rad"),
            "lag": Range(-0.04, 0.06, "s of the arms after the legs"),
        },
        "jumping jacks",
    ),
    "jump": Activity(
        exercises.jump,
        {
            "tempo": Range(0.7, 1.6, "s a repetition"),
            "rest": Range(0.0, 1.5, "s"),
            "height": Range(0.015, 0.22, "m of flight"),
            "crouch": Range(0.28, 0.5, "s from rest to take-off"),
            "width": Range(0.14, 0.3, "m between the ankles"),
            "arms": Range(0.1, 1.4, "rad of swing"),
        },
        "jumps on the spot",
    ),
    "box": Activity(
        exercises.box,
        {
            "tempo": Range(0.38, 0.95, "s from punch to punch"),
            "strike": Range(0.38, 0.75, "s out and back"),
            "rest": Range(0.0, 0.35, "s"),
            "guard": Range(-0.08, 0.14, "m of the wrist over the shoulder"),
            "aim": Range(-0.15, 0.15, "slope of the stretched arm"),
            "turn": Range(0.15, 0.6, "rad of the chest in a punch"),
            "stagger": Range(0.0, 0.3, "m between the feet, fore and aft"),
            "stance": Range(0.0, 1.0, "below 0.8 the left foot leads"),
            "crouch": Range(0.005, 0.06, "m"),
            "mix": Range(0.0, 1.0, "below 0.7 left and right in turn, else at random"),
        },
        "boxing",
    ),
    "wave": Activity(
        exercises.wave,
        {
            "tempo": Range(0.9, 2.2, "Hz"),
            "swing": Range(0.45, 0.95, "rad"),
            "lift": Range(0.9, 1.9, "rad of the upper arm"),
            "elbow": Range(1.1, 1.8, "rad"),
            "side": Range(0.0, 1.0, "below 0.35 the left arm"),
            "both": Range(0.0, 1.0, "above 0.75 both arms"),
        },
        "waving",
    ),
    "stand": Activity(
        exercises.stand,
        {"width": Range(0.12, 0.28, "m"), "shift": Range(0.0, 0.02, "m of weight shift")},
        "standing at ease",
    ),
}


def generate_motion(
    activity: str,
    duration: float,
    subject: Subject,
    generator: torch.Generator,
    frame_rate: float = 60.0,
    overrides: Mapping[str, float] | None = None,
) -> Motion:
    """A clip of the activity: near the origin, facing world -y, feet on z = 0 for a body of the subject's height.

    The subject's style (tempo, amplitude, habits) is the same in every clip; `generator` draws what differs between
    clips and from repetition to repetition.

    Args:
        activity: a name in `ACTIVITIES`.
        duration: in s.
        subject: the person.
        generator: of the clip.
        frame_rate: in Hz.
        overrides: values of parameters to use instead of the person's own.

    Raises:
        ValueError: unknown activity or parameter, or a duration or frame rate that is not positive.
    """
    if activity not in ACTIVITIES:
        raise ValueError(f"activity: expected one of {', '.join(ACTIVITIES)}, got '{activity}'")
    if not (0 < duration < float("inf") and 0 < frame_rate < float("inf")):
        raise ValueError(f"generate_motion: expected positive duration and rate, got {duration} s and {frame_rate} Hz")
    chosen = ACTIVITIES[activity]
    values = style(subject, activity, chosen.parameters)
    for name, value in (overrides or {}).items():
        if name not in values:
            raise ValueError(f"{activity}: expected one of the parameters {', '.join(values)}, got '{name}'")
        values[name] = value
    times = torch.arange(round(duration * frame_rate) + 1, dtype=torch.float64) / frame_rate
    pose = chosen.generate(Clip(times, values, subject, generator))
    return to_motion(pose, subject.scale, Labels(activity=activity, source="mmsynth"))
