"""Training from Python: trees on physics features of the clips in a data set.

python training/example_train.py DATASET.h5 OUT_FOLDER
"""

import sys
from pathlib import Path

from mmsynth.training import Recipe, WindowSettings, fit
from mmsynth.training.recipe import Data


def main(data: str, out: str) -> None:
    """Train and print the classes of the run."""
    window = WindowSettings(duration=2.0, step=2.0, points="all")
    recipe = Recipe(data=Data(synthetic=(Path(data),)), model="trees", window=window)
    run = fit(recipe, Path(out), progress=lambda done, total: None)
    print(f"{run.folder}: classes {', '.join(run.classes)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
