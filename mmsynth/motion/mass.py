"""Where a person's mass is: segments of published shares between the joints of the generic proportions."""

import torch
from torch import Tensor

from mmsynth.motion.skeleton import JOINTS

GRAVITY = 9.81  # m/s^2

# Share of the body's mass and place of its centre between two ends, each the middle of some joints, mean of men and
# women (de Leva 1996, J. Biomech. 29(9), table 4, of living young adults; hands with forearms, heads over the neck).
_SEGMENTS: tuple[tuple[tuple[str, ...], tuple[str, ...], float, float], ...] = (
    (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"), 0.4302, 0.595),
    (("neck",), ("head",), 0.0681, 1.4),
    *(
        ((f"{side}_{upper}",), (f"{side}_{lower}",), share, at)
        for side in ("left", "right")
        for upper, lower, share, at in (
            ("shoulder", "elbow", 0.0263, 0.576),
            ("elbow", "wrist", 0.02085, 0.69),
            ("hip", "knee", 0.1447, 0.385),
            ("knee", "ankle", 0.0457, 0.437),
            ("ankle", "foot", 0.0133, 0.5),
        )
    ),
)


def centre_of_mass(joints: Tensor) -> Tensor:
    """Centre of mass [frames, 3] in m of a person whose joints (SMPL-X's first 22) are at [frames, 22, 3] in m."""

    def middle(names: tuple[str, ...]) -> Tensor:
        return joints[:, [JOINTS.index(name) for name in names]].mean(1)

    parts = [share * torch.lerp(middle(root), middle(end), at) for root, end, share, at in _SEGMENTS]
    return torch.stack(parts).sum(0)
