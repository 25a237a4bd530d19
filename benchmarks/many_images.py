"""The memory of a prediction over the number of images: `tools/predict.py` on ten thousand.

The small model of the quickstart with random weights predicts a folder of small synthetic images,
and the resident memory of the process is looked at all the while. What a run keeps of an image is
a line of text, so memory may not grow with their number.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks import benchmark_cli as alone
from benchmarks.images import pictures
from benchmarks.memory import resident_mb
from isic_mmdet import cli
from isic_mmdet.errors import InputError
from isic_mmdet.images.encoding import encode_jpeg

_ROOT = Path(__file__).resolve().parents[1]
_IMAGES = 10_000
_DIFFERENT = 50
_SIZE = 192
# Images after which everything has been done once in every thread.
_WARM = 0.1
#: What is allowed to be kept of ten thousand images: a kilobyte each for their names and rows.
_MOST_MB = 10


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: a fiftieth of the images.

    Raises:
        InputError: the prediction failed.
    """
    # Imported here, for nothing but the random weights is made in this process.
    import torch

    from benchmarks import networks

    number = _IMAGES // 50 if quick else _IMAGES
    config = networks.CONFIGS / 'quickstart.py'
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        checkpoint = work / 'random.pth'
        model = networks.ours('float32', config)
        torch.save({'state_dict': model.state_dict(), 'meta': {}}, checkpoint)
        write_images(work / 'images', number)
        seen = _watched(
            [work / 'images', '--config', config, '--checkpoint', checkpoint],
            work / 'out',
            number,
        )
    done, megabytes = zip(*seen, strict=True)
    warm = [mb for images, mb in seen if images >= _WARM * number]
    middle = len(warm) // 2
    growth = max(warm[middle:]) - max(warm[:middle])
    line = {
        'what': f'{number} images: growth of the peak from the first half to the second',
        'ours_mb': growth,
        'goal': f'at most {_MOST_MB} MB',
        'met': growth <= _MOST_MB,
    }
    peak = {'what': f'{number} images: peak memory', 'ours_mb': max(megabytes)}
    return {'rows': [line, peak], 'details': {'images': done, 'resident_mb': megabytes}}


def write_images(folder: Path, number: int) -> None:
    """Write `number` files, of which every `_DIFFERENT`-th is the same."""
    folder.mkdir()
    made = pictures(min(number, _DIFFERENT), _SIZE)
    for index in range(number):
        path = folder / f'ISIC_{index:07d}.jpg'
        if index < len(made):
            path.write_bytes(encode_jpeg(made[index].image))
        else:
            os.link(folder / f'ISIC_{index % len(made):07d}.jpg', path)


def _watched(arguments: list[Any], out: Path, number: int) -> list[tuple[int, float]]:
    """Predict, and return how many images were done and how many MB resident, again and again."""
    command = [sys.executable, str(_ROOT / 'tools' / 'predict.py'), *map(str, arguments)]
    seen: list[tuple[int, float]] = []
    with tempfile.TemporaryFile('w+') as log, tqdm(total=number, unit='image') as bar:
        process = subprocess.Popen(
            [*command, '--out', str(out), '--device', 'cpu'], cwd=_ROOT, stdout=log, stderr=log
        )
        while process.poll() is None:
            time.sleep(0.5)
            # The part of the table grows by a line an image.
            parts = list(out.glob('.predictions.*.csv'))
            done = parts[0].read_bytes().count(b'\n') if parts else 0
            resident = resident_mb(process.pid)
            if done > 0 and resident is not None:
                seen.append((done, resident))
                bar.update(done - bar.n)
        if process.returncode:
            log.seek(0)
            raise InputError('tools/predict.py failed:', log.read().splitlines()[-3:])
    return seen


if __name__ == '__main__':
    cli.run(lambda: alone.main('many_images', __doc__, run))
