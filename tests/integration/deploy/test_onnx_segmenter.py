import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import pytest

from isic_mmdet.deploy.export.onnx_file import with_metadata
from isic_mmdet.deploy.export.run import ExportSettings, export
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.errors import InputError
from isic_mmdet.images.frame import Frame
from tests.support.random_model import CALIBRATION


def assert_alike(found: Segmentation, expected: Segmentation) -> None:
    assert found.label == expected.label
    assert found.score == pytest.approx(expected.score, abs=1e-5)
    np.testing.assert_allclose(found.box, expected.box, atol=0.01)
    assert found.expected_iou == pytest.approx(expected.expected_iou, abs=1e-5)
    assert found.mask.shape == expected.mask.shape
    assert np.mean(found.mask != expected.mask) < 0.005


def test_it_finds_what_the_segmenter_finds(net, segmenter, images):
    assert net.classes == segmenter.classes == ('lesion',)
    assert net.calibration == segmenter.calibration == CALIBRATION
    for image in images:
        assert_alike(net(image), segmenter(image))
    assert 0 < net(images[0]).mask.mean() < 1


def test_averaged_flips_are_those_of_the_segmenter(config, checkpoint, exported, images):
    averaged = OnnxSegmenter(exported, threads=1, tta=True)
    reference = LesionSegmenter(config, checkpoint, 'cpu', tta=True)
    plain = OnnxSegmenter(exported, threads=1)
    for image in images:
        found = averaged(image)
        assert found.number == 4
        assert_alike(found, reference(image))
        assert not np.array_equal(found.probability, plain(image).probability)


def test_averaged_flips_of_a_mirrored_image_are_mirrored(exported, images):
    averaged = OnnxSegmenter(exported, threads=1, tta=True)
    lesion, mirrored = (averaged(image) for image in (images[2], images[2][:, ::-1].copy()))
    assert np.mean(lesion.mask[:, ::-1] != mirrored.mask) < 0.005
    assert mirrored.score == pytest.approx(lesion.score, abs=1e-5)


def test_averaged_flips_need_a_single_class(net, exported, tmp_path):
    metadata = dataclasses.replace(net.metadata, classes=('benign', 'melanoma'))
    path = tmp_path / 'two.onnx'
    onnx.save(with_metadata(onnx.load(exported), metadata.entries()), path)
    with pytest.raises(InputError, match=r'two\.onnx returns .* 2 classes, and --tta'):
        OnnxSegmenter(path, tta=True)


def test_a_batch_gives_the_results_of_its_images_alone(net, images):
    together = net.batch([*images, images[0]])
    for image, lesion in zip([*images, images[0]], together, strict=True):
        assert_alike(lesion, net(image))
    assert net.batch([]) == []


def test_threads_share_a_net(net, images):
    expected = [net(image) for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(net, images * 5))
    for lesion, alone in zip(found, expected * 5, strict=True):
        assert (lesion.score, lesion.box) == (alone.score, alone.box)


def test_a_graph_for_three_takes_any_number(config, checkpoint, net, images, tiny_data, tmp_path):
    path = tmp_path / 'three.onnx'
    settings = ExportSettings(batch=3, check_images=str(tiny_data / 'images'))
    export(str(config), str(checkpoint), path, settings)
    three = OnnxSegmenter(path, threads=1)
    assert three.metadata.batch == 3
    for many in (images[:1], [images[0]] * 3, [*images, images[0]] * 2):
        for image, lesion in zip(many, three.batch(many), strict=True):
            assert_alike(lesion, net(image))


def test_a_large_image_may_be_reduced_first(net, segmenter, images):
    for shape in ((96, 96), (1152, 3000), (3000, 1152), (4499, 6748)):
        assert net.preparation.reduction(*shape) == segmenter.preparation.reduction(*shape)
    frame = Frame((2 * images[2].shape[0], 2 * images[2].shape[1]), step=2)
    (found,) = net.predict([net.preparation.prepare(images[2], frame)])
    (expected,) = segmenter.predict([segmenter.preparation.prepare(images[2], frame)])
    assert_alike(found, expected)
    assert found.shape == (340, 622)


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (np.zeros((8, 8), np.uint8), 'expected an'),
        (np.zeros((8, 8, 4), np.uint8), 'expected an'),
        (np.zeros((8, 8, 3), np.float32), 'expected an'),
        (np.zeros((0, 8, 3), np.uint8), 'expected an'),
        (np.zeros((1, 9000, 3), np.uint8), '9000 x 1 pixels cannot be resized'),
    ],
)
def test_unusable_arrays_are_refused(net, segmenter, image, message):
    for either in (net, segmenter):
        with pytest.raises(ValueError, match=message):
            either(image)


def test_a_score_up_to_the_threshold_is_no_detection(net, images, exported, tmp_path):
    score = net(images[0]).score
    metadata = dataclasses.replace(net.metadata, score_threshold=score)
    path = tmp_path / 'strict.onnx'
    onnx.save(with_metadata(onnx.load(exported), metadata.entries()), path)
    lesion = OnnxSegmenter(path)(images[0])
    assert (lesion.label, lesion.box, lesion.score) == (None, None, 0.0)
    assert lesion.mask.shape == (96, 96) and not lesion.mask.any()


def test_other_files_are_refused(exported, tmp_path):
    with pytest.raises(InputError, match='no such model'):
        OnnxSegmenter(tmp_path / 'none.onnx')
    for length in (5000, 0):
        broken = tmp_path / 'broken.onnx'
        broken.write_bytes(exported.read_bytes()[:length])
        with pytest.raises(InputError, match='not a model that can be run'):
            OnnxSegmenter(broken)
    other = tmp_path / 'other.onnx'
    onnx.save(with_metadata(onnx.load(exported), {}), other)
    with pytest.raises(InputError, match='was not written by'):
        OnnxSegmenter(other)
