"""Finds the files that come with mmsynth outside its code: body models, cards, recipes; and which code it is."""

import subprocess
from pathlib import Path

from mmsynth import __version__

_PACKAGE = Path(__file__).parent


def data_folder(folder: str) -> Path:
    """The outer folder `body_models`, `datasets` or `training`, in a source tree or in an installed wheel.

    A wheel carries them in `mmsynth/_data`; a source tree (also an editable install) has them beside the package.

    Raises:
        ValueError: there is no such folder.
    """
    for place in (_PACKAGE / "_data" / folder, _PACKAGE.parent / folder):
        if place.is_dir():
            return place
    raise ValueError(f"data folder: expected '{folder}' beside the package {_PACKAGE}, found none")


def data_file(folder: str, name: str) -> Path:
    """The file `name` of an outer folder.

    Raises:
        ValueError: there is no such file.
    """
    path = data_folder(folder) / name
    if not path.is_file():
        raise ValueError(f"{folder}/{name}: no such file comes with mmsynth (looked in {path.parent})")
    return path


def commit() -> str:
    """The commit of the code where it runs from a checkout, else its version."""
    ask, folder = ["git", "rev-parse", "--short", "HEAD"], _PACKAGE
    try:
        answer = subprocess.run(ask, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return __version__
    return answer.stdout.strip()
