import numpy as np
import pytest
from pycocotools import mask as coco_mask

from isic_mmdet.masks.run_lengths import bounding_box, encode_run_lengths, run_lengths_problem


def encoded(mask: np.ndarray) -> dict:
    code = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {'size': code['size'], 'counts': code['counts'].decode('ascii')}


def noise(height: int, width: int, share: float, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).random((height, width)) < share


@pytest.mark.parametrize('seed', range(20))
def test_what_pycocotools_writes_is_sound(seed):
    height, width = np.random.default_rng(seed).integers(1, 400, 2).tolist()
    mask = noise(height, width, (0.5, 0.001, 0.999)[seed % 3], seed)
    mask[-1, -1] = True
    assert run_lengths_problem(encoded(mask), height, width) is None


@pytest.mark.parametrize('share', [0.0, 0.001, 0.5, 1.0])
def test_masks_are_encoded_and_boxed_as_pycocotools_does_it(share):
    mask = noise(37, 53, share, 0)
    mask[5, 7] = True
    code = encoded(mask)
    assert encode_run_lengths(mask) == code['counts']
    assert bounding_box(mask) == coco_mask.toBbox(code).tolist()


def test_counts_may_be_numbers():
    assert run_lengths_problem({'size': [2, 3], 'counts': [1, 2, 3]}, 2, 3) is None
    assert run_lengths_problem({'size': [2, 3], 'counts': [0, 6]}, 2, 3) is None


def test_a_full_large_mask_is_sound():
    code = {'size': [12_000, 12_000], 'counts': [0, 144_000_000]}
    packed = coco_mask.frPyObjects(code, 12_000, 12_000)
    code['counts'] = packed['counts'].decode('ascii')
    assert run_lengths_problem(code, 12_000, 12_000) is None


SOUND = encoded(noise(20, 30, 0.5, 0))['counts']


@pytest.mark.parametrize(
    ('counts', 'problem'),
    [
        ('', 'no run-length code'),
        (SOUND[:-1], 'do not fill'),
        (SOUND + SOUND, 'do not fill'),
        (SOUND + 'ä', 'no run-length code'),
        (SOUND + '~', 'no run-length code'),
        (SOUND + 'P', 'no run-length code'),
        ('o' * 1000, 'no run-length code'),
        ('PPPPPPP2' + SOUND, 'no run-length code'),
        ([1, 2, 3], 'do not fill'),
        ([605, -5], 'do not fill'),
        ([0.5, 599.5], 'no run-length code'),
        ([True, 599], 'no run-length code'),
        ([10**30], 'no run-length code'),
        ([600], 'the lesion has no mask'),
        ([600, 0], 'the lesion has no mask'),
        (None, 'no run-length code'),
        ({'a': 1}, 'no run-length code'),
    ],
)
def test_what_pycocotools_would_fill_with_anything_is_a_problem(counts, problem):
    found = run_lengths_problem({'size': [20, 30], 'counts': counts}, 20, 30)
    assert found is not None
    assert problem in found


@pytest.mark.parametrize('size', [[30, 20], [20], [20, 30, 1], None, ['20', '30'], 600])
def test_another_size_is_a_problem(size):
    assert 'its mask is' in str(run_lengths_problem({'size': size, 'counts': SOUND}, 20, 30))


@pytest.mark.parametrize('code', [None, [], 'text', {}, {'size': [20, 30]}])
def test_what_is_no_code_is_a_problem(code):
    assert 'no run-length code' in str(run_lengths_problem(code, 20, 30))


@pytest.mark.parametrize('seed', range(200))
def test_whatever_passes_fills_the_mask(seed):
    rng = np.random.default_rng(seed)
    letters = list(SOUND)
    for _ in range(int(rng.integers(1, 4))):
        letters[int(rng.integers(len(letters)))] = chr(int(rng.integers(48, 112)))
    counts = ''.join(letters)
    if run_lengths_problem({'size': [20, 30], 'counts': counts}, 20, 30) is None:
        decoded = coco_mask.decode({'size': [20, 30], 'counts': counts.encode()})
        area = coco_mask.area({'size': [20, 30], 'counts': counts.encode()})
        assert set(np.unique(decoded)) <= {0, 1}
        assert decoded.sum() == area
