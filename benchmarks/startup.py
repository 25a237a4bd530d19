"""From the start of a command to its first mask file, compared with mmdet's own inferencer.

Both have the same model with the same random weights and the same image, and each turn is a new
process, measured from its start to its end. mmdet's writes its result as it does itself, as JSON
with the masks encoded.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2

from benchmarks import benchmark_cli as alone
from benchmarks.images import pictures
from benchmarks.rows import row
from benchmarks.timing import interleaved, medians
from isic_mmdet import cli
from isic_mmdet.errors import InputError

_ROOT = Path(__file__).resolve().parents[1]
# mmcv's operators have to be there before mmdet is imported. No image is drawn, for ours draws
# none.
_BASELINE = """
import sys
from isic_mmdet import compat
compat.install()
from mmdet.apis import DetInferencer
config, checkpoint, image, out = sys.argv[1:]
inferencer = DetInferencer(config, checkpoint, device='cpu')
inferencer(image, out_dir=out, no_save_vis=True, no_save_pred=False)
"""
# What neither can do without, and what both could do at the best.
_TORCH = 'import torch'


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure, and return rows and details.

    Args:
        out: not used; nothing but the result is written.
        quick: a small model and one turn, to see that all of it runs.
    """
    # Imported here, for nothing but the random weights is made in this process.
    import torch

    from benchmarks import networks

    config = networks.CONFIGS / 'quickstart.py' if quick else networks.OURS
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        checkpoint, image = work / 'random.pth', work / 'image.jpg'
        model = networks.ours('float32', config)
        # mmdet's inferencer looks for the names of the classes.
        meta = {'dataset_meta': {'classes': ('lesion',), 'palette': [(230, 159, 0)]}}
        torch.save({'state_dict': model.state_dict(), 'meta': meta}, checkpoint)
        del model
        (picture,) = pictures(1, 512)
        cv2.imwrite(str(image), picture.image[..., ::-1])
        ways = _ways(work, config, checkpoint, image)
        seconds = interleaved(ways, 1 if quick else 7, 0 if quick else 1, 'starts')
    middle = medians(seconds)
    what = 'from the start of tools/predict.py to its end, one mask'
    ours = "mmdet's inferencer, the same model"
    rows = [
        row(what, middle['ours'], ours, middle['mmdet'], at_least=2.0),
        row(what, middle['ours'], 'import torch', middle['import torch']),
    ]
    return {'rows': rows, 'details': {'seconds': seconds}}


def _ways(
    work: Path, config: Path, checkpoint: Path, image: Path
) -> dict[str, Callable[[], object]]:
    def ours() -> None:
        with tempfile.TemporaryDirectory(dir=work) as out:
            model = ['--config', config, '--checkpoint', checkpoint, '--device', 'cpu']
            call([_ROOT / 'tools' / 'predict.py', image, *model, '--out', out])
            _require(out, '*_segmentation.png')

    def baseline() -> None:
        with tempfile.TemporaryDirectory(dir=work) as out:
            call(['-c', _BASELINE, config, checkpoint, image, out])
            _require(out, '**/*.json')

    return {'ours': ours, 'mmdet': baseline, 'import torch': partial(call, ['-c', _TORCH])}


def _require(folder: str, pattern: str) -> None:
    """Raise an `InputError` if nothing was written: the time would be that of nothing."""
    if not any(Path(folder).glob(pattern)):
        raise InputError(f'no {pattern} was written; look at what the command prints')


def call(arguments: Sequence[object]) -> None:
    """Run Python to its end.

    Raises:
        InputError: it failed.
    """
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True)
    if done.returncode:
        raise InputError(f'{" ".join(command[:2])} failed:', done.stderr.splitlines()[-3:])


if __name__ == '__main__':
    cli.run(lambda: alone.main('startup', __doc__, run))
