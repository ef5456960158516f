"""Finds the files that come with mmsynth outside its code: body models, cards, recipes."""

from pathlib import Path

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
