import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope

from isic_mmdet.engine.config.load import load_config

# An official image of the challenge, resized to fit into 256 px: 192.17 rows become 192.
SHAPE, RESIZED = (1129, 1504), (192, 256)


@pytest.fixture
def predicted(root):
    """Return a function that returns what a head of some type predicts for random features."""
    cfg = load_config(root / 'configs/zoo/rtmdet_ins.py')
    init_default_scope(cfg.default_scope)

    def predicted(kind, rescale=True):
        settings = {**cfg.model.bbox_head, 'type': kind, 'test_cfg': cfg.model.test_cfg}
        torch.manual_seed(0)
        head = MODELS.build(settings).eval()
        features = [torch.randn(1, 96, 24 >> level, 32 >> level) for level in range(3)]
        scale = (RESIZED[1] / SHAPE[1], RESIZED[0] / SHAPE[0])
        meta = dict(img_shape=RESIZED, ori_shape=SHAPE, scale_factor=scale)
        with torch.inference_mode():
            (found,) = head.predict(features, [DetDataSample(metainfo=meta)], rescale)
        return found

    return predicted


def test_masks_have_the_size_of_the_image(predicted):
    found = predicted('ExactSizeRTMDetInsHead')
    assert found.masks.shape == (3, *SHAPE)
    assert predicted('RTMDetInsSepBNHead').masks.shape[1:] != SHAPE, 'mmdet is fixed: remove it'


def test_boxes_and_scores_are_those_of_mmdet(predicted):
    found, expected = (predicted(k) for k in ('ExactSizeRTMDetInsHead', 'RTMDetInsSepBNHead'))
    torch.testing.assert_close(found.bboxes, expected.bboxes)
    torch.testing.assert_close(found.scores, expected.scores)
    found = predicted('ExactSizeRTMDetInsHead', rescale=False)
    assert torch.equal(found.masks, predicted('RTMDetInsSepBNHead', rescale=False).masks)
