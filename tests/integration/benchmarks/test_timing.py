from benchmarks import timing


def test_ways_take_turns_and_warm_ups_do_not_count(monkeypatch):
    rounds = []
    clock = iter(range(100))
    monkeypatch.setattr(timing.time, 'perf_counter', lambda: next(clock))
    ways = {'a': lambda: rounds.append('a'), 'b': lambda: rounds.append('b')}
    seconds = timing.interleaved(ways, repeats=3, warm_ups=1)
    assert rounds == ['a', 'b'] * 4
    assert seconds == {'a': [1, 1, 1], 'b': [1, 1, 1]}


def test_the_median_is_of_each_way():
    assert timing.medians({'a': [1.0, 9.0, 2.0], 'b': [4.0]}) == {'a': 2.0, 'b': 4.0}
