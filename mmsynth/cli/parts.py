"""What the scripts in `training/` share: they run a part of RESULTS.md, print its rows and keep them in the ledger."""

import argparse
import sys
from pathlib import Path

from mmsynth.evaluation.scores import Row, signed, text_table, update_ledger


def run_part(parser: argparse.ArgumentParser) -> None:
    """Run the part that the command line names; a mistake of the user is one sentence on stderr and exit code 1.

    Each part sets `run`, a function of the options to rows. A row is kept as soon as it is made, so that one which
    takes hours is not lost with those after it.

    Args:
        parser: of a script in `training/`; it gets the option `--ledger`.
    """
    script = Path(sys.argv[0])
    parser.add_argument("--ledger", type=Path, default=script.with_name("results.json"))
    options = parser.parse_args()
    rows: list[Row] = []
    try:
        for row in options.run(options):
            rows += signed([row], f"training/{script.name}", sys.argv[1:])
            update_ledger(options.ledger, rows[-1:])
            print(f"{row.experiment} {row.value:.3f}", file=sys.stderr, flush=True)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")
    if rows:
        print(text_table(rows))


def show(done: int, total: int) -> None:
    """Progress, a line each on stderr."""
    print(f"{done} of {total}", file=sys.stderr, flush=True)
