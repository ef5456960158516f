"""How people walk, run and carry their mass, as it is published; imports nothing from mmsynth."""

import numpy as np
from scipy.interpolate import PchipInterpolator


def boulic_stride(speed, thigh):
    """The walk of Boulic, Magnenat-Thalmann and Thalmann, The Visual Computer 6 (1990) 344-358, appendices A and C.

    Control points as V. C. Chen's published programs (The Micro-Doppler Effect in Radar, 2011) read them off the
    paper's plots, for 0.5 to 3 thigh heights a second; between them the monotone cubic of Fritsch and Carlson.

    Args:
        speed: m/s.
        thigh: height of the hip joint over the floor in m, by which the paper's lengths and speeds are relative.

    Returns:
        Duration of a stride in s, and functions of the phase since the foot landed (period 1): flexion of "hip" and
        "knee" in rad, and how far the trunk is "up" and "ahead" of its even motion in m.
    """
    relative = speed / thigh
    k = max(0.0, (relative - 1.3) / 1.7)
    length = 1.346 * np.sqrt(relative)
    support = 0.752 - 0.143 * relative / length
    hip = {0.5: -15.0, 0.9: 25 + 6 * k} | ({0.2 * k - 0.1: 25 + 5 * k} if k else {})  # at k = 0 both are one point
    knee = {0.17 - 0.05 * k: 3 + 22 * k, 0.4: 3.0, 0.75 - 0.05 * k: 70 - 5 * k, 1 - 0.03 * k: 3 + 3 * k}

    def angle(points):
        whole = sorted((phase + cycle, value) for phase, value in points.items() for cycle in (-2, -1, 0, 1, 2))
        curve = PchipInterpolator(*np.array(whole).T)
        return lambda phase: np.radians(curve(np.mod(phase, 1)))

    found = {"hip": angle(hip), "knee": angle(knee)}
    found["up"] = lambda phase: thigh * 0.015 * relative * (np.sin(2 * np.pi * (2 * phase - 0.35)) - 1)
    found["ahead"] = lambda phase: -thigh * 0.021 * np.sin(2 * np.pi * 2 * (phase + 0.625 - support))
    return length * thigh / speed, found


WALK_SPEED, LEG = 1.3, 0.42  # m/s, m of thigh and of shank
WALK_TIME, WALK = boulic_stride(WALK_SPEED, 2 * LEG)


def walker_joints(times):
    """Joints {name: [times, 3]} in m of a walker of `boulic_stride` who comes towards the origin along -y.

    The radar is at hip height; one leg is half a stride after the other.
    """
    t = np.asarray(times, dtype=np.float64)
    phase = t / WALK_TIME
    y, z = 5.0 - WALK_SPEED * t - WALK["ahead"](phase), WALK["up"](phase)
    found = {"trunk": np.stack([0 * t, y, z + 0.35], 1)}
    for side in (0, 1):
        hip, knee = (WALK[name](phase + 0.5 * side) for name in ("hip", "knee"))
        x = np.full_like(t, 0.2 * side - 0.1)
        joints = [np.stack([x, y, z], 1)]
        for tilt in (hip, hip - knee):
            joints.append(joints[-1] + LEG * np.stack([0 * t, -np.sin(tilt), -np.cos(tilt)], 1))
        found |= {f"{name}{side}": place for name, place in zip(("hip", "knee", "ankle"), joints, strict=True)}
    return found


# Ends of a segment, its share of the body's mass, and where its centre is between them (Winter, Biomechanics and Motor
# Control of Human Movement, table 4.1, after Dempster 1955).
WINTER = [("pelvis", "neck", 0.497, 0.5), ("neck", "head", 0.081, 1.0)] + [
    (f"{side}_{upper}", f"{side}_{lower}", share, at)
    for side in ("left", "right")
    for upper, lower, share, at in (
        ("shoulder", "elbow", 0.028, 0.436),
        ("elbow", "wrist", 0.022, 0.682),
        ("hip", "knee", 0.1, 0.433),
        ("knee", "ankle", 0.0465, 0.433),
        ("ankle", "foot", 0.0145, 0.5),
    )
]


def centre_of_mass(joints, names):
    """Centre of mass [frames, 3] of joints [frames, joints, 3] by Winter's segments."""
    place = dict(zip(names, np.moveaxis(joints, 1, 0), strict=True))
    return sum(share * ((1 - at) * place[root] + at * place[end]) for root, end, share, at in WINTER)


def running_rise(contact, flight):
    """How far in m a point mass rises and falls in a step of `contact` + `flight` s, pushed by half a sine of force.

    Lowest in mid-contact: twice the integral of a(t) = g (pi/2 (tf + tc)/tc sin(pi t / tc) - 1), from rest.
    """
    t = np.linspace(contact / 2, contact, 20001)
    force = 9.81 * (np.pi / 2 * (flight + contact) / contact * np.sin(np.pi * t / contact) - 1)
    speed = np.concatenate([[0], np.cumsum((force[1:] + force[:-1]) / 2)]) * (t[1] - t[0])
    return float((speed[1:] + speed[:-1]).sum() / 2 * (t[1] - t[0]) + 9.81 * flight**2 / 8)
