import shutil
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from isic_challenge_scoring import SegmentationScore
from scipy import ndimage

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.isic.submission import (
    check_submission,
    mask_name,
    one_region,
    write_submission,
)

IDS = [f'ISIC_{number:07d}' for number in range(4)]
CORNERS = np.ones((3, 3))


@pytest.fixture
def masks(tmp_path: Path) -> Path:
    """Masks as a model leaves them: with specks, holes and islands."""
    folder = tmp_path / 'masks'
    folder.mkdir()
    random = np.random.default_rng(0)
    for number, image_id in enumerate(IDS):
        noise = cv2.GaussianBlur(random.random((90, 120 + number)), (0, 0), 3)
        cv2.imwrite(str(folder / mask_name(image_id)), np.where(noise > 0.5, 255, 0))
    (folder / 'predictions.csv').write_text('next to the masks lies the table')
    return folder


@pytest.fixture
def images(tmp_path: Path, masks: Path) -> dict[str, SourceFile]:
    """The images of these masks."""
    found = {}
    for number, image_id in enumerate(IDS):
        path = tmp_path / f'{image_id}.jpg'
        cv2.imwrite(str(path), np.zeros((90, 120 + number, 3), np.uint8))
        found[image_id] = SourceFile(path, None, path.stat().st_size, 0)
    return found


def read(path: Path) -> np.ndarray:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize('sigma', [0, 1, 4])
def test_one_region_is_one_and_without_holes_for_everybody(seed, sigma):
    noise = np.random.default_rng(seed).random((70, 90))
    mask = (cv2.GaussianBlur(noise, (0, 0), sigma) if sigma else noise) > 0.5
    region = one_region(mask)
    for neighbors in (None, CORNERS):
        assert ndimage.label(region, neighbors)[1] == 1
        np.testing.assert_array_equal(ndimage.binary_fill_holes(region, neighbors), region)
    # SciPy's largest region of pixels that share sides, and its holes.
    labels, _ = ndimage.label(mask)
    largest = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    np.testing.assert_array_equal(region, ndimage.binary_fill_holes(largest))


@pytest.mark.parametrize('top', [1, 20, 40])
def test_a_sound_mask_stays_as_it_is(top):
    mask = np.zeros((40, 50), bool)
    mask[:top, 10:] = True  # up to the edge
    np.testing.assert_array_equal(one_region(mask), mask)
    np.testing.assert_array_equal(one_region(~mask), ~mask)


def test_the_official_scorer_accepts_it(masks, images, tmp_path):
    truth = tmp_path / 'truth.zip'
    with zipfile.ZipFile(truth, 'w') as archive:
        for image_id in IDS:
            region = one_region(read(masks / mask_name(image_id)) > 0)
            _, png = cv2.imencode('.png', region.astype(np.uint8) * 255)
            archive.writestr(f'Truth/{mask_name(image_id)}', png.tobytes())
    write_submission(tmp_path / 'sent.zip', masks, images)
    score = SegmentationScore.from_zip_file(truth, tmp_path / 'sent.zip')
    assert score.overall == 1.0
    assert score.macro_average['jaccard'] == 1.0
    with zipfile.ZipFile(tmp_path / 'sent.zip') as archive:
        assert archive.namelist() == [mask_name(image_id) for image_id in IDS]


def test_what_the_challenge_would_refuse_is_not_written(masks, images, tmp_path):
    (masks / mask_name(IDS[0])).unlink()
    cv2.imwrite(str(masks / mask_name(IDS[1])), np.zeros((90, 121), np.uint8))
    (masks / mask_name(IDS[2])).write_text('no image')
    shutil.copy(masks / mask_name(IDS[3]), masks / mask_name('mole'))
    with pytest.raises(InputError) as error:
        write_submission(tmp_path / 'sent.zip', masks, {**images, 'mole': images[IDS[3]]})
    expected = ['--resume', 'score_thr', 'not an image', 'ISIC_ and 7 digits']
    for problem, words in zip(sorted(error.value.errors), expected, strict=True):
        assert words in problem
    assert not list(tmp_path.glob('*sent*'))


def test_an_image_that_has_changed_is_reported(masks, images, tmp_path):
    cv2.imwrite(str(images[IDS[0]].path), np.zeros((91, 120, 3), np.uint8))
    cv2.imwrite(str(images[IDS[2]].path), np.zeros((90, 200, 3), np.uint8))
    with zipfile.ZipFile(tmp_path / 'set.zip', 'w') as archive:
        archive.write(images[IDS[3]].path, 'x.jpg')
    size = (tmp_path / 'set.zip').stat().st_size
    images[IDS[3]] = SourceFile(tmp_path / 'set.zip', 'x.jpg', size, 0)
    with pytest.raises(InputError, match='120 x 90') as error:
        write_submission(tmp_path / 'sent.zip', masks, images)
    assert [problem.split(':')[0] for problem in error.value.errors] == [IDS[0], IDS[2]]
    assert 'a mask of 122 x 90 pixels for an image of 200 x 90' in error.value.errors[1]


def test_a_submission_is_a_zip_with_one_mask_for_an_id(images, tmp_path):
    check_submission(tmp_path / 'sent.zip', images)
    with pytest.raises(InputError, match='zip'):
        check_submission(tmp_path / 'sent.tar', images)
    with pytest.raises(InputError, match='one mask for an id'):
        check_submission(tmp_path / 'sent.zip', {**images, f'a/{IDS[0]}': images[IDS[0]]})
