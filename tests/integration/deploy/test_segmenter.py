from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmdet.apis import inference_detector, init_detector
from PIL import Image

from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.errors import InputError
from tests.support.random_model import save_random_model


@pytest.fixture(scope='session')
def images(image_files) -> list[np.ndarray]:
    return [np.asarray(Image.open(path).convert('RGB')) for path in image_files]


@pytest.fixture
def changed(config, tmp_path):
    """Return a function that writes the config with other test settings or another pipeline."""

    def write(pipeline: str = '', base: Path = config, **settings) -> str:
        lines = [f'_base_ = {str(base)!r}']
        lines.append(f'model = dict(test_cfg=dict(rcnn=dict(**{settings})))')
        if pipeline:
            lines.append(f'test_dataloader = dict(dataset=dict(pipeline=[{pipeline}]))')
        path = tmp_path / 'changed.py'
        path.write_text('\n'.join(lines))
        return str(path)

    return write


def test_it_finds_what_mmdet_finds(config, checkpoint, segmenter, images):
    model = init_detector(str(config), str(checkpoint), device='cpu')
    for image in (images[0], cv2.resize(images[1], (311, 170))):
        expected = inference_detector(model, image[..., ::-1].copy()).pred_instances
        lesion = segmenter(image)
        x, y, width, height = lesion.box
        np.testing.assert_allclose((x, y, x + width, y + height), expected.bboxes[0], atol=1e-4)
        assert lesion.score == pytest.approx(float(expected.scores[0]))
        assert lesion.label == 'lesion'
        assert lesion.mask.dtype == np.bool_
        assert lesion.mask.shape == lesion.probability.shape == image.shape[:2]
        differ = lesion.mask != expected.masks[0].numpy()
        assert np.all(np.abs(lesion.probability[differ] - 0.5) < 1e-5)
        assert 0 < lesion.mask.mean() < 1
        np.testing.assert_array_equal(lesion.mask, lesion.levels > 127)


@pytest.mark.parametrize('tta', [False, True])
def test_other_images_of_a_batch_change_nothing(config, checkpoint, images, tta):
    segmenter = LesionSegmenter(config, checkpoint, 'cpu', tta=tta)
    sizes = [(192, 192), (192, 60), (60, 192), (192, 100), (192, 65)]
    different = [cv2.resize(images[0], size) for size in sizes]
    different += [images[1], images[2], images[0][:1, :1]]
    together = segmenter.batch(different)
    for image, lesion in zip(different, together, strict=True):
        alone = segmenter(image)
        assert lesion.mask.shape == image.shape[:2]
        np.testing.assert_allclose(lesion.box, alone.box, atol=1e-3)
        assert lesion.score == pytest.approx(alone.score, abs=1e-5)
        np.testing.assert_allclose(lesion.probability, alone.probability, atol=1e-4)
    assert segmenter.batch([]) == []


@pytest.mark.parametrize('tta', [False, True])
def test_masks_of_a_complete_large_image_stay_small(root, tmp_path, images, tta):
    config = root / 'configs/zoo/rtmdet_ins.py'
    checkpoint = save_random_model(config, tmp_path / 'random.pth')
    segmenter = LesionSegmenter(config, checkpoint, 'cpu', tta=tta)  # at 256 pixels
    image = cv2.resize(images[0], (256, 256))
    small = segmenter(image)
    large = segmenter(image.repeat(5, 0).repeat(5, 1))  # resized to the same image
    assert all(max(view.cells.shape) < 4 * 256 for view in large.views)
    assert large.mask.shape == (1280, 1280)
    assert 0 < small.mask.mean() < 1
    assert np.mean(large.mask[2::5, 2::5] != small.mask) < 0.02
    np.testing.assert_allclose(np.array(large.box) / 5, small.box, atol=1)
    assert large.score == pytest.approx(small.score)


def test_nothing_found_is_an_empty_mask(changed, checkpoint, images):
    lesion = LesionSegmenter(changed(score_thr=0.99), checkpoint, 'cpu')(images[0])
    assert (lesion.label, lesion.box, lesion.score) == (None, None, 0.0)
    assert lesion.mask.shape == lesion.probability.shape == (96, 96)
    assert not lesion.mask.any() and not lesion.probability.any()


def test_a_symmetric_image_gets_a_symmetric_mask_from_flips_and_sizes(changed, checkpoint, images):
    image = images[0] // 2 + images[0][:, ::-1] // 2
    # The views of random weights rarely agree on the lesion, so their mean is low.
    config = changed(mask_thr_binary=0.05)
    lesion = LesionSegmenter(config, checkpoint, 'cpu', tta=True)(image)
    assert 0 < lesion.mask.mean() < 1
    np.testing.assert_array_equal(lesion.mask, lesion.mask[:, ::-1])
    np.testing.assert_array_equal(lesion.levels, lesion.levels[:, ::-1])
    plain = LesionSegmenter(config, checkpoint, 'cpu')(image)
    assert np.any(plain.mask != plain.mask[:, ::-1])


def test_with_several_classes_every_view_counts_for_each(root, changed, tmp_path, images):
    base = root / 'configs/student_projects/student2017_r18_256px.py'
    checkpoint = save_random_model(base, tmp_path / 'random.pth')
    # With many detections, no detection with a score near that of the last one matters.
    config = changed(base=base, max_per_img=60)
    content = torch.load(checkpoint, weights_only=True)
    # The two classes are so similar that the views disagree on them.
    weights = content['state_dict']['roi_head.bbox_head.fc_cls.weight']
    weights[1] = weights[0] + 0.02 * torch.randn(weights[0].shape, generator=torch.manual_seed(2))
    content['state_dict']['roi_head.bbox_head.fc_cls.bias'][:2] = 0
    torch.save(content, checkpoint)
    image = cv2.resize(images[0], (256, 256))  # the size of the model
    lesion = LesionSegmenter(config, checkpoint, 'cpu', tta=True)(image)
    model = init_detector(str(config), str(checkpoint), device='cpu')
    scores = np.zeros((4, 2))
    for view, axes in zip(scores, ((), (0,), (1,), (0, 1)), strict=True):
        pixels = np.flip(image, axes)[..., ::-1].copy()
        found = inference_detector(model, pixels).pred_instances
        for label, score in zip(found.labels.tolist(), found.scores.tolist(), strict=True):
            view[label] = max(view[label], score)
    means = scores.mean(0)
    # The best detections of the views alone give a lower score.
    assert means.max() > np.where(scores == scores.max(1, keepdims=True), scores, 0).mean(0).max()
    assert lesion.label == ('benign', 'melanoma')[means.argmax()]
    assert lesion.score == pytest.approx(means.max(), abs=1e-5)


@pytest.mark.parametrize('tta', [False, True])
def test_a_reduced_image_keeps_four_times_the_size_of_the_model(config, checkpoint, tta):
    segmenter = LesionSegmenter(config, checkpoint, 'cpu', tta=tta)  # at 192 pixels
    assert segmenter.preparation.reduction(96, 96) == 1
    assert segmenter.preparation.reduction(500, 1535) == 1
    assert (
        segmenter.preparation.reduction(500, 1536)
        == segmenter.preparation.reduction(1536, 500)
        == 2
    )
    assert segmenter.preparation.reduction(4499, 6748) == 8


def test_weights_of_another_model_are_refused(root, config, checkpoint, tmp_path):
    with pytest.raises(InputError, match='does not hold the weights of'):
        LesionSegmenter(root / 'configs/isic2018_maskrcnn_lite.py', checkpoint, 'cpu')
    with pytest.raises(InputError, match='no such checkpoint'):
        LesionSegmenter(config, tmp_path / 'none.pth', 'cpu')


def test_the_classes_are_those_of_the_checkpoint(config, checkpoint, tmp_path):
    saved = torch.load(checkpoint, weights_only=True)
    saved['meta'] = {'dataset_meta': {'classes': ('naevus',)}}
    torch.save(saved, tmp_path / 'other.pth')
    assert LesionSegmenter(config, tmp_path / 'other.pth', 'cpu').classes == ('naevus',)
    saved['meta'] = {'dataset_meta': {'classes': ('naevus', 'melanoma')}}
    torch.save(saved, tmp_path / 'other.pth')
    with pytest.raises(InputError, match='does not hold the weights of'):
        LesionSegmenter(config, tmp_path / 'other.pth', 'cpu')


@pytest.mark.parametrize('device', ['quantum', 'cuda:99'])
def test_a_missing_device_is_reported(config, checkpoint, device):
    with pytest.raises(InputError, match=f'device {device} cannot be used'):
        LesionSegmenter(config, checkpoint, device)


@pytest.mark.gpu
def test_a_gpu_finds_what_the_cpu_finds(config, checkpoint, segmenter, images):
    lesion = LesionSegmenter(config, checkpoint)(images[0])
    expected = segmenter(images[0])
    np.testing.assert_allclose(lesion.box, expected.box, atol=0.5)
    assert np.mean(lesion.mask != expected.mask) < 0.02


def test_a_stock_pipeline_of_mmdet_is_supported(changed, checkpoint, images):
    keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
    config = changed(f"""
        dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
        dict(type='LoadImageFromFile', to_float32=True),
        dict(type='Resize', scale=192, keep_ratio=True),
        dict(type='Pad', size=(256, 256)),
        dict(type='PackDetInputs', meta_keys={keys}),
    """)
    lesion = LesionSegmenter(config, checkpoint, 'cpu')(images[0])
    assert 0 < lesion.mask.mean() < 1
    # The flips of a padded image are undone, although its meta keys do not name them.
    image = images[0] // 2 + images[0][:, ::-1] // 2
    averaged = LesionSegmenter(config, checkpoint, 'cpu', tta=True)(image)
    levels = averaged.levels.astype(int)
    assert levels.max() > 0
    assert abs(levels - levels[:, ::-1]).max() < 40
    assert abs(levels - levels[::-1]).max() > 40


def test_images_that_are_not_resized_are_predicted(changed, checkpoint, segmenter, images):
    config = changed("dict(type='LoadImageFromFile'), dict(type='PackLesionInputs')")
    image = cv2.resize(images[0], (192, 192))  # the size of the model
    unsized = LesionSegmenter(config, checkpoint, 'cpu')
    lesion, expected = unsized(image), segmenter(image)
    np.testing.assert_allclose(lesion.box, expected.box, atol=1e-3)
    assert unsized.preparation.reduction(4499, 6748) == 1


def test_a_pipeline_that_loads_no_file_is_refused(changed, checkpoint):
    config = changed("dict(type='LoadImageFromNDArray'), dict(type='PackLesionInputs')")
    with pytest.raises(InputError, match='no LoadImageFromFile'):
        LesionSegmenter(config, checkpoint, 'cpu')
