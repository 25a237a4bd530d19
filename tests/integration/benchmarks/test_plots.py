import json

import cv2

from benchmarks.plots import NEEDED, draw_growth

DETAILS = {
    'large-image': {
        'megapixels': [0.25, 30.0],
        'seconds': {'ours': [[0.2, 0.3], [0.4]], 'torchvision': [[2.0]]},
    },
    'infer': {
        'seconds_per_image': {
            'ours, bfloat16': [0.2],
            'stock mmdet': [2.0],
            'stock mmdet, 1 kept': [1.0],
            'torchvision': [2.0],
            'torchvision, 10 kept': [1.5],
        }
    },
    'score': {'peak_mb': {'250': {'a': 50, 'b': 600}, '1000': {'a': 51, 'b': 601}}},
    'prepare': {'images_per_s_over_processes': {'1': 30.0, '2': 55.0}},
}


def test_growth_is_drawn_with_a_baseline_that_did_not_finish(tmp_path):
    assert set(DETAILS) == set(NEEDED)
    for name, details in DETAILS.items():
        (tmp_path / f'{name}.json').write_text(json.dumps({'details': details}))
    draw_growth(tmp_path, tmp_path / 'growth.png')
    assert cv2.imread(str(tmp_path / 'growth.png')).shape == (1050, 1650, 3)
