"""Lists of source faces that are longer than memory: on disk, asked for one by one."""

import hashlib
import itertools
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from portrayers import Portrayer

from gazebench import curation, sources
from gazebench.curation import workers
from gazebench.curation.journal import Journal
from gazebench.curation.portraitist import BuildOutcome
from gazebench.curation.settings import DatasetSettings
from gazebench.dataset.boxes import Point
from gazebench.sources import SourceFace, SpooledFaces, _naming

PLAIN = DatasetSettings(resolution=64, align="none")


def faces(number: int) -> list[SourceFace]:
    return [SourceFace(id=f"{n:03}", name=f"{n:03}.jpg", path=Path("x")) for n in range(number)]


# ids

DEVICES = {
    "con",
    "prn",
    "aux",
    "nul",
    *(f"{port}{n}" for port in ("com", "lpt") for n in range(10)),
}


def ids_in_memory(names: list[str]) -> dict[str, str]:
    """The rule of ids, for names that fit into memory."""

    def stem(name: str) -> str:
        return name.rpartition(".")[0] or name

    def hashed(name: str, digits: int) -> str:
        return f"{plain[name][:100]}-{hashlib.sha256(name.encode()).hexdigest()[:digits]}"

    def keeps(name: str) -> bool:
        is_whole = stem(name).replace("/", "-").strip(".-") == plain[name]
        return is_whole and len(plain[name]) <= 100 and count[plain[name].lower()] == 1

    def no_device(id_: str) -> str:
        return f"_{id_}" if id_.partition(".")[0].lower() in DEVICES else id_

    plain = {
        name: no_device(re.sub(r"[^A-Za-z0-9_.-]+", "-", stem(name)).strip(".-") or "portrait")
        for name in names
    }
    count = Counter(id_.lower() for id_ in plain.values())
    ids = {name: plain[name] if keeps(name) else hashed(name, 8) for name in names}
    count = Counter(id_.lower() for id_ in ids.values())
    return {n: id_ if count[id_.lower()] == 1 else hashed(n, 32) for n, id_ in ids.items()}


@st.composite
def clashing(draw: st.DrawFn) -> list[str]:
    """Names that clash, differ in case only, are long, not ASCII, devices, or look like an id."""
    stem = st.text("aAb-_./ é0", min_size=1, max_size=4) | st.sampled_from(["nul", "Com0", "aux.b"])
    stems = draw(st.lists(stem, max_size=7))
    longs = [stem * draw(st.sampled_from([1, 1, 60])) for stem in stems]
    names = [f"{stem}{draw(st.sampled_from(['.jpg', '.PNG', '']))}" for stem in longs]
    names += [f"{id_}.png" for id_ in ids_in_memory(sorted(set(names))).values()]
    return draw(st.permutations(sorted({name for name in names if name})))


ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)


@given(clashing() | st.lists(ANY, unique=True, max_size=8))
def test_ids_on_disk_are_those_of_the_rule(names: list[str]) -> None:
    found = list(_naming.identified((name, name.encode()) for name in names))
    expected = ids_in_memory(names)
    assert [(id_, name) for id_, name, _ in found] == sorted((expected[n], n) for n in names)
    assert all(kept == name.encode() for _, name, kept in found)


def test_a_name_that_is_listed_twice_is_one_name() -> None:
    found = list(_naming.identified((name, None) for name in ("a.jpg", "b.jpg", "a.jpg")))
    assert found == [("a", "a.jpg", None), ("b", "b.jpg", None)]


# the list on disk


PLACES = st.floats(allow_nan=False) | st.integers(-(2**70), 2**70)
POINTS = st.builds(Point, PLACES, PLACES)
PATHS = st.binary(min_size=1, max_size=12).filter(lambda b: 0 not in b).map(os.fsdecode).map(Path)
FACES = st.builds(
    SourceFace,
    id=ANY,
    name=ANY,
    path=PATHS,
    member=st.text(max_size=3),
    identity=st.none() | st.text(max_size=3),
    partition=st.none() | st.sampled_from(["train", "val", "test"]),
    eyes=st.none() | st.tuples(POINTS, POINTS),
    mouth=st.none() | POINTS,
    box=st.none() | st.tuples(PLACES, PLACES, PLACES, PLACES),
    attributes=st.none() | st.integers(0, 2**40),
    label=st.none() | st.sampled_from("XY"),
)


@given(st.lists(FACES, max_size=5))
def test_every_field_comes_back_from_the_disk(known: list[SourceFace]) -> None:
    kept = SpooledFaces(known)
    assert list(map(repr, kept)) == list(map(repr, known))  # also tells 1 from 1.0
    assert list(kept) == known
    assert kept.given("identity") == sum(face.identity is not None for face in known)


@given(st.integers(0, 6), st.slices(6))
def test_it_is_a_list_as_any_other(number: int, part: slice) -> None:
    known = faces(number)
    kept = SpooledFaces(known)
    assert (len(kept), bool(kept)) == (number, number > 0)
    assert list(kept[part]) == known[part]
    assert [kept[place] for place in range(-number, number)] == known * 2
    with pytest.raises(IndexError):
        kept[number]


def test_loops_over_it_do_not_disturb_each_other() -> None:
    kept = SpooledFaces(faces(4))
    assert [(a.id, b.id) for a in kept for b in kept] == [
        (f"{a:03}", f"{b:03}") for a in range(4) for b in range(4)
    ]


def test_names_that_are_no_utf_8_lead_to_their_pictures(tmp_path: Path) -> None:
    for name in (b"\xff.jpg", b"\\xff.jpg", b"a/\xe9 b.jpg", b"plain.jpg"):
        path = Path(os.fsdecode(os.fsencode(tmp_path / "faces") + b"/" + name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name)
    lines = ["name,left_x,left_y,right_x,right_y", "\\xff.jpg,1,2,3,4", "plain,5,6,7,8"]
    (tmp_path / "eyes.csv").write_text("\n".join(lines))
    plan = curation.plan(
        sources, tmp_path / "faces", PLAIN, source=None, limit=None, eyes=tmp_path / "eyes.csv"
    )
    eyes = {face.path.read_bytes(): face.eyes for face in plan.faces}
    assert eyes.pop(b"\xff.jpg") == (Point(1, 2), Point(3, 4))
    assert eyes.pop(b"plain.jpg") == (Point(5, 6), Point(7, 8))
    assert set(eyes.items()) == {(b"\\xff.jpg", None), (b"a/\xe9 b.jpg", None)}


SPOOL = """
import gc, os, resource, sys
from pathlib import Path
from gazebench.errors import DiskError
from gazebench.sources import SourceFace
from gazebench.sources import SpooledFaces
def here():
    names = [os.readlink(f.path) for f in os.scandir("/proc/self/fd") if os.path.islink(f.path)]
    return [n for n in names if n.startswith(os.environ["SQLITE_TMPDIR"])]
def spool():
    names = (f"{n:06}" + 4000 * "n" for n in range(4000))
    return SpooledFaces(SourceFace(id=name, name=name, path=Path("x")) for name in names)
"""
FULL = """
resource.setrlimit(resource.RLIMIT_FSIZE, (4_000_000, 4_000_000))
try:
    spool()
except DiskError as error:
    print(error)
"""
GONE = """
faces = spool()
kept = here()
assert kept and all(name.endswith("(deleted)") for name in kept), kept
assert not os.listdir(os.environ["SQLITE_TMPDIR"])
assert len({face.id for face in faces}) == 4000
loop = iter(faces)
next(loop)
del faces, loop
gc.collect()
assert not here()
"""


def scripted(tmp_path: Path, script: str, *words: object) -> str:
    command = [sys.executable, "-W", "error", "-c", script, *map(str, words)]
    environment = {**os.environ, "SQLITE_TMPDIR": str(tmp_path)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not done.stderr
    return done.stdout


def test_its_file_has_no_name_and_goes_with_the_list(tmp_path: Path) -> None:
    scripted(tmp_path, SPOOL + GONE)


def test_a_full_disk_says_where_to_find_room(tmp_path: Path) -> None:
    sentence = scripted(tmp_path, SPOOL + FULL)
    assert "temporary file of the list of pictures cannot be kept" in sentence
    assert "set SQLITE_TMPDIR to a folder on another disk" in sentence


# what a build makes of it


def test_rows_may_be_kept_while_the_rest_is_looked_up(tmp_path: Path) -> None:
    known = faces(999) + faces(1200)[999:]
    with Journal.open(tmp_path / "build.sqlite", {}) as journal:
        journal.record([BuildOutcome(id=face.id, name=face.name) for face in known[::3]])
        seen: list[str] = []
        for face in journal.pending(iter(known)):
            seen.append(face.id)
            journal.record([BuildOutcome(id=face.id, name=face.name)])
        assert seen == [face.id for n, face in enumerate(known) if n % 3]
        assert journal.done() == len(known)
        assert not list(journal.pending(known))


def test_shards_part_the_faces_in_their_order(tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number:02}.jpg").touch()
    plans = [
        curation.plan(sources, tmp_path, PLAIN, source=None, limit=25, shard=(number, 3))
        for number in (1, 2, 3)
    ]
    parts = [[face.id for face in plan.chosen] for plan in plans]
    assert parts == [sorted(part) for part in parts]
    assert sorted(itertools.chain(*parts)) == [f"{number:02}" for number in range(25)]
    assert [plan.found for plan in plans] == [len(part) for part in parts]


def test_a_source_that_was_moved_is_the_same_source(tmp_path: Path) -> None:
    prints = []
    for place in ("one", "two/below"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "a.jpg").touch()
        plan = curation.plan(sources, tmp_path / place, PLAIN, source=None, limit=None)
        prints.append(plan.fingerprint())
    assert prints[0] == prints[1]


def test_the_pool_asks_for_no_more_than_it_hands_out() -> None:
    asked: list[str] = []

    def coming() -> Iterator[SourceFace]:
        for face in faces(40):
            asked.append(face.id)
            yield face

    portrayer = Portrayer("exits", ("003", "020"))
    crew = workers.outcomes(portrayer, coming(), 40, 2)
    for answered, _ in enumerate(crew):
        assert len(asked) - answered <= 2 * 2 + 1  # two for each worker, and the next one
    assert len(asked) == 40


# memory


PEAK = """
import sys
from pathlib import Path
from gazebench import curation, sources
from gazebench.curation.journal import Journal
from gazebench.curation.settings import DatasetSettings
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000
def planned(root, eyes, shard):
    settings = DatasetSettings(resolution=64, align="none")
    plan = curation.plan(sources, root, settings, source=None, limit=None, eyes=eyes, shard=shard)
    plan.fingerprint()
    with Journal.open(Path(":memory:"), {}) as journal:
        return sum(1 for _ in journal.pending(plan.chosen))
few, many, words = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
options = [(root.with_suffix(".csv"), (1, 2)) if words else (None, None) for root in (few, many)]
print(planned(few, *options[0]))
before = peak()
print(planned(many, *options[1]), peak() - before)
"""
SIZES = {"few": 20_000, "many": 80_000}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Two folders of empty files, a thousand in each sub-folder, each with a list of eyes."""
    root = tmp_path_factory.mktemp("names")
    for top, size in SIZES.items():
        with (root / f"{top}.csv").open("w") as eyes:
            eyes.write("name,left_x,left_y,right_x,right_y\n")
            for number in range(size):
                name = f"{number // 1000:03}/{number:07}.jpg"
                if number % 1000 == 0:
                    (root / top / name).parent.mkdir(parents=True)
                os.close(os.open(f"{root}/{top}/{name}", os.O_CREAT | os.O_WRONLY))
                eyes.write(f"{name},{number / 70000:.3f},120,195,120\n")
    yield root
    shutil.rmtree(root)  # pytest keeps the folders of its last runs


@pytest.mark.parametrize(
    "words", [(), pytest.param(("eyes", "and a shard"), marks=pytest.mark.slow)]
)
@pytest.mark.long
def test_four_times_the_names_take_no_more_memory(named: Path, tmp_path: Path, words) -> None:
    said = scripted(tmp_path, PEAK, *(named / top for top in SIZES), *words)
    few, many, growth = map(float, said.split())
    found = [number * (2 if words else 1) for number in (few, many)]  # of two shards
    assert found == pytest.approx(list(SIZES.values()), rel=0.03)
    assert growth < 15  # MB


OTHERWISE = """
from pathlib import Path
from gazebench.sources import SourceFace, SpooledFaces
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1000
def found(number):
    names = [f"{n // 1000:03}/{n:07}" for n in range(0, number, 20)]
    every = (f"{n // 1000:03}/{n:07}.jpg" for n in range(number))
    faces = SpooledFaces(SourceFace(id=n.replace("/", "-"), name=n, path=Path("x")) for n in every)
    return sum(len(faces.called(f"/data/{name}.png")) for name in names)
print(found(20_000))
before = peak()
print(found(80_000), peak() - before)
"""


def test_names_that_are_written_otherwise_take_no_more_memory(tmp_path: Path) -> None:
    few, many, growth = map(float, scripted(tmp_path, OTHERWISE).split())
    assert (few, many) == (1000, 4000)
    assert growth < 15  # MB
