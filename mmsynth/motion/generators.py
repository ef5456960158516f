"""`generate_motion`: a clip of a built-in activity by a person."""

import dataclasses
from collections.abc import Mapping

import torch

from mmsynth.motion.articulate import to_motion
from mmsynth.motion.catalogue import ACTIVITIES
from mmsynth.motion.clip import Clip
from mmsynth.motion.subject import Subject, style
from mmsynth.types import Labels, Motion


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
    clips and from repetition to repetition. Parameters are those of a person of 1.7 m: lengths scale with height, times
    with its square root.

    Args:
        activity: a name in `ACTIVITIES`.
        duration: in s.
        subject: the person.
        generator: of the clip.
        frame_rate: in Hz.
        overrides: values of parameters to use instead of the person's own.

    Raises:
        ValueError: unknown activity or parameter, a value that nobody moves with, or a duration or frame rate that is
            not positive.
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
        low, high = chosen.parameters[name].limits
        if not low <= value <= high:
            raise ValueError(f"{activity}: {name}: expected {low:g} to {high:g}, got {value:g}")
        values[name] = value
    times = torch.arange(round(duration * frame_rate) + 1, dtype=torch.float64) / frame_rate
    # Dynamic similarity (Alexander 1989): a smaller person's time runs faster, by the root of the size.
    own = times / subject.scale**0.5
    try:
        pose = chosen.generate(Clip(own, values, subject, generator))
        motion = to_motion(pose, subject.scale, Labels(activity=activity, source="mmsynth"))
    except (ArithmeticError, ValueError) as error:
        # Each value may be possible, and all together none.
        raise ValueError(f"{activity}: {_told(values)}: nobody moves like this ({error})") from error
    if float(motion.translation[:, 2].min()) <= 0:
        raise ValueError(f"{activity}: {_told(values)}: nobody moves like this (the pelvis sinks below the floor)")
    return dataclasses.replace(motion, times=times)


def _told(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3g}" for name, value in values.items())
