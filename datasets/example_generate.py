"""A synthetic data set from Python: read the demo's recipe, make it smaller, generate, look at one clip.

python datasets/example_generate.py OUT_FOLDER [CLIPS]
"""

import sys
from dataclasses import replace
from pathlib import Path

from mmsynth.datasets import Dataset
from mmsynth.generation import generate, load_recipe
from mmsynth.resources import data_file


def main(out: str, clips: str = "12") -> None:
    """Generate and print what the first clip holds."""
    recipe = replace(load_recipe(data_file("datasets", "demo.toml")), clips=int(clips))
    (path,) = generate(recipe, Path(out), progress=lambda done, total: None, workers=1)
    with Dataset.open(path) as data:
        sample = data[0]
        print(f"{path}: {len(data)} clips; the first: {sample.labels.activity}, {len(sample.cloud.velocity)} points")


if __name__ == "__main__":
    main(*sys.argv[1:])
