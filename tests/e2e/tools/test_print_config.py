import os
import subprocess
import sys


def call(root, *arguments):
    return subprocess.run(
        [sys.executable, 'tools/print_config.py', *map(str, arguments)],
        cwd=root,
        env={**os.environ, 'PYTHONPATH': str(root)},
        capture_output=True,
        text=True,
    )


def test_what_is_printed_is_a_config_of_the_same_settings(root, tmp_path):
    done = call(root, 'configs/quickstart.py', '--cfg-options', 'train_cfg.max_epochs=3')
    assert done.returncode == 0, done.stderr
    assert 'early_stopping' not in done.stdout and 'max_epochs=3' in done.stdout
    printed = tmp_path / 'printed.py'
    printed.write_text(done.stdout)
    assert call(root, printed).stdout == done.stdout


def test_an_unknown_option_is_one_message(root):
    done = call(root, 'configs/quickstart.py', '--cfg-options', 'train_cfg.max_epoch=3')
    assert done.returncode == 1 and not done.stdout
    assert 'closest: train_cfg.max_epochs' in done.stderr and 'Traceback' not in done.stderr
