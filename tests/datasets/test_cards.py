"""Cards of public data sets: readable, true to the importers, and able to say what is missing."""

from pathlib import Path

import pytest

from mmsynth.datasets import load_split, split_names
from mmsynth.datasets.cards import Card, Files, card_names, check_source, digest, load_card
from mmsynth.datasets.importers import PUBLIC
from mmsynth.joints import JOINT_SETS
from mmsynth.radar import load_radar


def test_a_card_for_every_public_reader() -> None:
    assert set(card_names()) == set(PUBLIC)


@pytest.mark.parametrize("name", card_names())
def test_what_a_card_names_is_there(name: str) -> None:
    card = load_card(name)
    assert not card.joint_set or card.joint_set in JOINT_SETS
    assert [load_split(split).dataset for split in card.splits] == [name] * len(card.splits)
    assert card.files and card.defects
    if card.radar:
        assert load_radar(card.radar).radar.waveform.frame_period == pytest.approx(1 / card.frame_rate, rel=1e-4)


def test_every_split_belongs_to_a_card() -> None:
    assert sorted(split for name in card_names() for split in load_card(name).splits) == list(split_names())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for folder in ("a", "b"):
        (tmp_path / "deep" / folder).mkdir(parents=True)
        (tmp_path / "deep" / folder / "x.txt").write_text(folder)
    return tmp_path


def card(*files: Files) -> Card:
    return Card("t", "s", "c", "l", "d", 10.0, 1, "x", "y", 2, files=files)


def test_a_whole_download_passes(source: Path) -> None:
    there = sorted(source.rglob("x.txt"))
    kind = Files("[ab]/x.txt", 2, "text", sha256=digest(there))
    assert check_source(card(kind), source) == ()
    # In whatever order and under whatever folder it lies.
    moved = source.rename(source.with_name("moved"))
    assert digest(sorted(moved.rglob("x.txt"), reverse=True)) == kind.sha256


def test_what_is_missing_or_different_is_said(source: Path) -> None:
    kind = Files("[ab]/x.txt", 2, "text", sha256=digest(sorted(source.rglob("x.txt"))))
    assert check_source(card(Files("c/*.txt", 7, "other text")), source) == ("missing: all 7 of c/*.txt (other text)",)
    (source / "deep" / "a" / "x.txt").write_text("A")
    (line,) = check_source(card(kind), source)
    assert line.startswith("different: [ab]/x.txt (text)")
    (source / "deep" / "a" / "x.txt").unlink()
    assert check_source(card(kind), source) == ("missing: 1 of 2 files [ab]/x.txt (text)",)
    assert check_source(card(Files("b/*.txt", 0, "none")), source)[0].startswith("more than published: 1 of 0")
    with pytest.raises(ValueError, match="no such folder"):
        check_source(card(kind), source / "nowhere")


def test_a_folder_too_deep_is_told_which_one_is_meant(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / "Train" / folder).mkdir(parents=True)
        (tmp_path / "Train" / folder / "x.txt").write_text(folder)
    asked = card(Files("Train/*/*.txt", 2, "takes"))
    assert check_source(asked, tmp_path / "Train") == ()
    (line,) = check_source(asked, tmp_path / "Train" / "a")
    assert line == f"missing: 1 of 2 files Train/*/*.txt (takes); {tmp_path} holds 2"


def test_no_such_card() -> None:
    with pytest.raises(ValueError, match="expected one of mars, milipoint"):
        load_card("radar")


@pytest.mark.real
def test_the_packs_agree_with_their_cards(real_data: Path) -> None:
    # Of RadHAR the test takes are not in the pack, of MARS the fourth subject.
    assert check_source(load_card("radhar"), real_data / "radhar") == (
        "missing (not needed): all 55 of Test/*/*.txt (test takes, 20 s each)",
    )
    (line,) = check_source(load_card("mars"), real_data / "mars")
    assert line.startswith("missing: 30 of 40 files subject[1-4]/radar_data*.mat")
