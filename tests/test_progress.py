"""Without a terminal, long work says how far it is in plain lines; its last line can be pasted."""

import io
import shlex
import sys
import time

import click
import pytest
from click.testing import CliRunner

from gazebench import progress
from gazebench.cli._words import say_next


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, seconds: float) -> str:
    """What a bar writes for work of about ``seconds``."""
    monkeypatch.setattr(sys, "stderr", stream)
    for _ in progress.bar(range(40), desc="faces", unit="face"):
        time.sleep(seconds / 40)
    return stream.getvalue()


def test_without_a_terminal_there_are_lines_and_no_carriage_returns(monkeypatch) -> None:
    monkeypatch.setattr(progress, "EVERY", 0.1)
    text = drawn(io.StringIO(), monkeypatch, 0.8)
    assert "\r" not in text
    lines = text.splitlines()
    assert 2 <= len(lines) <= 20  # not one for each of the forty
    assert lines[-1].startswith("faces: 100%")
    assert "40/40" in lines[-1]


def test_the_last_line_comes_once(monkeypatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(progress, "EVERY", 0.05)
    monkeypatch.setattr(sys, "stderr", stream)
    with progress.bar(total=1, desc="runs") as shown:
        time.sleep(0.2)
        shown.update()
    assert stream.getvalue().count("100%") == 1


def test_short_work_says_nothing_without_a_terminal(monkeypatch) -> None:
    assert drawn(io.StringIO(), monkeypatch, 0) == ""


def test_in_a_terminal_the_bar_redraws_itself(monkeypatch) -> None:
    assert "\rfaces: 100%" in drawn(Terminal(), monkeypatch, 0)


@pytest.mark.parametrize("folder", ["data", "my data", "it's", "a;b", "$HOME", "*"])
def test_the_next_command_is_quoted_as_a_shell_needs_it(folder: str) -> None:

    @click.command()
    def command() -> None:
        say_next("report", folder, "board")

    line = CliRunner().invoke(command).output.strip()
    said, _, words = line.partition(" ")
    assert said == "next:"
    assert shlex.split(words) == ["gazebench", "report", folder, "board"]
