"""Every config loads, fits its data set's classes, and makes a loss and a prediction."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.config.load import leaf_datasets, load_config

ROOT = Path(__file__).resolve().parents[3]
LEAVES = sorted(path for path in (ROOT / 'configs').rglob('*.py') if '_base_' not in path.parts)
BASE_HOOKS = Config.fromfile(ROOT / 'configs/_base_/default_runtime.py').default_hooks


@pytest.fixture(scope='session')
def data_by_classes(tiny_data, tmp_path_factory) -> dict[tuple, Path]:
    """Tiny prepared data for one class, and for benign and melanoma."""
    from isic_mmdet.isic.prepare.convert import prepare
    from isic_mmdet.synthetic import write_dataset

    official = tmp_path_factory.mktemp('official2')
    out = tmp_path_factory.mktemp('prepared2') / 'tiny'
    write_dataset(official, images=18, seed=0, size=96)
    prepare(2017, [official], out, classes='diagnosis', workers=1, show_progress=False)
    return {('lesion',): tiny_data, ('benign', 'melanoma'): out}


def test_there_are_configs():
    assert LEAVES


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_header_says_what_the_experiment_is(path):
    header = path.read_text().split('"""')[1]
    for entry in ('Command:', 'Data:', 'Number:', 'Hardware:', 'Time:', 'Date:'):
        assert entry in header, entry


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_every_hook_of_the_base_is_kept_or_switched_off_with_a_reason(path):
    cfg = Config.fromfile(path)
    assert not cfg.get('custom_hooks'), 'a list is replaced as a whole: name hooks in default_hooks'
    for name, hook in BASE_HOOKS.items():
        kept = cfg.default_hooks[name]
        assert kept is None or kept.type == hook.type, name
        if kept is None:
            sources = [path, *(ROOT / 'configs').glob('*.py')]
            reason = re.compile(rf'^    {name}=None,  # \w', re.MULTILINE)
            assert any(reason.search(source.read_text()) for source in sources), name


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_decay_ends_with_the_training_whatever_its_length(path):
    for scheduler in load_config(path).param_scheduler:
        if scheduler.type == 'CosineAnnealingLR':
            assert 'T_max' not in scheduler and 'end' not in scheduler


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_one_training_batch_and_one_prediction(path, data_by_classes):
    cfg = load_config(path)
    classes = tuple(DATASETS.get(next(leaf_datasets(cfg)).type).METAINFO['classes'])
    data = data_by_classes[classes]
    names = [
        c['name'] for c in json.loads((data / 'annotations/train.json').read_text())['categories']
    ]
    assert tuple(names) == classes

    cfg = load_config(path, data_root=data)
    for dataset in leaf_datasets(cfg):
        dataset.pop('subset', None)  # the tiny data are fewer
    preflight(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    for dataset in leaf_datasets(cfg):
        for transform in dataset.pipeline:
            if transform.type == 'Resize':
                transform.scale = (96, 96)
    cfg.model.backbone.init_cfg = None
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()

    train = DATASETS.build(cfg.train_dataloader.dataset)
    batch = model.data_preprocessor(pseudo_collate([train[0], train[1]]), training=True)
    losses = model(**batch, mode='loss')
    total, parts = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    assert {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox', 'loss_mask'} <= set(parts)
    assert parts['loss_mask'] > 0

    model.eval()
    test = DATASETS.build(cfg.test_dataloader.dataset)
    with torch.no_grad():
        (found,) = model.test_step(pseudo_collate([test[0]]))
    height, width = found.ori_shape
    count = len(found.pred_instances)
    # With a head for the diagnosis a box is a detection of every class.
    diagnoses = len(classes) if 'diagnosis_head' in cfg.model.roi_head else 1
    assert 1 <= count <= cfg.model.test_cfg.rcnn.max_per_img * diagnoses
    assert found.pred_instances.masks.shape == (count, height, width)
    assert found.isic_id.startswith('ISIC_')
    assert cfg.model.type == 'LesionMaskRCNN'  # else --amp has nothing to set
