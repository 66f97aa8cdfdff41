"""Likely faces of domain Y come earlier in the train half, and nothing else changes."""

import json
from pathlib import Path

import numpy as np
import pytest
from build_runs import gazebench
from labelling import event, faces, session
from PIL import Image, ImageDraw

from benchmarks.made_datasets import SIDE, make_dataset
from gazebench.annotation.desk import Desk
from gazebench.annotation.faces import Faces
from gazebench.annotation.finalize import finalize
from gazebench.annotation.preparing import prepare
from gazebench.annotation.proposals import Proposals, learn
from gazebench.annotation.queue import Queue
from gazebench.annotation.session import Session
from gazebench.annotation.votes import Votes
from gazebench.errors import InputError

NUMBER, TEST, LABELLED = 400, 80, 120
Y_OF = 5  # one of so many looks elsewhere


def looks_elsewhere(n: int) -> bool:
    return n % Y_OF == 0


def order(who: str, weights=None, number: int = 300, test: int = 60) -> list[str]:
    queue = Queue(who, session(who), faces(number, test=test), weights)
    return [task.portrait for task in queue.next(number)]


def test_equal_weights_are_the_random_order() -> None:
    assert order("ana", np.full(300, 0.2)) == order("ana")


def test_faces_of_the_test_half_stand_where_they_would_in_random_order() -> None:
    weights = np.random.default_rng(0).uniform(0.001, 1, 300)
    tested = set(faces(300).ids[:60])
    plain, weighted = order("ana"), order("ana", weights)
    assert [i if i in tested else "" for i in plain] == [i if i in tested else "" for i in weighted]
    assert plain != weighted
    assert sorted(plain) == sorted(weighted)


def test_heavy_faces_come_early_for_everybody_and_in_another_order() -> None:
    weights = np.where(np.arange(300) % 10 == 0, 0.9, 0.05)
    heavy = set(faces(300).ids[::10]) - set(faces(300).ids[:60])
    orders = [order(who, weights) for who in ("ana", "bo")]
    for found in orders:
        assert len(heavy & set(found[:90])) > 0.7 * len(heavy)
    first, second = ([id_ for id_ in found if id_ in heavy] for found in orders)
    assert first != second


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Portraits with two drawn eyes; the irises of every fifth are at the side. No label yet."""
    root = make_dataset(tmp_path_factory.mktemp("order") / "dataset", NUMBER, test=TEST)
    generator = np.random.default_rng(0)
    shown = Faces.read(root)
    for n, id_ in enumerate(shown.ids):
        image = Image.fromarray(generator.integers(90, 160, (SIDE, SIDE, 3), np.uint8))
        pen = ImageDraw.Draw(image)
        side = generator.choice([-5, 5]) if looks_elsewhere(n) else generator.integers(-2, 3)
        for left, top, right, bottom in shown.eyes[n].tolist():
            pen.ellipse((left, top + 2, right, bottom - 2), fill=(230, 230, 230))
            x, y = (left + right) / 2 + side, (top + bottom) / 2
            pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(40, 30, 20))
        shown.path(id_).unlink()  # a link to the picture of all
        image.save(shown.path(id_))
    return root


@pytest.fixture
def voted(drawn: Path) -> Path:
    """Votes of one person on faces of the train half; what was prepared before is gone."""
    votes = [
        event(f"p{n:06}", "Y" if looks_elsewhere(n) else "X") for n in range(TEST, TEST + LABELLED)
    ]
    with Votes.open(drawn) as stored:
        if not len(stored):
            stored.add(votes)
    return drawn


def test_what_is_learned_brings_rare_faces_forward(voted: Path) -> None:
    done = prepare(voted, ("ana", "bo"), order="active", app=False, quiet=True)
    assert done.proposals is not None
    assert (done.proposals.x, done.proposals.y) == (96, 24)
    assert done.proposals.auc > 0.8
    with Desk.open(voted, "bo") as desk:
        shown = desk.next([], 40)["faces"]
    assert all(face.keys() == {"id", "round", "eyes"} for face in shown)  # and no probability
    train = [int(face["id"][1:]) for face in shown if int(face["id"][1:]) >= TEST]
    assert np.mean([looks_elsewhere(n) for n in train]) > 2 / Y_OF


def test_nothing_is_learned_from_the_test_half_or_said_of_it(voted: Path) -> None:
    prepare(voted, ("ana", "bo"), order="active", app=False, quiet=True)
    before = Proposals.of(voted)
    assert before is not None
    assert before.probable.keys() == {f"p{n:06}" for n in range(TEST, NUMBER)}
    with Votes.open(voted) as votes:
        votes.add([event(f"p{n:06}", "Y", "dora") for n in range(TEST)])
    prepare(voted, ("ana", "bo"), order="active", app=False, quiet=True)
    assert Proposals.of(voted) == before


def test_learning_draws_no_bar_in_a_log(voted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    learn(voted, Faces.read(voted))  # done within half a minute, so that there is no line either
    assert capsys.readouterr().err == ""


def test_the_plan_keeps_the_order_and_random_ends_it(voted: Path) -> None:
    prepare(voted, ("ana",), order="active", app=False, quiet=True)
    assert prepare(voted, ("ana", "bo"), app=False).proposals is None  # not learned again
    assert Session.load(voted).plan.order == "active"
    prepare(voted, ("ana",), order="random", app=False)
    with Desk.open(voted, "bo") as desk:
        found = [face["id"] for face in desk.next([], 40)["faces"]]
    plain = Queue("bo", Session.load(voted), Faces.read(voted))
    assert found == [task.portrait for task in plain.next(40)]


def test_the_card_says_how_faces_were_ordered(voted: Path) -> None:
    prepare(voted, ("ana",), order="active", app=False, quiet=True)
    finalize(voted, min_votes=1)
    facts = json.loads((voted / "agreement.json").read_text())
    assert facts["order"].keys() == {"x", "y", "auc"}
    assert "learned from 96 X and 24 Y of that half" in (voted / "README.md").read_text()
    (voted / "labels.csv").unlink()


def test_too_few_labels_are_counted_and_nothing_changes(tmp_path: Path) -> None:
    root = make_dataset(tmp_path / "dataset", 30)
    words = ("label", "prepare", root, "--annotators", "ana", "--order", "active", "--no-app")
    done = gazebench(*words)
    assert done.exit_code == InputError.exit_code
    assert "needs 20 of each domain; there are 0 X and 0 Y" in done.output
    assert not (root / "labelling" / "session.json").exists()


@pytest.mark.parametrize("text", [None, "{", '{"format": 2}'])
def test_lost_proposals_are_a_sentence_with_the_way_out(voted: Path, text: str | None) -> None:
    prepare(voted, ("ana",), order="active", app=False, quiet=True)
    path = voted / "labelling" / "proposals.json"
    path.unlink()
    if text:
        path.write_text(text)
    with pytest.raises(InputError, match="--order active"), Desk.open(voted, "ana"):
        pass
