from benchmarks.uncertainty_table import uncertainty_table

RATING = {
    **{'images': 320, 'rank_correlation': 0.5, 'error': 0.04, 'failures_in_lowest_tenth': 0.5},
    'bins': [],
}
CALIBRATION = {
    'images': 325,
    'failures': 30,
    'score': {**RATING, 'rank_correlation': None},
    'expected_iou': RATING,
    'check': {'images': 40, 'failures': 18},
}


def test_every_rating_has_a_row():
    report = {'config': 'lite', 'data': 'isic2018', 'split': 'test', 'calibration': CALIBRATION}
    table = uncertainty_table([report, {'config': 'without'}]).splitlines()
    start = '| lite | 325 of isic2018 test | no | 30 |'
    assert table[2:] == [
        f'{start} `score` | — | 0.040 | 50% |  |  |',
        f'{start} `expected_iou` | 0.500 | 0.040 | 50% | 40 | 45% |',
    ]
