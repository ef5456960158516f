"""What an overlay holds, and what is said of it."""

from dataclasses import replace

import numpy as np
from calibration.recordings import recipe

from mmsynth.calibration.overlay import overlay_of, remarks
from mmsynth.generation.recipe import Recipe


def test_activities_and_recordings_that_leave_places_as_they_are_are_named() -> None:
    def said(before: Recipe, after: Recipe) -> str:
        return " ".join(remarks(before, after, np.array([], object)))

    base = recipe(5)
    moved = replace(base, placement=replace(base.placement, distance=(2.0, 2.5)))
    hung = replace(base, placement=replace(base.placement, radar_height=(1.1, 1.2)))
    wide = replace(base, placement=replace(base.placement, radar_height=(0.6, 1.6)))
    assert overlay_of(hung, wide)["placement"]["radar_height"] == [1.1, 1.2]
    assert "radar_height" not in overlay_of(hung, hung)["placement"]
    assert "hung 1.10 to 1.20 m high" in said(wide, hung) and "hung" not in said(wide, wide)
    place = {"distance": [2, 3], "bearing_deg": [0, 5]}
    boxer = replace(base.activities[0], style={"turn": (0.6, 1.0)}, placement=place)
    styled = replace(base, activities=(replace(base.activities[1], style={"low": (0.1, 0.5)}), boxer))
    plain = replace(base, activities=(base.activities[1], base.activities[0]))
    assert overlay_of(styled, plain)["activities"] == [
        {"label": styled.activities[0].label, "style": {"low": [0.1, 0.5]}},
        {"label": boxer.label, "placement": place, "style": {"turn": [0.6, 1.0]}},
    ]
    assert f"half is left: {styled.activities[0].label}'s low 0.1 to 0.5, {boxer.label}'s turn" in said(plain, styled)
    assert "activities" not in overlay_of(styled, styled) and "style" not in said(styled, styled)
    assert "recordings need 9 windows of 0.5 s" in said(wide, hung)
    assert "recordings need 9 windows of 0.5 s" in said(base, base)
    # Of a single activity nothing is to be told.
    assert said(base, moved).startswith("no recording was taken for an activity, so that none gets places")
    assert "recordings of one activity each, of 0.5 s or longer" in said(base, moved)
    one, elsewhere = (replace(r, activities=base.activities[:1]) for r in (base, moved))
    assert said(one, elsewhere) == ""
    first = replace(base.activities[0], placement={"bearing_deg": [0, 5]})
    turned = replace(base.activities[1], placement={"facing_deg": [0, 5]})
    own = replace(base, activities=(first, turned, *base.activities[2:]))
    assert "of the recipe's own stay, of: boxing;" in said(own, moved)


def test_ways_to_face_are_told_apart_from_places() -> None:
    base = recipe(5)
    boxer, *others = base.activities
    faced = replace(base, activities=(replace(boxer, placement={"facing_deg": [-30.0, 30.0]}), *others))
    assert overlay_of(faced, base)["activities"] == [{"label": boxer.label, "placement": {"facing_deg": [-30.0, 30.0]}}]
    said = " ".join(remarks(base, faced, np.array([boxer.label], object)))
    assert f"half of the range is left: {boxer.label} -30 to 30 degrees" in said and "none shows" in said
    assert "no recording" not in said
    # An activity that has places of its own gets no new ones with the way it faces.
    there = replace(base, activities=(replace(boxer, placement={"distance": [2, 3]}), *others))
    both = replace(there, activities=(replace(boxer, placement={"distance": [2, 3], "facing_deg": [0, 9]}), *others))
    assert overlay_of(both, there)["activities"] == [{"label": boxer.label, "placement": {"facing_deg": [0, 9]}}]
    assert "none shows" in " ".join(remarks(there, both, np.array([boxer.label], object)))
