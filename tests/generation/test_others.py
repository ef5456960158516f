"""People beside the labelled person: apart from each other, and without a part in anything else."""

from dataclasses import replace

import pytest
import torch

from mmsynth.body_models import load_body
from mmsynth.generation.clip import draw_take, stage, trace_take
from mmsynth.generation.load import check_people
from mmsynth.generation.play import draw_play
from mmsynth.generation.recipe import Recipe
from mmsynth.motion.together import GAP, least, tracks


def test_others_stand_apart_and_change_nothing_for_the_labelled_person(recipe: Recipe) -> None:
    people = replace(recipe.subjects, count=4, others=2)
    room = replace(recipe.placement, distance=(1.5, 3.0), bearing=(-0.4, 0.4))
    alone, crowd = (
        replace(recipe, seconds=1.0, placement=room, subjects=replace(people, others=others)) for others in (0, 2)
    )
    for index in range(3):
        single, several = (draw_take(stage(r), index) for r in (alone, crowd))
        assert torch.equal(single.play.motions[0].translation, several.play.motions[0].translation)
        assert single.play.labels == several.play.labels and len(single.scene.people) == 1
        first, *others = several.scene.people
        assert torch.equal(first.vertices, single.scene.people[0].vertices) and len(others) == 2
        for a, b in ((first, others[0]), (first, others[1]), (others[0], others[1])):
            near = [float(torch.cdist(a.vertices[k].float(), b.vertices[k].float()).min()) for k in (0, 20, -1)]
            assert min(near) > 0.05  # m, between the surfaces


def test_the_joints_of_a_clip_are_the_labelled_persons(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsynth.generation.clip.simulate_clean", lambda *_: torch.zeros(1))
    room = replace(recipe.placement, distance=(1.5, 3.0), bearing=(-0.4, 0.4))
    joints = []
    for others in (0, 2):
        ready = stage(replace(recipe, placement=room, subjects=replace(recipe.subjects, count=4, others=others)))
        take = draw_take(ready, 1)
        joints.append(trace_take(ready, take).joints)
        assert len(take.scene.people) == 1 + others
    assert torch.equal(*joints)


def test_people_in_little_room_keep_the_gap(recipe: Recipe) -> None:
    room = replace(recipe.placement, distance=(1.5, 2.6), bearing=(-0.4, 0.4), facing=(-3.0, 3.0))
    crowd = replace(recipe, placement=room, seconds=0.5, subjects=replace(recipe.subjects, count=2, others=1))
    body = load_body("free-low")
    apart = [least(*tracks(*draw_play(crowd, body, index).motions)) for index in range(12)]
    # Not all are far apart, as they would be in any case.
    assert GAP - 1e-9 <= min(apart) < 0.45


def test_nobody_is_twice_in_a_clip(recipe: Recipe) -> None:
    # Drawn one by one with repeats, the two others of three people would be one person in half of the clips.
    room = replace(recipe.placement, distance=(1.5, 4.0), bearing=(-0.8, 0.8))
    crowd = replace(recipe, placement=room, subjects=replace(recipe.subjects, count=3, others=2))
    body = load_body(crowd.subjects.body)
    for index in range(6):
        bodies = {tuple(motion.shape.tolist()) for motion in draw_play(crowd, body, index).motions}
        assert len(bodies) == 3


def test_more_people_than_there_is_room_for_are_refused(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mmsynth.generation.play._TRIES", 3)
    with pytest.raises(ValueError, match="fewer than the 2 people of the recipe, got 2"):
        replace(recipe.subjects, others=2)
    crowded = replace(recipe, subjects=replace(recipe.subjects, others=1))
    tight = replace(crowded, placement=replace(crowded.placement, distance=(2.0, 2.01), bearing=(0.0, 0.001)))
    with pytest.raises(ValueError, match="expected room for 2 people"):
        draw_take(stage(tight), 0)
    # What no clip can have room for is told before any is made.
    with pytest.raises(ValueError, match=r"others: expected places for 2 people, 0.35 m apart at least, got .* 0.01 m"):
        check_people(tight)
    check_people(replace(tight, subjects=recipe.subjects))
    check_people(replace(tight, placement=replace(tight.placement, distance=(2.0, 2.4))))
