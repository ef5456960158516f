"""The commands: they parse, call and print. Each verb is importable Python too; what a verb does stands in its room."""

import sys

# In the order of the help text: each adds its commands to the app.
from mmsynth.cli import data, models, show  # noqa: F401
from mmsynth.cli.shared import IMPORTS as IMPORTS
from mmsynth.cli.shared import app, console


def main() -> None:
    """Run a command; a mistake of the user is one sentence on stderr and exit code 1."""
    try:
        app(prog_name="mmsynth")
    except (ValueError, OSError) as error:
        text = str(error).removeprefix(f"[Errno {error.errno}] ") if isinstance(error, OSError) else str(error)
        console.print(f"error: {text}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
