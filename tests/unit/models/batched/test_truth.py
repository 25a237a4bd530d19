"""Padding of lesions to a number that hardly ever changes."""

import pytest
import torch

import isic_mmdet.register  # noqa: F401
from isic_mmdet.models.batched.truth import collect, pad
from tests.support.batches import sample


@pytest.mark.parametrize(
    ('counts', 'padded'), [((1, 1), 1), ((0, 0), 1), ((0, 2), 2), ((3, 1), 4), ((5, 4, 0), 8)]
)
def test_images_get_a_power_of_two_places(counts, padded):
    values = [torch.rand(count, 4) + 1 for count in counts]
    found, real = pad(values)
    assert found.shape == (len(counts), padded, 4)
    assert real.sum(1).tolist() == list(counts)
    for own, is_real, expected in zip(found, real, values, strict=True):
        assert torch.equal(own[is_real], expected)
        assert torch.equal(own[: len(expected)], expected)
        assert not own[~is_real].any()


def test_the_truth_of_a_batch_is_that_of_its_samples():
    samples = [sample((40, 60), count, seed, 2) for seed, count in enumerate((3, 0, 1))]
    samples[1].set_metainfo({'img_shape': (32, 50, 3)})
    truth = collect(samples, torch.device('cpu'))
    assert truth.sizes.tolist() == [[60, 40], [50, 32], [60, 40]]
    assert truth.padded.tolist() == [[60, 40]] * 3
    assert truth.masks.shape == (3, 4, 40, 60)
    for image, each in enumerate(samples):
        real, own = truth.real[image], each.gt_instances
        assert torch.equal(truth.boxes[image][real], own.bboxes)
        assert torch.equal(truth.labels[image][real], own.labels)
        assert torch.equal(truth.masks[image][real], own.masks.to_tensor(torch.uint8, 'cpu'))
        assert not truth.masks[image][~real].any()
