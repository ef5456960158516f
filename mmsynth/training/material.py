"""What models are trained on."""

from dataclasses import dataclass

from mmsynth.training.frames import Frames
from mmsynth.training.known import Known
from mmsynth.training.models import Targets
from mmsynth.training.windows import Windows


@dataclass(frozen=True, eq=False)
class TrainingMaterial:
    """What trees and networks are trained on; a part with no windows is None.

    Attributes:
        targets: what is predicted.
        real, synthetic: to train on.
        validation: chooses among the network's states; None = the last one is kept.
        unlabelled: recordings to adapt to.
        about: how many clips of each kind these are, and how many were held out, in words.
        known: what a run that learns from them has seen.
    """

    targets: Targets
    real: Windows | None = None
    synthetic: Windows | None = None
    validation: Windows | None = None
    unlabelled: Windows | None = None
    about: str = ""
    known: Known = Known()

    @property
    def classes(self) -> tuple[str, ...]:
        """Activities in order."""
        return self.targets.classes

    @property
    def staged(self) -> bool:
        """Whether there are both kinds, so that one can be trained on before the other."""
        return self.real is not None and self.synthetic is not None


@dataclass(frozen=True, eq=False)
class FrameMaterial:
    """What a perceptron on histograms is trained on; a part with no frames is None."""

    targets: Targets
    real: Frames | None = None
    synthetic: Frames | None = None
    unlabelled: Frames | None = None
    about: str = ""
    known: Known = Known()
