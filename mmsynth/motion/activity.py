"""An activity: what generates it, in which styles."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mmsynth.motion.clip import Clip
from mmsynth.motion.posing import Pose
from mmsynth.motion.subject import Range


@dataclass(frozen=True)
class Activity:
    """A generator, the ranges of the parameters of its style, and what it is in a few words.

    Ranges with a source are means and spreads of that publication. Those without are defaults of ours, chosen by the
    look of the motion, and wide enough for the timid and the vigorous: what no simulated person does is classified
    wrongly (training/notes/blind.md: what width gains and what it costs).
    """

    generate: Callable[[Clip], Pose]
    parameters: Mapping[str, Range]
    about: str
