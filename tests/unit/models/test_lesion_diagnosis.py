"""The diagnosis head, compared with NumPy."""

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
from isic_mmdet.models.lesion_diagnosis import LesionDiagnosisHead, statistics, with_diagnoses

WEIGHTS = [0.5, 2.0]


@pytest.fixture
def head():
    torch.manual_seed(0)
    built = LesionDiagnosisHead(
        (4, 6), (8, 16), 3, dict(type='CrossEntropyLoss', class_weight=[1, 1, 1])
    )
    built.init_weights()
    return built


@pytest.fixture
def maps():
    torch.manual_seed(1)
    return [torch.randn(2, 4, 16, 16), torch.randn(2, 6, 8, 8)]


@pytest.fixture(scope='module')
def cfg(root):
    cfg = load_config(root / 'configs/ablations/isic2017_r18_256px.py')
    cfg.model.backbone.init_cfg = None
    cfg.model.roi_head.diagnosis_head.loss.update(class_weight=WEIGHTS, loss_weight=0.1)
    return cfg


@pytest.fixture
def detector(cfg):
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    model.init_weights()
    return model


def batch(sizes=((96, 128), (128, 96)), labels=(0, 1)):
    """Return images and samples with one box each, as the data loader has them."""
    torch.manual_seed(2)
    samples = []
    for (height, width), label in zip(sizes, labels, strict=True):
        meta = dict(img_shape=(height, width), ori_shape=(height, width), scale_factor=(1.0, 1.0))
        sample = DetDataSample(metainfo=meta)
        mask = np.zeros((1, height, width), np.uint8)
        mask[0, 20:60, 30:80] = 1
        sample.gt_instances = InstanceData(
            bboxes=torch.tensor([[30.0, 20.0, 80.0, 60.0]]),
            labels=torch.tensor([label]),
            masks=BitmapMasks(mask, height, width),
        )
        samples.append(sample)
    images = [torch.randint(0, 256, (3, *size), dtype=torch.uint8) for size in sizes]
    return {'inputs': images, 'data_samples': samples}


def predicted(detector):
    detector.eval()
    with torch.no_grad():
        return [sample.pred_instances for sample in detector.test_step(batch())]


def test_statistics():
    pooled = torch.randn(5, 4, 7, 7)
    bins = pooled.numpy().reshape(5, 4, 49)
    mean, deviation, most = statistics(pooled)
    np.testing.assert_allclose(mean, bins.mean(2), atol=1e-6)
    np.testing.assert_allclose(deviation, np.sqrt(bins.var(2) + 1e-6), rtol=1e-5)
    np.testing.assert_allclose(most, bins.max(2))


def test_features_without_variation_have_finite_gradients(head):
    maps = [torch.ones(1, 4, 16, 16, requires_grad=True), torch.ones(1, 6, 8, 8)]
    region = torch.tensor([[0.0, 0, 0, 128, 128]])
    head(head.pooled(maps, region, region)).sum().backward()
    assert torch.isfinite(maps[0].grad).all()


def test_lesion_and_image_count_and_padding_does_not(head, maps):
    lesions = torch.tensor([[0.0, 32, 32, 64, 64], [1.0, 16, 16, 48, 80]])
    images = torch.tensor([[0.0, 0, 0, 96, 96], [1.0, 0, 0, 128, 128]])
    before = head(head.pooled(maps, lesions, images))
    assert before.shape == (2, 3) and before.dtype == torch.float32
    moved = lesions + torch.tensor([0.0, 16, 16, 16, 16])
    assert not torch.allclose(head(head.pooled(maps, moved, images)), before)
    halved = images * torch.tensor([1, 1, 1, 0.5, 0.5])
    assert not torch.allclose(head(head.pooled(maps, lesions, halved)), before)
    # Beyond 96 pixels and the cell that borders on them there is padding in image 0.
    maps[0][0, :, 13:] = maps[0][0, :, :, 13:] = 100
    maps[1][0, :, 7:] = maps[1][0, :, :, 7:] = 100
    torch.testing.assert_close(head(head.pooled(maps, lesions, images)), before)


def test_half_precision_maps_give_float32(head, maps):
    regions = torch.tensor([[0.0, 0, 0, 128, 128]])
    with torch.autocast('cpu', torch.bfloat16):
        half = head(head.pooled([each.bfloat16() for each in maps], regions, regions))
    assert half.dtype == torch.float32
    torch.testing.assert_close(
        half, head(head.pooled(maps, regions, regions)), atol=2e-3, rtol=2e-2
    )


def test_its_loss_is_weighted_cross_entropy(detector):
    data = detector.data_preprocessor(batch(), True)
    detector.eval()  # no random statistics between the two calls
    with torch.no_grad():
        features = detector.extract_feat(data['inputs'])
        losses = detector.loss(data['inputs'], data['data_samples'])
        truths = [sample.gt_instances for sample in data['data_samples']]
        assert [int(truth.labels) for truth in truths] == [0, 1]
        boxes = torch.tensor([[0.0, 30, 20, 80, 60], [1.0, 30, 20, 80, 60]])
        images = torch.tensor([[0.0, 0, 0, 128, 96], [1.0, 0, 0, 96, 128]])
        head = detector.roi_head.diagnosis_head
        logits = head(head.pooled(features[-3:], boxes, images))
    log = logits.log_softmax(1).numpy()
    by_hand = -0.1 * (WEIGHTS[0] * log[0, 0] + WEIGHTS[1] * log[1, 1]) / 2
    np.testing.assert_allclose(losses['loss_diagnosis'], by_hand, rtol=1e-5)
    assert {'loss_cls', 'loss_bbox', 'loss_mask'} < losses.keys()


def test_the_diagnosis_trains_only_its_own_head(detector):
    detector.train()
    data = detector.data_preprocessor(batch(), True)
    detector.loss(data['inputs'], data['data_samples'])['loss_diagnosis'].backward()
    trained = {name for name, weight in detector.named_parameters() if weight.grad is not None}
    own = {name for name, _ in detector.named_parameters() if 'diagnosis_head' in name}
    assert trained == own


def test_every_detection_has_each_diagnosis(detector):
    detector.test_cfg.rcnn.score_thr = 0.0
    found = predicted(detector)
    lesions = 0
    for instances in found:
        scores = instances.scores.numpy()
        assert np.all(np.diff(scores) <= 0) and len(scores) % 2 == 0
        for box in instances.bboxes.unique(dim=0):
            same = (instances.bboxes == box).all(1)
            assert sorted(instances.labels[same].tolist()) == [0, 1]
            first, second = instances.masks[same]
            assert torch.equal(first, second)
            lesions += 1
    assert lesions > 2


def test_scores_are_products_with_the_probabilities():
    found = InstanceData(
        bboxes=torch.tensor([[0.0, 0, 1, 1], [2.0, 2, 3, 3]]),
        scores=torch.tensor([0.8, 0.3]),
        labels=torch.tensor([0, 0]),
    )
    diagnosed = with_diagnoses(found, torch.tensor([[0.25, 0.75]]))
    np.testing.assert_allclose(diagnosed.scores, [0.6, 0.225, 0.2, 0.075], rtol=1e-6)
    assert diagnosed.labels.tolist() == [1, 1, 0, 0]
    assert diagnosed.bboxes[:, 0].tolist() == [0, 2, 0, 2]


def test_no_detection_has_no_diagnosis(detector):
    detector.test_cfg.rcnn.score_thr = 1.0
    found = predicted(detector)
    assert [len(instances) for instances in found] == [0, 0]
    assert found[0].masks.shape == (0, 96, 128)


@pytest.mark.parametrize(
    ('head', 'change'),
    [('bbox_head', dict(num_classes=2)), ('mask_head', dict(class_agnostic=False))],
)
def test_other_heads_with_classes_are_refused(cfg, head, change):
    model = copy.deepcopy(cfg.model)
    model.roi_head[head].update(change)
    with pytest.raises(ValueError, match='class_agnostic=True'):
        MODELS.build(model)
