"""Validation, tools/test.py and tools/predict.py find the same masks, with every config.

tools/predict.py folds batch norms into convolutions. A wrong folding changes every mask, unless the
norms change nothing, as those of a new model. So the model is trained for a few steps first, and
its norms have random weights and the statistics of an image batch.
"""

import copy
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmdet.structures import DetDataSample
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner, load_checkpoint
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.run_options import select_split
from isic_mmdet.engine.config.run_state import set_checkpoint
from isic_mmdet.engine.train.evaluation import use_same_shape_batches
from isic_mmdet.images.reading import read_image

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
LEAVES = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)
# Folders, and configs with the model of another one.
SLOW = ('ablations', 'student_projects', 'isic2016_maskrcnn', 'isic2017_maskrcnn')
# Steps and learning rate of models whose masks are empty at first. At such rates, rounding decides
# whether another model finds anything.
TRAINING = {'rtmdet_ins': (30, 1e-3), 'mask2former': (6, 1e-4), 'ablation_mask_p3_56': (6, 1e-4)}
Masks = dict[str, NDArray[np.bool_]]


def small_config(path: Path, data_by_classes: dict[tuple, Path], out: Path) -> Path:
    """Write a config for the tiny data, with images at three eighths of their size."""
    cfg = load_config(path)
    classes = tuple(DATASETS.get(next(leaf_datasets(cfg)).type).METAINFO['classes'])
    workers = {f'{name}_dataloader.num_workers': 0 for name in ('train', 'val', 'test')}
    cfg = load_config(path, workers, data_by_classes[classes])
    for dataset in leaf_datasets(cfg):
        dataset.pop('subset', None)  # the tiny data are fewer
        for transform in dataset.pipeline:
            if transform.type == 'Resize':
                transform.scale = tuple(side * 3 // 8 for side in transform.scale)
    cfg.model.backbone.init_cfg = None
    cfg.dump(out)
    return out


def trained(config: Path, steps: int, rate: float) -> nn.Module:
    """Return a model whose batch norms matter, after a few steps."""
    cfg = load_config(config)
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    data = DATASETS.build(cfg.train_dataloader.dataset)
    batch = model.data_preprocessor(pseudo_collate([data[0], data[1]]), training=True)
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.uniform_(norm.bias, -0.5, 0.5)
        norm.momentum = 1.0  # the statistics are those of the next batch
    with torch.no_grad():
        model.extract_feat(batch['inputs'])
    for norm in norms:
        norm.momentum = 0.1
    optimizer = torch.optim.Adam(model.parameters(), lr=rate)
    model.train()
    for _ in range(steps):
        loss, _ = model.parse_losses(model(**copy.deepcopy(batch), mode='loss'))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def best_masks(samples: Iterable[DetDataSample]) -> Masks:
    """Return the mask of the detection with the highest score, by the name of the image."""
    masks = {}
    for sample in samples:
        found = sample.pred_instances
        masks[Path(sample.img_path).name] = found.masks[found.scores.argmax()].cpu().numpy()
    return masks


def of_validation(config: Path, model: nn.Module) -> Masks:
    """Return the masks of a validation during the training."""
    cfg = load_config(config)
    use_same_shape_batches(cfg)
    loader = Runner.build_dataloader(cfg.val_dataloader)
    with torch.no_grad():
        return best_masks(sample for batch in loader for sample in model.val_step(batch))


def of_test(config: Path, checkpoint: Path) -> Masks:
    """Return the masks of tools/test.py --split val."""
    cfg = load_config(config)
    select_split(cfg, 'val')
    set_checkpoint(cfg, str(checkpoint))
    use_same_shape_batches(cfg)
    model = MODELS.build(cfg.model).eval()
    load_checkpoint(model, str(checkpoint), 'cpu', strict=True)
    loader = Runner.build_dataloader(cfg.test_dataloader)
    with torch.no_grad():
        return best_masks(sample for batch in loader for sample in model.test_step(batch))


def of_predict(config: Path, checkpoint: Path, names: Iterable[str]) -> Masks:
    """Return the masks of tools/predict.py."""
    folder = Path(load_config(config).val_dataloader.dataset.data_root) / 'images'
    segmenter = LesionSegmenter(config, checkpoint, 'cpu')
    return {name: segmenter(read_image((folder / name).read_bytes()).pixels).mask for name in names}


@pytest.mark.parametrize(
    'path',
    [
        pytest.param(
            path,
            id=path.stem,
            marks=[pytest.mark.slow] * (path.parent.name in SLOW or path.stem in SLOW),
        )
        for path in LEAVES
    ],
)
def test_validation_test_and_predict_find_the_same_masks(path, data_by_classes, tmp_path):
    config = small_config(path, data_by_classes, tmp_path / 'config.py')
    model = trained(config, *TRAINING.get(path.stem, (6, 1e-5)))
    checkpoint = tmp_path / 'model.pth'
    torch.save({'state_dict': model.state_dict()}, checkpoint)

    expected = of_validation(config, model)
    assert len(expected) == 3
    tested = of_test(config, checkpoint)
    predicted = of_predict(config, checkpoint, expected)
    for name, mask in expected.items():
        assert 0 < mask.mean() < 1
        assert np.array_equal(tested[name], mask)
        assert (predicted[name] & mask).sum() / (predicted[name] | mask).sum() > 0.99
