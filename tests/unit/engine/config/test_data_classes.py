"""One config serves data of any number of classes."""

import json

import pytest

import isic_mmdet.register  # noqa: F401
from isic_mmdet.datasets.checks import class_count_errors
from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError

SEVEN = ['akiec', 'bcc', 'bkl', 'df', 'mel', 'nv', 'vasc']


def data(folder, names, counts=None):
    """Write annotation files that hold categories and the classes of annotations alone."""
    counts = counts or dict.fromkeys(names, 1)
    ids = {name: number for number, name in enumerate(names, 1)}
    content = {
        'categories': [{'id': ids[name], 'name': name} for name in names],
        'annotations': [{'category_id': ids[name]} for name in names for _ in range(counts[name])],
    }
    for split in ('train', 'val', 'test'):
        path = folder / 'annotations' / f'{split}.json'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize('names', [['lesion'], ['nevus'], ['melanoma', 'nevus'], SEVEN])
@pytest.mark.parametrize(
    'config',
    [
        'isic2018_maskrcnn.py',
        'isic2018_maskrcnn_lite.py',
        'isic2017_maskrcnn.py',
        'zoo/cascade_maskrcnn.py',
        'zoo/mask2former.py',
        'zoo/mask_scoring_rcnn.py',
        'zoo/point_rend.py',
        'zoo/rtmdet_ins.py',
    ],
)
def test_heads_and_data_sets_follow_the_data(config, names, root, tmp_path):
    cfg = load_config(root / 'configs' / config, data_root=data(tmp_path, names))
    assert class_count_errors(cfg.model, names) == []
    for dataset in leaf_datasets(cfg):
        known = dataset.get('metainfo')
        assert names == ['lesion'] if known is None else list(known.classes) == names
        assert known is None or len(known.palette) == len(names)


def test_the_classes_of_the_config_change_nothing(root, tmp_path):
    path = root / 'configs/isic2018_maskrcnn_lite.py'
    cfg, own = load_config(path, data_root=data(tmp_path, ['lesion'])), load_config(path)
    assert cfg.model == own.model
    assert 'metainfo' not in cfg.train_dataloader.dataset


def test_a_diagnosis_head_follows_alone_and_balances_the_classes(root, tmp_path):
    names = ['benign', 'melanoma', 'other']
    folder = data(tmp_path, names, {'benign': 60, 'melanoma': 30, 'other': 10})
    cfg = load_config(root / 'configs/isic2017_maskrcnn_lite.py', data_root=folder)
    head = cfg.model.roi_head.diagnosis_head
    assert head.num_classes == 3
    assert head.loss.class_weight == [0.56, 1.11, 3.33]  # 100 / (3 * n)
    assert cfg.model.roi_head.bbox_head.num_classes == 1
    assert class_count_errors(cfg.model, names) == []


def test_a_diagnosis_head_needs_two_classes(root, tmp_path):
    folder = data(tmp_path, ['lesion'])
    with pytest.raises(InputError, match='one class lesion'):
        load_config(root / 'configs/isic2017_maskrcnn_lite.py', data_root=folder)


def test_equal_weights_stay_equal_and_the_background_keeps_its_own(root, tmp_path):
    cfg = load_config(root / 'configs/zoo/mask2former.py', data_root=data(tmp_path, SEVEN))
    assert cfg.model.panoptic_head.loss_cls.class_weight == [1.0] * 7 + [0.1]
    assert cfg.model.panoptic_fusion_head.num_things_classes == 7


@pytest.mark.parametrize('text', ['', '[]', '{"categories": 1}', '{"categories": [{"id": 1}]}'])
def test_a_damaged_file_is_left_to_the_checks(text, root, tmp_path):
    folder = data(tmp_path, ['a', 'b'])
    for path in folder.glob('annotations/*.json'):
        path.write_text(text)
    cfg = load_config(root / 'configs/isic2018_maskrcnn_lite.py', data_root=folder)
    assert cfg.model.roi_head.bbox_head.num_classes == 1


def test_a_number_that_never_fitted_stays_and_is_reported(root, tmp_path):
    option = {'model.roi_head.mask_head.num_classes': 3}
    folder = data(tmp_path, SEVEN)
    cfg = load_config(root / 'configs/isic2018_maskrcnn_lite.py', option, data_root=folder)
    assert cfg.model.roi_head.bbox_head.num_classes == 7
    (error,) = class_count_errors(cfg.model, SEVEN)
    assert 'mask_head.num_classes is 3' in error
