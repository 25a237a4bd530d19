import cv2
import numpy as np
import pytest

from isic_mmdet.isic.duplicates import (
    difference_hash,
    near_duplicates,
)
from tests.support.official_files import picture


def differing(first: str, second: str) -> int:
    return (int(first, 16) ^ int(second, 16)).bit_count()


@pytest.mark.parametrize('size', [(16, 17), (160, 170), (37, 55), (200, 301), (121, 187), (9, 8)])
def test_the_hash_is_what_the_docstring_says(size) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    gray = (image @ np.array([0.299, 0.587, 0.114])).round()
    fine = np.repeat(np.repeat(gray, 16, axis=0), 17, axis=1)  # borders of cells may cut pixels
    cells = fine.reshape(16, size[0], 17, size[1]).mean(axis=(1, 3)).round()
    bits = ''.join(str(int(bit)) for bit in (cells[:, 1:] > cells[:, :-1]).ravel())
    # An average next to a half may be rounded either way.
    assert differing(difference_hash(image), f'{int(bits, 2):064x}') <= 2


def test_shrinking_brightening_and_recompressing_leave_the_hash_almost_alone() -> None:
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(40, 200, (12, 12, 3), np.uint8), (640, 480))
    reference = difference_hash(image)
    _, encoded = cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 60])
    for other in (
        cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA),
        cv2.convertScaleAbs(image, alpha=1.1, beta=10),
        cv2.imdecode(encoded, cv2.IMREAD_COLOR),
    ):
        assert differing(reference, difference_hash(other)) <= 8
    assert differing(reference, difference_hash(picture(1))) > 60


def test_pairs_are_those_of_brute_force() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (600, 32), dtype=np.uint8)
    values[300:600] = values[:300]  # and then up to 40 flipped bits
    for row in range(300, 600):
        for bit in rng.integers(0, 256, rng.integers(0, 41)):
            values[row, bit // 8] ^= 1 << (bit % 8)
    hashes = [row.tobytes().hex() for row in values]
    expected = [
        (i, j, distance)
        for i in range(600)
        for j in range(i + 1, 600)
        if (distance := differing(hashes[i], hashes[j])) <= 24
    ]
    assert near_duplicates(hashes, 24) == expected
    assert len(expected) > 100
    assert near_duplicates([], 24) == near_duplicates(hashes[:1], 24) == []
