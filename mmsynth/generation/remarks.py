"""What is doubtful about where the people of a recipe come, told before its clips are made."""

from mmsynth.body_models import load_body
from mmsynth.generation.load import resolve_radar
from mmsynth.generation.play import draw_play, room_of
from mmsynth.generation.recipe import Recipe
from mmsynth.scene import Room, around

# Clips that are looked at, and how near in m skin may come to the radar: nearer, it may be in its case.
CLIPS, NEAR = 12, 0.1


def remarks(recipe: Recipe) -> list[str]:
    """One sentence for each thing that happens to people in the first clips and would be in no real recording.

    They may come into the radar, out of its range, or behind a wall or into furniture of the room: the placement is
    checked with the recipe, but not where motions lead from there.
    """
    body, count = load_body(recipe.subjects.body), min(CLIPS, recipe.clips)
    limit = min(resolve_radar(one).radar.waveform.max_range for one in recipe.apart())
    room = room_of(recipe.room) if recipe.room else None
    near: dict[int, float] = {}
    far: dict[int, float] = {}
    hidden: dict[int, str] = {}
    for index in range(count):
        play = draw_play(recipe, body, index)
        for motion in play.motions:
            skin = body(motion).vertices
            # Of the nearest skin in each frame.
            way = (skin - play.world_from_radar[:3, 3].to(skin)).square().sum(-1).amin(1).sqrt()
            if float(way.min()) < NEAR:
                near[index] = min(near.get(index, NEAR), float(way.min()))
            if float(way.max()) > limit:
                far[index] = max(far.get(index, limit), float(way.max()))
            if room is not None and (behind := _passed(room, body.joints(motion)[:, 0].double().tolist())):
                hidden[index] = behind
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
    if hidden:
        index, behind = next(iter(hidden.items()))
        found.append(
            f"in {len(hidden)} of the first {count} clips somebody goes through '{behind}' of the room (clip {index}), "
            "which hides them; narrow the placement"
        )
    return found


def _passed(room: Room, places: list[list[float]]) -> str:
    """What of the room a course of places goes through last; "" = nothing."""
    behind = (around(room, (x, y, z)) for x, y, z in reversed(places))
    return next(filter(None, behind), "")
