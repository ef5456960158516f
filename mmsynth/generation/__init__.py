"""From a recipe to a data set: draws people and places, runs the line for each clip, on worker processes."""

from mmsynth.generation.cost import Estimate as Estimate
from mmsynth.generation.cost import estimate as estimate
from mmsynth.generation.load import load_recipe as load_recipe
from mmsynth.generation.load import resolve_radar as resolve_radar
from mmsynth.generation.recipe import Recipe as Recipe
from mmsynth.generation.remarks import remarks as remarks
from mmsynth.generation.run import generate as generate
