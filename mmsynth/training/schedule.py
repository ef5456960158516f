"""Which windows a step of a training takes, and at which learning rate."""

import math

import numpy as np

from mmsynth.training.material import TrainingMaterial
from mmsynth.training.recipe import Recipe
from mmsynth.training.windows import Windows, concatenate


def stages(recipe: Recipe, material: TrainingMaterial) -> bool:
    """Whether synthetic windows are trained on before recordings."""
    return recipe.data.schedule == "pretrain" and material.staged


def tuning(recipe: Recipe, material: TrainingMaterial, step: int) -> bool:
    """Whether the last stage has begun."""
    return step > (recipe.optimise.pretrain_steps if stages(recipe, material) else 0)


def draw_windows(recipe: Recipe, material: TrainingMaterial, step: int, draw: np.random.Generator) -> Windows:
    """Windows of a step, `optimise.batch` of them: synthetic, real or both, each with activities in equal numbers."""
    size, share = recipe.optimise.batch, recipe.data.synthetic_share
    if stages(recipe, material):
        share = 1.0 if step < recipe.optimise.pretrain_steps else 0.0
    elif material.real is None or material.synthetic is None:
        share = 1.0 if material.real is None else 0.0
    wanted = ((material.synthetic, round(share * size)), (material.real, size - round(share * size)))
    return concatenate([w.take(draw.choice(len(w), n, p=w.evenly)) for w, n in wanted if w is not None and n])


def rate(recipe: Recipe, material: TrainingMaterial, step: int) -> float:
    """Learning rate: linear warm-up, then a cosine to zero; once more, and lower, after pre-training."""
    settings = recipe.optimise
    first, last, peak = 0, settings.steps, settings.rate
    if stages(recipe, material):
        if step < settings.pretrain_steps:
            last = settings.pretrain_steps
        else:
            first, peak = settings.pretrain_steps, settings.rate * settings.finetune_rate
    done = (step - first) / (last - first)
    return peak * min(1.0, (step - first + 1) / (settings.warmup + 1)) * 0.5 * (1 + math.cos(math.pi * done))
