import numpy as np
import pytest

from isic_mmdet.synthetic.noise import fractal


@pytest.mark.parametrize('cell', [0.5, 4, 300])
def test_fractal_is_normalized_and_finite_for_any_cell_size(cell: float) -> None:
    field = fractal(np.random.default_rng(0), (70, 90), cell)
    assert field.shape == (70, 90)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 1e-4
    assert field.std() == pytest.approx(1, abs=1e-3)
