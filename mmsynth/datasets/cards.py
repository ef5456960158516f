"""Cards of public data sets: where they come from, what they hold, what is wrong with them, what is missing here."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

from mmsynth import config
from mmsynth.resources import data_file, data_folder


@dataclass(frozen=True)
class Files:
    """A kind of file of a data set.

    Attributes:
        pattern: of their paths, from any folder above them.
        count: how many there are when the download is whole.
        needed: whether the import needs them.
        sha256: digest over all of them (`digest`), of the copy that the card was checked with; "" = not known.
        holds: what they hold.
    """

    pattern: str
    count: int
    holds: str
    needed: bool = True
    sha256: str = ""


@dataclass(frozen=True)
class Card:
    """What is known of a public data set.

    Attributes:
        title: its full name.
        source: where to get it.
        cite: the paper.
        licence: under which it may be used, and for what not.
        radar: profile of `mmsynth.radar`, or "" where there is none that fits.
        device: the radar, in words.
        frame_rate: frames/s.
        subjects: people.
        clips: after import, when the download is whole.
        frames: after import, when the download is whole; 0 = not known.
        activities: their names, as the import gives them.
        joint_set: of the poses; "" = no poses.
        columns: of the published points, and where they go.
        splits: names of the splits that come with mmsynth, the leak-free ones first.
        defects: what is wrong with the data, and how the import handles it.
        checked: what this card was checked against.
        files: what a whole download holds.
    """

    title: str
    source: str
    cite: str
    licence: str
    device: str
    frame_rate: float
    subjects: int
    columns: str
    checked: str
    clips: int
    frames: int = 0
    radar: str = ""
    joint_set: str = ""
    activities: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    defects: tuple[str, ...] = ()
    files: tuple[Files, ...] = field(default_factory=tuple)


def card_names() -> tuple[str, ...]:
    """Names of the cards that come with mmsynth, which are those of the public kinds of `mmsynth import`."""
    return tuple(sorted(p.stem for p in (data_folder("datasets") / "cards").glob("*.toml")))


def load_card(name: str) -> Card:
    """Read a card.

    Raises:
        ValueError: there is no such card.
    """
    if name not in card_names():
        raise ValueError(f"card: expected one of {', '.join(card_names())}, got '{name}'")
    return config.load(Card, data_file("datasets", f"cards/{name}.toml"))


def check_source(card: Card, src: Path | str) -> tuple[str, ...]:
    """Compare a download, in the folder `src` or below, with its card; a sentence for everything that differs.

    Files are read and their contents compared too where the card has their digest and none of them is missing.

    Raises:
        ValueError: there is no such folder.
    """
    src = existing_folder(src)
    lines = []
    for kind in card.files:
        found = _matching(src, kind.pattern)
        missing = "missing" if kind.needed else "missing (not needed)"
        if not found:
            lines.append(f"{missing}: all {kind.count} of {kind.pattern} ({kind.holds})")
        elif len(found) != kind.count:
            word = missing if len(found) < kind.count else "more than published"
            line = f"{word}: {len(found)} of {kind.count} files {kind.pattern} ({kind.holds})"
            above = found[0].parents[kind.pattern.count("/")]
            more = len(_matching(above, kind.pattern)) if src.resolve().is_relative_to(above) else 0
            lines.append(line + (f"; {above} holds {more}" if more > len(found) else ""))
        elif kind.sha256 and digest(found) != kind.sha256:
            lines.append(f"different: {kind.pattern} ({kind.holds}) are not the files that the card was checked with")
    return tuple(lines)


def existing_folder(src: Path | str) -> Path:
    """The folder as a path.

    Raises:
        ValueError: there is none.
    """
    if not Path(src).is_dir():
        raise ValueError(f"{src}: no such folder")
    return Path(src)


def is_apple_double(name: str) -> bool:
    """Whether a file is none of the data, but what macOS adds to an archive beside each of its files: "._NAME"."""
    return Path(name).name.startswith("._")


def _matching(src: Path, pattern: str) -> list[Path]:
    """Files in a folder or below whose whole paths end as the pattern says: the folder may be one that it names."""
    named = src.resolve().rglob(pattern.rpartition("/")[2])
    found = (p for p in named if p.match(pattern) and p.is_file() and not is_apple_double(p.name))
    return sorted(found, key=lambda p: p.as_posix())


def digest(files: list[Path]) -> str:
    """SHA-256 over the names (with the folder they lie in) and contents of files, whatever their order.

    It is that of the sorted lines "SHA-256 of the content, two blanks, FOLDER/NAME", each ended by a line feed.
    """
    lines = []
    for path in files:
        with open(path, "rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {path.parent.name}/{path.name}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
