import pytest
from mmdet.registry import MODELS

from isic_mmdet.engine.config.recorded_config import training_digest
from isic_mmdet.engine.config.run_options import (
    enable_result_dump,
    select_split,
    use_pinned_memory,
    use_tta,
)
from isic_mmdet.errors import InputError


def test_the_validation_split_can_be_tested_if_there_is_one(cfg):
    select_split(cfg, 'test')
    assert cfg.test_dataloader.dataset.ann_file == 'annotations/test.json'
    select_split(cfg, 'val')
    assert cfg.test_dataloader.dataset.ann_file == 'annotations/val.json'
    cfg.val_dataloader = None
    with pytest.raises(InputError, match='no val_dataloader'):
        select_split(cfg, 'val')


def test_detections_are_written_as_json_only(cfg):
    with pytest.raises(InputError, match='json'):
        enable_result_dump(cfg, 'found.pkl')


def test_tta_flips_the_images_of_every_data_set(cfg):
    leaf = cfg.test_dataloader.dataset
    other = {**leaf, 'ann_file': 'annotations/val.json'}
    cfg.test_dataloader.dataset = {'type': 'ConcatDataset', 'datasets': [leaf, other, leaf]}
    use_tta(cfg)
    for part in cfg.test_dataloader.dataset.datasets:
        assert [step.type for step in part.pipeline] == ['LoadImageFromFile', 'TestTimeAug']
    (size,), flips, (pack,) = part.pipeline[-1].transforms
    assert size.scale == (192, 192) and size.keep_ratio
    assert [flip.prob for flip in flips] == [0, 1, 1, 1]
    assert [flip.direction for flip in flips[1:]] == ['horizontal', 'vertical', 'diagonal']
    assert pack.type == 'PackLesionInputs'
    # All detections of a view are kept, because every view has a score for every class.
    assert cfg.model.module.test_cfg.rcnn.max_per_img == 3
    assert cfg.model.mask_threshold == 0.5


def test_tta_needs_a_resize(cfg):
    leaf = cfg.test_dataloader.dataset
    leaf.pipeline = [leaf.pipeline[0], leaf.pipeline[-1]]
    with pytest.raises(InputError, match='no Resize with a scale'):
        use_tta(cfg)


def test_batches_are_copied_while_a_gpu_computes(cfg):
    digest = training_digest(cfg)
    use_pinned_memory(cfg)
    preprocessor = MODELS.build(cfg.model.data_preprocessor)
    assert cfg.train_dataloader.pin_memory
    assert preprocessor._non_blocking
    assert training_digest(cfg) == digest  # such a training can be resumed without a GPU


def test_a_config_may_have_its_batches_waited_for(cfg):
    cfg.train_dataloader.pin_memory = False
    cfg.model.data_preprocessor.non_blocking = False
    use_pinned_memory(cfg)
    assert not cfg.train_dataloader.pin_memory
    assert not cfg.model.data_preprocessor.non_blocking
