"""What a person meets at the terminal: help, errors, exit codes."""

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from build_runs import gazebench

from gazebench import __version__, cli, errors, metrics

COMMANDS = cli.main.list_commands(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_worth_reading(name: str) -> None:
    result = gazebench(name, "--help")
    assert result.exit_code == 0
    assert len(result.output.split()) > 20
    assert "\\b" not in result.output


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_fits_a_screen(name: str) -> None:
    assert gazebench(name, "--help").output.count("\n") <= 50


@pytest.mark.parametrize("name", ["train", "build-dataset"])
def test_help_all_has_every_option_and_help_only_the_usual_ones(name: str) -> None:
    options = [p.opts[-1] for p in _command(name).params if isinstance(p, click.Option)]
    known = [opt for opt in options if opt.startswith("--")]
    short, full = (gazebench(name, flag).output for flag in ("--help", "--help-all"))
    assert all(re.search(rf"^  {option}\b", full, re.M) for option in known)
    hidden = {option for option in known if not re.search(rf"^  {option}\b", short, re.M)}
    assert {"--config"} <= hidden
    assert not {"--method", "--res", "--quiet", "--help-all"} & hidden
    assert short.count("\n") < full.count("\n")


def options(found: click.Command, name: str = "") -> Iterator[tuple[str, str]]:
    """(command, option) of a command and of those below it, as they are typed."""
    if isinstance(found, click.Group):
        for below in found.list_commands(click.Context(found)):
            one = found.get_command(click.Context(found), below)
            assert one
            yield from options(one, f"{name} {below}".strip())
    for option in found.params:
        if isinstance(option, click.Option) and not option.hidden:
            yield name, (option.secondary_opts or option.opts)[0]  # what is not the default


def test_every_option_is_typed_in_some_test() -> None:
    texts = "".join(path.read_text() for path in Path(__file__).parent.glob("*.py"))
    typed = set(re.findall(r"--[a-z][a-z-]*", texts))
    assert [words for words in options(cli.main) if words[1] not in typed] == []


def _command(name: str) -> click.Command:
    found = cli.main.get_command(click.Context(cli.main), name)
    assert found
    return found


def test_help_lists_every_command_once_with_exit_codes() -> None:
    output = gazebench("--help").output
    for name in COMMANDS:
        assert len(re.findall(rf"^  {name} ", output, re.M)) == 1
    assert "Exit codes: 0 done" in output


def test_version() -> None:
    assert __version__ in gazebench("--version").output


def test_a_misspelt_command_is_a_usage_error() -> None:
    assert gazebench("evaluate").exit_code == 2


NO_DATASET = [
    ("verify", "nowhere"),
    ("label", "import", "nowhere", "labels.csv"),
    ("train", "--method", "prgan", "nowhere", "run"),
    ("eval", "nowhere", "runs"),
    ("score", "out", "--dataset", "nowhere"),
]


@pytest.mark.parametrize("words", NO_DATASET, ids=lambda words: words[0])
def test_a_missing_dataset_names_the_command_that_makes_one(words: tuple[str, ...]) -> None:
    result = gazebench(*words)
    assert result.exit_code == 3
    assert "nowhere: no such dataset; run `gazebench build-dataset" in result.output


def test_a_folder_without_dataset_json_is_no_dataset(tmp_path: Path) -> None:
    result = gazebench("eval", tmp_path, tmp_path / "runs")
    assert result.exit_code == 3
    assert "not a finished dataset" in result.output


def test_report_without_runs_names_eval(tmp_path: Path) -> None:
    result = gazebench("report", tmp_path, tmp_path / "board")
    assert result.exit_code == 3
    assert "gazebench eval" in result.output


def test_every_error_has_a_documented_exit_code() -> None:
    kinds = [
        k
        for k in vars(errors).values()
        if isinstance(k, type) and issubclass(k, errors.GazebenchError)
    ]
    table = errors.__doc__ or ""
    for kind in kinds:
        assert kind.__name__ in table
        assert kind is errors.StoppedError or re.search(
            rf"{kind.__name__} +{kind.exit_code}", table
        )
    assert errors.StoppedError(2, "").exit_code == 130
    assert errors.StoppedError(15, "").exit_code == 143


@pytest.mark.parametrize("words", [("metrics",), ("--help",), ("correct", "--help")], ids=" ".join)
def test_output_that_finds_no_space_is_a_sentence_and_its_code(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "gazebench", *words]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 5
    assert done.stderr.startswith("gazebench: the output: no space left")
    assert done.stderr.count("\n") == 1


def test_a_fault_of_ours_is_no_sentence_and_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(metrics, "load")
    done = gazebench("metrics")
    assert done.exit_code == 1
    assert isinstance(done.exception, AttributeError)  # which becomes a traceback


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_is_a_sentence_and_its_code(
    small_dataset: Path, tmp_path: Path, signum: int, code: int
) -> None:
    words = [sys.executable, "-m", "gazebench", "eval", str(small_dataset), str(tmp_path / "runs")]
    running = subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        # a shell starts background jobs with Ctrl-C ignored, and their children inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not (tmp_path / "runs").exists():  # it has begun
        assert running.poll() is None
        time.sleep(0.05)
    said = ""
    while (
        not said and running.poll() is None
    ):  # Python drops a signal that falls into a destructor; a person presses again
        running.send_signal(signum)
        with contextlib.suppress(subprocess.TimeoutExpired):
            _, said = running.communicate(timeout=20)
    assert running.returncode == code
    assert "run the same command again to resume" in said
    assert "Traceback" not in said
