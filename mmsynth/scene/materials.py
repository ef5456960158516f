"""What surfaces are made of: skin, clothing, hair, metal and the building materials of ITU-R P.2040, over frequency."""

import cmath
import difflib
import math
from collections.abc import Iterable
from dataclasses import dataclass

from scipy.constants import epsilon_0, speed_of_light

from mmsynth.types import Material

DEFAULT_FREQUENCY = 77e9


@dataclass(frozen=True)
class Clothing:
    """A kind of cloth: relative permittivity, thickness in m, two-way loss in dB of the wave that passes it."""

    permittivity: float
    thickness: float
    loss_db: float


# Cloth lets most of the wave pass to the skin and back (Bjarnason et al. 2004, millimetre waves through eight fabrics),
# which reflects it as a smooth surface. Permittivities are those of fabrics (dry, 1.2 to 1.8; leather above 2), losses
# span the 0-3 dB two-way that are measured through one or two layers at 60-77 GHz, thicknesses are everyday ones.
# Assumed within these ranges, not measured one by one.
CLOTHING: dict[str, Clothing] = {
    "cotton": Clothing(1.6, 0.4e-3, 0.6),
    "synthetic": Clothing(1.5, 0.3e-3, 0.3),
    "denim": Clothing(1.7, 0.8e-3, 1.5),
    "wool": Clothing(1.3, 2.0e-3, 2.0),
    "leather": Clothing(2.6, 1.2e-3, 3.0),
    "coat": Clothing(1.7, 2.5e-3, 3.0),
}

# ITU-R P.2040-3 (2023), table 3: eps' = a f^b, conductivity = c f^d S/m with f in GHz; rms height in m (assumed).
_BUILDING: dict[str, tuple[float, float, float, float, float]] = {
    "concrete": (5.24, 0, 0.0462, 0.7822, 3e-4),
    "brick": (3.91, 0, 0.0238, 0.16, 6e-4),
    "plasterboard": (2.73, 0, 0.0085, 0.9395, 1e-4),
    "wood": (1.99, 0, 0.0047, 1.0718, 5e-5),
    "glass": (6.31, 0, 0.0036, 1.3394, 0),
    "ceiling_board": (1.48, 0, 0.0011, 1.0750, 2e-4),
    "chipboard": (2.58, 0, 0.0217, 0.7800, 1e-4),
    "plywood": (2.71, 0, 0.33, 0, 1e-4),
    "marble": (7.074, 0, 0.0055, 0.9262, 2e-5),
    "floorboard": (3.66, 0, 0.0044, 1.3515, 5e-5),
}

_NAMES = ("skin", "hair", "shoe", "metal", *(f"cloth:{kind}" for kind in CLOTHING), *_BUILDING)

# Regions of a person by the prefix of their name; what "cloth" is made of is the wearer's choice.
PERSON_PREFIXES = ("skin", "hair", "cloth", "shoe")


def skin_permittivity(frequency: float) -> complex:
    """Relative permittivity `eps' - j eps''` of dry skin: the Cole-Cole terms of Gabriel, Lau and Gabriel (1996)."""
    omega = 2 * math.pi * frequency
    first = 32.0 / (1 + 1j * omega * 7.234e-12)
    second = 1100.0 / (1 + (1j * omega * 32.481e-9) ** 0.8)
    return complex(4.0 + first + second + 0.0002 / (1j * omega * epsilon_0))


def sheet_reflection(permittivity: float, thickness: float, frequency: float) -> float:
    """Power that a sheet in air reflects at normal incidence, `thickness` in m, mean over the thickness +-25 %.

    It is that of a lossless slab (ITU-R P.2040-3, eq. 43). The mean stands for cloth, which is nowhere as thick as
    elsewhere: a half wavelength of it would otherwise reflect nothing.
    """
    index = math.sqrt(permittivity)
    step = ((index - 1) / (index + 1)) ** 2
    turn = 2 * math.pi * frequency * index * thickness / speed_of_light
    phases = [turn * (0.75 + 0.05 * k) for k in range(11)]
    powers = [4 * step * math.sin(x) ** 2 / ((1 - step) ** 2 + 4 * step * math.sin(x) ** 2) for x in phases]
    return sum(powers) / len(powers)


def cloth_roughness(cloth: Clothing, frequency: float) -> float:
    """Rms height in m of a skin that scatters as much diffusely as the cloth over it does.

    Cloth hangs off the skin in folds that are deep against the wavelength, so that its own reflection has no phase in
    common with itself: it is the diffuse part. Its power over that of the skin is the share which roughness takes from
    the coherent part at normal incidence, 1 - exp(-(2 k height)^2).
    """
    root = cmath.sqrt(skin_permittivity(frequency))
    share = sheet_reflection(cloth.permittivity, cloth.thickness, frequency) / abs((1 - root) / (1 + root)) ** 2
    wavenumber: float = 2 * math.pi * frequency / speed_of_light
    return math.sqrt(-math.log1p(-share)) / (2 * wavenumber)


def material(name: str, frequency: float = DEFAULT_FREQUENCY) -> Material:
    """A material by name at `frequency` in Hz, of P.2040's or a person's; "cloth:KIND" is skin under that cloth.

    Raises:
        ValueError: there is none of that name.
    """
    skin = skin_permittivity(frequency)
    if name == "metal":
        return Material("metal", None)
    if name == "skin":
        return Material("skin", skin, frequency, roughness=3e-5)
    if name == "hair":
        # The scalp through hair: it scatters, and takes what a thick cloth takes (assumed).
        return Material("hair", skin, frequency, roughness=6e-4, layer_loss=10 ** (-0.4))
    if name == "shoe":
        # Rubber and leather (assumed).
        return Material("shoe", 2.9 - 0.1j, frequency, roughness=3e-4)
    if name.removeprefix("cloth:") in CLOTHING:
        cloth = CLOTHING[name.removeprefix("cloth:")]
        return Material(name, skin, frequency, cloth_roughness(cloth, frequency), 10 ** (-cloth.loss_db / 10))
    if name in _BUILDING:
        a, b, c, d, roughness = _BUILDING[name]
        giga = frequency / 1e9
        loss = c * giga**d / (epsilon_0 * 2 * math.pi * frequency)
        return Material(name, complex(a * giga**b, -loss), frequency, roughness)
    near = difflib.get_close_matches(name, _NAMES, 1, 0.0)[0]
    raise ValueError(f"material: expected one of {', '.join(_NAMES)}, got '{name}' (nearest: '{near}')")


def person_materials(
    region_names: Iterable[str], frequency: float = DEFAULT_FREQUENCY, clothing: str = "cotton"
) -> dict[str, Material]:
    """The material of each region of a person, by the prefix of its name: "skin:hand", "cloth:torso", "hair:head".

    Args:
        region_names: of the body model.
        frequency: Hz at which permittivities are taken.
        clothing: kind of every "cloth:" region (`CLOTHING`).

    Raises:
        ValueError: a region has another prefix, or there is no such clothing.
    """
    if clothing not in CLOTHING:
        raise ValueError(f"clothing: expected one of {', '.join(CLOTHING)}, got '{clothing}'")
    found = {}
    for region in region_names:
        prefix = region.split(":")[0]
        if prefix not in PERSON_PREFIXES:
            raise ValueError(f"region '{region}': expected a prefix out of {', '.join(PERSON_PREFIXES)}")
        found[region] = material(f"cloth:{clothing}" if prefix == "cloth" else prefix, frequency)
    return found
