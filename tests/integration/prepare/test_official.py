import json
from pathlib import Path

import pytest

from isic_mmdet.prepare.official import prepare
from isic_mmdet.utils.files import sha256


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.parametrize(
    ('lists', 'report'), [('isic2018', 'isic2018'), ('isic2018_ms_red_fold1', 'ms_red')]
)
def test_the_lists_give_the_annotations_behind_the_results(
    root: Path, shared: Path, tmp_path: Path, lists: str, report: str
) -> None:
    """Copies of 512 px are not changed by their rule, so only the name of the rule differs."""
    annotations = {}
    for rule in ('none', 'center-crop=512'):
        prepare(
            2018,
            [shared / 'isic2018'],
            tmp_path / rule,
            split=root / 'data/splits' / lists,
            resize=rule,
            workers=1,
        )
        annotations[rule] = tmp_path / rule / 'annotations'
    (results,) = (root / f'benchmarks/results/{report}').glob('*_test.json')
    recorded = json.loads(results.read_text())
    assert sha256(annotations['none'] / 'train.json') == recorded['training']['data_digest']
    assert sha256(annotations['none'] / 'test.json') == recorded['data_digest']
    for split in ('train', 'val', 'test'):
        first, second = (
            json.loads((folder / f'{split}.json').read_text()) for folder in annotations.values()
        )
        assert (first.pop('info')['resize'], second.pop('info')['resize']) == tuple(annotations)
        assert first == second
