"""A small recipe, and what tells whether two files are the same."""

import hashlib
from dataclasses import replace
from pathlib import Path

from mmsynth.generation.recipe import Recipe

TEXT = """
name = "small"
radar = "IWR1443BOOST/radhar"
clips = 4
seconds = 0.1
seed = 3
noise_draws = 2

[[activities]]
label = "walk"
motion = "walk"

[[activities]]
label = "jack"
motion = "jack"

[subjects]
count = 2
body = "free-low"

[placement]
distance = [1.9, 2.1]
bearing_deg = [20, 22]

[outputs]
heatmaps = ["range_doppler"]
"""


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def several(recipe: Recipe) -> Recipe:
    """The recipe for a second radar too, whose frames are longer and further apart."""
    return replace(recipe, radar=("IWR1443BOOST/radhar", "IWR1443BOOST/mars"), clips=2, noise_draws=1, seconds=0.12)
