"""A class of a data set: what people do in its clips, and how motion files of it are varied."""

import difflib
from dataclasses import dataclass, field
from typing import Any

from mmsynth.generation.draws import RAD, Range, check_range
from mmsynth.motion import ACTIVITIES
from mmsynth.types import Labels


@dataclass(frozen=True)
class Edits:
    """How motion files are varied, so that a few of them become many clips; each clip draws uniformly from each range.

    Feet stay on the floor, and do not slide where they did not; joints follow.

    Attributes:
        mirror: left and right are exchanged in half of the clips.
        speed: times as fast; jumps get as much lower, or higher, as gravity has it.
        amplitude: times as far, as deep and as high: steps, squats and swings of limbs and trunk.
        noise: by which joints above the legs wander slowly about each axis, root mean square, in rad.
        loop: files that are shorter than a clip are repeated.
        build: by the recipe's people ([subjects] age), not by whom the file shows.
    """

    mirror: bool = False
    speed: Range = (1.0, 1.0)
    amplitude: Range = (1.0, 1.0)
    noise: Range = (0.0, 0.0)
    loop: bool = False
    build: bool = False

    def __post_init__(self) -> None:
        check_range("speed", self.speed, 0.5, 2.0)
        check_range("amplitude", self.amplitude, 0.7, 1.3)
        check_range("noise", self.noise, 0.0, 0.2, RAD)


@dataclass(frozen=True)
class ActivityRecipe:
    """One class of the data set.

    Attributes:
        label: the name that goes into the data set.
        motion: a built-in generator; or
        files: motion files (glob patterns, relative to the recipe); a clip draws one of those that last as long.
        frame_rate: of the motion files that do not say theirs, in Hz; 30 where it is left out.
        share: of the clips, relative to the other activities.
        style: ranges of parameters of the generator that replace its own, within their `limits`; each person draws once
            from them.
        placement: keys of the recipe's placement that differ for this class: who walks needs more room than who boxes.
        edits: of motion files.
    """

    label: str
    motion: str = ""
    files: tuple[str, ...] = ()
    frame_rate: float | None = None
    share: int = 1
    style: dict[str, Range] = field(default_factory=dict)
    placement: dict[str, Any] = field(default_factory=dict)
    edits: Edits = Edits()

    def __post_init__(self) -> None:
        if not self.label.strip():
            raise ValueError("label: expected the name of the class, got an empty one")
        Labels(self.label)
        if bool(self.motion) == bool(self.files):
            raise ValueError(f"activity '{self.label}': expected either a motion or files, got both or neither")
        if self.motion and self.frame_rate is not None:
            raise ValueError(f"activity '{self.label}': a frame_rate is of motion files; '{self.motion}' has none")
        if self.frame_rate is not None and not 0 < self.frame_rate < 1e5:
            raise ValueError(
                f"activity '{self.label}': frame_rate: expected a positive number of Hz, got {self.frame_rate:g}"
            )
        if self.motion and self.motion not in ACTIVITIES:
            near = difflib.get_close_matches(self.motion, list(ACTIVITIES), 1, 0.0)[0]
            raise ValueError(f"activity '{self.label}': no built-in motion '{self.motion}' (nearest: '{near}')")
        known = ACTIVITIES[self.motion].parameters if self.motion else {}
        for name, bounds in self.style.items():
            if name not in known:
                listed = ", ".join(known) or "none, for motion files"
                raise ValueError(f"activity '{self.label}': style parameters are {listed}; got '{name}'")
            check_range(f"activity '{self.label}': {name}", bounds, *known[name].limits)
        if self.motion and self.edits != Edits():
            raise ValueError(
                f"activity '{self.label}': edits are of motion files, got '{self.motion}', which has a style"
            )
        if self.share < 1:
            raise ValueError(f"activity '{self.label}': expected a share of at least 1, got {self.share}")

    @property
    def placed(self) -> frozenset[str]:
        """Names of what `placement` says, in rad or in degrees alike."""
        return frozenset(key.removesuffix("_deg") for key in self.placement)
