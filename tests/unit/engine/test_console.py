import logging

import pytest
from mmengine.logging import MMLogger

from isic_mmdet.engine import console


@pytest.fixture
def logger(tmp_path, request) -> MMLogger:
    """The logger of a run, after its console was replaced."""
    # A name of its own for each test: mmengine keeps its loggers.
    logger = MMLogger(request.node.name, log_file=str(tmp_path / 'run.log'))
    console.shorten_console(logger)
    yield logger
    logging.captureWarnings(False)


def record(logger: MMLogger, path: str, level: int, text: str, **extra: object) -> None:
    logger.handle(logger.makeRecord('mmengine', level, path, 1, text, (), None, extra=extra))


def test_only_lines_of_the_project_and_errors_reach_the_console(logger, tmp_path, capsys):
    own, other = console.__file__, logging.__file__
    record(logger, own, logging.INFO, 'own note')
    record(logger, own, logging.INFO, 'own detail', **console.FILE_ONLY)
    record(logger, other, logging.WARNING, 'their warning')
    record(logger, other, logging.ERROR, 'their error')
    assert capsys.readouterr().out.splitlines() == ['own note', 'error: their error']
    log = (tmp_path / 'run.log').read_text()
    for text in ('own note', 'own detail', 'their warning', 'their error'):
        assert text in log


def test_a_warning_is_printed_once(logger, capsys):
    for _ in range(2):
        record(logger, console.__file__, logging.WARNING, 'careful')
    assert capsys.readouterr().out == 'warning: careful\n'


def test_a_pipe_gets_long_lines_and_commands_in_one_piece(capsys):
    console.say('word ' * 40 + 'end', '\033[33m')
    console.say_command(['python', 'a file.py', *['--option'] * 20])
    first, second = capsys.readouterr().out.splitlines()
    assert first == 'word ' * 40 + 'end'
    assert second == "python 'a file.py'" + ' --option' * 20


def test_a_terminal_gets_lines_that_fit(capsys, monkeypatch):
    monkeypatch.setenv('COLUMNS', '40')
    monkeypatch.setattr('sys.stdout.isatty', lambda: True)
    console.say('word ' * 20)
    console.say_command(['python', *['--option'] * 10])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 4
    assert max(map(len, lines)) <= 40
    command = lines[next(i for i, line in enumerate(lines) if line.startswith('python')) :]
    assert all(line.endswith(' \\') for line in command[:-1])
    assert not command[-1].endswith('\\')
