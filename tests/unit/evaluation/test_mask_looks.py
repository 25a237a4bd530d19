"""Masks that were stored in another way score as officially, and are noticed."""

import cv2
import numpy as np
import pytest
from isic_challenge_scoring.segmentation import SegmentationScore

from isic_mmdet.evaluation.mask_scores import score_masks
from isic_mmdet.evaluation.summary import summarize

Y, X = np.mgrid[:60, :80]
DISC = ((Y - 30) ** 2 + (X - 40) ** 2 < 400).astype(np.uint8)


def write(folder, *masks):
    folder.mkdir()
    for number, mask in enumerate(masks):
        cv2.imwrite(str(folder / f'ISIC_{number:07d}_segmentation.png'), mask)
    return folder


def scored(tmp_path, predictions, truth):
    scored = score_masks(
        write(tmp_path / 'p', *predictions), write(tmp_path / 't', *truth), show_progress=False
    )
    official = SegmentationScore.from_dir(tmp_path / 't', tmp_path / 'p').macro_average
    assert summarize(scored.rows)['lesion/iou'] == pytest.approx(official['jaccard'])
    return scored


def test_masks_as_they_should_be_need_no_note(tmp_path):
    assert scored(tmp_path, [DISC * 255] * 3, [DISC * 255] * 3).notes == []


@pytest.mark.parametrize('gray', [1, 127, 128])
@pytest.mark.parametrize('which', ['predictions', 'truth'])
def test_masks_without_a_gray_above_the_threshold(tmp_path, which, gray):
    other, dim = [DISC * 255] * 3, [DISC * gray] * 3
    sets = (dim, other) if which == 'predictions' else (other, dim)
    found = scored(tmp_path, *sets)
    (note,) = found.notes
    assert f'all 3 masks of the {which} hold only' in note
    assert ('0 and 1:' in note) == (gray == 1)
    assert '0 and 255' in note
    assert summarize(found.rows)['lesion/iou'] == 0


def test_some_dim_masks_are_counted(tmp_path):
    (note,) = scored(tmp_path, [DISC, DISC * 255, DISC * 200], [DISC * 255] * 3).notes
    assert note.startswith('1 of 3 masks of the predictions')


def test_inverted_full_and_empty_masks(tmp_path):
    inverted = 255 - DISC * 255
    found = scored(tmp_path, [inverted] * 3, [DISC * 255, DISC * 0, DISC * 0 + 255])
    assert [note.partition(':')[0] for note in found.notes] == [
        'all 3 masks of the predictions are lesion in all four corners',
        '1 of 3 masks of the truth are lesion everywhere',
        '1 of 3 masks of the truth are empty',
    ]


def test_one_large_lesion_is_not_taken_for_an_inverted_mask(tmp_path):
    large = np.full_like(DISC, 255)
    large[20:25] = 0
    assert scored(tmp_path, [large, DISC * 255, DISC * 255], [DISC * 255] * 3).notes == []
