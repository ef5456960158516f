"""What bodies there are: their cards (outer folder `body_models/`), and which of their files are here."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from mmsynth.body_models.load import FREE, licensed_folder
from mmsynth.body_models.smplx import FAMILIES, GENDERS, find_file
from mmsynth.config import load
from mmsynth.resources import data_folder


@dataclass(frozen=True)
class CardFile:
    """One file of a body model; `sha256` is empty where its owner may change it."""

    name: str
    vertices: int
    faces: int
    sha256: str = ""


@dataclass(frozen=True)
class Card:
    """What there is to know of a body model before it is used.

    Attributes:
        name: its name for `load_body`.
        title: in one line.
        licence: of the model.
        page: where it comes from.
        download: the file to download there; empty = it comes with mmsynth.
        cite: the publication.
        joints: how many.
        betas: most shape coefficients that it takes.
        files: of the model.
        note: what else.
    """

    name: str
    title: str
    licence: str
    page: str
    download: str
    cite: str
    joints: int
    betas: int
    files: tuple[CardFile, ...]
    note: str = ""


@dataclass(frozen=True)
class BodyStatus:
    """A body model, and whether it can be loaded on this machine.

    Attributes:
        name: its name for `load_body`.
        card: licence, source, files and how to cite it.
        available: whether it can be loaded.
        found: its files here.
        missing: in a sentence, what is not here and what to do; empty when all is.
    """

    name: str
    card: Card
    available: bool
    found: tuple[Path, ...]
    missing: str


def load_cards() -> dict[str, Card]:
    """The cards by name.

    Raises:
        ValueError: a card is not as `Card` has it.
    """
    cards = [load(Card, path) for path in sorted(data_folder("body_models").glob("*.toml"))]
    return {card.name: card for card in cards}


def list_bodies(folder: Path | None = None) -> tuple[BodyStatus, ...]:
    """Every body model, whether it is here, and what is missing; `folder` is where licensed files lie."""
    cards = load_cards()
    free = tuple(_free(name, cards["free"]) for name in FREE)
    return free + tuple(_licensed(name, cards[name], folder or licensed_folder()) for name in FAMILIES)


def _free(name: str, card: Card) -> BodyStatus:
    path = data_folder("body_models") / f"{name}.npz"
    file = next(f for f in card.files if f.name == path.name)
    if not path.is_file():
        return BodyStatus(name, card, False, (), f"{path.name} is not in {path.parent}: reinstall mmsynth")
    if hashlib.sha256(path.read_bytes()).hexdigest() != file.sha256:
        return BodyStatus(name, card, True, (path,), f"{path.name} is not the file of its card (sha256 differs)")
    return BodyStatus(name, card, True, (path,), "")


def _licensed(name: str, card: Card, folder: Path) -> BodyStatus:
    found, missing = [], []
    for gender in GENDERS:
        try:
            found.append(find_file(FAMILIES[name], folder, gender))
        except ValueError as error:
            missing.append((gender, str(error)))
    if not found:
        return BodyStatus(name, card, False, (), missing[0][1])
    without = f"no file of {' and '.join(g for g, _ in missing)} below {folder}" if missing else ""
    return BodyStatus(name, card, True, tuple(found), without)
