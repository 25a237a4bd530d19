"""Published results: which protocol an evaluation compares with."""

import pytest

from isic_mmdet.report.published_results import (
    OFFICIAL_2017,
    OFFICIAL_2018,
    PROTOCOLS,
    RANDOM_2018,
    VALIDATION_2017,
    comparable_protocol,
    comparisons,
)


@pytest.mark.parametrize(
    ('data', 'split', 'images', 'protocol'),
    [
        ('isic2018', 'test', 325, RANDOM_2018),
        ('student2018', 'test', 649, RANDOM_2018),
        ('isic2018', 'test', 1000, OFFICIAL_2018),
        ('isic2018', 'val', 487, None),
        ('isic2017', 'test', 455, OFFICIAL_2017),
        ('isic2017', 'val', 150, VALIDATION_2017),
        ('isic2017', 'train', 2000, None),
        ('isic2018 + isic2017', 'test', 780, None),
        ('synthetic', 'test', 40, None),
        (None, None, 40, None),
    ],
)
def test_an_evaluation_compares_with_results_on_such_images(data, split, images, protocol):
    assert comparable_protocol(data, split, images) is protocol


def test_every_result_has_a_source_and_scores_as_printed():
    for protocol in PROTOCOLS:
        for result in protocol.results:
            assert result.method and result.source and result.scores
            assert all(0 < float(value) < 1 for value in result.scores.values())


def test_comparisons_are_those_of_one_metric_in_the_order_of_the_protocols():
    found = comparisons('lesion/dice', [RANDOM_2018, OFFICIAL_2018])
    assert (found[0].method, found[0].value) == ('Ms RED', '0.900'), 'with its last digit'
    assert (found[-1].images, found[-1].value) == (OFFICIAL_2018.images, '0.878')
    assert comparisons('lesion/dice', []) == []
