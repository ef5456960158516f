"""RadHAR across recording days: one command for the figures of RESULTS.md.

python training/radhar.py real radhar.h5
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from mmsynth.datasets import Dataset
from mmsynth.evaluation.protocol import corpus
from mmsynth.evaluation.radhar import all_real
from mmsynth.evaluation.scores import Row, text_table, update_ledger
from mmsynth.training import WindowSettings
from mmsynth.training.fit import commit


def main() -> None:
    """Parse, run, print, and keep the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("experiment", choices=["real"])
    parser.add_argument("recordings", type=Path, help="RadHAR as `mmsynth import radhar` writes it")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ledger", type=Path, default=Path(__file__).with_name("results.json"))
    options = parser.parse_args()
    rows = RUN[options.experiment](options)
    command = f"python training/radhar.py {' '.join(sys.argv[1:])}"
    rows = [replace(r, command=command, commit=commit()) for r in rows]
    print(text_table(rows))
    update_ledger(options.ledger, rows)


def real(options: argparse.Namespace) -> list[Row]:
    """Recordings alone, and the controls."""
    recordings = Dataset.open(options.recordings)
    moving, static = (corpus(recordings, WindowSettings(points=which)) for which in ("moving", "static"))
    return all_real(moving, static, range(options.seeds))


RUN = {"real": real}

if __name__ == "__main__":
    main()
