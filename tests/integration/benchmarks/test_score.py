"""All scorers do the same work; the measured times are never checked."""

import numpy as np
import pytest

from benchmarks import score
from benchmarks.images import drawn_masks, write_predictions
from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_files import read_mask


@pytest.fixture(scope='module')
def masks(tmp_path_factory):
    return write_predictions(drawn_masks(12, 80), tmp_path_factory.mktemp('drawn'))


def test_predicted_masks_are_near_the_true_ones(masks):
    truths, predictions = ([read_mask(path) for path in sorted(part.iterdir())] for part in masks)
    pairs = list(zip(truths, predictions, strict=True))
    assert [np.array_equal(*pair) for pair in pairs] == [n % 6 == 5 for n in range(12)]
    assert all(truth.any() for truth in truths)
    assert all((truth & found).sum() > 0.4 * (truth | found).sum() for truth, found in pairs)


@pytest.mark.filterwarnings('ignore:The inplace keyword')  # of pandas in the official scorer
def test_all_scorers_give_the_same_scores(masks, monkeypatch):
    truth, predictions = masks
    assert score.largest_difference(truth, predictions) < 1e-9
    pairs = [(path, predictions / path.name) for path in sorted(truth.iterdir())]
    found = [read_mask(prediction) for _, prediction in pairs]
    ours = score.with_metric(pairs, found)
    official = score.with_official_classes(pairs, [255 * mask.astype('uint8') for mask in found])
    for name, other in score.NAMES.items():
        assert ours[other] == pytest.approx(official.macro_average[name], abs=1e-12)
    monkeypatch.setitem(score.NAMES, 'jaccard', 'lesion/dice')
    with pytest.raises(InputError, match='differ from the official ones by up to 0'):
        score.largest_difference(truth, predictions)
