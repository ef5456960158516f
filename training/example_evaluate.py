"""Scoring from Python: a finished run on a labelled data set.

python training/example_evaluate.py RUN_FOLDER DATASET.h5 OUT_FOLDER
"""

import sys

from mmsynth.datasets import Dataset
from mmsynth.evaluation import evaluate
from mmsynth.training import load_run


def main(run: str, data: str, out: str) -> None:
    """Score, write table, figure and JSON, and print the table."""
    with Dataset.open(data) as recordings:
        print(evaluate(load_run(run), recordings, out).text())


if __name__ == "__main__":
    main(*sys.argv[1:])
