import numpy as np
import pytest

from isic_mmdet.synthetic.noise import fractal, honeycomb, smoothstep


def test_smoothstep_is_zero_below_one_above_and_half_in_the_middle() -> None:
    values = np.array([-1, 0, 0.5, 1, 2], np.float32)
    np.testing.assert_allclose(smoothstep(0, 1, values), [0, 0, 0.5, 1, 1])


@pytest.mark.parametrize('cell', [0.5, 4, 300])
def test_fractal_is_normalized_and_finite_for_any_cell_size(cell: float) -> None:
    field = fractal(np.random.default_rng(0), (70, 90), cell)
    assert field.shape == (70, 90)
    assert field.dtype == np.float32
    assert abs(field.mean()) < 1e-4
    assert field.std() == pytest.approx(1, abs=1e-3)


def test_fractal_of_large_cells_is_smoother_than_of_small_ones() -> None:
    def roughness(cell: float) -> float:
        return float(np.abs(np.diff(fractal(np.random.default_rng(1), (128, 128), cell))).mean())

    assert roughness(64) < 0.5 * roughness(8)


def test_honeycomb_has_one_hole_per_cell() -> None:
    spacing = 12
    field = honeycomb(np.random.default_rng(2), (240, 240), spacing)
    inner = field[1:-1, 1:-1]
    around = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if (dy, dx) != (0, 0)]
    neighbors = [field[1 + dy : 239 + dy, 1 + dx : 239 + dx] for dy, dx in around]
    holes = np.all([inner < other for other in neighbors], axis=0).sum()
    expected = 240 * 240 / (spacing * spacing * 0.87)
    assert holes == pytest.approx(expected, rel=0.2)
