import copy
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, DefaultSampler, RepeatDataset
from mmengine.runner import Runner

from isic_mmdet.datasets.samplers import SameShapeBatchSampler
from isic_mmdet.engine.checks.preflight import load_weights
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.run_options import use_tta
from isic_mmdet.engine.config.run_state import set_checkpoint, set_work_dir
from isic_mmdet.engine.train.evaluation import use_same_shape_batches
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import read_json
from tests.support.random_model import save_random_model


@pytest.fixture(scope='module')
def mixed_data(tiny_data, tmp_path_factory) -> Path:
    """The tiny data set, its training images, cut to three shapes, as its test images."""
    data = tmp_path_factory.mktemp('mixed') / 'data'
    shutil.copytree(tiny_data, data)
    path = data / 'annotations/train.json'
    coco = read_json(path, '')
    for number, image in enumerate(coco['images']):
        rows, columns = [(96, 96), (64, 96), (96, 70), (60, 96)][number % 4]
        pixels = cv2.imread(str(data / 'images' / image['file_name']))[:rows, :columns]
        cv2.imwrite(str(data / 'images' / image['file_name']), pixels)
        image['image_bytes'] = (data / 'images' / image['file_name']).stat().st_size
        mask = np.zeros((rows, columns), np.uint8)
        mask[10:50, 10:50] = 255
        cv2.imwrite(str(data / image['original_mask']), mask)
        image |= {'height': rows, 'width': columns}
        image |= {'original_height': rows, 'original_width': columns}
        annotation = next(each for each in coco['annotations'] if each['image_id'] == image['id'])
        annotation |= {
            'bbox': [10, 10, 40, 40],
            'area': 1600,
            'segmentation': [[10, 10, 50, 10, 50, 50, 10, 50]],
        }
    (data / 'annotations/test.json').write_text(json.dumps(coco))
    return data


@pytest.fixture
def cfg(root, mixed_data) -> Config:
    cfg = load_config(root / 'configs/quickstart.py', data_root=mixed_data)
    cfg.test_dataloader.num_workers = 0
    use_same_shape_batches(cfg)
    return cfg


@pytest.fixture
def dataset(cfg):
    return DATASETS.build(cfg.test_dataloader.dataset)


def shapes(dataset, batch: list[int]) -> set[tuple]:
    """The padded sizes of what the pipeline really makes of the images."""
    return {tuple(-(-side // 32) for side in dataset[i]['inputs'].shape[1:]) for i in batch}


def test_images_of_a_batch_are_padded_alike_and_all_come_once(dataset, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr('mmcv.imfrombytes', lambda *args, **kwargs: pytest.fail('decoded'))
        assert len(SameShapeBatchSampler(DefaultSampler(dataset, shuffle=False), 3, 32)) == 4
    sampler = SameShapeBatchSampler(DefaultSampler(dataset, shuffle=False), 3, pad_divisor=32)
    batches = list(sampler)
    assert len(sampler) == len(batches)
    assert sorted(index for batch in batches for index in batch) == list(range(12))
    assert all(len(shapes(dataset, batch)) == 1 for batch in batches)
    # 64 and 60 of 96 rows are padded alike.
    assert sorted(map(len, batches)) == [3, 3, 3, 3]
    # Without a divisor only equal sizes meet.
    assert len(list(SameShapeBatchSampler(DefaultSampler(dataset, shuffle=False), 6))) == 4


def test_wrapped_data_sets_are_looked_through(dataset):
    for wrapped in (ConcatDataset([dataset, dataset]), RepeatDataset(dataset, 2)):
        sampler = SameShapeBatchSampler(DefaultSampler(wrapped, shuffle=False), 6, 32)
        assert sorted(map(len, sampler)) == [6, 6, 6, 6]
        assert all(len(shapes(wrapped, batch)) == 1 for batch in sampler)


def test_each_process_has_its_own_images(dataset):
    shares = []
    for rank in range(2):
        sampler = DefaultSampler(dataset, shuffle=False, round_up=False)
        sampler.rank, sampler.world_size, sampler.num_samples = rank, 2, 6
        shares += [index for batch in SameShapeBatchSampler(sampler, 4, 32) for index in batch]
    assert sorted(shares) == list(range(12))


def test_data_that_do_not_tell_sizes_are_refused(dataset):
    records = [{k: v for k, v in dataset.get_data_info(0).items() if k != 'width'}]
    dataset.get_data_info = records.__getitem__
    with pytest.raises(InputError, match=r'have no height and width.*batch_size=1'):
        list(SameShapeBatchSampler(DefaultSampler(dataset, shuffle=False), 3))
    with pytest.raises(InputError, match='has no pipeline'):
        list(SameShapeBatchSampler(DefaultSampler([1, 2], shuffle=False), 3))


def test_loaders_without_a_batch_sampler_get_one_and_others_are_refused(cfg):
    assert cfg.val_dataloader.batch_sampler == dict(type='SameShapeBatchSampler', pad_divisor=32)
    cfg.model.data_preprocessor.pad_size_divisor = 64
    cfg.val_dataloader.batch_sampler = None
    cfg.test_dataloader.batch_sampler = None
    cfg.test_dataloader.batch_size = 1
    use_same_shape_batches(cfg)
    assert cfg.val_dataloader.batch_sampler == dict(type='SameShapeBatchSampler', pad_divisor=64)
    assert cfg.test_dataloader.batch_sampler is None
    cfg.val_dataloader.batch_sampler = dict(type='AspectRatioBatchSampler')
    with pytest.raises(InputError, match='AspectRatioBatchSampler may pad'):
        use_same_shape_batches(cfg)


@pytest.mark.parametrize('tta', [False, True])
def test_scores_do_not_depend_on_the_batch_size(root, cfg, tta, tmp_path):
    checkpoint = save_random_model(root / 'configs/quickstart.py', tmp_path / 'random.pth')
    set_checkpoint(cfg, str(checkpoint))
    # The views of random weights rarely agree, so the mean of their masks is low.
    cfg.model.test_cfg.rcnn.mask_thr_binary = 0.05 if tta else 0.5
    if tta:
        use_tta(cfg)
    rows = []
    for size in (1, 5):
        each = copy.deepcopy(cfg)
        each.test_dataloader.batch_size = size
        set_work_dir(each, str(tmp_path / f'{size}'), 'quickstart.py')
        each.launcher = 'none'
        # Loggers and visualizers of one name are one, with the first one's folder.
        each.experiment_name = each.visualizer.name = f'batches of {size}, {tta}'
        runner = Runner.from_cfg(each)
        load_weights(runner, str(checkpoint))
        runner.test()
        rows.append({row['image_id']: row for row in runner.test_evaluator.metrics[0].per_image})
    alone, together = rows
    assert alone.keys() == together.keys()
    for name, row in alone.items():
        assert row['score'] == pytest.approx(together[name]['score'], abs=1e-5)
        assert row['iou'] == pytest.approx(together[name]['iou'], abs=1e-3)
    assert len({round(row['iou'], 4) for row in alone.values()}) > 1
