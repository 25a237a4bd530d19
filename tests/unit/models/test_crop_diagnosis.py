"""The diagnosis by a second backbone: what it sees, what it trains, what a prediction keeps."""

import copy

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.structures import InstanceData

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.models.crop_diagnosis import CropDiagnosisHead
from isic_mmdet.models.lesion_mask_rcnn import prepare_for_prediction

LESIONS = torch.tensor([[0.0, 20, 20, 60, 60], [1.0, 0, 40, 40, 90]])
IMAGES = torch.tensor([[0.0, 0, 0, 96, 64], [1.0, 0, 0, 96, 96]])


@pytest.fixture(scope='module')
def cfg(root):
    cfg = load_config(root / 'configs/isic2017_maskrcnn_lite.py')
    cfg.model.backbone.init_cfg = None
    cfg.model.roi_head.diagnosis_head.backbone.init_cfg = None
    return cfg


@pytest.fixture
def head(cfg):
    settings = copy.deepcopy(cfg.model.roi_head.diagnosis_head)
    settings.crop_size = 64
    torch.manual_seed(0)
    return MODELS.build(settings).eval()


@pytest.fixture
def images():
    torch.manual_seed(1)
    return torch.randn(2, 3, 96, 96)


@pytest.fixture
def detector(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def batch():
    """Return two images with one box each, as the data loader has them."""
    torch.manual_seed(2)
    meta = dict(img_shape=(96, 128), ori_shape=(96, 128), scale_factor=(1.0, 1.0))
    mask = np.zeros((1, 96, 128), np.uint8)
    mask[0, 20:60, 30:80] = 1
    samples = []
    for label in (0, 1):
        sample = DetDataSample(metainfo=meta)
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[30.0, 20.0, 80.0, 60.0]]),
            labels=torch.tensor([label]),
            masks=BitmapMasks(mask, 96, 128),
        )
        samples.append(sample)
    images = [torch.randint(0, 256, (3, 96, 128), dtype=torch.uint8) for _ in samples]
    return {'inputs': images, 'data_samples': samples}


def test_the_lesion_has_a_margin_inside_the_image(head):
    head.margin = 0.25
    lesions, images = head.regions(LESIONS[:, 1:], IMAGES[:, 1:])
    assert lesions.tolist() == [[10, 10, 70, 64], [0, 27.5, 50, 96]]
    assert torch.equal(images, IMAGES[:, 1:])


def test_crops_are_pixels_of_the_image(head, images):
    rows = torch.arange(96.0)[:, None].expand(96, 96)
    head.margin = 0
    lesion, image = head.pooled([rows[None, None].expand(2, 3, -1, -1)], LESIONS, IMAGES)
    assert lesion.shape == image.shape == (2, 3, 64, 64)
    # The first and the last of 64 rows, each the mean of what it covers, in pixels.
    np.testing.assert_allclose(lesion[0, 0, [0, -1], 5], [20 - 0.1875, 59 + 0.1875], atol=1e-3)
    np.testing.assert_allclose(image[0, 0, [0, -1], 5], [0, 63], atol=0.26)


def test_lesion_and_image_count_and_padding_does_not(head, images):
    before = head(head.pooled([images], LESIONS, IMAGES))
    assert before.shape == (2, 2) and before.dtype == torch.float32
    moved = LESIONS + torch.tensor([0.0, 8, 8, 8, 8])
    assert not torch.allclose(head(head.pooled([images], moved, IMAGES)), before)
    halved = IMAGES * torch.tensor([1, 1, 1, 0.5, 1])
    assert not torch.allclose(head(head.pooled([images], LESIONS, halved))[1], before[1])
    images[0, :, 65:] = 100  # below the region of the first image and its border
    torch.testing.assert_close(head(head.pooled([images], LESIONS, IMAGES)), before)


def test_the_diagnosis_trains_the_last_stages_of_its_own_backbone(detector):
    detector.train()
    data = detector.data_preprocessor(batch(), True)
    losses = detector.loss(data['inputs'], data['data_samples'])
    losses['loss_diagnosis'].backward()
    trained = {name for name, value in detector.named_parameters() if value.grad is not None}
    assert trained
    for name in trained:
        assert name.startswith(
            (
                'roi_head.diagnosis_head.classify',
                'roi_head.diagnosis_head.norms',
                *(f'roi_head.diagnosis_head.backbone.body.blocks.{stage}' for stage in range(3, 7)),
            )
        ), name


def test_a_prepared_model_predicts_the_same(detector):
    def scores(model):
        with torch.no_grad():
            return [found.pred_instances.scores for found in model.test_step(batch())]

    detector.eval()
    expected = scores(detector)
    prepared = copy.deepcopy(detector)
    prepare_for_prediction(prepared)
    assert not any('bn' in name for name, _ in prepared.named_parameters() if 'backbone' in name)
    for found, same in zip(scores(prepared), expected, strict=True):
        np.testing.assert_allclose(found, same, atol=1e-3)


def test_no_lesion_has_no_diagnosis(head, images):
    assert isinstance(head, CropDiagnosisHead)
    nothing = torch.zeros(0, 5)
    assert head(head.pooled([images], nothing, nothing)).shape == (0, 2)
