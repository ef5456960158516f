"""Random changes to windows of points that leave the label true."""

from dataclasses import dataclass, replace

import numpy as np

from mmsynth.training.windows import Windows


@dataclass(frozen=True)
class Augment:
    """How strongly; zero = off. Every window draws its own values.

    Attributes:
        drop: largest share of points that is left out.
        ghost: largest share of points that is moved to a random place and velocity of another point.
        jitter: standard deviation of noise on positions in m.
        speed: largest relative change of tempo; velocities change with it.
        shift: time shift, as a share of the window, circular.
        mirror: probability of swapping left and right.
        move: standard deviation in m of a shift of the whole window in range and height.
    """

    drop: float = 0.3
    ghost: float = 0.1
    jitter: float = 0.03
    speed: float = 0.15
    shift: float = 0.0
    mirror: float = 0.5
    move: float = 0.08

    def __post_init__(self) -> None:
        for name in ("drop", "ghost", "speed", "shift", "mirror"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"augment.{name}: expected a number from 0 to 1, got {getattr(self, name)}")


def augment(windows: Windows, settings: Augment, draw: np.random.Generator) -> Windows:
    """A changed copy of the windows, with as many windows and their labels."""
    count, index = len(windows), windows.index
    position, velocity, time = windows.position.copy(), windows.velocity.copy(), windows.time.copy()
    points = len(time)

    ghost = draw.random(points) < (settings.ghost * draw.random(count))[index]
    other = draw.permutation(points)
    position[ghost], velocity[ghost] = position[other][ghost], velocity[other][ghost]

    position += draw.normal(0, settings.jitter, position.shape)
    position[:, 1:] += draw.normal(0, settings.move, (count, 2))[index]
    position[:, 0] *= np.where(draw.random(count) < settings.mirror, -1, 1)[index]

    tempo = 1 + settings.speed * draw.uniform(-1, 1, count)
    velocity *= tempo[index]
    time = time / tempo[index] + (settings.shift * windows.duration * draw.random(count))[index]
    # Faster than recorded leaves the end of the window without motion: its points come round again from the start.
    time = np.mod(time, windows.duration)

    keep = draw.random(points) >= (settings.drop * draw.random(count))[index]
    kept = np.bincount(index[keep], minlength=count)
    return replace(
        windows,
        time=time[keep].astype(np.float32),
        position=position[keep].astype(np.float32),
        velocity=velocity[keep].astype(np.float32),
        intensity=windows.intensity[keep],
        offsets=np.concatenate([[0], np.cumsum(kept)]),
    )
