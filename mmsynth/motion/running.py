"""Running: the centre of mass bounces from step to step and flies freely between; feet, legs and trunk carry it.

Feet are set down where the force on them passes through the centre of mass, legs swing from one step to the next, and
the pelvis is put where the whole body has its centre of mass on its course.
"""

import dataclasses
import math
from dataclasses import dataclass

import torch
from scipy.interpolate import CubicSpline
from torch import Tensor

from mmsynth.motion.balance import HIGH, balanced
from mmsynth.motion.bounce import Bounce, plan_bounce, quintic
from mmsynth.motion.clip import Clip, ease, standing
from mmsynth.motion.mass import GRAVITY
from mmsynth.motion.paths import plan_path, to_and_fro
from mmsynth.motion.posing import Pose, flat_foot, hang, stack
from mmsynth.motion.skeleton import ANKLE_HEIGHT, BALL, offset, soft_ceiling

_LEG = float((offset("left_knee") + offset("left_ankle")).norm())
_HIP = float(offset("left_hip")[0])
# About how far hips are below and behind the centre of mass of who runs, in m.
_BELOW, _BEHIND = 0.085, 0.045
# m/s gathered or lost in a second, at most, on average over a start or a stop.
_GAIN = 2.0


@dataclass(frozen=True)
class Stance:
    """A foot on the floor from `land` to `leave` in s, its ankle, when flat, at (left, forward) in m.

    Attributes:
        yaw: of the foot in rad.
        strike: pitch at landing in rad: toes up negative, heel up positive.
        push: pitch at take-off in rad.
    """

    land: float
    leave: float
    place: tuple[float, float]
    yaw: float
    strike: float
    push: float

    def pitch(self, times: Tensor) -> Tensor:
        """Of the foot [frames] in rad: it comes down flat, and soon its heel rises."""
        u = (times - self.land) / (self.leave - self.land)
        return self.strike * (1 - ease(u / 0.35)) + self.push * ((u - 0.35) / 0.65).clamp_min(0) ** 2.5

    @property
    def rolling(self) -> float:
        """How fast the heel rises at take-off, in rad/s."""
        return 2.5 / 0.65 * self.push / (self.leave - self.land)

    def ankle(self, times: Tensor) -> Tensor:
        """Where the ankle is [frames, 3] in m."""
        flat = stack(self.place[0], ANKLE_HEIGHT, self.place[1], like=times)
        return flat_foot(flat, torch.full_like(times, self.yaw), self.pitch(times))[0]


@dataclass(frozen=True, eq=False)
class Course:
    """Where the centre of mass goes, and where somebody faces on the way."""

    bounce: Bounce
    heading: CubicSpline

    def axes(self, times: Tensor) -> tuple[Tensor, Tensor]:
        """Directions [frames, 3] ahead and to the left."""
        yaw = torch.from_numpy(self.heading(times.numpy()))
        return stack(yaw.sin(), 0.0, yaw.cos(), like=yaw), stack(yaw.cos(), 0.0, -yaw.sin(), like=yaw)

    def hip(self, times: Tensor, foot: int) -> Tensor:
        """About where the hip over `foot` (0 left, 1 right) is [frames, 3] in m."""
        ahead, left = self.axes(times)
        beside = (_HIP if foot == 0 else -_HIP) * left
        return self.bounce.at(times) + beside - _BEHIND * ahead - stack(0.0, _BELOW, 0.0, like=times)

    def stances(self) -> list[Stance]:
        """The contacts, left and right in turn."""
        bounce, found = self.bounce, []
        for k in range(len(bounce.place) - 1):
            land = bounce.start + k * bounce.period + bounce.flight
            middle = torch.tensor([land + 0.5 * bounce.contact], dtype=torch.float64)
            ahead, left = (axis[0] for axis in self.axes(middle))
            change = bounce.velocity[k + 1] - bounce.velocity[k]
            # So far from the foot's pressure the centre of mass must be for force to change its velocity like that.
            off = -HIGH / (GRAVITY * bounce.period) * stack(change[0], 0.0, change[1], like=change[0])
            # Legs are too short to brake as hard as a point on a rod could; and pressure is on the ball by then.
            fore = 0.08 * math.tanh(float(off @ ahead) / 0.08) - BALL[2]
            place = bounce.at(middle)[0] + fore * ahead + (off @ left) * left
            brisk = min(1.0, float(bounce.velocity[k].norm()) / 2.5)
            at, yaw = (float(place[0]), float(place[2])), float(self.heading(float(middle)))
            found.append(Stance(land, land + bounce.contact, at, yaw, 0.2 - 0.35 * brisk, 0.5 + 0.4 * brisk))
        return found

    def carried(self, stances: list[Stance], drop: float) -> "Course":
        """The course `drop` m under that on which knees are bent by 27 degrees as feet land or leave."""
        height = torch.full_like(self.bounce.height, math.inf)
        for k, stance in enumerate(stances):
            ends = torch.tensor([stance.land, stance.leave], dtype=torch.float64)
            gap = self.hip(ends, k % 2) - stance.ankle(ends)
            reach = ((0.973 * _LEG) ** 2 - gap[:, 0] ** 2 - gap[:, 2] ** 2).clamp_min(0).sqrt()
            borne = self.bounce.height[k : k + 2] + reach - gap[:, 1] - drop
            height[k : k + 2] = torch.minimum(height[k : k + 2], borne)
        # Who has to stoop for a step begins one before.
        height = -torch.nn.functional.max_pool1d(-height[None], 3, 1, 1)[0]
        return dataclasses.replace(self, bounce=dataclasses.replace(self.bounce, height=height))


@dataclass(frozen=True, eq=False)
class Swing:
    """A leg's way from one stance to the next, about a hip that goes with the centre of mass.

    By length and angle of the line from hip to ankle, which leave the floor with the speed that the rolling foot gives
    them and come back with that of the next stance: feet are pulled off the floor and put down gently.
    """

    course: Course
    foot: int
    old: Stance
    new: Stance
    lift: float

    @property
    def _span(self) -> float:
        return self.new.land - self.old.leave

    @property
    def _least(self) -> float:
        """Of the line's length in m, with the ankle under the hip and `lift` over where it stands."""
        at = torch.tensor([self.old.leave + 3 / 7 * self._span], dtype=torch.float64)
        return float(self.course.hip(at, self.foot)[0, 1]) - ANKLE_HEIGHT - self.lift

    def _line(self, times: Tensor, ankle: Tensor) -> Tensor:
        """Length in m, angle ahead in rad, and place to the left in m [frames, 3] of the line from hip to ankle."""
        ahead, left = self.course.axes(times)
        gap = ankle - self.course.hip(times, self.foot)
        fore = (gap * ahead).sum(1)
        return torch.stack([torch.hypot(fore, gap[:, 1]), torch.atan2(fore, -gap[:, 1]), (gap * left).sum(1)], 1)

    def _end(self, stance: Stance, time: float, ahead: float, up: float) -> tuple[Tensor, Tensor, Tensor]:
        """Line, rate and acceleration [1, 3] over the swing at `time`.

        They are the stance's, but for an acceleration of `ahead` (1/s) times the pace and `up` (m/s^2), with which the
        foot comes clear of the floor.
        """
        step = 1e-3
        times = time + step * torch.tensor([-1.0, 0.0, 1.0], dtype=torch.float64)
        fore, body = self.course.axes(times)[0], self.course.bounce.at(times)
        pace = (body[2] - body[0]) @ fore[1] / (2 * step)
        clear = 0.5 * ((times - time) ** 2)[:, None] * (ahead * pace * fore + stack(0.0, up, 0.0, like=times))
        line = self._line(times, stance.ankle(times) + clear)
        rate, bend = (line[2:] - line[:1]) / (2 * step), (line[2:] - 2 * line[1:2] + line[:1]) / step**2
        return line[1:2], self._span * rate, self._span**2 * bend

    def ankle(self, times: Tensor) -> Tensor:
        """Where the ankle is [frames, 3] in m."""
        u = (times - self.old.leave) / self._span
        first = self._end(self.old, self.old.leave, 4.0, 40.0)
        last = self._end(self.new, self.new.land, -18.0, 45.0)
        line = quintic(u, first, last)
        # Shortest at 3/7 of the swing: heels come up before knees go forward.
        middle = quintic(torch.tensor([3 / 7], dtype=torch.float64), first, last)[0, 0]
        wanted = line[:, 0] - (middle - self._least) * (7 * u / 3) ** 3 * (7 * (1 - u) / 4) ** 4
        # In the air knees stay softer than they land, or they would lock as the leg is stretched for the floor.
        whole = torch.full_like(u, _LEG)
        length = torch.lerp(wanted, soft_ceiling(wanted, 0.92 * whole, 0.985 * whole), ease(5 * u) * ease(5 * (1 - u)))
        ahead, left = self.course.axes(times)
        fore, down = length * line[:, 1].sin(), length * line[:, 1].cos()
        beside = fore[:, None] * ahead + line[:, 2:] * left - stack(0.0, down, 0.0, like=down)
        return self.course.hip(times, self.foot) + beside

    def _roll(self, times: Tensor, top: float, peak: float, strike: float) -> Tensor:
        """Angle [frames] in rad that goes on as the foot rolled, is `peak` after `top` of the swing, then `strike`."""
        u = (times - self.old.leave) / self._span
        none = torch.zeros(1, 1, dtype=torch.float64)
        off = (none + self.old.push, none + self.old.rolling * self._span * top, none)
        rise = quintic(u / top, off, (none + peak, none, none))
        fall = quintic((u - top) / (1 - top), (none + peak, none, none), (none + strike, none, none))
        return torch.where(u[:, None] < top, rise, fall)[:, 0]

    def pitch(self, times: Tensor) -> Tensor:
        """Of the foot [frames] in rad: the sole looks back while the knee is bent most."""
        return self._roll(times, 0.35, math.acos(self._least / _LEG) + 0.3, self.new.strike)

    def toes(self, times: Tensor) -> Tensor:
        """Bend of the toes [frames] in rad."""
        return self._roll(times, 0.35, 0.0, max(self.new.strike, 0.0))


def _feet(times: Tensor, course: Course, stances: list[Stance], lift: float) -> tuple[Tensor, Tensor, Tensor]:
    """Ankles [frames, 2, 3] in m, feet [frames, 2, 3, 3] and bend of the toes [frames, 2] in rad."""
    ankle = torch.zeros(len(times), 2, 3, dtype=torch.float64)
    pitch, yaw, toes = (torch.zeros(len(times), 2, dtype=torch.float64) for _ in range(3))
    for k, (old, new) in enumerate(zip(stances[:-2], stances[2:], strict=True)):
        foot, swing = k % 2, Swing(course, k % 2, old, new, lift)
        on, off = (times >= old.land) & (times < old.leave), (times >= old.leave) & (times < new.land)
        if on.any():
            ankle[on, foot], pitch[on, foot], yaw[on, foot] = old.ankle(times[on]), old.pitch(times[on]), old.yaw
            toes[on, foot] = old.pitch(times[on]).clamp_min(0)
        if off.any():
            ankle[off, foot], pitch[off, foot] = swing.ankle(times[off]), swing.pitch(times[off])
            share = ease((times[off] - old.leave) / (new.land - old.leave))
            yaw[off, foot], toes[off, foot] = old.yaw + (new.yaw - old.yaw) * share, swing.toes(times[off])
    return ankle, flat_foot(torch.zeros_like(ankle), yaw, pitch)[1], toes


def run(clip: Clip) -> Pose:
    """Running to and fro, or on the spot (`extent` under 0.5 m): elbows bent, body leant forward.

    Short ways are run slowly, since it takes time to start and stop. Slower than `speed` 2.5 m/s, feet stay on the
    floor for longer, by 3 % of a stride a m/s.
    """
    s, t = clip.style, clip.times
    path, speed = plan_path(t, [(-2.0, 0.0, 0.0)], [(-2.0, 0.0)]), 0.0
    if s["extent"] >= 0.5:
        speed = min(s["speed"], math.sqrt(0.4 * _GAIN * s["extent"]))
        path = to_and_fro(clip, speed, s["extent"], "turn", speed / _GAIN)
    duty = s["contact"] + 0.03 * (2.5 - max(speed, 1.8))
    bounce = plan_bounce(path, -2.0 + 2 / s["rate"] * clip.uniform(), s["rate"], duty, 0.08)
    course = Course(bounce, CubicSpline(path.times, path.yaw))
    stances = course.stances()
    course = course.carried(stances, s["drop"])
    ankle, foot, toes = _feet(t, course, stances, s["lift"])
    # 1 where the left foot is farthest in front, and where it bears the body.
    phase = math.pi * (t - bounce.start - 0.5 * bounce.flight) / bounce.period
    apart, bears = phase.cos(), phase.sin()
    stride, lean = 0.3 + 0.7 * min(1.0, speed / 2.5), 0.05 + 0.02 * speed
    swing = s["arms"] * (0.8 + 0.4 * stride) * torch.stack([-apart, apart], 1)
    yaw = torch.from_numpy(course.heading(t.numpy()))
    base, where = standing(clip), course.bounce.at(t)
    pose = dataclasses.replace(
        base,
        turn=base.turn + stack(yaw - 0.1 * stride * apart, 0.4 * lean, -0.06 * bears, like=t),
        spine=stack(0.3 * stride * apart, 0.6 * lean, 0.06 * bears, like=t),
        head=base.head + stack(-0.2 * stride * apart, -0.6 * lean, 0.0, like=t),
        ankle=ankle,
        foot=foot,
        toes=toes,
        arm=hang(-0.15 + swing, 0.2 + 0.1 * swing, 0.4 + 0.15 * swing),
        elbow=1.55 + 0.35 * swing,
    )
    return balanced(lambda pelvis: dataclasses.replace(pose, pelvis=pelvis), where, where)
