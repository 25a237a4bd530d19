import cv2
import numpy as np
import pytest

from isic_mmdet.evaluation.appearance import appearance
from isic_mmdet.evaluation.groups import SKIN_TONES

SIZE = 256


def skin(lightness=75.0, yellow=12.0, red=12.0):
    """Return skin of one CIELAB color as (SIZE, SIZE, 3) uint8 RGB, and a lesion in its middle."""
    lab = np.full((SIZE, SIZE, 3), (lightness, red, yellow), np.float32)
    pixels = np.rint(255 * cv2.cvtColor(lab, cv2.COLOR_LAB2RGB)).astype(np.uint8)
    lesion = np.zeros((SIZE, SIZE), bool)
    lesion[100:150, 100:150] = True
    pixels[lesion] = (80, 40, 30)
    return pixels, lesion


def with_hairs(pixels, number):
    drawn = pixels.copy()
    for position in np.linspace(10, SIZE - 10, number).astype(int).tolist():
        cv2.line(drawn, (position, 0), (SIZE - position, 95), (40, 30, 30), 2)
    return drawn


def test_hairs_are_found_and_their_share_grows_with_their_number():
    pixels, lesion = skin()
    none, few, many = (appearance(with_hairs(pixels, n), lesion)[0] for n in (0, 2, 12))
    assert none == 0
    assert 0.003 < few < many / 3 < 0.1


def test_dots_blobs_and_the_lesion_are_no_hair():
    pixels, lesion = skin()
    for place in range(20, 240, 30):
        cv2.circle(pixels, (place, 30), 4, (90, 50, 40), -1)
        cv2.circle(pixels, (place, 220), 12, (90, 50, 40), -1)
    cv2.line(pixels, (105, 105), (145, 145), (10, 10, 10), 2)  # inside the lesion
    assert appearance(pixels, lesion)[0] == 0


# arctan((L - 50) / 12) in degrees: -39.8, 0, 22.6, 34, 50.2, 64.4.
@pytest.mark.parametrize(
    ('lightness', 'tone'),
    list(zip((40.0, 50.0, 55.0, 58.1, 64.4, 75.0), SKIN_TONES, strict=True)),
)
def test_the_tone_follows_the_typology_angle(lightness, tone):
    pixels, lesion = skin(lightness)
    assert appearance(with_hairs(pixels, 3), lesion)[1] == tone


def test_what_cannot_be_estimated_is_unknown():
    pixels, lesion = skin()
    assert appearance(pixels, np.ones_like(lesion)) == (None, None)
    assert appearance(skin(yellow=2.0)[0], lesion)[1] is None
    assert appearance(np.zeros_like(pixels), lesion) == (None, None), 'a dark image'


def test_size_does_not_matter():
    pixels, lesion = skin()
    hairy = with_hairs(pixels, 6)
    share, tone = appearance(cv2.resize(hairy, (512, 512), interpolation=cv2.INTER_NEAREST), lesion)
    large = cv2.resize(hairy, (2048, 2048), interpolation=cv2.INTER_NEAREST)
    assert appearance(large, lesion) == (pytest.approx(share, abs=0.01), tone)
