"""Every config loads, fits the classes of its data, and computes a loss and a prediction."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmdet.apis import DetInferencer
from mmdet.registry import DATASETS, MODELS
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.engine.config.load import load_config

CONFIGS = Path(__file__).resolve().parents[3] / 'configs'
LEAVES = sorted(path for path in CONFIGS.rglob('*.py') if '_base_' not in path.parts)
BASE_HOOKS = Config.fromfile(CONFIGS / '_base_/default_runtime.py').default_hooks

every_config = pytest.mark.parametrize('path', LEAVES, ids=lambda path: path.stem)


def base_files(path: Path) -> list[Path]:
    """Return the base files of a config inside the repository."""
    text = re.search(r"^_base_ = (\[.*?\]|'.*?')", path.read_text(), re.MULTILINE | re.DOTALL)
    names = re.findall(r"'(.+?)'", text.group(1)) if text else []
    return [(path.parent / name).resolve() for name in names if '::' not in name]


def levels(path: Path) -> int:
    """Return how many times `_base_` is followed from a config, at most."""
    return max((1 + levels(base) for base in base_files(path)), default=0)


@every_config
def test_header_describes_the_experiment(path):
    header = path.read_text().split('"""')[1]
    entries = re.findall(r'^(\w+): ', header, re.MULTILINE)
    assert entries == ['Command', 'Data', 'Number', 'Hardware', 'Time', 'Date']
    named = re.search(r'configs/\S+\.py', header)
    assert named is None or named.group() == str(path.relative_to(CONFIGS.parent))


@every_config
def test_at_most_three_levels_of_base_files(path):
    assert levels(path) <= 3


@every_config
def test_parts_of_pipelines_are_named_and_not_copied(path):
    assert not re.search(r'LoadImageFromFile|LoadAnnotations|PackLesionInputs', path.read_text())


@every_config
def test_hooks_of_the_base_are_kept_or_switched_off_with_a_reason(path):
    cfg = Config.fromfile(path)
    assert not cfg.get('custom_hooks'), 'a list is replaced as a whole: name hooks in default_hooks'
    sources = [path, *base_files(path)]
    for base in sources[1:]:
        sources += [each for each in base_files(base) if each not in sources]
    text = '\n'.join(source.read_text() for source in sources)
    for name, hook in BASE_HOOKS.items():
        kept = cfg.default_hooks[name]
        assert kept is None or kept.type == hook.type, name
        assert kept or re.search(rf'^    {name}=None,  # \w', text, re.MULTILINE), name


@every_config
def test_schedule_and_collation(path):
    cfg = load_config(path)
    for scheduler in cfg.param_scheduler:
        if scheduler.type == 'CosineAnnealingLR':  # it ends with the training
            assert 'T_max' not in scheduler and 'end' not in scheduler
    for split in ('train', 'val'):
        assert cfg[f'{split}_dataloader'].collate_fn.type == 'shared_memory_collate'
    # mmdet's inferencers take the collation of the test loader, which may be none of ours.
    assert callable(DetInferencer._init_collate(SimpleNamespace(scope='mmdet'), cfg))


@pytest.mark.parametrize(
    'path',
    [
        # Most ablations differ by a number from the configs that are always tested.
        pytest.param(path, marks=[pytest.mark.slow] * (path.parent.name == 'ablations'))
        for path in LEAVES
    ],
    ids=lambda path: path.stem,
)
def test_one_training_batch_and_one_prediction(path, data_by_classes):
    cfg = load_config(path)
    classes = tuple(DATASETS.get(next(leaf_datasets(cfg)).type).METAINFO['classes'])
    data = data_by_classes[classes]
    categories = json.loads((data / 'annotations/train.json').read_text())['categories']
    assert tuple(category['name'] for category in categories) == classes

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
    total, parts = model.parse_losses(model(**batch, mode='loss'))
    total.backward()
    assert torch.isfinite(total)
    assert any('loss_mask' in name and value > 0 for name, value in parts.items())

    model.eval()
    test = DATASETS.build(cfg.test_dataloader.dataset)
    with torch.no_grad():
        (found,) = model.test_step(pseudo_collate([test[0]]))
    height, width = found.ori_shape
    count = len(found.pred_instances)
    # With a head for the diagnosis a box is a detection of every class.
    diagnoses = len(classes) if 'diagnosis_head' in cfg.model.get('roi_head', {}) else 1
    settings = cfg.model.test_cfg.get('rcnn', cfg.model.test_cfg)
    largest = settings.get('max_per_img') or settings.max_per_image
    assert 1 <= count <= largest * diagnoses
    assert found.pred_instances.masks.shape == (count, height, width)
    assert found.isic_id.startswith('ISIC_')
    if path.parent.name != 'zoo':
        assert cfg.model.type == 'LesionMaskRCNN'  # --amp sets its precision
