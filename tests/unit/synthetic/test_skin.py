import numpy as np
import pytest

from isic_mmdet.synthetic.skin import Tissue, make_skin


def tissue(melanin: float, blood: float = 0.0, veil: float = 0.0, scar: float = 0.0) -> Tissue:
    return Tissue(*(np.full((1, 1), value, np.float32) for value in (melanin, blood, veil, scar)))


def test_pigments_have_their_colors() -> None:
    pale, brown, dark = (tissue(amount).render()[0, 0] for amount in (0.05, 0.6, 2.0))
    assert np.all(pale > brown)
    assert np.all(brown > dark)
    assert brown[0] > brown[1] > brown[2]
    red, green, blue = (tissue(0.1).render() - tissue(0.1, blood=0.6).render())[0, 0]
    assert red < 0.1
    assert min(green, blue) > 0.2
    veiled, scarred = tissue(1.0, veil=1.0).render()[0, 0], tissue(1.0, scar=1.0).render()[0, 0]
    assert veiled[2] > veiled[0]
    assert scarred.min() > 0.7


def test_skin_types_are_ordered_from_light_to_dark() -> None:
    brightness = [
        np.mean([make_skin(np.random.default_rng(i), (64, 64), kind).render() for i in range(8)])
        for kind in range(1, 7)
    ]
    assert np.all(np.diff(brightness) < -0.01)
    assert brightness[0] > 0.7
    assert brightness[-1] < 0.4


@pytest.mark.parametrize('skin_type', [1, 6])
def test_skin_is_a_physical_tissue(skin_type: int) -> None:
    skin = make_skin(np.random.default_rng(5), (64, 80), skin_type)
    for part in (skin.melanin, skin.blood, skin.veil, skin.scar):
        assert part.shape == (64, 80)
        assert part.dtype == np.float32
        assert part.min() >= 0
    color = skin.render()
    assert color.shape == (64, 80, 3)
    assert color.dtype == np.float32
    assert 0 <= color.min() <= color.max() <= 1
