import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from build_runs import FLAGS, build, interrupted, many, tree_hash
from portrayers import Portrayer, Unmounted

from gazebench.curation import cluster
from gazebench.curation.portraitist import BuildOutcome
from gazebench.curation.workers import Portraying
from gazebench.errors import GazebenchError, InputError, MissingPartError
from gazebench.sources import SourceFace

has_dask = importlib.util.find_spec("distributed") is not None
needs_dask = pytest.mark.skipif(
    not has_dask and "CI" not in os.environ, reason="dask[distributed] is not installed"
)
pytestmark = pytest.mark.long  # schedulers and workers take seconds to begin
FACES = [SourceFace(id=f"{n:03}", name=f"{n:03}.jpg", path=Path(f"{n:03}.jpg")) for n in range(20)]


def outcomes(
    portraying: Portraying, faces: Sequence[SourceFace], address: str, **options: Any
) -> Iterator[BuildOutcome]:
    return cluster.outcomes(portraying, iter(faces), len(faces), address, **options)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture(scope="module")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a scheduler with one worker, in processes of their own in another folder."""
    address = f"tcp://127.0.0.1:{free_port()}"
    folder = tmp_path_factory.mktemp("elsewhere")
    place = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
    worker = [address, "--nthreads", "2", "--no-dashboard", "--local-directory", str(folder)]
    with _running("scheduler", place, folder), _running("worker", worker, folder):
        yield address


@contextlib.contextmanager
def _running(part: str, words: list[str], folder: Path) -> Iterator[None]:
    command = [sys.executable, "-m", f"distributed.cli.dask_{part}", *words]
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    with (folder / f"{part}.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, "PYTHONPATH": path}, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


@needs_dask
def test_a_cluster_changes_no_byte(faces: Path, tmp_path: Path) -> None:
    (faces / "page.jpg").write_text("<html>")
    build(faces, tmp_path / "here")
    done = build(faces, tmp_path / "there", "--cluster", "local:2")
    assert "13 found = 12 portraits" in done.output
    assert tree_hash(tmp_path / "there") == tree_hash(tmp_path / "here")


@needs_dask
def test_a_scheduler_elsewhere_gets_the_same(faces, tmp_path, scheduler: str, monkeypatch) -> None:
    monkeypatch.chdir(faces.parent)
    build(faces, tmp_path / "here", "--limit", 5)
    done = build(Path("faces"), tmp_path / "there", "--limit", 5, "--cluster", scheduler)
    assert done.exit_code == 0, done.output
    assert tree_hash(tmp_path / "there") == tree_hash(tmp_path / "here")


@needs_dask
@pytest.mark.parametrize(
    ("fate", "reason"),
    [("is killed", "worker_crash"), ("hangs", "timeout"), ("raises", "worker_crash")],
)
def test_a_bad_picture_costs_only_itself(fate: str, reason: str) -> None:
    found = list(outcomes(Portrayer(fate, ("003",)), FACES, "local:2", seconds=0.5))
    assert sorted(o.id for o in found) == [face.id for face in FACES]  # none lost, none doubled
    assert {o.id: o.reason for o in found if o.reason} == {"003": reason}


@needs_dask
def test_an_error_of_ours_ends_the_run_with_its_sentence(scheduler: str) -> None:
    with pytest.raises(MissingPartError, match="weights fetch x"):
        list(outcomes(Portrayer("lacks its model", ("002",)), FACES, scheduler))


@needs_dask
def test_a_stopped_cluster_build_goes_on(faces: Path, tmp_path: Path) -> None:
    pictures = many(sorted(faces.iterdir()), tmp_path / "many", 4)
    stopped = interrupted(pictures, tmp_path / "out", 1, signal.SIGINT, "--cluster", "local:2")
    assert stopped.returncode == 130, stopped.stderr
    assert "of 48 faces, all kept; run the same command again to resume" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    assert "48 found = 48 portraits" in build(pictures, tmp_path / "out").output


@needs_dask
def test_no_scheduler_is_a_sentence(faces: Path, tmp_path: Path) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    refused = build(faces, tmp_path / "out", "--cluster", address)
    assert refused.exit_code == 3
    assert f"--cluster {address}: no scheduler answers there" in refused.output


@needs_dask
def test_a_scheduler_without_workers_is_a_sentence(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(cluster, "_SECONDS_WITHOUT_WORKER", 1.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    words = ["--host", "127.0.0.1", "--port", address.rpartition(":")[2], "--no-dashboard"]
    with _running("scheduler", words, tmp_path):
        found = outcomes(Portrayer("raises", ()), FACES, address)
        with pytest.raises(InputError, match="no worker for 1 s; start some with `dask worker`"):
            list(found)


def test_a_late_look_is_no_time_without_workers() -> None:
    client = SimpleNamespace(id="nobody", nthreads=dict)
    tasks = cluster._Tasks(client, Portrayer("raises", ()), [], 1.0)  # type: ignore[arg-type]
    tasks._looked -= 10 * cluster._SECONDS_WITHOUT_WORKER
    tasks._check_workers(is_silent=True)


@pytest.mark.parametrize("address", ["local:0", "local", "127.0.0.1:8786", "tcp://host"])
def test_an_address_that_cannot_be_is_a_sentence(faces, tmp_path: Path, address: str) -> None:
    refused = build(faces, tmp_path / "out", "--cluster", address)
    assert refused.exit_code == 3
    assert "expected local:N or tcp://HOST:PORT" in refused.output
    assert not (tmp_path / "out").exists()


def test_a_missing_dask_names_the_extra(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingPartError, match=r"pip install 'gazebench\[cluster\]'"):
        list(outcomes(Portrayer(), FACES, "local:2"))


@needs_dask
def test_many_crashes_end_the_run(scheduler: str) -> None:
    bad = tuple(face.id for face in FACES[:11])
    with pytest.raises(GazebenchError, match="11 pictures killed or hung their worker process"):
        list(outcomes(Portrayer("raises", bad), FACES, scheduler))


@needs_dask
def test_pictures_that_only_the_parent_can_read_end_the_run(tmp_path: Path, scheduler) -> None:
    (tmp_path / "000.jpg").write_bytes(b"pixels")
    faces = [SourceFace(id="000", name="000.jpg", path=tmp_path / "000.jpg")]
    with pytest.raises(InputError, match="SOURCE must have the same path on every worker"):
        list(outcomes(Unmounted(), faces, scheduler))


def test_a_build_without_the_flag_imports_no_dask(faces: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from gazebench.cli import main\n"
        "done = CliRunner().invoke(main, sys.argv[1:])\n"
        "sys.exit(done.exit_code or 'dask' in sys.modules or 'distributed' in sys.modules)"
    )
    words = ["build-dataset", faces, tmp_path / "out", *FLAGS, "--limit", "1"]
    assert subprocess.run([sys.executable, "-c", code, *words], check=False).returncode == 0
