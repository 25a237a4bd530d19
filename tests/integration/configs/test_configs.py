"""Every config loads, fits its data set's classes, and makes a loss and a prediction."""

import json
from pathlib import Path

import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmengine.dataset import pseudo_collate

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.config.load import leaf_datasets, load_config

ROOT = Path(__file__).resolve().parents[3]
LEAVES = sorted((ROOT / 'configs').glob('*.py'))
COMPARED = sorted((ROOT / 'benchmarks/configs').glob('*.py'))


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


@pytest.mark.parametrize('path', COMPARED, ids=lambda path: path.stem)
def test_what_is_compared_makes_a_model(path):
    model = load_config(path).model
    model.backbone.init_cfg = None
    MODELS.build(model)


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_a_decay_ends_with_the_training_whatever_its_length(path):
    for scheduler in load_config(path).param_scheduler:
        if scheduler.type == 'CosineAnnealingLR':
            assert 'T_max' not in scheduler and 'end' not in scheduler


@pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)
def test_one_training_batch_and_one_prediction(path, data_by_classes):
    cfg = load_config(path)
    classes = tuple(DATASETS.get(cfg.train_dataloader.dataset.type).METAINFO['classes'])
    data = data_by_classes[classes]
    names = [
        c['name'] for c in json.loads((data / 'annotations/train.json').read_text())['categories']
    ]
    assert tuple(names) == classes

    cfg = load_config(path, data_root=data)
    for dataset in leaf_datasets(cfg):
        dataset.pop('subset', None)  # the tiny data are fewer
    preflight(cfg, ('train_dataloader', 'val_dataloader', 'test_dataloader'))
    for pipeline in (cfg.train_dataloader.dataset.pipeline, cfg.test_dataloader.dataset.pipeline):
        for transform in pipeline:
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
