from pathlib import Path

import cv2
import numpy as np
import pytest

from isic_mmdet.isic.layouts import find_pairs, scan
from isic_mmdet.masks.resize import parse_rule
from isic_mmdet.prepare.convert import Sample, convert
from isic_mmdet.prepare.truth import MaskFile


def shift(moved: np.ndarray, still: np.ndarray) -> float:
    """Return by how many pixels one gray image is off from another, by least squares."""
    down, right = np.gradient(still)
    slopes = np.stack([down.ravel(), right.ravel(), np.ones(still.size)], axis=1)
    solution = np.linalg.lstsq(slopes, (moved - still).ravel(), rcond=None)[0]
    return np.abs(solution[:2]).max()


@pytest.mark.shared_data
@pytest.mark.parametrize('rule', ['quarter', 'max-side=512', 'max-side=1024'])
def test_real_images_stay_where_they_were(shared: Path, tmp_path: Path, rule: str) -> None:
    # Against the area average of the image: all of it, and the lower right quarter alone,
    # where the prepared image would be off most. Scanned slides have lines along their borders of
    # a pixel or two, which are skipped.
    pairs, _ = find_pairs(scan(2017, [shared / 'isic2017_fullsize']))
    shifts: dict[str, list[float]] = {'all': [], 'corner': []}
    errors = []
    for pair in list(pairs.values())[::3]:
        sample = Sample(pair.isic_id, pair.image, MaskFile(pair.mask, 129))
        convert(sample, parse_rule(rule), tmp_path)
        prepared = cv2.imread(str(tmp_path / f'images/{pair.isic_id}.jpg'))
        average = cv2.resize(
            cv2.imread(str(pair.image.path)),
            prepared.shape[1::-1],
            interpolation=cv2.INTER_AREA,
        )
        errors.append(np.mean((prepared.astype(float) - average) ** 2))
        grays = [
            cv2.cvtColor(i, cv2.COLOR_BGR2GRAY).astype(float)[4:-4, 4:-4]
            for i in (prepared, average)
        ]
        middle, center = (side // 2 for side in grays[0].shape)
        shifts['all'].append(shift(*grays))
        shifts['corner'].append(shift(*(gray[middle:, center:] for gray in grays)))
    off = ', '.join(f'{name} {max(found):.3f}' for name, found in shifts.items())
    print(f'\n{rule}: off by at most {off} px, mean squared error {np.mean(errors):.2f}')
    assert max(shifts['all'] + shifts['corner']) < 0.1
    assert np.mean(errors) < 9  # 3 gray levels; JPEG compression alone makes half of it
