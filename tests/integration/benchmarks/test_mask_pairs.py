import cv2
import numpy as np
import pytest

from benchmarks.mask_pairs import distort, draw_mask, write_distorted, write_drawn


def test_drawn_masks_are_lesion_like():
    rng = np.random.default_rng(3)
    masks = [draw_mask(rng, 200) for _ in range(40)]
    for mask in masks:
        assert mask.shape == (200, 200) and mask.dtype == np.uint8
        assert set(np.unique(mask)) == {0, 255}
        assert cv2.connectedComponents(mask)[0] == 2
    shares = [np.mean(mask > 0) for mask in masks]
    assert 0.02 < min(shares) < 0.2 and 0.45 < max(shares) < 0.75


MOVED, GROWN, SHRUNK, ROUGH, SOFT, SAME = range(6)


def border_length(mask):
    return sum(map(len, cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0]))


@pytest.mark.parametrize('kind', range(12))
def test_every_way_of_being_wrong(kind):
    mask = np.zeros((180, 240), np.uint8)
    cv2.circle(mask, (120, 90), 60, 255, -1)
    wrong = distort(mask, kind, np.random.default_rng(kind))
    assert wrong.shape == mask.shape and wrong.dtype == np.uint8
    kind %= 6
    lesion, found = mask > 128, wrong > 128
    assert (len(np.unique(wrong)) > 2) == (kind == SOFT)
    assert np.array_equal(wrong, mask) == (kind == SAME)
    if kind in (GROWN, SAME):
        assert (lesion <= found).all()
    if kind in (SHRUNK, SAME):
        assert (found <= lesion).all()
    if kind == MOVED:
        assert found.sum() == lesion.sum()
    if kind == ROUGH:
        edges = [
            cv2.findContours(m, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)[0] for m in (wrong, mask)
        ]
        assert sum(map(len, edges[0])) > 1.2 * sum(map(len, edges[1]))
    assert (lesion & found).sum() / (lesion | found).sum() > 0.5


def test_files_are_the_same_every_time(tmp_path):
    first, second = (write_drawn(7, 60, tmp_path / name) for name in 'ab')
    for one, other in zip(first, second, strict=True):
        files = sorted(one.iterdir())
        assert [file.name for file in files] == [
            f'ISIC_{number:07d}_segmentation.png' for number in range(7)
        ]
        assert [f.read_bytes() for f in files] == [f.read_bytes() for f in sorted(other.iterdir())]


def test_true_masks_are_copied_as_they_are(tmp_path):
    truth, _ = write_drawn(7, 60, tmp_path / 'drawn')
    files = sorted(truth.iterdir())
    copies, predictions = write_distorted(files, tmp_path / 'distorted')
    assert [file.read_bytes() for file in sorted(copies.iterdir())] == [
        file.read_bytes() for file in files
    ]
    wrong = [cv2.imread(str(predictions / f.name), cv2.IMREAD_UNCHANGED) for f in files]
    right = [cv2.imread(str(f), cv2.IMREAD_UNCHANGED) for f in files]
    assert [np.array_equal(*pair) for pair in zip(wrong, right, strict=True)] == [
        number == SAME for number in range(7)
    ]
