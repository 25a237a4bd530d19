import pytest
import torch

from isic_mmdet.deploy.export.model import load_model
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError

BFP = dict(
    _delete_=True, type='BFP', in_channels=64, num_levels=4, refine_level=2, refine_type='conv'
)


def test_batch_norm_is_folded_and_everything_in_evaluation_mode(detector):
    modules = list(detector.modules())
    assert not any(isinstance(module, torch.nn.BatchNorm2d) for module in modules)
    assert not any(module.training for module in modules)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        ({'model.test_cfg.rpn.nms': dict(type='soft_nms', iou_threshold=0.7)}, 'soft_nms'),
        ({'model.test_cfg.rpn.nms': dict(type='nms', iou_threshold=0.7, offset=1)}, 'offset'),
        ({'model.data_preprocessor.pad_size_divisor': 1}, 'multiples of 32'),
        ({'model.data_preprocessor.pad_value': 114}, 'padded with 0'),
        ({'model.roi_head.bbox_head.bbox_coder.add_ctr_clamp': True}, 'plain DeltaXYWHBBoxCoder'),
        ({'model.neck': BFP}, 'neck: BFP is not a FPN'),
    ],
)
def test_a_model_that_the_graph_does_not_support_is_refused(config, checkpoint, options, message):
    cfg = load_config(config)
    cfg.merge_from_dict(options)
    with pytest.raises(InputError, match='its model cannot be exported') as error:
        load_model(cfg, str(checkpoint), 'mine.py', ('lesion',))
    assert any(message in problem for problem in error.value.errors)


def test_weights_of_another_model_are_refused(root, checkpoint):
    path = root / 'configs/isic2018_maskrcnn_lite.py'
    with pytest.raises(InputError, match='does not hold the weights of'):
        load_model(load_config(path), str(checkpoint), str(path), ('lesion',))
