import dataclasses
import math

import pytest
import torch

from mmsynth.body_models import load_body, shape_for
from mmsynth.geometry import rotation_about
from mmsynth.motion import ACTIVITIES, Subject, generate_motion, list_sources, place, sample_subject
from mmsynth.motion.edit import complete
from mmsynth.motion.skeleton import forward
from mmsynth.motion.subject import Range, style
from mmsynth.motion.together import GAP, least, tracks


def people(count: int, **kwargs):
    generator = torch.Generator().manual_seed(0)
    return [sample_subject(generator, **kwargs) for _ in range(count)]


@pytest.mark.parametrize(
    ("sex", "age", "height", "index"),
    [
        ("female", 35.0, 1.63, 28.5),
        ("male", 35.0, 1.76, 28.6),
        ("male", 10.0, 1.386, 16.6),
        ("female", 80.0, 1.57, 27.65),
    ],
)
def test_heights_and_masses_are_the_published_ones(sex, age, height, index):
    drawn = people(2000, ages=(age, age), sex=sex)
    heights = torch.tensor([p.height for p in drawn])
    indices = torch.tensor([p.mass / p.height**2 for p in drawn])
    # Standard errors of 2000 draws: 0.1 % of the height, 0.5 % of the median index (log spread 0.22); four of them.
    assert abs(float(heights.mean()) / height - 1) < 0.004
    assert abs(float(indices.median()) / index - 1) < 0.025
    assert 0.035 < float(heights.std() / heights.mean()) < 0.05


def test_sex_and_age_are_even():
    drawn = people(2000, ages=(20.0, 60.0))
    share = sum(p.sex == "female" for p in drawn) / 2000
    assert abs(share - 0.5) < 4 * 0.5 / math.sqrt(2000)
    assert abs(sum(p.age for p in drawn) / 2000 - 40) < 4 * 40 / math.sqrt(12 * 2000)


def test_style_stays_with_the_person():
    ranges = ACTIVITIES["walk"].parameters
    a, b = (style(Subject(seed), "walk", ranges) for seed in (1, 2))
    assert a == style(Subject(1), "walk", ranges) and a != b
    for name, span in ranges.items():
        drawn = [style(Subject(k), "walk", ranges)[name] for k in range(400)]
        assert span.low <= min(drawn) and max(drawn) <= span.high
        assert abs(sum(drawn) / 400 - (span.low + span.high) / 2) < 4 * (span.high - span.low) / math.sqrt(12 * 400)
    # One more parameter changes none of the others.
    fewer = {n: r for n, r in ranges.items() if n != "lift"}
    assert style(Subject(1), "walk", fewer) == {n: v for n, v in a.items() if n != "lift"}


def test_people_walk_more_slowly_by_a_hundredth_a_year_from_65_on():
    speed = {"speed": Range(0.8, 1.4), "width": Range(0.1, 0.2)}
    young, *others = (style(Subject(seed=3, age=age), "walk", speed) for age in (30, 65, 66, 75, 119))
    assert [each["speed"] / young["speed"] for each in others] == pytest.approx([1, 0.99, 0.9, 0.5])
    assert all(each["width"] == young["width"] for each in others)


def test_tempo_goes_with_the_person_across_activities():
    pairs = (("squat", "tempo"), ("jack", "tempo"), ("wave", "rate"))
    drawn = [[style(Subject(k), a, ACTIVITIES[a].parameters)[name] for k in range(500)] for a, name in pairs]
    r = torch.corrcoef(torch.tensor(drawn))
    # Half of each share is common: r = 0.5 for independent uniform halves; standard error 0.034. Repetitions that take
    # longer come less often.
    assert abs(r[0, 1] - 0.5) < 0.14 and abs(r[0, 2] + 0.5) < 0.14


def test_small_people_are_scaled_by_dynamic_similarity():
    """The same style: lengths go with the height, times with its root (so speeds too: Froude's number is kept)."""
    tall, small = Subject(1, height=1.8), Subject(1, height=0.9)
    a, b = (
        generate_motion(
            "walk",
            2.0 * math.sqrt(p.height / 1.8),
            p,
            torch.Generator().manual_seed(1),
            frame_rate=60 / math.sqrt(p.height / 1.8),
        )
        for p in (tall, small)
    )
    assert (a.translation * 0.5 - b.translation).abs().max() < 1e-9
    assert (a.rotations - b.rotations).abs().max() < 1e-9


def test_bad_people():
    with pytest.raises(ValueError, match="height: expected a number in"):
        Subject(0, height=170.0)
    with pytest.raises(ValueError, match="ages: expected a range"):
        people(1, ages=(40.0, 20.0))


def test_the_distance_of_two_people_is_that_of_their_nearest_limbs_at_the_same_time():
    generator = torch.Generator().manual_seed(3)
    walker = generate_motion("walk", 2.0, Subject(1), generator)
    # In step and far aside, one's nearest joint is the first's leftmost, the other's his rightmost.
    beside, wide = place(walker, (30.0, 0.0)), forward(complete(walker))[..., :2]
    (low, high), (near, far) = ((wide[..., k].amin(1), wide[..., k].amax(1)) for k in (0, 1))
    nearest = 30.0 - (high - low).max()
    assert nearest - 0.01 < least(*tracks(walker, beside)) < float(torch.hypot(nearest, (far - near).max())) + 0.01
    # Whoever comes later is never met, however the ways cross.
    assert least(*tracks(walker, dataclasses.replace(walker, times=walker.times + 3.0))) == math.inf
    assert least(*tracks(walker, dataclasses.replace(walker, times=walker.times + 2.0))) < 3
    assert least(*tracks(walker, walker)) == 0
    # Turned and moved, by two routes.
    own, other = tracks(walker, beside)
    spot, turn = torch.tensor([27.0, 1.0], dtype=torch.float64), 2.0
    moved = own @ rotation_about("z", turn)[:2, :2].T + spot
    there = place(walker, (27.0, 1.0), turn)
    assert least(moved, other) == pytest.approx(least(*tracks(there, beside)), abs=1e-9)


def test_bodies_that_keep_the_gap_do_not_touch():
    """Two heavy people who walk and push within two square metres: their surfaces keep apart at all times."""
    generator, body = torch.Generator().manual_seed(5), load_body("free-low")
    people = [Subject(1, "male", 45.0, 1.85, 125.0), Subject(2, "female", 50.0, 1.65, 105.0)]
    clips = []
    for person, activity in zip(people, ("walk", "push"), strict=True):
        motion = generate_motion(activity, 3.0, person, generator, 10.0, {"extent": 0.8} if activity == "walk" else {})
        shape = shape_for(person.height, person.mass, person.sex, person.age)
        clips.append(dataclasses.replace(motion, shape=shape, shape_of="free"))
    apart, (own, other) = [], tracks(*clips)
    while len(apart) < 5:
        x, y, turn = (torch.rand(3, generator=generator) * torch.tensor([1.4, 1.4, 6.28])).tolist()
        there = other @ rotation_about("z", turn)[:2, :2].T + torch.tensor([x - 0.7, y - 0.7], dtype=torch.float64)
        if least(own, there) < GAP:
            continue
        surfaces = body(clips[0]).vertices, body(place(clips[1], (x - 0.7, y - 0.7), turn)).vertices
        apart.append(min(float(torch.cdist(a.float(), b.float()).min()) for a, b in zip(*surfaces, strict=True)))
    assert min(apart) > 0.03 and min(apart) < 0.5


def test_motion_files_here_are_counted_by_source(tmp_path):
    assert all(count == 0 for _, count in list_sources(tmp_path))
    (tmp_path / "cmu" / "subject_13").mkdir(parents=True)
    (tmp_path / "cmu" / "subject_13" / "13_29.bvh").touch()
    assert {source.name: count for source, count in list_sources(tmp_path)}["cmu"] == 1
