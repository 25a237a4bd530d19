"""The masks that tools/test.py and tools/predict.py wrote."""

import json
from pathlib import Path

import numpy as np
from pycocotools.mask import decode

from isic_mmdet.masks.mask_files import read_mask
from tests.support.tool_runs import succeed


def check_that_predict_agrees_with_test(
    tested: Path, data: Path, out: Path, *model: object
) -> bool:
    """Predict the images of a test, and check that the best mask of each is the same.

    Args:
        tested: folder with the detections.json of tools/test.py.
        data: prepared data set.
        out: folder for tools/predict.py.
        model: arguments of tools/predict.py that name it.

    Returns:
        Whether a lesion was found in any image.
    """
    entries = json.loads((tested / 'detections.json').read_text())
    best = {each['isic_id']: each for each in sorted(entries, key=lambda each: each['score'])}
    succeed('predict', *(data / f'images/{name}.jpg' for name in best), *model, '--out', out)
    found = {name: read_mask(out / f'{name}_segmentation.png') for name in best}
    for name, entry in best.items():
        assert np.mean(found[name] != decode(entry['segmentation']).astype(bool)) < 0.001, name
    return any(mask.any() for mask in found.values())
