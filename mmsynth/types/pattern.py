"""The gain of an antenna element."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from torch import Tensor

from mmsynth.arrays import check_shapes
from mmsynth.types.fields import check_numbers


@dataclass(frozen=True, eq=False)
class Pattern:
    """Gain of one antenna element (one way) over direction.

    Parametric where `table_angle` is None: `peak_gain * cos(azimuth)^p * cos(elevation)^q` with p, q such that the gain
    has halved at half the half-power beam widths. Otherwise the product of two measured cuts, relative to the peak.

    Attributes:
        peak_gain: linear, isotropic = 1.
        azimuth_width: half-power beam width in rad.
        elevation_width: half-power beam width in rad.
        table_angle: angles in rad, increasing, of the cuts.
        azimuth_cut: relative gain (linear, power) over azimuth at elevation 0.
        elevation_cut: relative gain (linear, power) over elevation at azimuth 0.
    """

    peak_gain: float = 1.0
    azimuth_width: float = 2 * np.pi
    elevation_width: float = 2 * np.pi
    table_angle: Annotated[Tensor, "angles", "rad"] | None = None
    azimuth_cut: Annotated[Tensor, "angles", "1"] | None = None
    elevation_cut: Annotated[Tensor, "angles", "1"] | None = None

    def __post_init__(self) -> None:
        check_shapes(self)
        check_numbers(self, ("peak_gain", "azimuth_width", "elevation_width"), least=0, strict=True)
        table = {"table_angle": self.table_angle, "azimuth_cut": self.azimuth_cut, "elevation_cut": self.elevation_cut}
        given = {name: part.detach() for name, part in table.items() if part is not None}
        if not given:
            return
        if len(given) < len(table):
            found = ", ".join(given)
            raise ValueError(f"Pattern: expected {', '.join(table)} together or none of them, got {found} alone")
        angle = given.pop("table_angle")
        if len(angle) < 2 or not bool((angle.diff() > 0).all()) or not bool(angle.isfinite().all()):
            raise ValueError(f"Pattern.table_angle: expected at least two increasing angles, got {angle.tolist()}")
        for name, cut in given.items():
            if not bool(((cut >= 0) & cut.isfinite()).all()):
                raise ValueError(f"Pattern.{name}: expected finite gains from 0 on, got {cut.tolist()}")
