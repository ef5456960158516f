"""What generators are written with: clock and draws of a clip, repetitions, tracks through keys, a person standing."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from mmsynth.motion.posing import Pose, flat_foot, hang, stack
from mmsynth.motion.skeleton import ANKLE_HEIGHT, stand_height
from mmsynth.motion.subject import Subject


@dataclass(frozen=True, eq=False)
class Clip:
    """What a generator is asked for.

    Attributes:
        times: [frames] in s.
        style: the person's value of each parameter of the activity.
        subject: the person.
        generator: of what differs from clip to clip.
    """

    times: Tensor
    style: dict[str, float]
    subject: Subject
    generator: torch.Generator

    @property
    def duration(self) -> float:
        """Seconds to the last frame."""
        return float(self.times[-1])

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A draw."""
        return low + (high - low) * float(torch.rand(1, generator=self.generator, dtype=torch.float64))

    def normal(self, spread: float = 1.0) -> float:
        """A draw of a centred normal number, cut at 2.5 standard deviations."""
        return spread * max(-2.5, min(2.5, float(torch.randn(1, generator=self.generator, dtype=torch.float64))))

    def noise(self, spread: float, low: float, high: float, columns: int = 1) -> Tensor:
        """Smooth noise [frames, columns]: sinusoids between `low` and `high` Hz, of standard deviation `spread`."""
        waves = 12
        shape = (waves, columns)
        frequency = low + (high - low) * torch.rand(shape, generator=self.generator, dtype=torch.float64)
        phase = 2 * math.pi * torch.rand(shape, generator=self.generator, dtype=torch.float64)
        angle = 2 * math.pi * frequency * self.times[:, None, None] + phase
        return spread * math.sqrt(2 / waves) * angle.sin().sum(1)


@dataclass(frozen=True)
class Beat:
    """One repetition: when it starts, how long it takes, how large it is, and on which side (0 left, 1 right)."""

    start: float
    length: float
    size: float
    side: int = 0


def beats(clip: Clip, length: float, rest: float = 0.0, jitter: float = 0.06, bout: int = 1) -> list[Beat]:
    """Repetitions over the clip, sides in turn.

    The tempo drifts slowly and differs by `jitter` (relative) from one to the next, the size likewise. The person rests
    for `rest` s a repetition on average: after each (`bout` 1), or after `bout` of them on average, then longer. The
    first starts before the clip, in mid-repetition.
    """
    found, side = [], int(clip.uniform() < 0.5)
    slow, now = clip.normal(jitter), -clip.uniform(0.0, length)
    while now < clip.duration + 1.0:
        slow = 0.9 * slow + clip.normal(0.4 * jitter)
        span = length * math.exp(slow + clip.normal(jitter))
        found.append(Beat(now, span, math.exp(clip.normal(1.2 * jitter)), side))
        pause = -rest * bout * math.log(1 - clip.uniform(0.0, 0.95))
        now += span + (pause if clip.uniform() < 1 / bout else 0.0)
        side = 1 - side
    return found


def progress(times: Tensor, beat: Beat) -> Tensor:
    """How far the repetition has come [frames], 0 before and 1 after it."""
    return ((times - beat.start) / beat.length).clamp(0, 1)


def ease(u: Tensor) -> Tensor:
    """From 0 to 1 with speed and acceleration zero at both ends (minimum jerk, Flash and Hogan 1985); clamped."""
    u = u.clamp(0, 1)
    return u**3 * (10 + u * (6 * u - 15))


def down_up(u: Tensor, hold: float) -> Tensor:
    """From 0 to 1 and back to 0 over u in 0..1, `hold` of it spent at the far end; minimum-jerk both ways."""
    half = 0.5 * (1 - hold)
    return ease(u / half) - ease((u - half - hold) / half)


def rhythm(clip: Clip, jitter: float = 0.06, bout: int = 1) -> tuple[Tensor, Tensor]:
    """Repetitions by the style's `tempo` (s), `rest` (s) and `hold`: 0..1 [frames] of those of either side."""
    found = [torch.zeros_like(clip.times), torch.zeros_like(clip.times)]
    for beat in beats(clip, clip.style["tempo"], clip.style.get("rest", 0.0), jitter, bout):
        course = min(beat.size, 1.1) * down_up(progress(clip.times, beat), clip.style.get("hold", 0.1))
        found[beat.side] = found[beat.side] + course
    return found[0], found[1]


def track(times: Tensor, keys: list[tuple[float, float]]) -> Tensor:
    """Values [frames] through (time, value) `keys`: no overshoot, continuous velocity, level outside."""
    at = np.array([k for k, _ in keys])
    values = np.array([v for _, v in keys])
    # Level tails make the curve leave and reach its end keys at rest.
    at = np.concatenate([[at[0] - 1.0], at, [at[-1] + 1.0]])
    values = np.concatenate([values[:1], values, values[-1:]])
    inside = np.clip(times.numpy(), at[0], at[-1])
    return torch.from_numpy(PchipInterpolator(at, values)(inside))


def standing(clip: Clip, width: float = 0.2, toes_out: float = 0.12) -> Pose:
    """A person who stands at the origin and faces forward: sway, breath, arms hanging; the start of other poses.

    Sway of the pelvis, 4 mm fore and aft and 3 mm sideways below 0.5 Hz, is a default of ours; for the chest see
    `breath`.

    Args:
        clip: times and draws.
        width: between the ankles in m.
        toes_out: of each foot in rad.
    """
    times = clip.times
    zero = torch.zeros_like(times)
    sway = clip.noise(1.0, 0.08, 0.5, 2) * torch.tensor([0.003, 0.004], dtype=torch.float64)
    pelvis = stack(sway[:, 0], stand_height() - 0.007, sway[:, 1], like=zero)
    arms = hang(
        0.05 + clip.noise(0.015, 0.1, 0.5, 2),
        clip.uniform(0.16, 0.24) + clip.noise(0.01, 0.1, 0.5, 2),
        torch.full((len(times), 2), 0.15, dtype=torch.float64),
    )
    ankle, foot = plant(times, width, toes_out)
    eye = torch.eye(3, dtype=torch.float64).expand(len(times), 2, 3, 3)
    chest = breath(clip)
    return Pose(
        times=times,
        pelvis=pelvis,
        turn=torch.cat([clip.noise(0.01, 0.05, 0.3), stack(0.0, 0.0, like=zero)], 1),
        spine=stack(0.0, 0.0, 0.0, like=zero),
        head=torch.cat([clip.noise(0.03, 0.05, 0.4), clip.noise(0.015, 0.05, 0.4), 0 * zero[:, None]], 1),
        ankle=ankle,
        foot=foot,
        toes=torch.zeros(len(times), 2, dtype=torch.float64),
        arm=arms,
        elbow=torch.full((len(times), 2), clip.uniform(0.2, 0.35), dtype=torch.float64) + clip.noise(0.01, 0.1, 0.5, 2),
        wrist=eye,
        breath=chest,
    )


def plant(times: Tensor, width: float, toes_out: float) -> tuple[Tensor, Tensor]:
    """Ankles [frames, 2, 3] in m and feet [frames, 2, 3, 3] that stand beside each other at the origin."""
    zero = torch.zeros_like(times)
    pairs = [
        flat_foot(stack(sign * width / 2, ANKLE_HEIGHT, 0.0, like=zero), zero + sign * toes_out, zero)
        for sign in (1.0, -1.0)
    ]
    return torch.stack([p[0] for p in pairs], 1), torch.stack([p[1] for p in pairs], 1)


def breath(clip: Clip) -> Tensor:
    """How far breath and heart push the breastbone forward [frames] in m.

    By the person's `breath` (Hz), `depth` (m), `heart` (Hz) and `pulse` (m) where the activity has them, otherwise the
    clip's own; both depths from peak to peak.
    """
    drawn = {"breath": clip.uniform(0.2, 0.33), "depth": clip.uniform(0.004, 0.012)}
    drawn |= {"heart": clip.uniform(0.9, 1.5), "pulse": clip.uniform(0.0001, 0.0005)}
    # Elsewhere "depth" is how far somebody squats or lunges.
    own = clip.style if "breath" in clip.style else {}
    rate, depth, beat, pulse = (own.get(name, value) for name, value in drawn.items())
    t = clip.times + 0.15 * clip.noise(1.0, 0.03, 0.1)[:, 0]
    cycle = 2 * math.pi * (rate * t + clip.uniform())
    # In is quicker than out: about 1 to 1.5.
    wave = 0.5 * (cycle + 0.4 * cycle.sin()).sin()
    throb = 0.5 * (2 * math.pi * (beat * clip.times + clip.uniform())).sin() ** 3
    return depth * wave + pulse * throb
