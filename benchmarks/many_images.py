"""The memory of `tools/predict.py` over the number of images, on ten thousand of them.

The small model of the quickstart with random weights predicts a folder of small synthetic images.
A run keeps only a line of text of an image, so memory must not grow with their number.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.harness import ROOT, goal, resident_mb, watch_python
from benchmarks.images import write_pictures

_IMAGES = 10_000
_DIFFERENT = 50
#: A kilobyte for the name and the row of each of ten thousand images.
_MOST_MB = 10


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes a fiftieth of the images."""
    from benchmarks import networks

    number = _IMAGES // 50 if quick else _IMAGES
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        checkpoint = networks.save_ours(work / 'random.pth', networks.SMALL)
        paths = write_pictures(min(number, _DIFFERENT), 192, work / 'images')
        for index in range(len(paths), number):  # links, so that they need no space
            os.link(paths[index % len(paths)], work / 'images' / f'{index}.jpg')
        model = '--config', networks.SMALL, '--checkpoint', checkpoint, '--device', 'cpu'
        predict = ROOT / 'tools' / 'predict.py', work / 'images', *model, '--out', work / 'out'
        seen: list[tuple[int, float]] = []
        with tqdm(total=number, unit='image') as bar:
            for process in watch_python(*predict, seconds=0.5):
                # The unfinished table grows by a line for each image.
                parts = list((work / 'out').glob('.predictions.*.csv'))
                done = parts[0].read_bytes().count(b'\n') if parts else 0
                resident = resident_mb(process.pid)
                if done > 0 and resident > 0:
                    seen.append((done, resident))
                    bar.update(done - bar.n)
    done_images, megabytes = zip(*seen, strict=True)
    # After a tenth of the images, every thread has done everything once.
    warm = [mb for images, mb in seen if images >= 0.1 * number]
    middle = len(warm) // 2
    growth = max(warm[middle:]) - max(warm[:middle])
    what = f'{number} images: growth of the peak from the first half to the second'
    return {
        'rows': [
            {
                'what': what,
                'ours_mb': growth,
                **goal(f'at most {_MOST_MB} MB', growth <= _MOST_MB),
            },
            {'what': f'{number} images: peak memory', 'ours_mb': max(megabytes)},
        ],
        'details': {'images': done_images, 'resident_mb': megabytes},
    }
