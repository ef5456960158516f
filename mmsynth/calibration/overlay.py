"""What a calibration found, as the keys of an overlay and in sentences."""

from typing import Any

from mmsynth.calibration.activities import Names, own_places
from mmsynth.calibration.placing import FEWEST, written
from mmsynth.generation.recipe import Recipe


def overlay_of(found: Recipe, recipe: Recipe) -> dict[str, Any]:
    """The keys of a recipe as it was `found` that differ from the `recipe`'s."""
    device = {name: list(getattr(found.device, name)) for name in ("noise_db", "threshold_db", "ghosts")}
    subjects = {"clothing": list(found.subjects.clothing)}
    # An activity of two blocks stands once.
    own: dict[str, dict[str, Any]] = {a.label: {"label": a.label} for a in found.activities}
    for label, placement in _changed("placement", recipe, found):
        own[label]["placement"] = placement
    for label, style in _changed("style", recipe, found):
        own[label]["style"] = {name: list(limits) for name, limits in style.items()}
    activities = [table for table in own.values() if len(table) > 1]
    whole_set = {"device": device, "placement": written(found.placement), "subjects": subjects}
    if found.placement.radar_height != recipe.placement.radar_height:
        whole_set["placement"]["radar_height"] = list(found.placement.radar_height)
    if found.clutter != recipe.clutter:
        whole_set["clutter"] = {"level_db": list(found.clutter.level_db)}
    return whole_set | ({"activities": activities} if activities else {})


def remarks(recipe: Recipe, found: Recipe, who: Names) -> tuple[str, ...]:
    """Sentences on what the overlay changes, and on what it does not.

    Args:
        recipe: as it was before.
        found: with what calibration found.
        who: the activity that each recording was taken for; "" = none.
    """
    said = (
        _high(recipe, found),
        _kept(recipe, found),
        _apart(recipe, found, who),
        _moves(recipe, found),
        _faces(recipe, found),
    )
    return tuple(filter(None, said))


def _high(recipe: Recipe, found: Recipe) -> str:
    """One sentence on the radar's height, where it is found."""
    low, high = found.placement.radar_height[0], found.placement.radar_height[-1]
    if found.placement.radar_height == recipe.placement.radar_height:
        return ""
    return f"the radar hung {low:.2f} to {high:.2f} m high, by where the floor's echo begins"


def _kept(recipe: Recipe, found: Recipe) -> str:
    """One sentence where the overlay changes no place, or not that of activities with places of their own."""
    if written(found.placement) == written(recipe.placement):
        return (
            f"places stay the recipe's: recordings need {FEWEST} windows of {recipe.seconds:g} s, and simulated clips "
            "one, with at least 5 moving points"
        )
    own = [a.label for a in recipe.activities if own_places(a)]
    return f"places of the recipe's own stay, of: {', '.join(own)}; delete them for those of the overlay" if own else ""


def _apart(recipe: Recipe, found: Recipe, who: Names) -> str:
    """One sentence on what recordings were taken for, and which activities have places of their own by that."""
    taken = {a.label: int((who == a.label).sum()) for a in recipe.activities}
    if not any(taken.values()):
        none = (
            "no recording was taken for an activity, so that none gets places and ways to move of its own: try more "
            f"clips, and recordings of one activity each, of {recipe.seconds:g} s or longer"
        )
        return none if len(taken) > 1 else ""
    listed = ", ".join(f"{name} {count}" for name, count in taken.items())
    text = f"recordings were taken for {listed}" + (f", {rest} for none" if (rest := int((who == "").sum())) else "")
    own = dict.fromkeys(label for label, placement in _changed("placement", recipe, found) if "distance" in placement)
    return f"{text}; places of their own: {', '.join(own) if own else 'none shows'}"


def _moves(recipe: Recipe, found: Recipe) -> str:
    """One sentence on the styles that recordings show."""
    each = [
        f"{label}'s {name} {low:g} to {high:g}"
        for label, style in _changed("style", recipe, found)
        for name, (low, high) in style.items()
    ]
    return f"people move so that of the ranges of style half is left: {', '.join(each)}" if each else ""


def _faces(recipe: Recipe, found: Recipe) -> str:
    """One sentence on the ways to face that recordings show."""
    each = [
        "{} {:g} to {:g} degrees".format(label, *place["facing_deg"])
        for label, place in _changed("placement", recipe, found)
        if "facing_deg" in place
    ]
    return f"people face so that half of the range is left: {', '.join(each)}" if each else ""


def _changed(what: str, recipe: Recipe, found: Recipe) -> list[tuple[str, dict[str, Any]]]:
    """Labels of the activities with another "placement", or "style", than before, and what keys of it are new."""
    pairs = (
        (a.label, getattr(a, what), getattr(b, what)) for a, b in zip(found.activities, recipe.activities, strict=True)
    )
    return [(label, {k: v for k, v in now.items() if v != was.get(k)}) for label, now, was in pairs if now != was]
