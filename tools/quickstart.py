#!/usr/bin/env python
"""Draw a synthetic data set, train on it, test, draw the results, and segment images."""

import shutil
import subprocess
import sys
from pathlib import Path

from isic_mmdet.cli import make_parser, run

ROOT = Path(__file__).resolve().parents[1]
CONFIG = 'configs/quickstart.py'
OFFICIAL, DATA = Path('data/official/synthetic'), Path('data/synthetic')
WORK = Path('work_dirs/quickstart')


def call(tool: str, *arguments: object) -> None:
    """Run a tool in the folder of the project; its failure ends this process with its status."""
    done = subprocess.run([sys.executable, f'tools/{tool}', *map(str, arguments)], cwd=ROOT)
    if done.returncode:
        sys.exit(done.returncode)


def say(text: str) -> None:
    print(f'== {text}', flush=True)


def quickstart() -> None:
    say('data: 240 synthetic images in the official layout, prepared like real ones')
    call('make_synthetic.py', '--out', OFFICIAL, '--images', 240, '--seed', 0)
    prepared = ('--src', OFFICIAL, '--out', DATA, '--split', 'official', '--classes', 'lesion')
    call('prepare_isic.py', 2017, *prepared)

    if (ROOT / WORK / 'last_checkpoint').exists():
        say(f'training: resuming from {WORK} (nothing is left to do if it has finished)')
    else:
        say(f'training: {CONFIG}')
    call('train.py', CONFIG, '--work-dir', WORK, '--resume')

    say('test: scores and drawings of the test split')
    # There are two only if a run was killed while it replaced the best checkpoint.
    found = (ROOT / WORK).glob('best_lesion_iou_epoch_*.pth')
    best = max(found, key=lambda path: path.stat().st_mtime).relative_to(ROOT)
    drawn = ('--work-dir', WORK / 'test', '--show-dir', WORK / 'test' / 'pictures', '--overwrite')
    call('test.py', CONFIG, best, *drawn)

    say('segmenting: the model that comes with the project')
    shutil.rmtree(ROOT / WORK / 'masks', ignore_errors=True)
    images = OFFICIAL / 'ISIC-2017_Test_v2_Data'
    call('predict.py', images, '--out', WORK / 'masks', '--overlay')


def main() -> None:
    make_parser(
        'Draw a synthetic data set, train on it, test, draw the results, and segment images with\n'
        'the model that comes with the project. Needs the packages of requirements.txt. A second\n'
        'call reuses the results of the first. On Linux and macOS, tools/quickstart.sh installs\n'
        'the packages, too.',
        'python tools/quickstart.py',
    ).parse_args()
    quickstart()
    print(
        '\nto segment your own images (or drop them on the page of tools/serve.py):\n'
        '  python tools/predict.py photo.jpg --out masks --overlay'
    )


if __name__ == '__main__':
    run(main)
