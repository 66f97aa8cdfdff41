"""A study's design, plan, pictures, counting and analysis, without a server."""

import asyncio
import itertools
import json
import shutil
import sqlite3
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from benchmarks.made_study import METHODS, made_dataset, made_runs, made_study
from gazebench import store
from gazebench.cli import main
from gazebench.dataset import Manifest
from gazebench.errors import BusyError, InputError, RefusedError
from gazebench.study import statistics
from gazebench.study.analysis import analyse, fractions
from gazebench.study.answers import SIMULATED, Answer, Answers
from gazebench.study.counting import counted, respondents
from gazebench.study.creating import Wishes, create
from gazebench.study.design import OTHER, PICTURES, SOURCE, Design
from gazebench.study.desk import Desk
from gazebench.study.plan import Plan, Trial
from gazebench.study.respondents import Keyring
from gazebench.study.simulation import ALIKE, simulate
from gazebench.study.writing import Writer

PREFERENCES = dict(zip((*METHODS, OTHER), (0.35, 0.25, 0.12, 0.05, 0.03, 0.2), strict=True))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study nobody has answered. Not to be written to."""
    return made_study(tmp_path_factory.mktemp("made"), questions=20)


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy of one's own, with its runs."""
    shutil.copytree(made.parent / "runs", tmp_path / "runs")
    return Path(shutil.copytree(made, tmp_path / "study"))


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["study", *map(str, words)])


def answer_all(study: Path, choose, *, seconds: float = 4, client: str = "page") -> str:
    """One respondent whose answers ``choose(question)`` gives; the name."""
    design = Design.load(study)
    with Answers.open(study) as answers:
        desk = Desk(study, design, Keyring.of(study), answers)
        name = desk.keys.respondent(desk.keys.new_token()) or ""
        events = [Answer(**{**_dict(desk.consent(name)), "time": _time(0)})]
        for number, question in enumerate(desk.plan.questions(name)):
            choice = choose(question)
            place = 0 if choice == OTHER else question.options.index(choice) + 1
            form = {"question": number, "choice": place, "milliseconds": round(1000 * seconds)}
            events.append(desk.answer(name, form, time=_time(10 * number + 10), client=client))
        answers.add(events)
    return name


def _dict(event: Answer) -> dict:
    return {name: getattr(event, name) for name in Answer.__dataclass_fields__}


def _time(seconds: int) -> str:
    return f"2026-01-01T00:{seconds // 60:02}:{seconds % 60:02}.000+00:00"


def attentive(question):
    return SOURCE if question.trial == Trial.CATCH else "alpha"


# the plan


@pytest.mark.parametrize("kind", ["best", "pairs"])
def test_a_plan_is_a_function_of_design_and_respondent(made: Path, kind: str) -> None:
    design = Design.load(made).model_copy(update={"kind": kind})
    plans = [Plan(design).questions(name) for name in ("ana", "ana", "bo")]
    assert plans[0] == plans[1] != plans[2]
    counts = Counter(question.trial for question in plans[0])
    assert counts == {Trial.MAIN: 20, Trial.CATCH: 3, Trial.REPEAT: 2}
    main = [question for question in plans[0] if question.trial == Trial.MAIN]
    assert len({question.face for question in main}) == 20
    for question in plans[0]:
        if question.first is not None:
            first = plans[0][question.first]
            assert first.trial == Trial.MAIN
            assert (first.face, set(first.options)) == (question.face, set(question.options))
        if question.trial == Trial.CATCH:
            assert SOURCE in question.options
            assert len(question.options) == (5 if kind == "best" else 2)


def test_places_and_pairs_are_balanced_over_respondents(made: Path) -> None:
    design = Design.load(made)
    best, pairs = Counter(), Counter()
    for number in range(300):
        for question in Plan(design).questions(f"r{number}"):
            if question.trial == Trial.MAIN:
                best[question.options[0]] += 1
    shares = np.array([best[name] for name in METHODS]) / best.total()
    assert np.abs(shares - 0.2).max() < 0.03
    two = design.model_copy(update={"kind": "pairs"})
    for question in Plan(two).questions("ana"):
        if question.trial == Trial.MAIN:
            pairs[frozenset(question.options)] += 1
    assert set(pairs.values()) == {2}  # 20 questions, ten pairs


# making a study


def test_pictures_are_files_of_one_size_without_names(made: Path) -> None:
    design = Design.load(made)
    files = sorted((made / PICTURES).iterdir())
    assert len(files) == len(design.pictures) == 20 * 6 + 3 * 5
    assert len({file.stat().st_size for file in files}) == 1
    assert {file.name for file in files} == set(design.pictures.values())
    for file in files[:20]:
        image = Image.open(file)
        image.load()
        assert (image.format, image.size) == ("JPEG", (64, 64))
        assert not image.getexif()
        assert not set(image.info) - {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    by_option: dict[str, list[str]] = {}
    for key, name in design.pictures.items():
        by_option.setdefault(key.partition("/")[2], []).append(name)
    middles = [np.mean([int(name[:5]) for name in names]) for names in by_option.values()]
    assert np.std(middles) < 30  # numbers are dealt at random


def test_pictures_are_those_of_the_runs(made: Path) -> None:
    design = Design.load(made)
    manifest = Manifest.load(made.parent / "dataset")
    for option in (SOURCE, "gamma"):
        face = design.faces[0]
        shown = np.asarray(Image.open(made / PICTURES / design.pictures[f"{face}/{option}"]), float)
        source = manifest.path(manifest.by_id[face])
        path = source if option == SOURCE else made.parent / f"runs/gamma/predictions/{face}.png"
        assert np.abs(shown - np.asarray(Image.open(path), float)).mean() < 2


def test_the_same_seed_makes_the_same_study(made: Path, tmp_path: Path) -> None:
    runs, dataset = made.parent / "runs", made.parent / "dataset"
    again = create(runs, dataset, tmp_path / "again", Wishes(questions=20), quiet=True).design
    other = create(runs, dataset, tmp_path / "b", Wishes(questions=20, seed=1), quiet=True).design
    first = Design.load(made)
    assert (again.faces, again.pictures) == (first.faces, first.pictures)
    assert other.faces != first.faces


def test_fewer_portraits_than_questions_is_said(made: Path, tmp_path: Path) -> None:
    runs, dataset = made.parent / "runs", made.parent / "dataset"
    done = run("create", runs, dataset, tmp_path / "s", "--questions", 100)
    assert done.exit_code == 0, done.output
    assert "there are 25 questions, not 100" in done.output
    assert Design.load(tmp_path / "s").questions == 25


def test_what_cannot_be_a_study_is_refused(made: Path, tmp_path: Path) -> None:
    runs, dataset = made.parent / "runs", made.parent / "dataset"
    refused = {
        ("create", runs, dataset, made): (7, "there is a study already"),
        ("create", tmp_path / "no", dataset, tmp_path / "s"): (3, "no such folder of runs"),
        ("create", runs, tmp_path, tmp_path / "s"): (3, "build-dataset"),
        ("create", runs, dataset, tmp_path / "s", "--run", "alpha"): (3, "two or more"),
        ("create", runs, dataset, tmp_path / "s", "--run", "no"): (3, "there are: alpha"),
        ("create", runs, dataset, tmp_path / "s", "--catches", "9"): (3, "of domain X"),
        ("serve", tmp_path): (3, "study create"),
        ("serve", made, "--address", "0.0.0.0"): (3, "--open-to-the-network"),
        ("status", tmp_path): (3, "is not a study"),
        ("analyse", tmp_path): (3, "is not a study"),
    }
    for words, (code, sentence) in refused.items():
        done = run(*words)
        assert (done.exit_code, sentence in done.output) == (code, True), (words, done.output)
    assert not (tmp_path / "s" / "design.json").exists()


def test_a_folder_of_others_is_no_place_for_a_study(made: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine" / "pictures" / "me.jpg"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"precious")
    done = run("create", made.parent / "runs", made.parent / "dataset", tmp_path / "mine")
    assert done.exit_code == 3
    assert "holds other files, such as pictures; give a new folder" in done.output
    assert mine.read_bytes() == b"precious"


def test_a_file_called_key_does_not_make_a_folder_ours(made: Path, tmp_path: Path) -> None:
    (tmp_path / "mine" / "pictures").mkdir(parents=True)
    (tmp_path / "mine" / "key").write_text("of the front door")
    done = run("create", made.parent / "runs", made.parent / "dataset", tmp_path / "mine")
    assert (done.exit_code, "holds other files" in done.output) == (3, True)
    assert (tmp_path / "mine" / "pictures").is_dir()


def test_a_creation_that_was_interrupted_begins_again(made: Path, tmp_path: Path) -> None:
    (tmp_path / "s" / "pictures").mkdir(parents=True)
    (tmp_path / "s" / "pictures" / "00000.jpg").touch()
    Keyring.create(tmp_path / "s")
    done = run("create", made.parent / "runs", made.parent / "dataset", tmp_path / "s")
    assert done.exit_code == 0, done.output


def test_predictions_of_another_dataset_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path / "dataset", away=8)
    runs = made_runs(tmp_path / "runs", dataset, ("one", "two"))
    (runs / "two" / "predictions.json").write_text('{"method": "two", "dataset": "f"}')
    with pytest.raises(InputError, match="fingerprint f"):
        create(runs, dataset, tmp_path / "s", Wishes(questions=4), quiet=True)
    (runs / "two" / "predictions.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        create(runs, dataset, tmp_path / "s", Wishes(questions=4), quiet=True)
    shutil.copy(runs / "one" / "predictions.json", runs / "two")
    for path in (runs / "two" / "predictions").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(InputError, match="not_a_picture"):
        create(runs, dataset, tmp_path / "s", Wishes(questions=4), quiet=True)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 1}', "\x00"])
def test_a_damaged_design_is_a_sentence(study: Path, content: str) -> None:
    (study / "design.json").write_text(content)
    done = run("status", study)
    assert (done.exit_code, "damaged" in done.output) == (3, True), done.output


def test_missing_pictures_are_a_sentence(study: Path, tmp_path: Path) -> None:
    next((study / PICTURES).iterdir()).unlink()
    for words in (("serve", study), ("pack", study, tmp_path / "pages")):
        done = run(*words)
        assert (done.exit_code, "is missing" in done.output) == (3, True), done.output


def test_damaged_answers_are_a_sentence(study: Path) -> None:
    (study / "answers.sqlite").write_bytes(b"no database" * 1000)
    done = run("status", study)
    assert (done.exit_code, "damaged" in done.output) == (3, True), done.output


# tokens


def test_only_the_studys_key_makes_tokens() -> None:
    ours, theirs = Keyring(b"a" * 64), Keyring(b"b" * 64)
    token = ours.new_token()
    assert ours.respondent(token) == token[:10]
    assert ours.respondent(f" {token[:5]}-{token[5:].upper()} ") == token[:10]
    assert theirs.respondent(token) is None
    assert len({ours.new_token() for _ in range(1000)}) == 1000
    for place, letter in itertools.product(range(20), "a7"):
        changed = token[:place] + letter + token[place + 1 :]
        assert (ours.respondent(changed) is None) == (changed != token)


# counting


def test_rules_exclude_and_say_why(study: Path) -> None:
    left = iter(range(1000))
    kept = answer_all(study, attentive_by(lambda q: METHODS[next(left) % 5]))
    answer_all(study, lambda q: [o for o in q.options if o != SOURCE][next(left) % 4])  # no catch
    answer_all(study, attentive_by(lambda q: METHODS[next(left) % 5]), seconds=0.3)
    answer_all(study, attentive_by(lambda q: q.options[2]))  # always in the middle
    with Answers.open(study) as answers:
        desk = Desk(study, Design.load(study), Keyring.of(study), answers)
        answers.add([desk.consent("unfinished")])
        people = respondents(answers.events(), desk.design)
    assert [p.excluded for p in people] == ["", "catch", "fast", "straight", "unfinished"]
    assert [p.name for p in counted(people)] == [kept]
    shown = run("status", study, "--codes").output
    assert "1 of 30 planned respondents count; 5 started" in shown
    assert "1 failed catch trials" in shown
    assert shown.count("-") >= 4  # codes of the four who finished


def attentive_by(choose):
    return lambda q: SOURCE if q.trial == Trial.CATCH else choose(q)


def test_a_page_that_says_it_took_long_is_held_to_the_clock(study: Path) -> None:
    name = answer_all(study, attentive, seconds=3600)
    with Answers.open(study) as answers:
        people = respondents(answers.events(), Design.load(study))
    mine = next(p for p in people if p.name == name)
    assert set(mine.seconds) == {10.0}


def test_a_page_that_was_open_for_days_says_nothing_of_its_time(study: Path) -> None:
    days = 48 * 3600
    name = answer_all(study, attentive, seconds=days)
    with Answers.open(study) as answers:
        mine = [e for e in answers.events() if e.respondent == name and e.question is not None]
    assert len(mine) > 3
    assert {event.milliseconds for event in mine} == {None}


def test_a_personal_code_takes_its_answers_out(study: Path, tmp_path: Path) -> None:
    kept, gone = (answer_all(study, attentive) for _ in range(2))
    assert run("withdraw", study, "a" * 20).exit_code == 3
    assert run("withdraw", study, Keyring.of(study).token(gone)).exit_code == 0
    assert analyse_names(study) == {kept}
    assert run("export", study, tmp_path / "out.csv").exit_code == 0
    assert gone not in (tmp_path / "out.csv").read_text()
    assert "1 withdrew" in run("status", study).output


def analyse_names(study: Path) -> set[str]:
    with Answers.open(study) as answers:
        people = respondents(answers.events(), Design.load(study))
    return {person.name for person in people if person.answers}


def test_rules_that_are_changed_after_answers_are_refused(study: Path) -> None:
    answer_all(study, attentive)
    design = Design.load(study)
    eased = design.rules.model_copy(update={"catch_failures": 3})
    design.model_copy(update={"rules": eased}).save(study)
    done = run("analyse", study)
    assert (done.exit_code, "was changed after people answered" in done.output) == (7, True)
    design.save(study)
    assert "put back" not in run("analyse", study).output


def test_a_lost_key_is_a_sentence(study: Path) -> None:
    (study / "key").unlink()
    done = run("status", study)
    assert (done.exit_code, "put it back" in done.output) == (3, True), done.output
    assert not (study / "key").exists()


def test_an_answer_is_never_changed(study: Path) -> None:
    answer_all(study, attentive)
    with sqlite3.connect(study / "answers.sqlite") as db:
        for change in ("UPDATE events SET choice = 'beta'", "DELETE FROM events"):
            with pytest.raises(sqlite3.DatabaseError, match="an event is never"):
                db.execute(change)
    db.close()


def test_the_writer_ends_with_all_that_was_asked_for(study: Path) -> None:
    async def many(writer: Writer, desk: Desk) -> list[asyncio.Task[None]]:
        events = [desk.consent(f"r{number}") for number in range(50)]
        tasks = [asyncio.create_task(writer.add(event)) for event in events]
        await asyncio.sleep(0)  # all are asked for, none is acknowledged
        return tasks

    with Answers.open(study) as answers:
        desk = Desk(study, Design.load(study), Keyring.of(study), answers)
        for _ in range(20):
            with Writer.running(answers) as writer:
                asyncio.run(many(writer, desk))
        assert answers.started() == 50


# analysis


def test_shares_sum_to_one_and_are_the_answers(study: Path) -> None:
    left = iter(range(1000))
    for _ in range(4):
        answer_all(study, attentive_by(lambda q: (*METHODS[:3], OTHER)[next(left) % 4]))
    facts = analyse(study)
    shares = {row["run"] or OTHER: row["share"] for row in facts["rows"]}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-12)
    design = Design.load(study)
    with Answers.open(study) as answers:
        people = counted(respondents(answers.events(), design))
    by_hand = Counter(a.choice for p in people for a in p.of(Trial.MAIN))
    assert shares == pytest.approx({name: by_hand[name] / 80 for name in design.choices})
    assert fractions(design, people).sum(axis=1) == pytest.approx(np.ones(4))
    assert not facts["simulated"]
    assert facts["rows"][-1]["low"] == 0 < facts["rows"][-1]["high"]  # never chosen: no certainty


def test_everybody_alike_agrees_and_repeats(study: Path) -> None:
    for _ in range(3):
        answer_all(study, attentive_by(lambda q: sorted(METHODS)[hash_of(q.face) % 5]))
    facts = analyse(study)
    assert facts["agreement"]["value"] == pytest.approx(1)
    assert facts["consistency"] == {"repeats": 6, "same": 6}
    assert facts["catches"] == {"shown": 9, "passed": 9}


def hash_of(face: str) -> int:
    return int(face[1:])


def test_the_same_seed_invents_the_same_answers(made: Path, tmp_path: Path) -> None:
    shares = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        copy = Path(shutil.copytree(made, tmp_path / name))
        simulate(copy, 5, seed=seed)
        shares.append([row["share"] for row in analyse(copy)["rows"]])
    assert shares[0] == shares[1] != shares[2]


def test_simulated_answers_are_marked_everywhere(study: Path, tmp_path: Path) -> None:
    assert run("simulate", study).exit_code == 0
    done = run("analyse", study)
    assert done.exit_code == 0, done.output
    assert "30 of 30 simulated respondents count" in done.output
    rows = json.loads((tmp_path / "runs" / "study.json").read_text())
    assert all(row["simulated"] is True for row in rows)
    assert {row["method"] for row in rows} == {*METHODS, OTHER}
    for row in rows:
        assert 0 <= row["low"] <= row["share"] <= row["high"] <= 1
        assert row["respondents"] == 30
    assert json.loads((study / "study.json").read_text())["simulated"] is True
    page = (study / "report.html").read_text(encoding="utf-8")
    assert page.count("simulated") >= 6
    refused = run("serve", study)
    assert (refused.exit_code, "simulated answers" in refused.output) == (7, True)


def test_real_answers_never_join_invented_ones(study: Path, tmp_path: Path) -> None:
    simulate(study, 1)
    (tmp_path / "answers.json").write_text("{}")
    for words in (("import", study, tmp_path / "answers.json"), ("pack", study, tmp_path / "out")):
        refused = run(*words)
        assert (refused.exit_code, "simulated answers" in refused.output) == (7, True)


def test_nothing_is_invented_while_a_study_is_served(study: Path) -> None:
    with store.locked(study), pytest.raises(BusyError):
        simulate(study, 1)
    assert run("simulate", study, "--seed", "-1").exit_code == 2


def test_invented_answers_never_join_real_ones(study: Path) -> None:
    answer_all(study, attentive)
    with pytest.raises(RefusedError, match="answers of people"):
        simulate(study, 1)
    with Answers.open(study) as answers:
        assert SIMULATED not in answers.clients()


def test_two_runs_of_one_method_keep_their_own_shares(tmp_path: Path) -> None:
    dataset = made_dataset(tmp_path / "dataset", away=8)
    runs = made_runs(tmp_path / "runs", dataset, ("one", "two", "three"))
    for name in ("one", "two"):
        facts = json.loads((runs / name / "predictions.json").read_text())
        (runs / name / "predictions.json").write_text(json.dumps({**facts, "method": "prgan"}))
    create(runs, dataset, tmp_path / "study", Wishes(questions=8, catches=1), quiet=True)
    simulate(tmp_path / "study", 8)
    rows = analyse(tmp_path / "study")["rows"]
    assert {row["method"] for row in rows} == {"one", "two", "three", OTHER}


def test_nobody_who_counts_is_a_sentence(study: Path) -> None:
    done = run("analyse", study)
    assert (done.exit_code, "nobody has started" in done.output) == (3, True)


@pytest.mark.parametrize("kind", ["best", "pairs"])
def test_a_clear_preference_is_found(tmp_path: Path, kind: str) -> None:
    study = made_study(tmp_path, questions=20, kind=kind)
    names = Design.load(study).choices
    wanted = {name: 0.6 if name == "gamma" else 0.4 / (len(names) - 1) for name in names}
    simulate(study, 30, preferences=wanted, seed=5)
    facts = analyse(study)
    assert facts["rows"][0]["run"] == "gamma"
    assert [row["letter"] for row in facts["rows"]].count("a") == 1
    assert sum(row["share"] for row in facts["rows"]) == pytest.approx(1)
    assert facts["rows"][0]["low"] <= 0.62
    if kind == "pairs":
        wins = np.array(facts["wins"])
        assert wins.sum() == 30 * 20
        assert np.diag(wins).sum() == 0


def test_no_preference_is_not_found(study: Path) -> None:
    simulate(study, 30, preferences=dict.fromkeys(PREFERENCES, 1 / 6), alike=200, seed=1)
    assert {row["letter"] for row in analyse(study)["rows"]} == {"a"}


def test_export_has_every_answer_once(study: Path, tmp_path: Path) -> None:
    simulate(study, 3)
    for form in ("csv", "jsonl"):
        assert run("export", study, tmp_path / form, "--to", form).exit_code == 0
    lines = (tmp_path / "csv").read_text().splitlines()
    assert len(lines) == 1 + 3 * 25
    rows = [json.loads(line) for line in (tmp_path / "jsonl").read_text().splitlines()]
    assert len({(row["respondent"], row["question"]) for row in rows}) == 75
    assert {row["counted"] for row in rows} == {"yes"}
    assert all((row["choice"] in row["shown"].split("|")) == (row["place"] > 0) for row in rows)


# statistics


def test_intervals_hold_the_known_shares_in_93_of_100_studies() -> None:
    """30 respondents, 50 questions, tastes as in a study of the paper's size."""
    rng = np.random.default_rng(11)
    shares = np.array([*PREFERENCES.values()])
    inside = np.zeros(len(shares))
    studies = 400
    for _ in range(studies):
        tastes = rng.dirichlet(ALIKE * shares, size=30)
        data = np.stack([rng.multinomial(50, taste) for taste in tastes]) / 50
        ends = statistics.interval(data, lambda means: means, resamples=1000)
        low, high = statistics.unanimous(data, *ends)
        inside += (low <= shares) & (shares <= high)
    assert (inside / studies).mean() >= 0.93
    assert (inside / studies).min() >= 0.90  # the smallest share, 3 %, is the hardest


def test_the_interval_is_over_respondents_not_answers() -> None:
    """Thirty people with one mind each say less than 1,500 independent answers."""
    rng = np.random.default_rng(0)
    minds = np.eye(2)[rng.integers(0, 2, 30)]
    low, high = statistics.interval(minds, lambda means: means)
    assert high[0] - low[0] > 0.3


def test_bradley_terry_finds_the_worths_it_was_given() -> None:
    worth = np.array([0.5, 0.3, 0.2])
    games = 10_000 * (1 - np.eye(3))
    wins = games * worth[:, None] / (worth[:, None] + worth[None, :])
    found = statistics.bradley_terry(wins[None], half=0.5)[0]
    assert found == pytest.approx(worth, abs=1e-3)
    always = np.array([[[0.0, 5], [0, 0]]])  # who never lost has a finite worth
    assert statistics.bradley_terry(always, half=0.5)[0] == pytest.approx(
        [11 / 12, 1 / 12], abs=1e-3
    )


def test_letters_name_who_is_not_told_apart() -> None:
    names = ("a1", "a2", "b1")
    p = np.array([0.5, 0.001, 0.2])  # a1-a2, a1-b1, a2-b1
    assert statistics.letters(names, ("a1", "a2", "b1"), p) == {"a1": "a", "a2": "a", "b1": "b"}
