"""The doctor finds what is wrong and says how to mend it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from gazebench import cli, doctor


@pytest.fixture(scope="module")
def findings() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine(Path.cwd())}


def test_the_parts_that_matter_are_looked_at(findings: dict[str, doctor.Finding]) -> None:
    assert {"python", "torch", "torchvision", "opencv", "extra label"} <= set(findings)
    assert any(name.startswith("weights ") for name in findings)
    assert any(name.startswith("disk ") for name in findings)


def test_this_machine_is_ready(findings: dict[str, doctor.Finding]) -> None:
    assert [f.text for f in findings.values() if f.state == "bad"] == []


def test_all_that_is_not_fine_names_its_mend(findings: dict[str, doctor.Finding]) -> None:
    assert all(f.fix for f in findings.values() if f.state != "ok")


def test_two_opencv_builds_are_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("opencv_python", "opencv_python_headless"):
        folder = tmp_path / f"{name}-4.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Name: {name.replace('_', '-')}\nVersion: 4.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    found = next(f for f in doctor.examine(tmp_path) if f.name == "opencv")
    assert found.state == "bad"
    assert "pip uninstall -y opencv-python opencv-python-headless" in found.fix


def test_a_torch_that_does_not_load_is_bad_with_a_remedy() -> None:
    def look() -> str:
        raise OSError("libcudart.so: cannot open shared object file\nmore lines")

    found = doctor._tried("torch", look, "python -m pip install torch")
    assert (found.state, found.fix) == ("bad", "python -m pip install torch")
    assert found.text == "does not work: libcudart.so: cannot open shared object file"


def test_every_finding_starts_in_the_same_column(findings: dict[str, doctor.Finding]) -> None:
    said = CliRunner().invoke(cli.main, ["doctor"]).output
    starts = {line.index(f.text) for f in findings.values() for line in said.splitlines()
              if line[6:].startswith(f"{f.name} ") and f.text in line}  # fmt: skip
    assert len(starts) == 1
