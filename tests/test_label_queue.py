"""Who sees which face, how often, and in which order."""

from collections import Counter, defaultdict

import pytest
from labelling import event, faces, label_all, session

from gazebench.annotation.queue import REPEAT_AFTER, Queue
from gazebench.annotation.votes import UNDO, Round

PEOPLE = ("ana", "bo", "chen", "dora", "emil")


def queues(people, shown, **plan) -> list[Queue]:
    return [Queue(name, session(*people, **plan), shown) for name in people]


def votes_on(events) -> Counter[str]:
    return Counter(e.portrait for e in events if e.round == Round.LABEL)


def test_two_people_see_each_train_face_and_five_each_test_face() -> None:
    shown = faces(200, test=20)
    events = label_all(queues(PEOPLE, shown), lambda who, task: "X")
    found = votes_on(events)
    assert {found[id_] for id_ in shown.ids[:20]} == {5}
    assert {found[id_] for id_ in shown.ids[20:]} == {2}
    assert len({(e.annotator, e.portrait) for e in events}) == len(events)


def test_the_work_is_shared_evenly() -> None:
    events = label_all(queues(PEOPLE, faces(1000)), lambda who, task: "X")
    given = Counter(e.annotator for e in events)
    assert all(abs(n - 400) < 60 for n in given.values())


def test_a_third_person_sees_what_two_disagree_on() -> None:
    shown = faces(60)
    people = PEOPLE[:3]
    disputed = set(shown.ids[:10])
    turns = Counter()

    def say(who, task):
        turns[task.portrait] += 1
        return "Y" if task.portrait in disputed and turns[task.portrait] == 2 else "X"

    found = votes_on(label_all(queues(people, shown), say))
    assert {found[id_] for id_ in disputed} == {3}
    assert {found[id_] for id_ in shown.ids[10:]} == {2}


def test_a_third_person_sees_what_somebody_is_unsure_of() -> None:
    found = votes_on(label_all(queues(PEOPLE[:3], faces(9)), lambda who, task: "unsure"))
    assert set(found.values()) == {3}


def test_everybody_has_an_own_order_which_stays() -> None:
    shown = faces(300)
    people = ("ana", "bo")
    first, again = queues(people, shown), queues(people, shown)
    orders = [[t.portrait for t in q.next(40)] for q in first]
    assert orders == [[t.portrait for t in q.next(40)] for q in again]
    assert orders[0] != orders[1]
    assert orders[0] != sorted(orders[0])


def test_a_queue_made_anew_from_the_events_goes_on_where_it_was() -> None:
    shown = faces(80)
    people = PEOPLE[:3]
    live = queues(people, shown, repeats=0.2)
    events = label_all(live, lambda who, task: "X", most=100)
    for queue, anew in zip(live, queues(people, shown, repeats=0.2), strict=True):
        for made in events:
            anew.apply(made)
        assert anew.next(10) == queue.next(10)
        assert anew.progress == queue.progress


def test_undone_faces_come_back() -> None:
    [queue] = queues(["ana"], faces(10))
    first = queue.next(1)[0].portrait
    queue.apply(event(first, "X"))
    assert first not in [t.portrait for t in queue.next(10)]
    queue.apply(event(first, UNDO))
    assert queue.next(1)[0].portrait == first
    assert queue.progress.done == 0


def test_what_the_screen_holds_is_left_out() -> None:
    [queue] = queues(["ana"], faces(10))
    three = [t.portrait for t in queue.next(3)]
    assert not set(three) & {t.portrait for t in queue.next(10, set(three))}
    assert len(queue.next(10, set(three))) == 7


def test_some_faces_come_back_once_much_later() -> None:
    events = label_all(queues(["ana"], faces(400), repeats=0.1), lambda who, task: "X")
    places = defaultdict(list)
    for number, made in enumerate(events):
        places[made.portrait].append((number, made.round))
    again = [where for where in places.values() if len(where) > 1]
    assert 20 < len(again) < 60
    for (first, _), (second, round_) in again:
        assert round_ == Round.REPEAT
        assert second - first > REPEAT_AFTER


def test_everybody_sees_gold() -> None:
    shown = faces(50)
    gold = dict.fromkeys(shown.ids[:3], "X")
    found = votes_on(label_all(queues(PEOPLE, shown, gold=gold), lambda who, task: "X"))
    assert [found[id_] for id_ in gold] == [5, 5, 5]


def test_who_is_done_helps_the_others() -> None:
    shown = faces(40)
    ana, bo, _ = queues(PEOPLE[:3], shown)  # chen never comes
    found = votes_on(label_all([ana, bo], lambda who, task: "X"))
    assert set(found.values()) == {2}
    assert len(found) == 40


def test_votes_of_somebody_outside_count_too() -> None:
    shown = faces(30)
    people = PEOPLE[:3]
    live = queues(people, shown)
    for id_ in shown.ids:
        for queue in live:
            queue.apply(event(id_, "Y", "imported"))
    found = votes_on(label_all(live, lambda who, task: "X"))
    assert set(found.values()) == {2}  # the second one of the plan, and a third as they differ


def test_faces_of_an_earlier_build_do_no_harm() -> None:
    [queue] = queues(["ana"], faces(3))
    queue.apply(event("gone", "X"))
    assert queue.progress.total == 3


def test_one_annotator_alone_is_done_after_one_vote_each() -> None:
    [queue] = queues(["ana"], faces(7, test=2))
    assert len(label_all([queue], lambda who, task: "unsure")) == 7
    assert (queue.progress.done, queue.progress.total) == (7, 7)


@pytest.mark.parametrize("count", [0, 1, 5])
def test_no_more_faces_than_asked_for(count: int) -> None:
    [queue] = queues(["ana"], faces(10))
    assert len(queue.next(count)) == count
