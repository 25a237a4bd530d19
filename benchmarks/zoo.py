"""The architectures of `configs/zoo/` compared with the Mask R-CNN of the CPU recipe.

A step is forward, backward and the optimizer on four images in memory; a prediction is from one
image in memory to its mask. All models have random weights and images of 256 px.
"""

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks import networks
from benchmarks.harness import interleaved, medians, row, without_bfloat16
from benchmarks.images import pictures
from benchmarks.train import mmdet_step
from isic_mmdet.deploy.segmenter import LesionSegmenter

RECIPE = networks.CONFIGS / 'isic2018_maskrcnn_lite.py'
#: Added to the name of a model that computes in bfloat16.
AMP = ', --amp'


def run(quick: bool) -> dict[str, Any]:
    """Return rows and details; a quick run takes one round with two of the models."""
    skipped = without_bfloat16()
    zoo = sorted((networks.CONFIGS / 'zoo').glob('*.py'))[: 1 if quick else None]
    configs = {path.stem: path for path in (RECIPE, *zoo)}
    if not skipped:
        configs[f'{RECIPE.stem}{AMP}'] = RECIPE
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    batch, (picture,) = pictures(4, 256), pictures(1, 256)
    steps, predictions, parameters = {}, {}, {}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder, 'random.pth')
        for name, path in configs.items():
            amp = name.endswith(AMP)
            model = networks.of_config(path, **({'precision': 'bfloat16'} if amp else {}))
            parameters[name] = sum(each.numel() for each in model.parameters())
            torch.save({'state_dict': model.state_dict()}, checkpoint)
            steps[name] = mmdet_step(model, batch, device)
            segmenter = LesionSegmenter(path, checkpoint, device, amp=amp)
            predictions[name] = partial(_predict, segmenter, picture.image)
    repeats, warm_ups = (1, 1) if quick else (9, 2)
    measured = {
        'training step of 4 images': interleaved(steps, repeats, warm_ups, 'training steps'),
        'prediction of an image': interleaved(predictions, repeats, warm_ups, 'predictions'),
    }
    middle = {what: medians(seconds) for what, seconds in measured.items()}
    return {
        'rows': [
            row(f'{what}, {name}', seconds[name], RECIPE.stem, seconds[RECIPE.stem])
            for what, seconds in middle.items()
            for name in configs
            if name != RECIPE.stem
        ],
        'skipped': [skipped] if skipped else [],
        'details': {
            'device': str(device),
            'seconds': measured,
            'models': {
                name: {
                    **{what: seconds[name] for what, seconds in middle.items()},
                    'parameters': parameters[name],
                }
                for name in configs
            },
        },
    }


def _predict(segmenter: LesionSegmenter, image: Any) -> object:
    return segmenter(image).mask
