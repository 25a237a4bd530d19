"""Near-duplicates among all training images of ISIC 2018."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from isic_mmdet.isic.duplicates import (
    DEFAULT_DISTANCE,
    HASHED_SIDE,
    difference_hash,
    near_duplicates,
)


@pytest.mark.shared_data
def test_reduced_decoding_finds_the_same_twins(shared: Path) -> None:
    # Of all 2,270, decoded completely and to half and a quarter of their 512 px.
    paths = sorted((shared / 'isic2018/ISIC2018_Task1-2_Training_Input').glob('*.jpg'))
    found = []
    for step in (1, 2, 512 // HASHED_SIDE):
        hashes = []
        for path in paths:
            image = Image.open(path)
            image.draft(None, (image.width // step, image.height // step))
            hashes.append(difference_hash(np.asarray(image)))
        found.append({(i, j) for i, j, _ in near_duplicates(hashes, DEFAULT_DISTANCE)})
    assert len(found[0]) == 12
    assert found[0] == found[1] == found[2]
    # Checked by eye: the same lesions, published twice with other colors.
    twins = {(paths[i].stem[-7:], paths[j].stem[-7:]) for i, j in found[0]}
    assert twins >= {('0000222', '0014846'), ('0012887', '0012989'), ('0000183', '0015311')}
