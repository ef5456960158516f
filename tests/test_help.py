"""What a command's help says of its options, as a terminal shows it."""

import re

import pytest
import typer.main
from typer.testing import CliRunner

from mmsynth.cli import app

COMMANDS = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_word_of_an_options_help_is_shown(name: str) -> None:
    """Rich takes a word in brackets for a style, and leaves it out."""
    shown = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "160"}).output
    words = set(re.sub(r"[│╭╮╰╯─]", " ", shown).split())
    for option in COMMANDS[name].params:
        assert set((getattr(option, "help", "") or "").split()) <= words, option.name
