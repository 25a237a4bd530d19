"""Scores of mask files equal the official ones; masks stored in another way are noticed."""

import math

import cv2
import numpy as np
import pytest
from PIL import Image

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.boundary import boundary_distances, outline_shift
from isic_mmdet.evaluation.mask_scores import score_masks
from isic_mmdet.evaluation.per_image import BOUNDARY_COLUMNS, PER_IMAGE_COLUMNS, TRUTH_COLUMNS
from isic_mmdet.evaluation.scores import confusion, jaccard
from isic_mmdet.masks.bit_mask import BitMask
from tests.support.official_scores import assert_as_official, write_distorted

# A pandas deprecation inside the official scorer, which is pinned.
pytestmark = pytest.mark.filterwarnings('ignore:The inplace keyword')

SHAPES = [(40, 50), (61, 33), (8, 90), (50, 50), (47, 31), (33, 60), (70, 22), (29, 29)]


@pytest.fixture(scope='module')
def small(tmp_path_factory):
    """Truth and predictions of 24 ellipses of many sizes; the last three truths are special."""
    root = tmp_path_factory.mktemp('small')
    truth = root / 'truth'
    truth.mkdir()
    for number in range(24):
        height, width = SHAPES[number % 8]
        mask = np.zeros((height, width), np.uint8)
        center = (width // 2 + number % 5, height // 2 - number % 3)
        cv2.ellipse(mask, center, (width // 3, height // (3 + number % 4)), number, 0, 360, 255, -1)
        mask = {21: np.zeros_like(mask), 22: np.full_like(mask, 255)}.get(number, mask)
        cv2.imwrite(str(truth / f'ISIC_{number:07d}_segmentation.png'), mask)
    write_distorted(sorted(truth.iterdir()), root / 'predictions')
    return truth, root / 'predictions'


def test_scores_equal_the_official_ones(small):
    rows = assert_as_official(*small)
    assert [row['image_id'] for row in rows] == [f'ISIC_{n:07d}' for n in range(24)]


def test_a_row_describes_mask_and_truth(small):
    truth, predictions = small
    rows = score_masks(predictions, truth, boundary=True, show_progress=False).rows
    undefined = 0
    for number, row in enumerate(rows):
        name = f'ISIC_{number:07d}_segmentation.png'
        t, p = (cv2.imread(str(f / name), cv2.IMREAD_UNCHANGED) > 128 for f in (truth, predictions))
        assert tuple(row) == PER_IMAGE_COLUMNS + TRUTH_COLUMNS + BOUNDARY_COLUMNS
        assert (row['height'], row['width']) == SHAPES[number % 8]
        assert row['iou'] == row['iou_max'] == jaccard(confusion(BitMask.of(t), BitMask.of(p)))
        assert row['detections'] == int(p.any())
        assert row['score'] is row['label'] is row['predicted_label'] is None
        assert row['lesion_share'] == pytest.approx(t.mean())
        inside = np.zeros_like(t)
        inside[1:-1, 1:-1] = True
        assert row['touches_border'] is bool((t & ~inside).any())
        hausdorff95, mean = boundary_distances(t, p)
        if math.isnan(mean):
            undefined += 1
            assert [row[name] for name in BOUNDARY_COLUMNS] == [None] * 7
        else:
            diagonal = math.hypot(*t.shape)
            shift, iou = outline_shift(t, p)
            assert [row[name] for name in BOUNDARY_COLUMNS] == pytest.approx(
                [
                    *(hausdorff95, hausdorff95 / diagonal, mean, mean / diagonal),
                    *(shift, shift / diagonal, iou),
                ]
            )
    assert undefined == 4  # three empty predictions, one empty truth


def test_workers_change_nothing(small):
    truth, predictions = small
    one = score_masks(predictions, truth, workers=1, show_progress=False)
    assert one == score_masks(predictions, truth, workers=5, show_progress=False)


def test_a_progress_bar_on_stderr(small, capsys):
    truth, predictions = small
    score_masks(predictions, truth)
    assert '24/24' in capsys.readouterr().err


Y, X = np.mgrid[:60, :80]
DISC = ((Y - 30) ** 2 + (X - 40) ** 2 < 400).astype(np.uint8)
LARGE = np.full_like(DISC, 255)
LARGE[20:25] = 0


def notes(tmp_path, predictions, truth):
    """Return the notes on two sets of masks, after comparing the scores with the official ones."""
    for name, masks in (('p', predictions), ('t', truth)):
        (tmp_path / name).mkdir()
        for number, mask in enumerate(masks):
            cv2.imwrite(str(tmp_path / name / f'ISIC_{number:07d}_segmentation.png'), mask)
    assert_as_official(tmp_path / 't', tmp_path / 'p')
    return score_masks(tmp_path / 'p', tmp_path / 't', show_progress=False, strict=True).notes


@pytest.mark.parametrize('gray', [1, 127, 128])
@pytest.mark.parametrize('which', ['predictions', 'truth'])
def test_masks_without_a_gray_above_the_threshold(tmp_path, which, gray):
    good, dim = [DISC * 255] * 3, [DISC * gray] * 3
    (note,) = notes(tmp_path, *((dim, good) if which == 'predictions' else (good, dim)))
    assert f'all 3 masks of the {which} hold only' in note
    assert ('0 and 1:' in note) == (gray == 1)
    assert '0 and 255' in note


@pytest.mark.parametrize(
    ('predictions', 'truth', 'expected'),
    [
        ([DISC * 255] * 3, [DISC * 255] * 3, []),
        ([DISC, DISC * 255, DISC * 200], [DISC * 255] * 3, ['1 of 3 masks of the predictions']),
        (
            [255 - DISC * 255] * 3,
            [DISC * 255, DISC * 0, DISC * 0 + 255],
            [
                'all 3 masks of the predictions are lesion in all four corners',
                '1 of 3 masks of the truth are lesion everywhere',
                '1 of 3 masks of the truth are empty',
            ],
        ),
        # One large lesion is not an inverted mask.
        ([LARGE, DISC * 255, DISC * 255], [DISC * 255] * 3, []),
    ],
    ids=['good', 'some dim', 'inverted, full and empty', 'large lesion'],
)
def test_unusual_masks_get_a_note(tmp_path, predictions, truth, expected):
    found = notes(tmp_path, predictions, truth)
    assert len(found) == len(expected)
    assert all(note.startswith(start) for note, start in zip(found, expected, strict=True))


def test_hair_and_skin_tone_come_from_the_images(tmp_path):
    mask = np.zeros((60, 80), np.uint8)
    mask[20:40, 30:50] = 255
    photo = np.full((60, 80, 3), (200, 140, 120), np.uint8)
    photo[mask > 0] = (80, 40, 30)
    for folder, pixels in (('truth', mask), ('found', mask), ('photos', photo)):
        (tmp_path / folder).mkdir()
        ending = 'jpg' if folder == 'photos' else 'png'
        Image.fromarray(pixels).save(tmp_path / folder / f'ISIC_0000001.{ending}', quality=95)
    folders = tmp_path / 'found', tmp_path / 'truth'
    (row,) = score_masks(*folders, images=tmp_path / 'photos', show_progress=False).rows
    assert (row['hair'], row['skin_tone']) == (0, 'intermediate')
    assert 'hair' not in score_masks(*folders, show_progress=False).rows[0]
    (tmp_path / 'photos/ISIC_0000001.jpg').rename(tmp_path / 'photos/other.jpg')
    with pytest.raises(InputError, match='cannot be scored') as error:
        score_masks(*folders, images=tmp_path / 'photos', show_progress=False)
    assert 'ISIC_0000001: no image in' in error.value.errors[0]
