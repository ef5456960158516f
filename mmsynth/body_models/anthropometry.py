"""The shape of the free body that has a given sex, age, height and mass."""

from functools import cache

import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from mmsynth.body_models.files import read_npz
from mmsynth.body_models.free import FreeBody
from mmsynth.resources import data_file

# Of the whole body, kg/m^3: tissue has about 1050, and some four litres of air in the lungs belong to the surface's
# volume too.
DENSITY = 985.0

# Years at which the file's ages stand: MakeHuman's baby, child, young and old.
_AGES = (1.0, 11.0, 25.0, 90.0)
_SEX = {"male": 0.0, "neutral": 0.5, "female": 1.0}
# How far builds are carried beyond the file's thin (-1) and heavy (+1).
_BUILDS = (-1.4, 1.6)


def shape_for(height: float, mass: float, sex: str = "neutral", age: float = 30.0) -> Tensor:
    """Betas [10] (float64) of the free body with this height in m and mass in kg.

    Sex ("male", "female", "neutral") and age in years (held to 1..90) choose the proportions, which are interpolated
    between people of anny; along them stature and build are then solved for. A mass beyond what build can give at that
    height comes out as the nearest there is: body mass indices of about 14 to 50 in adults are reached.

    Raises:
        ValueError: an unknown sex, or a height or mass that is no person's.
    """
    if sex not in _SEX:
        raise ValueError(f"sex: expected one of {', '.join(_SEX)}, got '{sex}'")
    if not (0.4 < height < 2.6 and 2 < mass < 400):
        raise ValueError(f"person: expected a height of 0.4..2.6 m and a mass of 2..400 kg, got {height} and {mass}")
    body, corners = _corners()
    people = _blend(corners, _SEX[sex])
    people = _blend(people, float(np.interp(age, _AGES, range(len(_AGES)))))
    # Vertices are linear in betas, so those of the corner people are blended instead of made anew.
    surfaces = torch.stack([body.rest_vertices(p) for p in people.flatten(0, 1)]).reshape(*people.shape[:2], -1, 3)

    def excess(build: float) -> float:
        ends = _blend(surfaces, build + 1)
        return _mass(_blend(ends, _stature(ends, height)), body.faces) - mass

    low, high = _BUILDS
    if excess(low) >= 0:
        build = low
    else:
        build = high if excess(high) <= 0 else brentq(excess, low, high, xtol=1e-4)
    return _blend(_blend(people, build + 1), _stature(_blend(surfaces, build + 1), height))


def _stature(ends: Tensor, height: float) -> float:
    """Where on the line through the surfaces `ends` [2, V, 3] the height is this; secant steps, nearly straight."""
    a, b = 0.0, 1.0
    low, high = _height(ends[0]), _height(ends[1])
    for _ in range(4):
        if abs(high - height) < 1e-5:
            break
        a, b, low = b, b + (height - high) * (b - a) / (high - low), high
        high = _height(_blend(ends, b))
    return b


def _blend(along: Tensor, at: float) -> Tensor:
    """The entry of the first axis at a fractional place, carried straight on beyond the ends."""
    i = min(max(int(np.floor(at)), 0), len(along) - 2)
    return along[i] + (at - i) * (along[i + 1] - along[i])


def _height(vertices: Tensor) -> float:
    return float(vertices[:, 1].max() - vertices[:, 1].min())


def _mass(vertices: Tensor, faces: Tensor) -> float:
    a, b, c = vertices[faces.T]
    return float((torch.linalg.cross(a, b) * c).sum()) / 6 * DENSITY


@cache
def _corners() -> tuple[FreeBody, Tensor]:
    """The free body and the betas [sex, age, build, height, 10] of its corner people."""
    betas = read_npz(data_file("body_models", "free.npz"), ("phenotype_betas",))["phenotype_betas"]
    return FreeBody.load("free"), torch.from_numpy(betas.astype(np.float64))
