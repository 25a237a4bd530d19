import threading

import pytest

from isic_mmdet.utils.prefetch import batches, prefetch


def test_results_keep_the_order_of_the_items():
    third = threading.Event()

    def slow_first(number: int) -> int:
        if number == 0:
            assert third.wait(10)
        elif number == 2:
            third.set()
        return number * number

    assert list(prefetch(slow_first, range(20), 4, 6)) == [n * n for n in range(20)]


def test_no_more_than_so_many_are_in_work_or_waiting():
    taken, given = [], []

    def items():
        for number in range(30):
            taken.append(number)
            yield number

    for result in prefetch(lambda number: number, items(), workers=3, ahead=5):
        given.append(result)
        assert len(taken) - len(given) <= 5
    assert len(given) == 30


def test_threads_work_at_the_same_time():
    both = threading.Barrier(2, timeout=10)  # breaks unless two threads wait at it
    assert len(list(prefetch(lambda _: both.wait(), range(4), 2, 2))) == 4


def test_an_error_reaches_the_caller():
    def fail_on_three(number: int) -> int:
        if number == 3:
            raise RuntimeError('three')
        return number

    results = prefetch(fail_on_three, range(10), 2, 4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(RuntimeError, match='three'):
        next(results)


def test_batches_leave_nothing_out():
    assert list(batches(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(batches([], 2)) == []
