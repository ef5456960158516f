"""Bodies of a wanted height and mass, men and women, children and elderly."""

from dataclasses import replace

import pytest
import torch
import trimesh

from mmsynth.body_models import FreeBody, load_body, shape_for
from mmsynth.body_models.anthropometry import DENSITY
from mmsynth.types import Motion

# WHO growth standards' medians for children, NCD-RisC-like adults from slim to obese (body mass index 18 to 35).
PEOPLE = [
    ("male", 30, 1.78, 80.0),
    ("male", 40, 1.75, 107.0),
    ("female", 30, 1.65, 49.0),
    ("female", 50, 1.60, 77.0),
    ("female", 75, 1.57, 64.0),
    ("male", 85, 1.68, 70.0),
    ("neutral", 30, 1.70, 70.0),
    ("male", 4, 1.03, 16.5),
    ("female", 8, 1.28, 25.5),
    ("male", 13, 1.56, 45.0),
]


def size(shape: torch.Tensor) -> tuple[float, float]:
    """Height in m and mass in kg of the free body, as another library measures its surface."""
    body = load_body("free")
    assert isinstance(body, FreeBody)
    solid = trimesh.Trimesh(body.rest_vertices(shape).numpy(), body.faces.numpy(), process=False)
    return float(solid.extents[1]), float(solid.volume) * DENSITY


@pytest.mark.parametrize(("sex", "age", "height", "mass"), PEOPLE)
def test_has_the_height_and_mass_asked_for(sex, age, height, mass):
    got = size(shape_for(height, mass, sex, age))
    assert got[0] == pytest.approx(height, abs=1e-3)
    assert got[1] == pytest.approx(mass, rel=1e-2)


def test_a_child_is_no_small_adult():
    body = load_body("free")
    adult, child = (body.rest_vertices(shape_for(h, m, "male", a)) for h, m, a in ((1.75, 72.0, 30), (1.03, 16.5, 4)))
    head = body.region == body.region_names.index("hair:head")
    hair = body.faces[head].unique()
    share = [float((v[hair].amax(0) - v[hair].amin(0)).norm()) for v in (adult, child)]
    # A four-year-old's head is 1/6 of the height, an adult's 1/7.5.
    assert share[1] / 1.03 > 1.15 * share[0] / 1.75


def test_men_have_the_wider_shoulders_and_the_old_the_shorter_trunks():
    body = load_body("free")
    still = Motion(("pelvis",), torch.eye(3).double()[None, None], torch.zeros(1, 3).double(), torch.zeros(1).double())

    def share(sex: str, age: float, joint: str) -> float:
        """Of one height and mass: between the shoulders over between the hips, or the hips' height over the whole."""
        shape = shape_for(1.6, 60.0, sex, age)
        rest = dict(zip(body.joint_names, body.rest_joints(replace(still, shape=shape)), strict=True))
        apart = [float((rest[f"left_{j}"] - rest[f"right_{j}"]).norm()) for j in ("shoulder", "hip")]
        low = float(body.rest_vertices(shape)[:, 1].min())
        return apart[0] / apart[1] if joint == "shoulder" else (float(rest["left_hip"][1]) - low) / 1.6

    man, either, woman = (share(sex, 30, "shoulder") for sex in ("male", "neutral", "female"))
    assert man > either + 0.01 > woman + 0.02
    # Grown up at 25; from then on the spine shortens, not the legs.
    legs = [share("neutral", age, "hip") for age in (25, 35, 60, 90)]
    assert legs == sorted(legs) and share("neutral", 18, "hip") > legs[0]


def test_beyond_reach_gives_the_nearest_and_nonsense_is_refused():
    height, mass = size(shape_for(1.7, 390.0))
    assert height == pytest.approx(1.7, abs=2e-3) and 100 < mass < 390
    with pytest.raises(ValueError, match="got 'man'"):
        shape_for(1.7, 70.0, "man")
    with pytest.raises(ValueError, match="got 170"):
        shape_for(170.0, 70.0)
