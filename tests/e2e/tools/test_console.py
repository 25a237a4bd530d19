"""What a training shows on a terminal of 80 columns, and in a pipe."""

import fcntl
import os
import pty
import re
import runpy
import struct
import sys
import termios
from collections.abc import Sequence
from pathlib import Path

import pytest
from mmengine.config import Config

from tests.support.tool_runs import ONE_EPOCH, ROOT, run_tool

CONFIG_LINE = re.compile(r'^(model = dict|optim_wrapper = dict|sys\.platform)', re.MULTILINE)
ESCAPE = re.compile(r'\x1b\[[0-9;]*[A-Za-z]')


def on_terminal(command: Sequence[object], cwd: Path) -> str:
    """Run a command that must end with status 0 in a terminal of 80 columns; return its output."""
    words = list(map(str, command))
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(cwd)
        fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        # `python` is the one that runs the tests.
        path = f'{Path(sys.executable).parent}:{os.environ["PATH"]}'
        changes = {'CUDA_VISIBLE_DEVICES': '', 'TERM': 'xterm', 'PATH': path}
        os.execve(words[0], words, {**os.environ, **changes})
    printed = b''
    try:
        while part := os.read(terminal, 1 << 16):
            printed += part
    except OSError:  # Linux: the child has ended
        pass
    finally:
        os.close(terminal)
    text = printed.decode()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, text[-3000:]
    return text


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_data: Path) -> Path:
    """A working folder with the data under a short name."""
    folder = tmp_path_factory.mktemp('terminal')
    (folder / 'data').symlink_to(tiny_data)
    (folder / 'configs').symlink_to(ROOT / 'configs')
    (folder / 'tools').symlink_to(ROOT / 'tools')
    return folder


@pytest.fixture(scope='module')
def shown(folder: Path) -> str:
    """The output of a training on a terminal."""
    command = [sys.executable, 'tools/train.py', 'configs/quickstart.py', '--data-root', 'data']
    return on_terminal([*command, '--work-dir', 'run', '--cfg-options', *ONE_EPOCH], folder)


def test_a_training_starts_with_a_few_lines_that_fit(shown):
    start = ESCAPE.sub('', shown).replace('\r\n', '\n').partition('training configs/')[2]
    head = start.partition('epoch 1/1')[0].partition('warning:')[0].strip().splitlines()
    assert 6 < len(head) <= 12
    names = [line.split()[0] for line in head[1:]]
    assert {'data', 'model', 'device', 'output', 'stop', 'resume'} <= set(names)
    assert '12 images to train, 3 to validate' in start
    assert CONFIG_LINE.search(shown.replace('\r', '')) is None
    assert max(map(len, re.split(r'[\r\n]+', ESCAPE.sub('', shown)))) <= 80


def test_a_terminal_has_a_bar_and_colored_warnings_only(shown):
    assert re.search(r'epoch 1/1: +\d+%\|.*loss \d', shown)
    colored = re.findall(r'\x1b\[33m(\w+)', shown)
    assert colored and set(colored) == {'warning'}


def test_a_validation_is_one_line(shown):
    (line,) = re.findall(r'^epoch 1: .*', shown.replace('\r', '\n'), re.MULTILINE)
    assert re.match(r'epoch 1: iou 0\.\d{3} \(0\.\d{3} to 0\.\d{3}\)  dice 0\.\d{3}', line)
    assert line.endswith('best so far')


def test_the_command_of_the_summary_scores_the_best_checkpoint(shown, folder):
    text = shown.replace('\r\n', '\n').partition('score it on the test split:\n')[2]
    assert 'configs/quickstart.py run/best_lesion_iou_epoch_1.pth' in text
    printed = on_terminal(['/bin/bash', '-c', text], folder)
    assert (folder / 'run/test/metrics.json').is_file()
    assert 'lesion/iou' in printed
    assert CONFIG_LINE.search(printed.replace('\r', '')) is None


@pytest.mark.parametrize('is_tested', [False, True])
def test_the_command_of_the_summary_repeats_what_the_training_used(
    tmp_path, monkeypatch, is_tested
):
    (tmp_path / 'run/test').mkdir(parents=True)
    if is_tested:
        (tmp_path / 'run/test/metrics.json').touch()
    config, run = str(ROOT / 'configs/quickstart.py'), str(tmp_path / 'run')
    options = ['train_cfg.max_epochs=2', 'test_dataloader.batch_size=8']
    given = [config, '--work-dir', run, '--data-root', 'a', 'b', '--amp', '--cfg-options', *options]
    monkeypatch.setattr('sys.argv', ['tools/train.py', *given])
    tool = runpy.run_path(str(ROOT / 'tools/train.py'))
    words = tool['test_command'](tool['parse_args'](), Config({'work_dir': run}))
    overwrite = ['--overwrite'] if is_tested else []
    assert words == [
        *('python', 'tools/test.py', config, '{}', '--work-dir', f'{run}/test'),
        *('--data-root', 'a', 'b', '--amp', *overwrite),
        *('--cfg-options', 'test_dataloader.batch_size=8'),
    ]


def test_the_log_file_has_config_environment_and_scores(shown, folder):
    (path,) = (folder / 'run').glob('*/*.log')
    log = path.read_text()
    for part in (
        'model = dict(',
        'optim_wrapper = dict(',
        'sys.platform',
        'Hooks will be executed',
    ):
        assert part in log
    assert re.search(r'Epoch\(val\) \[1\].*lesion/iou_ci_low', log)
    assert '\x1b' not in log


def test_a_pipe_gets_plain_lines(folder):
    command = ('configs/quickstart.py', '--data-root', 'data', '--work-dir', 'piped')
    done = run_tool('train', *command, '--cfg-options', *ONE_EPOCH, cwd=folder)
    assert done.returncode == 0, done.stderr[-3000:]
    assert '\r' not in done.stdout + done.stderr
    assert '\x1b' not in done.stdout + done.stderr
    assert re.search(r'^epoch 1/1, step 3/3: loss \d+\.\d{3}, 0:00:00 left$', done.stdout, re.M)
    assert CONFIG_LINE.search(done.stdout) is None
