import pytest

from benchmarks.worker import Worker, WorkerError

PROGRAM = """
import json, sys, time
print(json.dumps({'began': sys.argv[1:]}), flush=True)
for line in sys.stdin:
    if line == 'sleep\\n':
        time.sleep(60)
    if line == 'fall\\n':
        sys.exit('it fell')
    print(json.dumps({'said': line.strip()}), flush=True)
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Return a function that starts a program, given its text and arguments."""
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))

    def start(text: str, *arguments: object, limit: float = 20) -> Worker:
        (tmp_path / 'spoken.py').write_text(text)
        return Worker('spoken', arguments, limit)

    return start


def test_each_question_gets_its_answer(program):
    process = program(PROGRAM, 'a', 1)
    assert process.first == {'began': ['a', '1']}
    assert process.ask('one') == {'said': 'one'}
    assert process.ask(2) == {'said': '2'}
    process.close()


def test_one_that_takes_too_long_is_ended_and_told(program):
    process = program(PROGRAM, limit=2)
    with pytest.raises(WorkerError, match='not finished in 2 s'):
        process.ask('sleep')
    process.close()


def test_one_that_falls_is_told_with_its_last_words(program):
    process = program(PROGRAM)
    with pytest.raises(WorkerError, match='ended with status 1: it fell'):
        process.ask('fall')
    process.close()


def test_one_that_never_begins_is_told(program):
    with pytest.raises(WorkerError, match='status 3'):
        program('raise SystemExit(3)')
