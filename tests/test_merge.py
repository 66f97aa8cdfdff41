import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from build_runs import gazebench, tree_hash
from labelling import event, ids
from PIL import Image

from gazebench import store
from gazebench.annotation.labels import read_rows, write_rows
from gazebench.annotation.proposals import Proposals
from gazebench.annotation.session import Plan, Session
from gazebench.annotation.votes import UNDO, Event, Votes
from gazebench.curation.journal import Journal
from gazebench.curation.portraitist import BuildOutcome
from gazebench.curation.shards import shard_of
from gazebench.dataset import Manifest, read_labels

SHARDS = 3
EYES = "195,240,320,240"  # so that no face need be searched


def make(source: Path, out: Path, *flags: object):
    """``build-dataset`` with listed eyes, which is quick."""
    words = ("--eyes", source.with_name("eyes.csv"), "--landmarks", "listed", "--res", 64)
    return gazebench(
        *("build-dataset", source, out, *words, "--window", "8x12"),
        *("--align", "none", "--quiet", "--workers", 1, *flags),
    )


def merge(out: Path, *shards: Path, flags: tuple[str, ...] = ()):
    return gazebench("merge", out, *shards, "--quiet", *flags)


@pytest.fixture(scope="module")
def source(demo_portraits: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven pictures and a page that is none; the unsharded build stands in "whole" beside."""
    root = tmp_path_factory.mktemp("merge")
    (root / "faces").mkdir()
    for path in sorted(demo_portraits.glob("*.jpg"))[:11]:
        shutil.copy(path, root / "faces")
    (root / "faces" / "page.jpg").write_text("<html>")
    names = sorted(path.name for path in (root / "faces").iterdir())
    rows = "".join(f"{name},{EYES}\n" for name in names)
    (root / "eyes.csv").write_text(f"name,left_x,left_y,right_x,right_y\n{rows}")
    make(root / "faces", root / "whole")
    for number in range(1, SHARDS + 1):
        make(root / "faces", root / f"shard-{number}", "--shard", f"{number}/{SHARDS}")
    return root / "faces"


@pytest.fixture
def shards(source: Path, tmp_path: Path) -> list[Path]:
    """Copies of the three shards, of one's own."""
    names = [f"shard-{number}" for number in range(1, SHARDS + 1)]
    return [Path(shutil.copytree(source.with_name(name), tmp_path / name)) for name in names]


def test_merged_shards_are_the_unsharded_build(source: Path, shards, tmp_path: Path) -> None:
    done = merge(tmp_path / "whole", *reversed(shards))
    assert done.exit_code == 0, done.output
    assert "12 found = 11 portraits" in done.output
    for name in ("manifest.csv", "quarantine.csv", "dataset.json"):
        expected = (source.with_name("whole") / name).read_bytes()
        assert (tmp_path / "whole" / name).read_bytes() == expected
    assert tree_hash(tmp_path / "whole") == tree_hash(source.with_name("whole"))


def test_an_unsharded_build_finds_the_merged_dataset_complete(source, shards, tmp_path) -> None:
    merge(tmp_path / "out", *shards)
    assert "complete already; nothing to do" in make(source, tmp_path / "out").output
    assert "complete already; nothing to do" in merge(tmp_path / "out", *shards).output


def test_a_merged_dataset_needs_its_shards_no_longer(shards, tmp_path: Path) -> None:
    merge(tmp_path / "out", *shards)
    for shard in shards:
        shutil.rmtree(shard)
    tree_hash(tmp_path / "out")


def test_a_shard_is_a_dataset(source: Path) -> None:
    shard = source.with_name("shard-2")
    tree_hash(shard)
    assert json.loads((shard / "dataset.json").read_text())["shard"] == [2, 3]
    assert all(shard_of(p.id, SHARDS) == 2 for p in Manifest.load(shard).portraits)


def test_a_shard_does_not_change_when_pictures_are_added() -> None:
    numbers = [shard_of(f"{n:06}", 8) for n in range(4000)]
    assert numbers[:3] == [1, 6, 6]
    assert all(400 < numbers.count(number) < 600 for number in range(1, 9))


def without(lost: int):
    return lambda shards: shards.pop(lost - 1) and f"of 3 shards these are missing: {lost}"


def twice(shards: list[Path]) -> str:
    shards.append(shards[0].rename(shards[0].with_name("again")))
    shards[0] = Path(shutil.copytree(shards[-1], shards[0]))
    return "again: is shard 1 of 3, as is"


def other_settings(shards: list[Path]) -> str:
    _alter(shards[1], "test_fraction", 0.5)
    return "(test_fraction: 0.1 → 0.5)"


def other_source(shards: list[Path]) -> str:
    _alter(shards[2], "list of pictures", "0" * 16)
    return f"→ {'0' * 16})"


def no_shard(shards: list[Path]) -> str:
    info = json.loads((shards[0] / "dataset.json").read_text())
    del info["shard"]
    (shards[0] / "dataset.json").write_text(json.dumps(info))
    return "is not a shard; merge takes what --shard built"


def _alter(shard: Path, key: str, value: object) -> None:
    with Journal.read(shard / "build.sqlite") as journal:
        fingerprint = {**journal.fingerprint(), key: value}
        ids = [p.id for p in journal.portraits()] + [row[0] for row in journal.quarantine()]
    (shard / "build.sqlite").unlink()
    with Journal.open(shard / "build.sqlite", fingerprint) as journal:
        journal.record([BuildOutcome(id=id_, name=id_) for id_ in ids])


@pytest.mark.parametrize(
    "harm", [without(1), without(3), twice, other_settings, other_source, no_shard]
)
def test_shards_that_do_not_belong_together_are_refused(harm, shards, tmp_path: Path) -> None:
    sentence = harm(shards)
    refused = merge(tmp_path / "out", *shards)
    assert refused.exit_code == 7, refused.output
    assert sentence in refused.output
    assert not (tmp_path / "out").exists()


def unfinished(shard: Path) -> str:
    (shard / "dataset.json").unlink()
    return "it is not a finished dataset"


def without_an_image(shard: Path) -> str:
    next((shard / "images").iterdir()).unlink()
    return "is lost; build the shard again"


def without_a_journal(shard: Path) -> str:
    (shard / "build.sqlite").unlink()
    return "build.sqlite: no such file"


@pytest.mark.parametrize("harm", [unfinished, without_an_image, without_a_journal])
def test_a_shard_that_lost_something_ends_the_merge(harm, shards, tmp_path: Path) -> None:
    sentence = harm(shards[1])
    refused = merge(tmp_path / "out", *shards)
    assert refused.exit_code == 3
    assert sentence in refused.output
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_a_merge_that_stopped_goes_on(source: Path, shards, tmp_path: Path) -> None:
    image = next((shards[2] / "images").iterdir())
    image.rename(tmp_path / "kept.png")
    assert merge(tmp_path / "out", *shards).exit_code == 3
    assert gazebench("verify", tmp_path / "out").exit_code == 3
    (tmp_path / "kept.png").rename(image)
    assert merge(tmp_path / "out", *shards).exit_code == 0
    assert tree_hash(tmp_path / "out") == tree_hash(source.with_name("whole"))


def test_a_second_merge_into_a_folder_waits(shards, tmp_path: Path) -> None:
    with store.locked(tmp_path / "out"):
        assert merge(tmp_path / "out", *shards).exit_code == 6


def test_a_shard_is_no_place_to_merge_into(shards) -> None:
    before = tree_hash(shards[0])
    refused = merge(shards[0], *shards, flags=("--overwrite",))
    assert refused.exit_code == 3
    assert tree_hash(shards[0]) == before


def test_a_shard_folder_is_refused_to_another_shard(source: Path, shards) -> None:
    refused = make(source, shards[0], "--shard", "2/3")
    assert refused.exit_code == 7
    assert "shard: [1, 3] → [2, 3]" in refused.output


def labelled(shard: Path, label: str) -> Iterator[str]:
    ids = [p.id for p in Manifest.load(shard).portraits]
    rows = "".join(f"{id_},{label}\n" for id_ in ids)
    (shard / "labels.csv").write_text(f"id,label\n{rows}")
    yield from ids


def test_labels_of_shards_come_along(shards, tmp_path: Path) -> None:
    expected = {id_: "X" for shard in shards[:2] for id_ in labelled(shard, "X")}
    merge(tmp_path / "out", *shards)
    assert read_labels(tmp_path / "out" / "labels.csv") == expected


def test_labels_that_contradict_are_an_error(shards, tmp_path: Path) -> None:
    (first, *_) = labelled(shards[0], "X")
    (shards[1] / "labels.csv").write_text(f"id,label\n{first},Y\n")
    refused = merge(tmp_path / "out", *shards)
    assert refused.exit_code == 3
    assert f"'{first}' is Y, in another shard X" in refused.output


def test_labels_of_the_merged_dataset_stay(shards, tmp_path: Path) -> None:
    merge(tmp_path / "out", *shards)
    (first, *_) = labelled(shards[0], "X")
    (tmp_path / "out" / "labels.csv").write_text(f"id,label\n{first},reject\n")
    merge(tmp_path / "out", *shards, flags=("--overwrite",))
    assert read_labels(tmp_path / "out" / "labels.csv") == {first: "reject"}


def prepare(dataset: Path, names: str, *words: object) -> None:
    done = gazebench("label", "prepare", dataset, "--no-app", "--annotators", names, *words)
    assert done.exit_code == 0, done.output


def events_of(dataset: Path) -> list[Event]:
    with Votes.open(dataset) as votes:
        return [event for _, event in votes.events()]


@pytest.fixture
def worked(shards) -> list[Path]:
    """The shards, each with a session, with votes that were counted, and with gold."""
    for shard, names in zip(shards, ("ana,bo", "bo,chen", "dora,ana"), strict=True):
        one, other = names.split(",")
        made = [event(id_, "X", who) for who in (one, other) for id_ in ids(shard)]
        again = [event(ids(shard)[0], vote, one) for vote in (UNDO, "X")]
        with Votes.open(shard) as votes:
            votes.add([*made, *again, event("gone", "Y", other)])
        assert gazebench("label", "finalize", shard).exit_code == 0
        prepare(shard, names, "--votes", 3, "--gold", shard / "labels.csv")
    with Votes.open(shards[0]) as votes:  # when the others had voted
        votes.add([event(ids(shards[0])[0], vote, "bo") for vote in (UNDO, "X")])
    return shards


def test_the_work_on_shards_comes_along(worked, tmp_path: Path) -> None:
    before = [events_of(shard) for shard in worked]
    rows = {id_: row for shard in worked for id_, row in read_rows(shard).items()}
    gold = {k: v for shard in worked for k, v in Session.load(shard).plan.gold.items()}
    done = merge(out := tmp_path / "out", *worked)
    assert done.exit_code == 0, done.output
    number = sum(map(len, before))
    assert f"{number} votes of the shards, {number} of them new" in done.output
    assert f"{len(rows)} labels of the shards written to {out / 'labels.csv'}" in done.output
    assert "keep the shards" not in done.output
    for sentence in ("ana voted in .*1, .*3 and is one", "bo voted in .*1, .*2 and is one"):
        assert re.search(sentence, done.output)
    assert done.output.endswith(f"next: gazebench label finalize {out}\n")
    for shard in worked:
        shutil.rmtree(shard)
    for events in before:  # each in its order
        assert [e for e in events_of(out) if e in events] == events
    assert sorted(events_of(out), key=lambda e: e.time) == events_of(out)
    assert read_rows(out) == rows
    assert {(row.votes, row.origin) for row in rows.values()} == {("2", "votes")}
    session = Session.load(out)
    assert session.annotators == ("ana", "bo", "chen", "dora")
    assert (session.plan.votes, dict(session.plan.gold)) == (3, gold)
    assert "0 new labels, 0 changed" in gazebench("label", "finalize", out).output
    assert gazebench("label", "status", out).exit_code == 0


def test_votes_that_came_later_come_with_the_same_command(worked, tmp_path: Path) -> None:
    merge(out := tmp_path / "out", *worked)
    again = merge(out, *worked)
    assert "complete already; nothing to do" in again.output
    assert "0 of them new" in again.output
    assert "keep the shards" not in again.output
    assert "next: " not in again.output
    (first,) = (e for e in events_of(worked[1]) if e.vote == UNDO)
    say(worked[1], first, "Y")
    gazebench("label", "finalize", worked[1], "--min-votes", 1)
    done = merge(out, *worked, flags=("--overwrite",))
    assert " 1 of them new" in done.output
    assert held(out, first) == "Y"
    assert "keep the shards" not in done.output  # labels that are counted come of the votes


def say(dataset: Path, of: Event, vote: str) -> None:
    """Another vote of the same person on the same face."""
    with Votes.open(dataset) as votes:
        votes.add([event(of.portrait, vote, of.annotator)])


def held(dataset: Path, of: Event) -> str:
    """What that person holds of that face."""
    with Votes.open(dataset) as votes:
        current = {(e.annotator, e.portrait): e.vote for e in votes.current()}
    return current[of.annotator, of.portrait]


def test_what_was_said_in_the_merged_dataset_since_stands(worked, tmp_path: Path) -> None:
    merge(out := tmp_path / "out", *worked)
    (first,) = (e for e in events_of(worked[1]) if e.vote == UNDO)
    say(worked[1], first, "Y")
    say(out, first, "reject")
    for _ in range(2):
        done = merge(out, *worked)
        assert " 0 of them new" in done.output
        assert "1 vote of the shards left out: the same person said something later" in done.output
        assert held(out, first) == "reject"
    say(worked[1], first, "unsure")
    assert " 1 of them new" in merge(out, *worked).output
    assert held(out, first) == "unsure"


def test_labels_that_nobody_counted_and_that_differ_are_named(shards, tmp_path: Path) -> None:
    (first, *_) = labelled(shards[0], "X")
    merge(out := tmp_path / "out", *shards)
    (shards[0] / "labels.csv").write_text(f"id,label\n{first},Y\n")
    done = merge(out, *shards)
    assert f"1 labels of the shards are not in it or others there, such as {first}:" in done.output
    assert "keep the shards until that is done" in done.output
    path = shards[0] / "labels.csv"
    assert gazebench("label", "import", out, path, "--replace").exit_code == 0
    assert "keep the shards" not in merge(out, *shards).output


def test_labels_counted_in_a_shard_are_counted_in_what_is_merged(worked, tmp_path: Path) -> None:
    merge(out := tmp_path / "out", *worked)
    lines = (out / "labels.csv").read_text().splitlines(keepends=True)
    (out / "labels.csv").write_text("".join(lines[:-1]))
    done = merge(out, *worked)
    assert "1 labels that were counted in the shards are not in it" in done.output
    assert gazebench("label", "finalize", out).exit_code == 0
    assert "keep the shards" not in merge(out, *worked).output
    rows = read_rows(out)
    changed = next(iter(rows))
    write_rows(out, {**rows, changed: replace(rows[changed], label="Y", origin="adjudicated")})
    assert "keep the shards" not in merge(out, *worked).output


def test_a_merge_that_stopped_before_the_votes_goes_on(worked, tmp_path: Path) -> None:
    image = next((worked[2] / "images").iterdir())
    image.rename(tmp_path / "kept.png")
    out = tmp_path / "out"
    assert merge(out, *worked).exit_code == 3
    assert not (out / "votes.sqlite").exists()
    (tmp_path / "kept.png").rename(image)
    (out / "labelling").write_text("a file where the session goes")
    stopped = merge(out, *worked)
    assert stopped.exit_code == 3
    assert "labelling: is a file where a folder is needed" in stopped.output
    (out / "labelling").unlink()
    done = merge(out, *worked)
    assert "labelling session of ana, bo, chen, dora" in done.output
    assert len(events_of(out)) == sum(len(events_of(shard)) for shard in worked)
    assert read_rows(out).keys() == {id_ for shard in worked for id_ in read_rows(shard)}


def test_shards_labelled_by_other_plans_give_no_session(worked, tmp_path: Path) -> None:
    prepare(worked[1], "bo", "--votes", 2)
    done = merge(out := tmp_path / "out", *worked)
    assert done.exit_code == 0
    assert f"labelled by another plan than {worked[0]} (votes: 3 → 2)" in done.output
    assert f"`gazebench label prepare {out} --annotators ana,bo,chen,dora`" in done.output
    assert "keep the shards until that is done" in done.output
    assert not (out / "labelling").exists()
    assert len(events_of(out)) == sum(len(events_of(shard)) for shard in worked)
    prepare(out, "ana,bo,chen,dora")
    assert "keep the shards" not in merge(out, *worked).output


def test_a_session_of_the_merged_dataset_stays(worked, tmp_path: Path) -> None:
    merge(out := tmp_path / "out", *shards_without_sessions(worked, tmp_path))
    prepare(out, "eve")
    done = merge(out, *worked)
    assert Session.load(out).annotators == ("eve",)
    for sentence in (
        f"`gazebench label prepare {out} --annotators ana,bo,chen,dora` adds them",
        f"the labelling session of {out} keeps its plan (votes: 2 → 3 in the shards)",
        "faces with a known label are not in the session",
        "keep the shards until that is done",
    ):
        assert sentence in done.output


def shards_without_sessions(shards: list[Path], folder: Path) -> list[Path]:
    copies = [Path(shutil.copytree(shard, folder / "copies" / shard.name)) for shard in shards]
    for copy in copies:
        shutil.rmtree(copy / "labelling")
    return copies


def test_an_order_that_was_learned_is_learned_again(shards, tmp_path: Path) -> None:
    Session(annotators=("ana",), plan=Plan(order="active")).save(shards[0])
    Proposals(x=20, y=20, auc=0.8, probable={}).save(shards[0])
    done = merge(out := tmp_path / "out", *shards)
    assert f"`gazebench label prepare {out} --annotators ana --order active` learns" in done.output


def test_events_of_one_id_that_differ_are_refused_before_anything_is_written(
    shards, tmp_path: Path
) -> None:
    for shard in shards[:2]:
        path = tmp_path / "t.csv"
        path.write_text(f"id,annotator,vote,event\n{ids(shard)[0]},ana,X,1\n")
        assert gazebench("label", "import", shard, path).exit_code == 0
    refused = merge(out := tmp_path / "out", *shards)
    assert refused.exit_code == 7
    assert f"{shards[1] / 'votes.sqlite'}: event 1 is ('ana'," in refused.output
    assert f"`gazebench label export {shards[1]} votes.csv`, change them there" in refused.output
    assert not out.exists()


@pytest.fixture
def one_face(source: Path, tmp_path: Path) -> Path:
    """A source of one usable and one blank picture, with its shards 1 to 4."""
    (tmp_path / "few").mkdir()
    shutil.copy(sorted(source.iterdir())[0], tmp_path / "few")
    Image.new("RGB", (512, 512)).save(tmp_path / "few" / "blank.png")
    lines = source.with_name("eyes.csv").read_text().splitlines(keepends=True)
    (tmp_path / "eyes.csv").write_text("".join(lines[:2]))
    for number in range(1, 5):
        done = make(tmp_path / "few", tmp_path / f"few-{number}", "--shard", f"{number}/4")
        assert done.exit_code == 0, done.output
    return tmp_path / "few"


def test_a_shard_without_a_usable_face_fails_no_job_and_merges(one_face: Path) -> None:
    shards = [one_face.with_name(f"few-{number}") for number in range(1, 5)]
    assert sum(len(Manifest.load(shard).portraits) for shard in shards) == 1
    assert all(tree_hash(shard) for shard in shards)
    done = merge(one_face.with_name("out"), *shards)
    assert "2 found = 1 portrait (" in done.output
    make(one_face, one_face.with_name("whole"))
    assert tree_hash(one_face.with_name("out")) == tree_hash(one_face.with_name("whole"))


def test_an_empty_shard_is_declined_with_a_sentence(one_face: Path, tmp_path: Path) -> None:
    empty = next(path for path in tmp_path.glob("few-*") if not Manifest.load(path).portraits)
    runs = tmp_path / "runs"
    for words in (("train", "--method", "prgan", empty, runs), ("eval", empty, runs)):
        declined = gazebench(*words)
        assert declined.exit_code in (3, 4)
        assert "gazebench: " in declined.output
    assert gazebench("inspect", empty).exit_code == 0


@pytest.mark.parametrize("text", ["0/3", "4/3", "1", "1/0", "-1/3", "1/3/4", "a/b"])
def test_a_shard_that_cannot_be_is_a_usage_error(source: Path, tmp_path: Path, text: str) -> None:
    assert make(source, tmp_path / "out", f"--shard={text}").exit_code == 2


def test_files_are_copied_where_no_link_can_be(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"pixels")
    store.link_or_copy([(tmp_path / "a", tmp_path / "b" / "c")])
    assert (tmp_path / "b" / "c").samefile(tmp_path / "a")
    other = Path("/dev/shm") / f"gazebench-{tmp_path.name}"
    if not other.parent.is_dir() or other.parent.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("one disk only")
    try:
        store.link_or_copy([(tmp_path / "a", other)])
        assert other.read_bytes() == b"pixels"
    finally:
        other.unlink(missing_ok=True)
