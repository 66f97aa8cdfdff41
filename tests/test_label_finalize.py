"""From votes to labels.csv, to the report and to the dataset's card."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from build_runs import gazebench
from labelling import event

from gazebench.annotation.finalize import finalize
from gazebench.annotation.labels import Label, import_csv, read_rows
from gazebench.annotation.status import Watch, facts_of
from gazebench.annotation.summary import VOTES_FOR_RATES
from gazebench.annotation.votes import UNDO, Event, Round, Votes
from gazebench.dataset import Manifest, read_labels
from gazebench.errors import InputError
from gazebench.reports.agreement import render


@pytest.fixture
def bare(dataset: Path) -> Path:
    (dataset / "labels.csv").unlink()
    return dataset


@pytest.fixture
def voted(bare: Path) -> Path:
    """Three people on 24 portraits: they agree on all but the first three."""
    votes = []
    for n, id_ in enumerate(ids(bare)):
        truth = "X" if n % 2 else "Y"
        said = {0: ("X", "Y", "unsure"), 1: ("X", "X", "Y"), 2: ("reject",) * 3}
        votes += [
            event(id_, v, who) for who, v in zip("abc", said.get(n, (truth,) * 3), strict=True)
        ]
    add(bare, *votes)
    return bare


def ids(dataset: Path) -> list[str]:
    return [p.id for p in Manifest.load(dataset).portraits]


def add(dataset: Path, *events: Event) -> None:
    with Votes.open(dataset) as votes:
        votes.add(events)


def test_labels_come_from_the_votes(voted: Path) -> None:
    done = finalize(voted)
    rows = read_rows(voted)
    first, _, third = ids(voted)[:3]
    assert rows[first].label not in ("X", "Y")
    assert (rows[third].label, rows[third].votes, rows[third].origin) == ("reject", "3", "votes")
    assert 0.99 < float(rows[third].posterior) <= 1
    assert [rows[id_].label for id_ in ids(voted)[3:]] == [
        "X" if n % 2 else "Y" for n in range(3, 24)
    ]
    assert done.new == 24
    assert done.summary.waiting == 0
    assert sum(done.counts.values()) == 24


def test_an_ambiguous_portrait_is_in_neither_domain(voted: Path) -> None:
    finalize(voted)
    manifest = Manifest.load(voted)
    assert manifest.by_id[ids(voted)[0]].domain is None
    assert gazebench("verify", voted, "--quiet").exit_code == 0


def test_votes_are_counted_while_people_vote(voted: Path) -> None:
    """Each count is of a moment; no vote fails or is lost meanwhile."""
    stop = threading.Event()
    sent: list[Event] = []

    def label() -> None:
        while not stop.is_set():
            made = event(ids_[len(sent) % 24], "X", "d")
            add(voted, made)
            sent.append(made)

    ids_ = ids(voted)
    volunteer = threading.Thread(target=label)
    volunteer.start()
    try:
        counted = [finalize(voted).summary.events for _ in range(3)]
    finally:
        stop.set()
        volunteer.join()
    assert counted == sorted(counted)
    assert finalize(voted).summary.events == 72 + len(sent)
    assert gazebench("verify", voted, "--quiet").exit_code == 0


def test_counting_again_changes_nothing_and_lists_nothing(voted: Path) -> None:
    finalize(voted)
    before = {name: (voted / name).read_bytes() for name in ("labels.csv", "agreement.json")}
    done = finalize(voted)
    assert (done.new, done.changed) == (0, ())
    assert before == {name: (voted / name).read_bytes() for name in before}


def test_more_votes_change_labels_and_each_is_listed(voted: Path) -> None:
    finalize(voted)
    last = ids(voted)[-1]
    add(voted, *(event(last, "Y", who) for who in "abc"))
    assert finalize(voted).changed == ((last, "X", "Y"),)
    add(voted, *(event(last, UNDO, who) for who in "abc"))
    done = finalize(voted)
    assert done.changed == ((last, "Y", ""),)
    assert last not in read_rows(voted)


def test_imported_labels_stay_where_votes_are_lacking(bare: Path) -> None:
    a, b = ids(bare)[:2]
    path = bare.with_name("l.csv")
    path.write_text(f"id,label\n{a},X\n{b},X\n")
    import_csv(bare, path)
    add(bare, *(event(b, "Y", who) for who in "abc"))
    done = finalize(bare)
    assert done.changed == ((b, "X", "Y"),)
    assert read_rows(bare)[a] == Label(label="X")
    assert read_rows(bare)[b].origin == "votes"


def test_too_few_votes_give_no_label(bare: Path) -> None:
    a, b = ids(bare)[:2]
    add(bare, event(a, "X"), event(a, "X", "bo"), event(b, "X"))
    assert finalize(bare).summary.waiting == 1
    assert read_labels(bare / "labels.csv") == {a: "X"}
    assert finalize(bare, min_votes=1).new == 1


def test_two_people_who_differ_are_ambiguous(bare: Path) -> None:
    for n, id_ in enumerate(ids(bare)):
        add(bare, event(id_, "X"), event(id_, "Y" if n == 5 else "X", "bo"))
    finalize(bare)
    found = read_labels(bare / "labels.csv")
    assert [id_ for id_, label in found.items() if label != "X"] == [ids(bare)[5]]
    assert found[ids(bare)[5]] == "ambiguous"


def test_a_person_of_few_votes_says_nothing_of_error_rates(bare: Path) -> None:
    """B says X of everything; which of two people is wrong, 19 votes of a third do not tell."""
    said = {id_: "Y" if n % 3 else "X" for n, id_ in enumerate(ids(bare))}
    add(bare, *(event(id_, vote, "a") for id_, vote in said.items()))
    add(bare, *(event(id_, "X", "b") for id_ in said))
    first, *others = list(said)[:VOTES_FOR_RATES]
    add(bare, *(event(id_, said[id_], "c") for id_ in others))
    differing = {id_ for id_, vote in said.items() if vote == "Y"}
    assert _ambiguous(bare) == differing
    rule = "Where fewer than 3 annotators gave 20 votes or more (here 2 did)"
    assert rule in " ".join((bare / "README.md").read_text().split())
    add(bare, event(first, said[first], "c"))
    assert not _ambiguous(bare) & {*others}
    assert "(here 3 did)" in " ".join((bare / "README.md").read_text().split())


def _ambiguous(dataset: Path) -> set[str]:
    finalize(dataset)
    found = read_labels(dataset / "labels.csv")
    return {id_ for id_, label in found.items() if label == "ambiguous"}


@pytest.mark.parametrize("label", ["x", "", "Z"])
def test_a_label_that_does_not_exist_is_named_and_nothing_is_written(
    voted: Path, label: str
) -> None:
    a, b = ids(voted)[:2]
    text = f"id,label\n{a},X\n{b},{label}\n"
    (voted / "labels.csv").write_text(text)
    before = {path: path.read_bytes() for path in voted.glob("*.*") if path.is_file()}
    done = gazebench("label", "finalize", voted)
    assert done.exit_code == 3, done.output
    path = voted / "labels.csv"
    assert f"{path}, line 3: {b!r} has the label {label!r}; it must be one of X, Y," in done.output
    assert before.items() <= {p: p.read_bytes() for p in voted.glob("*.*") if p.is_file()}.items()


def test_an_adjudicator_decides(voted: Path) -> None:
    first = ids(voted)[0]
    add(voted, event(first, "X", "organiser", Round.ADJUDICATE))
    finalize(voted)
    assert read_rows(voted)[first] == Label(
        label="X", posterior="1.0000", votes="3", origin="adjudicated"
    )
    assert "were decided by organiser" in (voted / "README.md").read_text()


def test_repeats_and_practice_are_no_votes(bare: Path) -> None:
    a = ids(bare)[0]
    add(bare, *(event(a, "X", who) for who in "ab"), event(a, "Y", "a", Round.REPEAT))
    add(bare, event("example-1", "X", "a", Round.TRAINING))
    summary = finalize(bare).summary
    assert read_labels(bare / "labels.csv") == {a: "X"}
    assert [(p.repeats, p.repeats_same) for p in summary.people] == [(1, 0), (0, 0)]


def test_without_votes_it_is_a_sentence(bare: Path) -> None:
    with pytest.raises(InputError, match="has no votes yet; run `gazebench label serve"):
        finalize(bare)
    add(bare, event(ids(bare)[0], "X"))
    with pytest.raises(InputError, match=r"no portrait has 2 votes yet.*--min-votes 1"):
        finalize(bare)


def test_the_card_tells_how_labels_were_made_until_they_change(voted: Path) -> None:
    finalize(voted)
    assert "3 annotators gave 72 votes" in (voted / "README.md").read_text()
    path = voted.with_name("l.csv")
    path.write_text(f"id,label\n{ids(voted)[0]},X\n")
    import_csv(voted, path, replace=True)
    card = (voted / "README.md").read_text()
    assert "3 annotators" not in card
    assert "is for those who labelled to say" in card


def test_the_report_is_offline_and_the_same_every_time(voted: Path) -> None:
    finalize(voted)
    page = render(voted)
    assert page == render(voted)
    assert page.count("data:image/webp;base64,") == 4  # two disputed faces, each with its eyes
    assert "http" not in page.replace("http-equiv", "")
    for words in ("Krippendorff", "Most disputed faces", "a and b", "24"):
        assert words in page


def test_odd_names_of_annotators_do_no_harm(voted: Path) -> None:
    add(voted, *(event(id_, "X", "<script>alert(1)</script>") for id_ in ids(voted)[:9]))
    finalize(voted)
    assert "<script>" not in render(voted)
    assert "&lt;script&gt;" in render(voted)


def test_the_commands_tell_the_numbers(voted: Path) -> None:
    done = gazebench("label", "finalize", voted)
    assert done.exit_code == 0, done.output
    assert "72 events; 24 portraits decided, 0 with too few votes" in done.output
    assert "kappa a and b" in done.output
    assert (voted / "agreement.html").exists()
    facts = json.loads((voted / "agreement.json").read_text())
    assert facts["alpha"]["value"] == pytest.approx(0.88, abs=0.1)
    add(voted, *(event(ids(voted)[5], "Y", who) for who in "abc"))
    again = gazebench("label", "finalize", voted)
    assert f"{ids(voted)[5]}: X → Y" in again.output


def test_watching_notices_what_other_commands_change(voted: Path) -> None:
    prepare = ("label", "prepare", voted, "--no-app", "--annotators")
    gazebench(*prepare, "a")
    path = voted.with_name("l.csv")
    path.write_text("".join(["id,label\n", *(f"{id_},reject\n" for id_ in ids(voted))]))
    add(voted, *(event(id_, UNDO, who) for id_ in ids(voted)[:2] for who in "abc"))
    with Votes.open(voted) as votes:
        watch = Watch(voted, votes)
        first = watch.look()
        assert watch.look() is first
        assert facts_of(voted, first)["counts"]["reject/train"] == 1
        assert gazebench("label", "import", voted, path).exit_code == 0
        second = watch.look()
        assert second is not first
        assert second == first  # no vote came
        assert watch.look() is second
        counts = facts_of(voted, second)["counts"]
        assert counts["reject/train"] + counts["reject/test"] == 3
        gazebench(*prepare, "dora")
        assert list(watch.look().progress) == ["a", "dora"]
        assert len(watch.look().summary.decisions) == 22
        without = (voted / "manifest.csv").read_text().replace(f"{ids(voted)[5]},", "gone,", 1)
        (voted / "dataset.json").rename(voted / "away")
        (voted / "manifest.csv").write_text(without)
        assert len(watch.look().summary.decisions) == 22  # it is being built
        (voted / "away").rename(voted / "dataset.json")
        assert len(watch.look().summary.decisions) == 21


def test_a_watched_page_is_written_again_after_an_import(voted: Path, tmp_path: Path) -> None:
    gazebench("label", "prepare", voted, "--no-app", "--annotators", "a")
    add(voted, *(event(ids(voted)[0], UNDO, who) for who in "abc"))
    path, page = voted.with_name("l.csv"), tmp_path / "status.html"
    path.write_text(f"id,label\n{ids(voted)[0]},reject\n")
    words = [sys.executable, "-m", "gazebench", "label", "status", voted, "--watch", "--page", page]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as watch:
        try:
            assert watch.stdout is not None
            assert "a 23 of 24" in watch.stdout.readline()
            assert watch.stdout.readline() == f"{page}: written\n"
            before = page.read_text()
            gazebench("label", "import", voted, path)
            assert watch.stdout.readline() == f"{page}: written\n"  # and no line of votes
            assert page.read_text() != before
        finally:
            watch.kill()


def test_a_page_of_the_status_counts_as_finalize_does(voted: Path) -> None:
    a, b = ids(voted)[:2]
    add(voted, *(event(a, UNDO, who) for who in "abc"))
    path = voted.with_name("l.csv")
    path.write_text(f"id,label\n{a},Y\n{b},Y\n")  # the second has votes
    import_csv(voted, path)
    assert gazebench("label", "prepare", voted, "--annotators", "a", "--no-app").exit_code == 0
    with Votes.open(voted) as votes:
        shown = facts_of(voted, Watch(voted, votes).look())["counts"]
    finalize(voted)
    assert shown == json.loads((voted / "agreement.json").read_text())["counts"]
    assert sum(shown.values()) == 24


def test_status_shows_everybody(voted: Path, tmp_path: Path) -> None:
    done = gazebench("label", "prepare", voted, "--annotators", "a,b,dora", "--no-app")
    assert done.exit_code == 0, done.output
    done = gazebench("label", "status", voted, "--page", tmp_path / "status.html")
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line.split() for line in done.output.splitlines() if line}
    assert rows["a"][1:4] == ["24", "24", "4,500"]  # 800 ms a face
    assert rows["dora"][1] == "0"
    assert "Progress" in (tmp_path / "status.html").read_text()
    assert not (voted / "labels.csv").exists()
