"""The line: order, places, those who leave, and those who do not fit."""

import threading
import time

import pytest

from isic_mmdet.serve.work_queue import FullError, Line


@pytest.fixture
def line():
    made = Line(4)
    yield made
    made.close()


class Held:
    """Work that waits for its gate."""

    def __init__(self, result):
        self.result = result
        self.begun = threading.Event()
        self.gate = threading.Event()

    def __call__(self):
        self.begun.set()
        assert self.gate.wait(20)
        return self.result


def test_places_count_down_and_results_come_in_order(line):
    held = [Held(number) for number in range(3)]
    heard = [[] for _ in held]
    results = {}

    def wait(number, is_queued):
        with line.ticket() as ticket:
            ticket.queue(held[number])
            is_queued.set()
            for place in ticket.places():
                heard[number].append(place)
            results[number] = ticket.result()

    threads = []
    for number in range(3):
        is_queued = threading.Event()
        threads.append(threading.Thread(target=wait, args=(number, is_queued)))
        threads[-1].start()
        assert is_queued.wait(20)
    # Who is told first that it is done is for the threads to settle: that one begins while those
    # behind it have not, and what each gets, is what counts.
    for number, work in enumerate(held):
        assert work.begun.wait(20)
        assert not any(later.begun.is_set() for later in held[number + 1 :])
        while not all(
            places and places[-1] == max(0, i - number) for i, places in enumerate(heard)
        ):
            time.sleep(0.01)
        work.gate.set()
    for thread in threads:
        thread.join()
    # The first may have heard that it was first before it was in work: both are 0.
    assert [list(dict.fromkeys(places)) for places in heard] == [[0], [1, 0], [2, 1, 0]]
    assert results == {0: 0, 1: 1, 2: 2}


def test_a_place_is_told_again_after_a_while(line):
    held = Held('done')
    with line.ticket() as ticket:
        ticket.queue(held)
        places = ticket.places(every=0.01)
        assert held.begun.wait(20)
        assert [next(places) for _ in range(3)] == [0, 0, 0]
        held.gate.set()
        assert ticket.result() == 'done'


def test_who_leaves_is_not_served_and_lets_the_others_up(line):
    first, left = Held('first'), Held('left')
    with line.ticket() as one, line.ticket() as other:
        one.queue(first)
        assert first.begun.wait(20)
        with line.ticket() as leaving:
            leaving.queue(left)
            other.queue(lambda: 'other')
            places = other.places()
            assert next(places) == 2
        assert next(places) == 1
        first.gate.set()
        assert other.result() == 'other'
    assert not left.begun.is_set()


def test_no_more_tickets_than_places(line):
    tickets = [line.ticket() for _ in range(4)]
    for ticket in tickets:
        ticket.__enter__()
    with pytest.raises(FullError), line.ticket():
        pass
    tickets[0].__exit__(None, None, None)
    with line.ticket() as ticket:
        ticket.queue(lambda: 1)
        assert ticket.result() == 1
    for ticket in tickets[1:]:
        ticket.__exit__(None, None, None)


def test_a_failure_is_raised_where_it_is_waited_for_and_work_goes_on(line):
    def fail():
        raise ValueError('no')

    with line.ticket() as ticket:
        ticket.queue(fail)
        with pytest.raises(ValueError, match='no'):
            ticket.result()
    with line.ticket() as ticket:
        ticket.queue(lambda: 2)
        assert ticket.result() == 2
