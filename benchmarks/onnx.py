"""An exported model compared with its checkpoint and with mmdet's own inferencer.

    python -m benchmarks.onnx --model M.onnx --config C --checkpoint P --out F.json

Every way has a process of its own, and all alternate: in being started (from nothing to the first
mask), and then in finding the lesion of one image of 1024 x 1024 pixels that lies in memory, with
a mask of its size. Memory is the peak of the whole process.
"""

import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
from tqdm import tqdm

from benchmarks.images import pictures
from benchmarks.rows import row
from isic_mmdet import cli
from isic_mmdet.errors import InputError

_ROOT = Path(__file__).resolve().parents[1]
_SIDE = 1024
# With random weights it would find as many lesions as it may keep, and paste a mask of each; a
# trained one finds few. So it keeps one, which is the kindest to it.
_STOCK = """_base_ = 'mmdet::mask_rcnn/mask-rcnn_r50_fpn_1x_coco.py'
model = dict(
    roi_head=dict(bbox_head=dict(num_classes=1), mask_head=dict(num_classes=1)),
    test_cfg=dict(rcnn=dict(max_per_img=1)),
)
"""


class Predictor:
    """A process of `benchmarks.first_mask`, from its start to its end.

    Args:
        image: path of the image.
        way: with its arguments.

    Attributes:
        first_mask: seconds from nothing to the first mask.
        seconds: of every turn after that.
        peak_mb: peak memory so far, in megabytes; after a turn.

    Raises:
        InputError: the process ended; its last lines say why.
    """

    def __init__(self, image: Path, way: tuple[str, ...]) -> None:
        self._way = way
        self.seconds: list[float] = []
        self.peak_mb = 0.0
        self._log = tempfile.TemporaryFile('w+')  # noqa: SIM115 - closed with the process
        start = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'benchmarks.first_mask', str(image), *way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=_ROOT,
        )
        self._answer()
        self.first_mask = time.perf_counter() - start

    def turn(self) -> None:
        """Let it find the lesion once."""
        assert self._process.stdin is not None
        self._process.stdin.write('\n')
        self._process.stdin.flush()
        seconds, peak = self._answer().split()
        self.seconds.append(float(seconds))
        self.peak_mb = float(peak)

    def close(self) -> None:
        """End the process."""
        self._process.communicate()
        self._log.close()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._log.seek(0)
            last = self._log.read().strip().splitlines()[-3:]
            raise InputError(f'benchmarks.first_mask {self._way} ended:', last)
        return line


def run(out: Path, quick: bool) -> dict[str, Any]:
    """Measure the model of the recommended recipe with random weights.

    Args:
        out: not used; nothing but the result is written.
        quick: a small model, once, to see that all of it runs.
    """
    # Imported here, for what is measured with files of the user's needs none of it.
    import torch

    from benchmarks import networks
    from isic_mmdet.deploy.export.run import ExportSettings, export

    config = networks.CONFIGS / 'quickstart.py' if quick else networks.OURS
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        checkpoint, model = work / 'random.pth', work / 'model.onnx'
        weights = networks.ours('float32', config).state_dict()
        # As it is, all proposals are as good, and rounding would choose among them.
        weights['roi_head.bbox_head.fc_cls.weight'] *= 100
        torch.save({'state_dict': weights, 'meta': {}}, checkpoint)
        images = work / 'images'
        images.mkdir()
        for index, picture in enumerate(pictures(2, 256)):
            cv2.imwrite(str(images / f'{index}.png'), picture.image[..., ::-1])
        export(str(config), str(checkpoint), model, ExportSettings(check_images=str(images)))
        return measure(str(model), str(config), str(checkpoint), quick)


def measure(model: str, config: str, checkpoint: str, quick: bool) -> dict[str, Any]:
    """Measure a model, and return rows and details.

    Args:
        model: path of the exported file.
        config: path of the config it was exported from.
        checkpoint: path of the weights it was exported from.
        quick: one turn each.

    Raises:
        InputError: a process failed.
    """
    model, config, checkpoint = (str(Path(path).resolve()) for path in (model, config, checkpoint))
    with tempfile.TemporaryDirectory() as folder:
        image, stock = Path(folder, 'image.png'), Path(folder, 'stock.py')
        (picture,) = pictures(1, _SIDE)
        cv2.imwrite(str(image), picture.image[..., ::-1])
        stock.write_text(_STOCK)
        ways = {
            'ONNX Runtime': ('onnx', model),
            'PyTorch': ('pytorch', config, checkpoint),
            'PyTorch, bfloat16': ('pytorch', config, checkpoint, '--amp'),
            "mmdet's inferencer, our model": ('mmdet', config, checkpoint),
            "mmdet's inferencer, stock R50-FPN": ('mmdet', str(stock)),
        }
        starts = _starts(image, ways, 1 if quick else 5, 0 if quick else 1)
        seconds, peaks = _turns(image, ways, 1 if quick else 9, 1 if quick else 3)
    return {
        'rows': model_rows(starts, seconds, peaks, Path(config).stem),
        'details': {
            'model': Path(model).name,
            'config': Path(config).name,
            'start_to_first_mask_s': starts,
            'seconds_per_image': seconds,
            'peak_memory_mb': peaks,
        },
    }


def _starts(
    image: Path, ways: Mapping[str, tuple[str, ...]], repeats: int, warm_ups: int
) -> dict[str, list[float]]:
    """Return seconds to the first mask of several starts of each way."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    rounds = [(turn, name) for turn in range(warm_ups + repeats) for name in ways]
    for turn, name in tqdm(rounds, 'starting', unit='start'):
        predictor = Predictor(image, ways[name])
        predictor.close()
        if turn >= warm_ups:
            found[name].append(predictor.first_mask)
    return found


def _turns(
    image: Path, ways: Mapping[str, tuple[str, ...]], repeats: int, warm_ups: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Return the seconds of several rounds of each way, and its peak memory after them in MB."""
    predictors = {name: Predictor(image, way) for name, way in ways.items()}
    for _ in tqdm(range(warm_ups + repeats), 'predicting', unit='turn'):
        for predictor in predictors.values():
            predictor.turn()
    for predictor in predictors.values():
        predictor.close()
    return (
        {name: each.seconds[warm_ups:] for name, each in predictors.items()},
        {name: each.peak_mb for name, each in predictors.items()},
    )


def model_rows(
    starts: Mapping[str, list[float]],
    seconds: Mapping[str, list[float]],
    peaks: Mapping[str, float],
    config: str,
) -> list[dict[str, Any]]:
    ours, *others = starts
    inferencers = [name for name in others if name.startswith('mmdet')]
    first = {name: statistics.median(values) for name, values in starts.items()}
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    rows = [
        row(
            f'ONNX Runtime, {config}: one image, 1 megapixel',
            middle[ours],
            name,
            middle[name],
            at_least=1.0 if name == 'PyTorch' else None,
        )
        for name in others
    ]
    rows += [
        row(
            f'ONNX Runtime, {config}: from start to first mask',
            first[ours],
            name,
            first[name],
            at_least=5.0 if name in inferencers else None,
        )
        for name in others
    ]
    rows += [
        _memory_row(config, peaks[ours], name, peaks[name], 3.0 if name in inferencers else None)
        for name in others
    ]
    return rows


def _memory_row(
    config: str, ours: float, baseline: str, baselines: float, at_least: float | None
) -> dict[str, Any]:
    content: dict[str, Any] = {
        'what': f'ONNX Runtime, {config}: peak memory',
        'ours_mb': ours,
        'baseline': baseline,
        'baseline_mb': baselines,
        'ratio': baselines / ours,
    }
    if at_least is not None:
        content['goal'] = f'at most 1/{at_least:g} of it'
        content['met'] = baselines / ours >= at_least
    return content


def main() -> None:
    """Measure what the command line names, print a table and write a file."""
    parser = cli.make_parser(
        __doc__.split('\n\n')[0] + '\n\nEvery way has a process of its own, and all alternate. Let '
        'nothing else run\non the machine. Six starts and twelve rounds of five ways take about '
        'five minutes.',
        'python -m benchmarks.onnx --model model.onnx \\\n'
        '    --config configs/isic2018_maskrcnn.py --checkpoint best.pth --out onnx.json',
    )
    parser.add_argument('--model', required=True, help='file of tools/export_onnx.py')
    parser.add_argument('--config', required=True, help='that it was exported from')
    parser.add_argument('--checkpoint', required=True, help='that it was exported from')
    parser.add_argument('--out', type=Path, required=True, help='JSON file to be written')
    parser.add_argument('--quick', action='store_true', help='once, to see that it runs')
    args = parser.parse_args()

    from benchmarks.rows import unjudged
    from benchmarks.table import performance_table
    from isic_mmdet.engine.provenance import hardware_here, versions
    from isic_mmdet.utils.files import write_json

    content = {
        'benchmark': 'onnx',
        'command': shlex.join(['python', *sys.orig_argv[1:]]),  # as it was typed, with -m
        'hardware': hardware_here(),
        'date': time.strftime('%Y-%m-%dT%H:%M:%S+00:00', time.gmtime()),
        'versions': {**versions(), 'onnxruntime': onnxruntime_version()},
        **measure(args.model, args.config, args.checkpoint, args.quick),
    }
    content = unjudged(content) if args.quick else content
    write_json(args.out, content, indent=1)
    print(performance_table([content]))


def onnxruntime_version() -> str:
    """Return the version of ONNX Runtime."""
    from importlib.metadata import version

    return version('onnxruntime')


if __name__ == '__main__':
    cli.run(main)
