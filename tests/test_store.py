import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

from gazebench import ledger, store
from gazebench.errors import BusyError, DiskError, InputError


def python(code: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run Python code in a process of its own."""
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


FULL_DISK = """
    import resource, sys
    from pathlib import Path
    from gazebench import store
    from gazebench.errors import DiskError
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # as of here, a write of more fails
    root = Path(sys.argv[1])
    try:
        {action}
    except DiskError as error:
        print(error)
        sys.exit(error.exit_code)
"""


def listing(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_what_was_written_is_there(tmp_path: Path) -> None:
    store.write(tmp_path / "a" / "b.txt", "grüße")
    store.write_many([(tmp_path / "c", b"\x00"), (tmp_path / "d" / "e", b"")])
    assert (tmp_path / "a" / "b.txt").read_bytes() == "grüße".encode()
    assert listing(tmp_path) == ["a", "a/b.txt", "c", "d", "d/e"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    store.write(tmp_path / "f", b"old")
    done = python(FULL_DISK.format(action="store.write(root / 'f', b'x' * 5000)"), tmp_path)
    assert done.returncode == 5
    assert "no space left" in done.stdout
    assert listing(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


def test_files_before_the_one_that_fails_are_whole(tmp_path: Path) -> None:
    action = "store.write_many((root / n, b'x' * s) for n, s in (('a', 9), ('b', 5000), ('c', 9)))"
    assert python(FULL_DISK.format(action=action), tmp_path).returncode == 5
    assert listing(tmp_path) == ["a"]


def test_a_full_disk_leaves_no_array(tmp_path: Path) -> None:
    action = "store.new_array(root / 'a.npy', (5000,)).__enter__()"
    assert python(FULL_DISK.format(action=action), tmp_path).returncode == 5
    assert listing(tmp_path) == []


FILL = "with store.new_file(root / 'f') as file: [file.write(b'x' * 99) for _ in range(999)]"


def test_a_full_disk_while_a_file_is_filled_leaves_the_old_one(tmp_path: Path) -> None:
    store.write(tmp_path / "f", b"old")
    done = python(FULL_DISK.format(action=FILL), tmp_path)
    assert done.returncode == 5
    assert "no space left" in done.stdout
    assert listing(tmp_path) == ["f"]
    assert (tmp_path / "f").read_bytes() == b"old"


def test_a_kill_while_a_file_is_filled_leaves_the_old_one(tmp_path: Path) -> None:
    store.write(tmp_path / "f", b"old")
    killed = """
        import os, signal, sys
        from pathlib import Path
        from gazebench import store
        with store.new_file(Path(sys.argv[1]) / "f") as file:
            file.write(b"new" * 9999)
            os.kill(os.getpid(), signal.SIGKILL)
    """
    assert python(killed, tmp_path).returncode == -signal.SIGKILL
    assert (tmp_path / "f").read_bytes() == b"old"
    with store.locked(tmp_path):  # as the next writer does
        assert listing(tmp_path) == [".lock", "f"]


def test_a_log_goes_on_after_a_full_disk(tmp_path: Path) -> None:
    log = tmp_path / "log"
    store.append(log, "first")
    done = python(FULL_DISK.format(action="store.append(root / 'log', 'y' * 5000)"), tmp_path)
    assert done.returncode == 5
    store.append(log, "second")
    assert log.read_text() == "first\nsecond\n"


@pytest.mark.parametrize("torn", ["half a li", "x" * 200_000])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, torn: str) -> None:
    log = tmp_path / "log"
    log.write_text("whole\n" + torn)
    store.append(log, "next")
    assert log.read_text() == "whole\nnext\n"


def test_a_log_of_one_torn_line_starts_anew(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 70_000)
    store.append(tmp_path / "log", "next")
    assert (tmp_path / "log").read_text() == "next\n"


@pytest.mark.parametrize("action", [store.make_folder, lambda p: store.write(p / "x", b"")])
def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path, action) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/below.*: is a file where a folder is needed"):
        action(tmp_path / "file" / "below")


def test_a_folder_that_cannot_be_written_is_a_disk_error() -> None:
    with pytest.raises(DiskError, match="cannot be written"):
        store.write(Path("/proc/gazebench/x"), b"")  # not even root can


def test_remove_takes_files_folders_links_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "x").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    store.write(tmp_path / "folder" / "a" / "b", b"")
    for name in ("link", "folder", "nothing"):
        store.remove(tmp_path / name)
    assert listing(tmp_path) == ["kept", "kept/x"]


def test_a_new_array_appears_when_it_is_full(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "a.npy"
    with store.new_array(path, (3, 4)) as array:
        array[:] = 7
        assert not path.exists()
    np.testing.assert_array_equal(np.load(path), np.full((3, 4), 7, np.uint8))
    assert listing(tmp_path / "cache") == ["a.npy"]


def test_a_new_array_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError), store.new_array(tmp_path / "a.npy", (3,)):
        raise InputError("a picture is damaged")
    assert listing(tmp_path) == []


def test_too_little_space_is_said_in_megabytes(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="needs about 1000000000 MB"):
        store.require_space(tmp_path / "not" / "yet", 10**15)


HOLD = """
    import sys
    from pathlib import Path
    from gazebench import store
    with store.locked(Path(sys.argv[1])):
        print("held", flush=True)
        sys.stdin.read()
"""


def test_the_holder_of_a_lock_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", textwrap.dedent(HOLD), str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout
        holder.stdout.readline()
        with pytest.raises(BusyError, match=f"process {holder.pid} "), store.locked(tmp_path):
            pass
        holder.kill()
    with store.locked(tmp_path):  # a lock dies with its process
        assert f"process {os.getpid()} " in (tmp_path / ".lock").read_text()
    assert (tmp_path / ".lock").read_text() == ""


def test_who_comes_second_waits_for_its_turn(tmp_path: Path) -> None:
    path, done = tmp_path / "cache" / ".turn", threading.Event()

    def second() -> None:
        with store.turn(path):
            done.set()

    with store.turn(path):
        thread = threading.Thread(target=second)
        thread.start()
        assert not done.wait(0.3)
    assert done.wait(20)
    thread.join()
    assert listing(path.parent) == [".turn"]


def test_nobody_waits_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    path = Path("/proc/1/.turn")
    with store.turn(path), store.turn(path):
        pass
    wanted = pytest.raises(InputError, match="is a file where a folder is needed")
    with wanted, store.turn(tmp_path / "file" / ".turn"):
        pass


def test_a_new_writer_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    (tmp_path / ".partial-123-a.png").write_bytes(b"half")
    (tmp_path / "b.png").write_bytes(b"whole")
    with store.locked(tmp_path):
        assert listing(tmp_path) == [".lock", "b.png"]


def test_a_name_too_long_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="too long"), store.asking(tmp_path / ("a" * 300)):
        (tmp_path / ("a" * 300)).is_dir()


@pytest.mark.parametrize("name", ["a" * 255, "é" * 127])  # bytes, not letters, are counted
def test_the_longest_name_that_a_disk_takes_can_be_written(tmp_path: Path, name: str) -> None:
    store.write(tmp_path / name, b"one")
    with store.new_file(tmp_path / name) as file:
        file.write(b"two")
    assert listing(tmp_path) == [name]
    assert (tmp_path / name).read_bytes() == b"two"


def test_a_folder_where_a_file_is_needed_is_a_sentence_and_stays(tmp_path: Path) -> None:
    (tmp_path / "a.png" / "b").mkdir(parents=True)
    with pytest.raises(InputError, match=r"a\.png: is a folder where a file is needed"):
        store.write(tmp_path / "a.png", b"x")
    assert listing(tmp_path) == ["a.png", "a.png/b"]


def test_many_writes_leak_no_file_handle(tmp_path: Path) -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    store.write_many((tmp_path / str(i), b"x") for i in range(50))
    with store.locked(tmp_path), store.new_array(tmp_path / "a.npy", (4,)):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def locked(folder: Path) -> None:
    with store.locked(folder):
        pass


def appending(path: Path) -> None:
    with store.appending(path) as file:
        file.write(b"new")


@pytest.mark.parametrize("kind", ["link", "dangling link", "pipe"])
@pytest.mark.parametrize(
    "write",
    [
        lambda path: store.append(path, "new"),
        appending,
        store.refuse_link,
        lambda path: locked(path.parent),
    ],
    ids=["append", "appending", "refuse_link", "locked"],
)
def test_no_link_and_no_pipe_is_written_to(tmp_path: Path, kind: str, write) -> None:
    outside, path = tmp_path / "outside", tmp_path / "folder" / ".lock"
    path.parent.mkdir()
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to(outside)
    if kind == "link":
        outside.write_bytes(b"precious")
    with pytest.raises(InputError, match=r"\.lock: is a link or no regular file"):
        write(path)
    assert outside.read_bytes() == b"precious" if kind == "link" else not outside.exists()


def test_a_link_in_the_place_of_a_temporary_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "outside").write_bytes(b"precious")
    for name in ("a", "b", "c.npy"):
        (tmp_path / f".partial-{os.getpid()}-{name}").symlink_to(tmp_path / "outside")
    store.write(tmp_path / "a", b"new")
    with store.new_file(tmp_path / "b") as file:
        file.write(b"new")
    with store.new_array(tmp_path / "c.npy", (2,)) as array:
        array[:] = 7
    assert (tmp_path / "outside").read_bytes() == b"precious"
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == b"new"
    assert np.load(tmp_path / "c.npy").tolist() == [7, 7]


def test_a_database_that_another_program_holds_is_no_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "build.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        with (
            contextlib.closing(sqlite3.connect(path, timeout=0)) as late,
            pytest.raises(BusyError, match=r"is locked\); another program holds it"),
            ledger.sentences(path, repair="make it again"),
        ):
            late.execute("CREATE TABLE faces (id)")


def test_a_database_of_another_program_is_no_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "build.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE songs (id)")
    with (
        pytest.raises(InputError, match=r"not as gazebench writes it .*no such table.*make it"),
        ledger.opened(path, "", repair="make it again") as opened,
        ledger.sentences(path, repair="make it again"),
    ):
        opened.execute("SELECT id FROM faces")


def test_a_fault_of_a_query_stays_a_fault(tmp_path: Path) -> None:
    schema = f"CREATE TABLE events (id); INSERT INTO events VALUES (1); {ledger.NEVER_CHANGED}"
    with (
        ledger.opened(tmp_path / "study.sqlite", schema, repair="") as opened,
        pytest.raises(sqlite3.IntegrityError, match="never changed"),
        ledger.sentences(tmp_path / "study.sqlite", repair=""),
    ):
        opened.execute("UPDATE events SET id = 2")


def test_a_text_that_is_none_is_damage(tmp_path: Path) -> None:
    with (
        ledger.opened(tmp_path / "study.sqlite", "CREATE TABLE events (id TEXT)", repair="") as db,
        pytest.raises(InputError, match="damaged"),
        ledger.sentences(tmp_path / "study.sqlite", repair=""),
    ):
        db.execute("SELECT CAST(x'ff' AS TEXT)").fetchall()
