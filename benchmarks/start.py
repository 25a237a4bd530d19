"""From the start of a command to its first mask file, compared with mmdet's own inferencer.

All have the same model with the same random weights and the same image. Each round starts a new
process and measures it from its start to its end. mmdet's inferencer writes its own format, JSON
with encoded masks.
"""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, goal, interleaved, medians, row, run_python
from benchmarks.images import write_pictures
from isic_mmdet.errors import InputError

# mmcv's operators must be installed before mmdet is imported. No image is drawn, because ours
# draws none.
_BASELINE = """
import sys
from isic_mmdet import compat
compat.install()
from mmdet.apis import DetInferencer
config, checkpoint, image, out = sys.argv[1:]
inferencer = DetInferencer(config, checkpoint, device='cpu')
inferencer(image, out_dir=out, no_save_vis=True, no_save_pred=False)
"""


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes a small model and one round."""
    from benchmarks import networks

    config = networks.SMALL if quick else networks.CPU_RECIPE
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        model, checkpoint = networks.export_ours(work, config)
        (image,) = write_pictures(1, 512, work / 'image')
        tool = ROOT / 'tools' / 'predict.py', image
        exported = *tool, '--model', model, '--out'
        ours = *tool, '--config', config, '--checkpoint', checkpoint, '--device', 'cpu', '--out'
        baseline = '-c', _BASELINE, config, checkpoint, image
        ways: dict[str, Callable[[], object]] = {
            'exported': partial(_predict, work, exported, '*_segmentation.png'),
            'ours': partial(_predict, work, ours, '*_segmentation.png'),
            'mmdet': partial(_predict, work, baseline, '**/*.json'),
            'import torch': partial(run_python, '-c', 'import torch'),  # both need this
        }
        seconds = interleaved(ways, 1 if quick else 7, 0 if quick else 1, 'starts')
    middle = medians(seconds)
    what = f'from the start of tools/predict.py to its end, one mask, {config.stem}'
    same = "mmdet's inferencer, the same model"
    seconds_exported = middle['exported']
    rows = [
        row(f'{what} as ONNX file', seconds_exported, same, middle['mmdet'])
        | goal('at most 0.6 s', seconds_exported <= 0.6),
        row(what, middle['ours'], same, middle['mmdet'], at_least=0.95),
        row(what, middle['ours'], 'import torch', middle['import torch']),
    ]
    return {'rows': rows, 'details': {'seconds': seconds}}


def _predict(work: Path, command: tuple[object, ...], pattern: str) -> None:
    """Run a command whose last argument is its output folder, and check that it wrote a file."""
    with tempfile.TemporaryDirectory(dir=work) as out:
        run_python(*command, out)
        if not any(Path(out).glob(pattern)):
            raise InputError(f'no {pattern} was written; look at what the command prints')
