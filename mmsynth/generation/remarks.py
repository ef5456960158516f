"""What is doubtful about where the people of a recipe come, told before its clips are made."""

from torch import Tensor

from mmsynth.body_models import load_body
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.play import draw_play, room_of
from mmsynth.generation.recipe import Recipe
from mmsynth.scene import Room, around

# Clips that are looked at, and how near in m skin may come to the radar: nearer, it may be in its case.
CLIPS, NEAR = 12, 0.1
# Rms in m/s from which a joint's range changes by what somebody does, not by how they stand.
BRISK = 0.3


def remarks(recipe: Recipe) -> list[str]:
    """One sentence for each thing that happens to people in the first clips and would be in no real recording.

    They may come into the radar, out of its range, do what they do out of its range, or go behind a wall or into
    furniture of the room: the placement is checked with the recipe, but not where motions lead from there.
    """
    body, count = load_body(recipe.subjects.body), min(CLIPS, recipe.clips)
    # Hips pass over a table in which somebody stands.
    standing = [body.joint_names.index(name) for name in ("pelvis", "left_ankle", "right_ankle")]
    limit = min(resolve_radar(one).radar.waveform.max_range for one in recipe.apart())
    room = room_of(recipe.room) if recipe.room else None
    near: dict[int, float] = {}
    far: dict[int, float] = {}
    outside: dict[int, str] = {}
    hidden: dict[int, str] = {}
    for index in range(count):
        play = draw_play(recipe, body, index)
        radar = play.world_from_radar[:3, 3].double()
        for motion in play.motions:
            # Of the nearest skin in each frame.
            way = (body(motion).vertices.double() - radar).square().sum(-1).amin(1).sqrt()
            if float(way.min()) < NEAR:
                near[index] = min(near.get(index, NEAR), float(way.min()))
            joints = body.joints(motion).double()
            joint, middle = fastest(joints, motion.times, radar)
            if float(way.max()) > limit:
                far[index] = max(far.get(index, limit), float(way.max()))
            elif joint is not None and middle > limit:
                outside[index] = f"{body.joint_names[joint]} in clip {index}, '{play.labels.activity}'"
            if behind := _passed(room, joints[:, standing].flatten(0, 1).tolist()):
                hidden[index] = behind
    return _told(count, limit, near, far, outside, hidden)


def _told(
    count: int,
    limit: float,
    near: dict[int, float],
    far: dict[int, float],
    outside: dict[int, str],
    hidden: dict[int, str],
) -> list[str]:
    """The sentences, of what was seen in which of `count` clips: m from the radar, or a name."""
    found = []
    if near:
        worst = min(near, key=near.__getitem__)
        found.append(
            f"in {len(near)} of the first {count} clips somebody comes within {NEAR:g} m of the radar "
            f"({near[worst]:.2f} m in clip {worst}), where no echo is right; widen placement.distance or facing_deg"
        )
    if far:
        worst = max(far, key=far.__getitem__)
        found.append(
            f"in {len(far)} of the first {count} clips somebody goes beyond the {limit:.2f} m that the radar measures "
            f"({far[worst]:.2f} m in clip {worst}), from where no echo comes; narrow placement.distance"
        )
    if outside:
        found.append(
            f"in {len(outside)} of the first {count} clips what moves fastest is mostly beyond the {limit:.2f} m that "
            f"the radar measures ({next(iter(outside.values()))}); narrow placement.distance or the style"
        )
    if hidden:
        index, behind = next(iter(hidden.items()))
        found.append(
            f"in {len(hidden)} of the first {count} clips somebody goes through '{behind}' of the room (clip {index}), "
            "which hides them; narrow the placement"
        )
    return found


def fastest(joints: Tensor, times: Tensor, radar: Tensor) -> tuple[int | None, float]:
    """The joint of [frames, joints, 3] whose distance from `radar` changes fastest, and its median distance in m.

    None where no joint's changes by `BRISK`, as rms over the frames' `times` in s.
    """
    way = (joints - radar).norm(dim=-1)
    speed = (way.diff(dim=0) / times.to(way).diff()[:, None]).square().mean(0).sqrt()
    joint = int(speed.argmax())
    return (joint if float(speed[joint]) >= BRISK else None), float(way[:, joint].median())


def _passed(room: Room | None, places: list[list[float]]) -> str:
    """What of the room, if there is one, a course of places goes through last; "" = nothing."""
    if room is None:
        return ""
    behind = (around(room, (x, y, z)) for x, y, z in reversed(places))
    return next(filter(None, behind), "")
