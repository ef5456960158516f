"""The built-in activities: for each a generator, the ranges of its parameters with their source, and a few words."""

from collections.abc import Mapping
from functools import partial

from mmsynth.motion import boxing, everyday, exercises, gait, kicking, rehab_activities, running
from mmsynth.motion.activity import Activity
from mmsynth.motion.subject import Range

_PUSH = {
    "tempo": Range(1.4, 2.8, "s a repetition", positive=True),
    "rest": Range(0.0, 0.8, "s"),
    "high": Range(-0.15, 0.05, "m of the hands over the shoulders"),
    "stagger": Range(0.1, 0.4, "m between the feet"),
    "lean": Range(0.1, 0.3, "rad"),
}
# Millimetres as commonly given for radar of vital signs (Droitcour 2006 and many since); not checked by measurement.
_VITAL = {
    "breath": Range(0.2, 0.33, "Hz; 12-20 a minute in adults at rest"),
    "depth": Range(0.001, 0.012, "m of the breastbone, shallow to deep"),
    "heart": Range(0.9, 1.5, "Hz; our default, 54-90 a minute"),
    "pulse": Range(0.0001, 0.0005, "m of the breastbone"),
}
_REST = Range(0.0, 0.6, "pauses between repetitions, s; mean, in bouts")
_SQUAT = {
    "tempo": Range(1.2, 3.2, "s a repetition", positive=True),
    "rest": _REST,
    "depth": Range(0.12, 0.46, "m the pelvis sinks: quarter squats (knees 65 degrees) to deep ones (125)"),
    "lean": Range(0.3, 1.0, "rad of the trunk at the bottom"),
    "back": Range(0.35, 0.7, "m that the pelvis goes back, per m down"),
    "hold": Range(0.0, 0.2, "share of the repetition at the bottom"),
    "width": Range(0.22, 0.44, "m between the ankles"),
    "toes_out": Range(0.1, 0.45, "rad"),
}

ACTIVITIES: Mapping[str, Activity] = {
    "walk": Activity(
        gait.walk,
        {
            "speed": Range(
                0.45, 1.4, "m/s on the way, not with turns; comfortable 1.27-1.46 (Bohannon 1997)", positive=True
            ),
            "ratio": Range(0.34, 0.44, "walk ratio, m s: 0.0065 m/(steps/min) +- 12 %", positive=True),
            "width": Range(0.09, 0.17, "step width, m"),
            "lift": Range(0.025, 0.06, "m of the ankle beyond what the roll gives"),
            "arms": Range(0.2, 0.65, "arm swing, rad per metre between the feet"),
            "extent": Range(0.6, 2.0, "m covered before coming back", positive=True),
            "path": Range(0.0, 4.0, "0 turns round, 1 walks in a loop, 2 backward, 3 sideways"),
        },
        "walking to and fro",
    ),
    "run": Activity(
        running.run,
        {
            "speed": Range(1.8, 3.4, "m/s; jogging", positive=True),
            "rate": Range(2.5, 3.0, "steps/s; 150-180 a minute", positive=True),
            "extent": Range(0.0, 8.0, "m covered before coming back; under 0.5 on the spot"),
            "lift": Range(0.12, 0.28, "m"),
            "drop": Range(0.0, 0.03, "m that the body is carried lower than legs allow"),
            "contact": Range(
                0.33,
                0.4,
                "share of a stride on the floor at 2.5 m/s, 0.03 less at 3.5 (from memory of Patoz 2022, 115 runners)",
            ),
            "arms": Range(0.35, 0.7, "rad"),
        },
        "running to and fro or on the spot",
    ),
    "squat": Activity(
        exercises.squat,
        {**_SQUAT, "arms": Range(0.0, 3.0, "0 raised in front, 1 clasped at the chest, 2 hanging")},
        "squats",
    ),
    "prisoner_squat": Activity(exercises.squat, {**_SQUAT, **rehab_activities.HANDS}, "squats with hands at the head"),
    "jack": Activity(
        exercises.jack,
        {
            "tempo": Range(0.75, 1.45, "s a repetition (open and close); 40-80 a minute", positive=True),
            "rest": Range(0.0, 0.3, "s"),
            "height": Range(0.025, 0.06, "m of flight"),
            "narrow": Range(0.1, 0.22, "m between the ankles, closed"),
            "wide": Range(0.5, 0.85, "m between the ankles, open"),
            "low": Range(0.1, 1.0, "rad of abduction at the bottom; many do not bring the arms all the way down"),
            "arms": Range(2.3, 3.0, "rad of abduction at the top"),
            "elbow": Range(0.05, 0.6, "rad"),
            "lag": Range(-0.04, 0.06, "s of the arms after the legs"),
            "sweep": Range(0.5, 1.0, "share of each half that the arms take to rise or sink"),
            "fore": Range(-0.3, 0.6, "rad that the arms are before the body's plane, half way up"),
            "fold": Range(0.0, 2.0, "rad of the trunk per m of crouch"),
            "travel": Range(0.0, 0.12, "m off the spot, standard deviation"),
        },
        "jumping jacks",
    ),
    "jump": Activity(
        exercises.jump,
        {
            "tempo": Range(
                0.42, 1.5, "s a repetition, as far as its flight and landing allow: hops to single jumps", positive=True
            ),
            "rest": Range(0.0, 1.2, "s; mean, in bouts"),
            "height": Range(
                0.005, 0.25, "m of flight: hops that hardly leave the floor to jumps as high as one can", log=True
            ),
            "crouch": Range(0.2, 0.5, "s from rest to take-off, of a single jump", positive=True),
            "soft": Range(0.9, 0.9, "times as long as before take-off the body sinks after landing", positive=True),
            "width": Range(0.14, 0.3, "m between the ankles"),
            "arms": Range(0.03, 1.4, "rad of swing: hanging to thrown up", log=True),
            "fold": Range(1.0, 4.5, "rad of the trunk per m of crouch"),
            "travel": Range(0.0, 0.12, "m off the spot, standard deviation"),
        },
        "jumps on the spot",
    ),
    "box": Activity(
        boxing.box,
        {
            "tempo": Range(0.36, 1.05, "s from punch to punch", positive=True),
            "strike": Range(0.4, 0.8, "s out and back"),
            "rest": Range(0.0, 0.35, "s"),
            "guard": Range(-0.2, 0.14, "m of the wrist over the shoulder: hands at the chest to at the temples"),
            "close": Range(0.15, 0.3, "m of the wrist before the shoulder"),
            "aim": Range(-0.25, 0.2, "slope of the stretched arm"),
            "turn": Range(0.15, 1.0, "rad of the chest in a punch: arms alone to shoulders turned by 55 degrees"),
            "stagger": Range(0.0, 0.4, "m between the feet, fore and aft"),
            "stance": Range(0.0, 1.0, "below 0.8 the left foot leads"),
            "crouch": Range(0.005, 0.06, "m"),
            "mix": Range(0.0, 1.0, "below 0.7 left and right in turn, else at random"),
            "hook": Range(0.0, 0.2, "m that the hand swings out on its way to the target"),
            "lunge": Range(0.0, 0.25, "m that the pelvis goes forward with a punch: on the spot to stepping in"),
            "lean": Range(0.0, 0.4, "rad that the trunk leans into it"),
            "footwork": Range(0.0, 0.6, "m of shifting about, standard deviation: none to much"),
        },
        "boxing",
    ),
    "wave": Activity(
        exercises.wave,
        {
            "rate": Range(0.9, 2.2, "Hz", positive=True),
            "swing": Range(0.45, 0.95, "rad"),
            "lift": Range(0.9, 1.9, "rad of the upper arm"),
            "elbow": Range(1.1, 1.8, "rad"),
            "side": Range(0.0, 1.0, "below 0.35 the left arm"),
            "both": Range(0.0, 1.0, "above 0.75 both arms"),
        },
        "waving",
    ),
    "stand": Activity(
        exercises.stand,
        {"width": Range(0.12, 0.28, "m"), "shift": Range(0.0, 0.02, "m of weight shift")},
        "standing at ease",
    ),
    "reach": Activity(
        everyday.reach_out,
        {
            "tempo": Range(1.6, 3.0, "s out and back", positive=True),
            "rest": Range(0.2, 1.2, "s"),
            "hold": Range(0.05, 0.3, "share of the repetition with the arm out"),
            "high": Range(-0.7, 0.9, "rad of the stretched arm over level"),
            "side": Range(0.0, 1.0, "below 0.3 the left hand"),
        },
        "reaching with one hand",
    ),
    "push": Activity(everyday.push, _PUSH, "pushing with both hands"),
    "pull": Activity(partial(everyday.push, pull=True), _PUSH, "pulling with both hands"),
    "clap": Activity(
        everyday.clap,
        {"rate": Range(1.8, 4.2, "Hz", positive=True), "wide": Range(0.08, 0.2, "m from the middle to each hand")},
        "clapping",
    ),
    "kick": Activity(
        kicking.kick,
        {
            "tempo": Range(1.1, 1.9, "s a kick", positive=True),
            "rest": Range(0.1, 1.0, "s"),
            "high": Range(0.7, 1.4, "rad of the thigh at the top"),
            "mix": Range(0.0, 1.0, "below 0.6 the legs in turn, else one leg"),
        },
        "kicks to the front",
    ),
    "sit": Activity(
        everyday.sit,
        {
            "tempo": Range(1.3, 2.6, "s down or up; means 1.97 and 1.91 s (Kerr 1997)", positive=True),
            "stay": Range(1.0, 4.0, "s seated"),
            "pause": Range(0.5, 2.5, "s standing"),
            "seat": Range(0.38, 0.5, "m, height of the seat"),
            "lean": Range(0.5, 0.9, "rad of the trunk"),
        },
        "sitting down and standing up",
    ),
    "bend": Activity(
        everyday.bend,
        {
            "tempo": Range(2.2, 4.0, "s a repetition", positive=True),
            "rest": Range(0.2, 1.2, "s"),
            "crouch": Range(0.08, 0.34, "m"),
            "lean": Range(0.75, 1.1, "share of the full bend of the trunk"),
            "side": Range(0.0, 1.0, "which hand reaches lower"),
        },
        "picking something up from the floor",
    ),
    "lie": Activity(
        everyday.lie,
        {
            "tempo": Range(4.0, 8.0, "s to a side and back", positive=True),
            "rest": Range(1.0, 5.0, "s"),
            "hold": Range(0.2, 0.5, "share of it on the side"),
            "roll": Range(1.0, 1.55, "rad"),
        },
        "lying on the floor and rolling to a side",
    ),
    **{
        f"fall_{way}": Activity(
            partial(everyday.fall, way=way),
            {
                "tempo": Range(
                    0.65,
                    1.15,
                    "s; wrists touch the floor at 0.68, the pelvis at 0.72 (Robinovitch 2005)",
                    positive=True,
                ),
                "curl": Range(0.0, 0.35, "how much knees and hips stay bent, lying"),
            },
            f"falling ({way})",
        )
        for way in ("forward", "back", "side")
    },
    "turn": Activity(everyday.turn_round, {"rate": Range(1.2, 2.6, "rad/s", positive=True)}, "turning on the spot"),
    "carry": Activity(
        everyday.carry,
        {
            "speed": Range(0.6, 1.2, "m/s", positive=True),
            "extent": Range(1.5, 4.0, "m", positive=True),
            "wide": Range(0.25, 0.5, "m of the box"),
        },
        "walking with a box in both hands",
    ),
    "walk_aided": Activity(
        everyday.walk_aided,
        {
            "speed": Range(
                0.25, 0.6, "m/s; over 65s' mean 0.92 +- 0.27 (Studenski 2011), with an aid slower", positive=True
            ),
            "extent": Range(1.0, 3.0, "m", positive=True),
            "stoop": Range(0.15, 0.6, "rad"),
            "aid": Range(0.0, 1.0, "below 0.5 a walker, else a stick"),
        },
        "walking with a walker or a stick",
    ),
    "side_step": Activity(
        gait.side_step,
        {
            "speed": Range(0.2, 0.6, "m/s", positive=True),
            "extent": Range(0.6, 1.8, "m", positive=True),
            "ratio": Range(0.09, 0.13, "m s", positive=True),
            "lift": Range(0.02, 0.06, "m"),
            "arms": Range(0.0, 0.2, "rad/m"),
        },
        "stepping sideways, to and fro",
    ),
    "breathe": Activity(
        exercises.stand,
        {"width": Range(0.12, 0.28, "m"), "shift": Range(0.0, 0.001, "m of weight shift"), **_VITAL},
        "standing still: breath and heart",
    ),
    **rehab_activities.ACTIVITIES,
}
