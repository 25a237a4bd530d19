"""Our scores of the 325 test pairs of ISIC 2018 equal the official ones."""

import numpy as np
import pytest

from tests.support.official_scores import assert_as_official, write_distorted


@pytest.mark.shared_data
def test_scores_equal_the_official_ones_on_the_325_test_pairs(shared, tmp_path):
    ids = (shared / 'isic2018/splits/test.txt').read_text().split()
    folder = shared / 'isic2018/ISIC2018_Task1_Training_GroundTruth'
    truth = tmp_path / 'truth'
    truth.mkdir()
    files = [folder / f'{image_id}_segmentation.png' for image_id in ids]
    for file in files:
        (truth / file.name).symlink_to(file)
    write_distorted(files, tmp_path / 'predictions')
    rows = assert_as_official(truth, tmp_path / 'predictions')
    assert len(rows) == 325
    # The distortions reach from nothing right to everything right.
    ious = [row['iou'] for row in rows]
    assert min(ious) == 0 and max(ious) == 1 and 0.3 < np.median(ious) < 0.95
