"""The graph finds what mmdet's own prediction finds, for every config of the project."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import DATASETS, MODELS
from mmdet.structures import DetDataSample
from mmengine.registry import init_default_scope

import isic_mmdet.register  # noqa: F401
from isic_mmdet.deploy.export.detector import LesionGraph
from isic_mmdet.deploy.export.model import load_model
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.models.box_masks import return_box_masks
from tests.support.random_model import save_random_model

FOLDER = Path(__file__).resolve().parents[4] / 'configs'
CONFIGS = [*sorted(FOLDER.glob('*.py')), *sorted(FOLDER.glob('ablations/isic*.py'))]


def mmdets_own(model: torch.nn.Module, images: np.ndarray, sizes: np.ndarray) -> list:
    """Predict images of one batch with mmdet; the padding is cut off and left to it."""
    metas = [
        dict(img_shape=tuple(size), ori_shape=tuple(size), scale_factor=(1.0, 1.0))
        for size in sizes.tolist()
    ]
    data = {
        'inputs': [
            torch.from_numpy(image[:h, :w, ::-1].transpose(2, 0, 1).copy())
            for image, (h, w) in zip(images, sizes, strict=True)
        ],
        'data_samples': [DetDataSample(metainfo=meta) for meta in metas],
    }
    with torch.no_grad():
        return [sample.pred_instances for sample in model.test_step(data)]


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_it_finds_what_mmdet_finds(path, tmp_path):
    checkpoint = save_random_model(path, tmp_path / 'random.pth')
    cfg = load_config(path)
    init_default_scope(cfg.default_scope)
    cfg.model.backbone.init_cfg = None
    reference = MODELS.build(cfg.model).eval()
    reference.load_state_dict(torch.load(checkpoint, weights_only=True)['state_dict'])
    return_box_masks(reference)
    classes = DATASETS.get(cfg.test_dataloader.dataset.type).METAINFO['classes']
    graph = LesionGraph(load_model(load_config(path), str(checkpoint), str(path), classes)).eval()

    # Two shapes in one batch; both are padded, the second to the size of the first, too.
    sizes = np.array([[100, 150], [128, 90]])
    images = np.random.default_rng(0).integers(0, 256, (2, 128, 160, 3), dtype=np.uint8)
    with torch.no_grad():
        scores, labels, boxes, masks = graph(torch.from_numpy(images), torch.from_numpy(sizes))
    expected = mmdets_own(reference, images, sizes)
    cells = cfg.model.train_cfg.rcnn.mask_size
    assert masks.shape == (2, cells, cells)
    for index, found in enumerate(expected):
        # A crop of noise changes with a box that differs by less than a hundredth of a pixel.
        atol = 1e-5 if len(classes) == 1 else 5e-3
        np.testing.assert_allclose(scores[index], found.scores[0], atol=atol)
        assert labels[index] == found.labels[0]
        np.testing.assert_allclose(boxes[index], found.bboxes[0], atol=5e-3)
        np.testing.assert_allclose(masks[index], found.masks[0], atol=5e-3)
    # Not by chance: the two images have other answers.
    assert (boxes[0] - boxes[1]).abs().max() > 1


def test_the_pixels_of_the_padding_do_not_matter(detector):
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 128, 3), dtype=np.uint8)
    size = torch.tensor([[80, 100]])
    changed = image.copy()
    changed[:, 80:] = 255
    changed[:, :, 100:] = 7
    with torch.no_grad():
        one, other = (detector(torch.from_numpy(pixels), size) for pixels in (image, changed))
    for left, right in zip(one, other, strict=True):
        assert torch.equal(left, right)
    assert one[2][0, 2] <= 100 and one[2][0, 3] <= 80


def test_an_image_without_proposals_has_the_score_0(config, checkpoint):
    cfg = load_config(config)
    cfg.model.test_cfg.rpn.min_bbox_size = 10_000
    graph = LesionGraph(load_model(cfg, str(checkpoint), '', ('lesion',))).eval()
    image = torch.zeros(1, 64, 64, 3, dtype=torch.uint8)
    with torch.no_grad():
        scores, *_ = graph(image, torch.tensor([[64, 64]]))
    assert scores.tolist() == [0.0]


def test_a_diagnosis_does_not_change_what_counts_as_a_detection(root, tmp_path):
    path = root / 'configs/isic2017_maskrcnn_lite.py'
    checkpoint = save_random_model(path, tmp_path / 'random.pth')
    image = np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8)
    inputs = torch.from_numpy(image), torch.tensor([[96, 96]])

    def score_above(threshold):
        cfg = load_config(path)
        cfg.model.test_cfg.rcnn.score_thr = threshold
        model = load_model(cfg, str(checkpoint), str(path), ('benign', 'melanoma'))
        with torch.no_grad():
            return LesionGraph(model).eval()(*inputs)[0].item()

    found = score_above(0.0)
    assert 0 < found < 1
    # The box scores more than box and diagnosis together, and it is what the threshold is for.
    assert score_above(found) == pytest.approx(found)
    assert score_above(0.999) == 0
