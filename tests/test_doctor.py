"""The doctor finds what is wrong and says how to mend it."""

import re
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gazebench import cli, doctor
from gazebench.cli.doctor import lines

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def findings() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(Path.cwd())}


def test_the_parts_that_matter_are_looked_at(findings: dict[str, doctor.Finding]) -> None:
    assert {"python", "torch", "torchvision", "opencv", "extra label"} <= set(findings)
    assert {"dlib", "pyvips", "ai_edge_litert", "imagecodecs"} <= set(findings)
    assert any(name.startswith("weights ") for name in findings)
    assert any(name.startswith("disk ") for name in findings)


def test_this_machine_is_ready(findings: dict[str, doctor.Finding]) -> None:
    assert [f.text for f in findings.values() if f.state == "bad"] == []


def test_all_that_is_not_fine_names_its_mend(findings: dict[str, doctor.Finding]) -> None:
    assert all(f.fix for f in findings.values() if f.state != "ok")


def test_every_extra_is_looked_at(findings: dict[str, doctor.Finding]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"].keys() - {"dev"}
    assert doctor.EXTRAS.keys() == extras
    assert {f"extra {extra}" for extra in extras} <= set(findings)
    needed = {re.split(r"[<>=]", dependency)[0] for dependency in project["dependencies"]}
    assert doctor.NATIVE.keys() <= needed


BROKEN = {
    "raise ImportError('libGL.so.1: cannot open shared object file: No such file or directory')": (
        "ImportError: libGL.so.1: cannot open shared object file",
        "install your system's package that has libGL.so.1",
    ),
    "import os, signal; os.kill(os.getpid(), signal.SIGILL)": ("ended by SIGILL", "pip install"),
    "raise SystemExit(3)": ("exit code 3", "pip install"),
}


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_installed_and_cannot_be_imported_is_bad(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_here.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))  # of the process that imports it
    sentence, fix = BROKEN[text]
    for found in (
        doctor._native("broken-here", "broken_here"),
        doctor._extra("label", ("broken_here",)),
    ):
        assert found.state == "bad"
        assert "does not work: " in found.text
        assert sentence in found.text
        assert fix in found.fix


def test_files_of_this_folder_are_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "imagecodecs.py").write_text("raise RuntimeError('mine')")
    monkeypatch.chdir(tmp_path)
    assert doctor._native("imagecodecs", "imagecodecs").state == "ok"


def test_a_broken_extra_is_installed_again_by_the_name_of_its_package() -> None:
    assert doctor._packages(("pyarrow.parquet", "pillow_heif")) == "pyarrow pillow_heif"


def test_a_folder_for_weights_that_cannot_be_used_is_a_finding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GAZEBENCH_WEIGHTS", f"/tmp/{'x' * 320}/weights")
    found = doctor._cache()
    assert (found.state, found.fix) == ("bad", "export GAZEBENCH_WEIGHTS=FOLDER")
    assert "File name too long" in found.text


def test_what_is_not_installed_is_a_note_for_an_extra_and_bad_for_what_is_needed() -> None:
    absent = doctor._extra("study", ("no_such_thing", "uvicorn"))
    assert (absent.state, absent.text) == ("note", "no_such_thing is not installed")
    assert doctor._native("no-such-thing", "no_such_thing").state == "bad"


def test_two_opencv_builds_are_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("opencv_python", "opencv_python_headless"):
        folder = tmp_path / f"{name}-4.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name.replace('_', '-')}\nVersion: 4.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = doctor._opencv()
    assert found.state == "bad"
    assert "pip uninstall -y opencv-python opencv-python-headless" in found.fix


def test_a_torch_that_does_not_load_is_bad_with_a_remedy() -> None:
    def look() -> str:
        raise OSError("libcudart.so: cannot open shared object file\nmore lines")

    found = doctor._tried("torch", look, "python -m pip install torch")
    assert (found.state, found.fix) == ("bad", "python -m pip install torch")
    assert found.text == "does not work: libcudart.so: cannot open shared object file"


def test_every_finding_starts_in_the_same_column(findings: dict[str, doctor.Finding]) -> None:
    said = [click.unstyle(line) for line in lines(list(findings.values()))]
    texts = {f.name: f.text for f in findings.values()}
    starts = [line.index(texts[name]) for name in texts for line in said if f"  {name} " in line]
    assert len(starts) >= len(texts)
    assert len(set(starts)) == 1


@pytest.mark.long
def test_the_command_prints_the_findings_and_whether_all_is_there() -> None:
    done = CliRunner().invoke(cli.main, ["doctor"])
    assert done.exit_code == 0, done.output
    assert "ok    dlib " in done.output
    assert done.output.endswith("everything that is needed is installed\n")
