"""Bodies of a wanted height and mass, men and women, children and elderly."""

import pytest

from mmsynth.body_models import FreeBody, load_body, measure, shape_for

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


@pytest.mark.parametrize(("sex", "age", "height", "mass"), PEOPLE)
def test_has_the_height_and_mass_asked_for(sex, age, height, mass):
    body = load_body("free")
    assert isinstance(body, FreeBody)
    got = measure(body, shape_for(height, mass, sex, age))
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


def test_beyond_reach_gives_the_nearest_and_nonsense_is_refused():
    body = load_body("free")
    height, mass = measure(body, shape_for(1.7, 390.0))
    assert height == pytest.approx(1.7, abs=2e-3) and 100 < mass < 390
    with pytest.raises(ValueError, match="got 'man'"):
        shape_for(1.7, 70.0, "man")
    with pytest.raises(ValueError, match="got 170"):
        shape_for(170.0, 70.0)
