"""Cloth: a sheet whose own reflection is the diffuse part of what it covers."""

import cmath
import math

import numpy as np
import pytest
from oracles import fresnel_power, slab_power
from scipy.constants import speed_of_light

from mmsynth.scene import CLOTHING, material, person_materials
from mmsynth.scene.materials import sheet_reflection, skin_permittivity


def test_a_thin_sheet_reflects_as_its_currents_do():
    # The polarisation currents of a sheet thin against the wavelength radiate k d (eps - 1) / 2 each way; a mean over
    # the thickness +-25 % is 1 + 0.025 times the square. Left: the slab's own thickness, (k n d)^2 / 3 = 0.2 %.
    frequency, thickness = 60e9, 5e-5
    current = 2 * math.pi * frequency / speed_of_light * thickness * 0.6 / 2
    assert sheet_reflection(1.6, thickness, frequency) == pytest.approx(1.025 * current**2, rel=5e-3)


def test_a_sheet_never_reflects_more_than_a_quarter_wavelength_of_it():
    # There the two faces add up: 2 r / (1 + r^2).
    step = (math.sqrt(1.7) - 1) / (math.sqrt(1.7) + 1)
    most = (2 * step / (1 + step**2)) ** 2
    powers = [sheet_reflection(1.7, 1e-4 * k, 77e9) for k in range(1, 60)]
    assert 0.8 * most < max(powers) < most and min(powers) > 0


@pytest.mark.parametrize("frequency", [60e9, 77e9])
@pytest.mark.parametrize("kind", sorted(CLOTHING))
def test_the_diffuse_part_of_a_cloth_is_what_the_cloth_itself_reflects(kind, frequency):
    worn = person_materials(["cloth:torso"], frequency, kind)["cloth:torso"]
    root = cmath.sqrt(skin_permittivity(frequency))
    skin = abs((1 - root) / (1 + root)) ** 2
    share = 1 - math.exp(-((4 * math.pi * frequency / speed_of_light * worn.roughness) ** 2))
    cloth = CLOTHING[kind]
    assert skin * share == pytest.approx(sheet_reflection(cloth.permittivity, cloth.thickness, frequency), rel=1e-6)
    # Nearly transparent: the skin's own reflection stays the greater part of the return.
    assert 0.005 < share < 0.3


@pytest.mark.parametrize(
    ("name", "thickness", "most", "least"),
    [
        ("concrete", 150, 0.01, 0.0),
        ("wood", 40, 0.2, 0.0),
        ("plasterboard", 25, 0.9, 0.0),
        ("chipboard", 18, 0.9, 0.0),
        ("plasterboard", 12.5, 2.4, 1.0),
        ("plywood", 18, 2.5, 1.0),
        ("glass", 6, 4.4, 1.0),
        ("glass", 4, 6.6, 1.0),
        ("ceiling_board", 15, 7.8, 1.0),
    ],
)
def test_a_board_reflects_as_its_front_alone_within(name, thickness, most, least):
    """The simulator's walls have no back: by how many dB that errs at most over 60 to 64 and 77 to 81 GHz."""
    apart = []
    for frequency in [*np.linspace(60e9, 64e9, 101), *np.linspace(77e9, 81e9, 101)]:
        eps = material(name, frequency).permittivity
        board = slab_power(eps, 1e-3 * thickness, speed_of_light / frequency)
        apart.append(abs(10 * math.log10(board / fresnel_power(eps, 0.0, "te"))))
    assert least <= max(apart) < most


def test_more_scatters_under_rough_cloth_than_on_bare_skin():
    assert material("skin").roughness < min(material(f"cloth:{kind}").roughness for kind in CLOTHING)


def test_skin_is_the_published_one_also_where_it_conducts():
    # Dry skin, relative permittivity and S/m of the IFAC's tables of Gabriel's model, which have five digits (60 and 77
    # GHz: test_rooms.py).
    for frequency, real, siemens in ((1e5, 1119.2, 4.5128e-4), (1e9, 40.936, 0.89977), (1e10, 31.29, 8.0138)):
        found = skin_permittivity(frequency)
        assert found.real == pytest.approx(real, rel=1e-4)
        assert -found.imag * 2 * math.pi * frequency * 8.8541878e-12 == pytest.approx(siemens, rel=1e-4)


def test_losses_of_cloth_and_hair_are_two_way_powers_in_db():
    for kind, cloth in CLOTHING.items():
        worn = person_materials(["cloth:torso"], clothing=kind)["cloth:torso"]
        assert -10 * math.log10(worn.layer_loss) == pytest.approx(cloth.loss_db)
    assert -10 * math.log10(material("hair").layer_loss) == pytest.approx(4)
    assert material("skin").layer_loss == 1
