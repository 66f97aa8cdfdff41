"""A method that fails, in whatever way, is one line of the evaluation and not its end."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from test_evaluate import ODD_METHOD

from gazebench import cli
from gazebench.cards import MethodCard, MetricCard, checked
from gazebench.errors import InputError
from gazebench.evaluation.correct import faults_of
from gazebench.pipeline._processes import Task, _Crew

IMAGE = torch.zeros(2, 3, 8, 8)

ANSWERS = {
    "ndarray, no tensor": np.zeros((2, 3, 8, 8), np.float32),
    "NoneType, no tensor": None,
    "dtype torch.float64": IMAGE.double(),
    "dtype torch.uint8": IMAGE.byte(),
    "dtype torch.complex64": IMAGE.to(torch.complex64),
    "layout torch.sparse_coo": IMAGE.to_sparse(),
    "device meta": IMAGE.to("meta"),
    "shape (2, 3, 8)": IMAGE[..., 0],
    "not finite": IMAGE / 0,
    "values as large as 255": IMAGE + 255,
}


@pytest.mark.parametrize("fault", ANSWERS)
def test_what_a_method_returns_is_checked(fault: str) -> None:
    assert fault in next(faults_of(ANSWERS[fault], IMAGE))


@pytest.mark.parametrize(
    "image", [IMAGE, IMAGE + 1.5, IMAGE.to(memory_format=torch.channels_last), IMAGE.mT]
)
def test_plain_images_pass(image: torch.Tensor) -> None:
    assert not list(faults_of(image, IMAGE))


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("a text", "its card is a str, no MethodCard"),
        (MetricCard(title="M", higher_is_better=True), "its card is a MetricCard, no MethodCard"),
        (MethodCard(title=5), "card.title = 5"),  # type: ignore[arg-type]
        (MethodCard(title="A", kind="best"), "card.kind = 'best'"),  # type: ignore[arg-type]
        (MethodCard(title="A", year="2020"), "card.year = '2020'"),  # type: ignore[arg-type]
        (MethodCard(title="A \udcff"), "is not text in UTF-8"),
    ],
)
def test_cards_are_validated(card: object, said: str) -> None:
    with pytest.raises(InputError) as caught:
        checked(card, MethodCard, "mine")
    assert str(caught.value).startswith("mine: ")
    assert said in str(caught.value)


def odd(folder: Path, name: str, **parts: str) -> Path:
    text = ODD_METHOD.format(name=name, **{"init": "pass", "correct": "batch.image", **parts})
    (folder / f"{name}.py").write_text(f"import os, signal\n{text}")
    return folder / f"{name}.py"


@pytest.mark.long
def test_a_method_that_takes_its_process_down_is_a_line_and_exit_code_4(
    dataset: Path, tmp_path: Path
) -> None:
    exits = odd(tmp_path, "exits", correct="os._exit(0)")
    killed = odd(tmp_path, "killed", init="os.kill(os.getpid(), signal.SIGKILL)")
    words = ["eval", dataset, tmp_path / "runs", "--method", exits, "--method", killed]
    words += ["--metric", "seam_eyes"]
    done = CliRunner().invoke(cli.main, [*map(str, words), "--quiet", "--device", "cpu"])
    assert done.exit_code == 4, done.output
    assert f"{exits}: it ended its process with exit code 0, without a word" in done.output
    assert f"{killed}: its process was ended by SIGKILL" in done.output


def test_what_a_file_raises_or_returns_is_a_line_too(dataset: Path, tmp_path: Path) -> None:
    wrong = odd(tmp_path, "wrong", correct="batch.image.double()")
    words = ["eval", dataset, tmp_path / "runs", "--method", wrong, "--metric", "seam_eyes"]
    done = CliRunner().invoke(cli.main, [*map(str, words), "--quiet", "--device", "cpu"])
    assert done.exit_code == 4, done.output
    assert "wrong: wrong returned images of dtype torch.float64, expected torch.float32" in (
        done.output
    )
    row = json.loads((tmp_path / "runs" / "wrong" / "scores.json").read_text())
    assert row["scores"] == {}
    assert not row["ranked"]


def test_a_dataset_without_test_portraits_is_the_datasets_fault(
    dataset: Path, tmp_path: Path
) -> None:
    (dataset / "labels.csv").write_text("id,label\n")
    words = ["eval", dataset, tmp_path / "runs", "--method", odd(tmp_path, "mine")]
    done = CliRunner().invoke(cli.main, [*map(str, words)])
    assert done.exit_code == 3
    assert "no test portrait is labelled Y" in done.output


@pytest.mark.long
def test_two_at_once_score_as_one_after_the_other(dataset: Path, tmp_path: Path) -> None:
    methods = ["--method", "identity", "--method", "eye_bank"]
    metrics = ["--metric", "harm_lpips", "--metric", "seam_eyes"]
    for runs, workers in (("one", "1"), ("two", "2")):
        words = ["eval", dataset, tmp_path / runs, *methods, *metrics, "--workers", workers]
        done = CliRunner().invoke(cli.main, [*map(str, words), "--quiet", "--device", "cpu"])
        assert done.exit_code == 0, done.output
        assert [line.partition(":")[0] for line in done.output.splitlines()[:2]] == methods[1::2]
    for run in methods[1::2]:
        texts = [(tmp_path / runs / run / "scores.json").read_text() for runs in ("one", "two")]
        one, two = (json.loads(text)["scores"] for text in texts)
        assert one.keys() == two.keys()
        measured = one.keys() - {"fps"}
        assert len(measured) >= 5
        assert {k: one[k]["value"] for k in measured} == pytest.approx(
            {k: two[k]["value"] for k in measured}
        )
    request = {"dataset": str(dataset), "runs": str(tmp_path / "one"), "quiet": True}
    task = Task(methods=("all",), run="eye_bank")
    report = _Crew(request, 1)._report(task, {"error": "it died"}, time.time_ns())
    assert report.failures == ("eye_bank: it died",)
    for run in methods[1::2]:  # scores that are there stay, and say so
        row = json.loads((tmp_path / "one" / run / "scores.json").read_text())
        assert row["scores"]
        assert any("it died" in note for note in row["notes"]) == (run == "eye_bank")


@pytest.mark.long
def test_a_process_that_died_while_it_waited_is_not_asked_again(
    dataset: Path, tmp_path: Path
) -> None:
    request = {"dataset": str(dataset), "runs": str(tmp_path), "metrics": ["seam_eyes"]}
    crew = _Crew({**request, "shipped": False, "device": "cpu", "quiet": True, "command": ""}, 1)
    with closing(crew):
        for run in ("identity", "eye_bank"):
            report = crew.evaluate(Task(methods=("identity", "eye_bank"), run=run))
            assert [result.run for result in report.results] == [run]
            crew._all[-1]._process.kill()
            crew._all[-1]._process.wait()
        assert len(crew._all) == 2


@pytest.mark.long
def test_a_death_among_several_at_once_is_a_line_and_takes_no_other_with_it(
    dataset: Path, tmp_path: Path
) -> None:
    exits = odd(tmp_path, "exits", correct="os._exit(7)")
    wrong = odd(tmp_path, "wrong", correct="batch.image.double()")
    asks = odd(tmp_path, "asks", correct="input()")
    stays = odd(tmp_path, "stays", init="signal.signal(signal.SIGTERM, signal.SIG_IGN)")
    words = ["eval", dataset, tmp_path / "runs", "--metric", "seam_eyes", "--workers", "2"]
    for method in (exits, wrong, asks, stays, "identity", "eye_bank"):
        words += ["--method", method]
    done = CliRunner().invoke(cli.main, [*map(str, words), "--quiet", "--device", "cpu"])
    assert done.exit_code == 4, done.output
    assert "it ended its process with exit code 7, without a word" in done.output
    assert "wrong returned images of dtype torch.float64" in done.output
    assert "EOFError" in done.output
    for run in ("stays", "identity", "eye_bank"):
        row = json.loads((tmp_path / "runs" / run / "scores.json").read_text())
        assert row["scores"]["seam_eyes"]["n"] > 0


@pytest.mark.long
@pytest.mark.parametrize(
    ("end", "more"),
    [
        (signal.SIGKILL, []),
        (signal.SIGTERM, ["--method", "identity", "--workers", "2"]),
        (signal.SIGINT, ["--method", "identity", "--workers", "2"]),
    ],
)
def test_a_process_of_a_method_ends_with_the_evaluation(
    end: int, more: list[str], dataset: Path, tmp_path: Path
) -> None:
    sleeps = odd(
        tmp_path,
        "sleeps",
        init="signal.signal(signal.SIGTERM, signal.SIG_IGN); import time; "
        f"open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}}.'); time.sleep(300)",
    )
    words = ["eval", dataset, tmp_path / "runs", "--method", sleeps, *more]
    words += ["--metric", "seam_eyes", "--device", "cpu", "--quiet"]
    command = [sys.executable, "-m", "gazebench", *map(str, words)]
    heard = partial(signal.signal, signal.SIGINT, signal.default_int_handler)  # else as pytest's is
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=heard) as parent:
        method = int(_soon(lambda: _text(tmp_path / "pid").removesuffix(".")))
        assert method != parent.pid
        parent.send_signal(end)
    assert _soon(lambda: not _is_alive(method))


def _text(path: Path) -> str:
    text = path.read_text() if path.exists() else ""
    return text if text.endswith(".") else ""


def _is_alive(process: int) -> bool:
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def _soon(ask: Callable[[], Any], seconds: float = 60) -> Any:
    """The first answer that is true."""
    until = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < until, "too late"
        time.sleep(0.05)
    return answer
