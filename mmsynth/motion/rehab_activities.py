"""The activities of MARS but its squats: ranges of the styles of one of its four subjects and of others like them."""

from collections.abc import Mapping
from functools import partial

from mmsynth.motion import rehab
from mmsynth.motion.activity import Activity
from mmsynth.motion.subject import Range

_KINECT = "one person of MARS, and others like them"
HANDS = {
    "hands": Range(0.08, 0.22, f"m of the wrists over the shoulders; {_KINECT}"),
    "apart": Range(0.02, 0.18, f"m of the wrists outside the shoulders; {_KINECT}"),
}
_STAYS = Range(0.0, 1.0, "0 both feet step apart, 1 the other foot stays where it stood")
_ARMS = {
    "stance": Range(0.18, 0.36, f"m between the ankles; {_KINECT}"),
    "tempo": Range(2.2, 4.2, f"s; {_KINECT}", positive=True),
    "rest": Range(0.0, 0.8, "s with the arm down"),
    "hold": Range(0.05, 0.35, "share of the fold with the forearm up"),
    "lift": Range(1.3, 1.85, f"rad of abduction; {_KINECT}"),
    "fold": Range(1.6, 2.4, f"rad of the elbow; {_KINECT}"),
}
_FRONT = {
    "tempo": Range(1.8, 3.6, f"s; {_KINECT}", positive=True),
    "length": Range(0.32, 0.6, f"m between the ankles, forward; {_KINECT}"),
    "width": Range(0.32, 0.62, f"m between the ankles, sideways; {_KINECT}"),
    "depth": Range(0.06, 0.18, f"m; {_KINECT}"),
    "stays": _STAYS,
    **HANDS,
}
_SIDE = {
    "tempo": Range(1.5, 3.4, f"s; {_KINECT}", positive=True),
    "width": Range(0.58, 0.82, f"m between the ankles; {_KINECT}"),
    "depth": Range(0.06, 0.16, f"m; {_KINECT}"),
    "stays": _STAYS,
    "shift": Range(0.2, 0.34, f"m; {_KINECT}"),
    "arms": Range(1.4, 1.75, "rad"),
}
_LIMB = {
    "stance": Range(0.16, 0.28, f"m between the ankles; {_KINECT}"),
    "tempo": Range(1.1, 2.3, f"s; {_KINECT}", positive=True),
    "rest": Range(0.1, 0.9, f"s on both feet; {_KINECT}"),
    "leg": Range(0.5, 1.0, f"rad of abduction; {_KINECT}"),
    "arm": Range(1.25, 1.85, f"rad of abduction; {_KINECT}"),
}

ACTIVITIES: Mapping[str, Activity] = {
    **{
        f"{side}_arm_extension": Activity(
            partial(rehab.extend_arms, left=side != "right", right=side != "left"),
            _ARMS,
            f"MARS: {side} upper limb extension",
        )
        for side in ("left", "right", "both")
    },
    **{
        f"{side}_front_lunge": Activity(partial(rehab.lunge_front, lead=k), _FRONT, f"MARS: {side} front lunge")
        for k, side in enumerate(("left", "right"))
    },
    **{
        f"{side}_side_lunge": Activity(partial(rehab.lunge_side, side=k), _SIDE, f"MARS: {side} side lunge")
        for k, side in enumerate(("left", "right"))
    },
    **{
        f"{side}_limb_extension": Activity(partial(rehab.extend_limb, side=k), _LIMB, f"MARS: {side} limb extension")
        for k, side in enumerate(("left", "right"))
    },
}
