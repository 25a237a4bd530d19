import shutil

import pytest
from mmengine.config import Config

from isic_mmdet.engine.config.folds import fold_facts, select_fold
from isic_mmdet.errors import InputError


@pytest.fixture
def data(tmp_path):
    for k in range(3):
        for name in ('train', 'val'):
            path = tmp_path / f'annotations/fold{k}/{name}.json'
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'{name} {k}')
    return tmp_path


@pytest.fixture
def cfg(data):
    def loader(name):
        return {'dataset': {'ann_file': f'annotations/{name}.json', 'data_root': str(data)}}

    return Config({f'{name}_dataloader': loader(name) for name in ('train', 'val', 'test')})


def test_a_fold_is_trained_and_validated_and_the_test_part_stays(cfg):
    select_fold(cfg, 2)
    files = [cfg[f'{name}_dataloader'].dataset.ann_file for name in ('train', 'val', 'test')]
    assert files == [
        'annotations/fold2/train.json',
        'annotations/fold2/val.json',
        'annotations/test.json',
    ]


@pytest.mark.parametrize('fold', [3, -1])
def test_a_fold_that_does_not_exist_is_refused(cfg, fold):
    with pytest.raises(InputError, match=rf'--fold {fold}.*has the folds 0, 1, 2'):
        select_fold(cfg, fold)


def test_data_without_folds_are_refused(cfg, tmp_path):
    cfg.train_dataloader.dataset.data_root = str(tmp_path / 'other')
    with pytest.raises(InputError, match=r'no folds.*--folds N'):
        select_fold(cfg, 0)


def test_all_folds_of_one_draw_have_one_digest(data):
    first, second = (fold_facts([f'{data}/annotations/fold{k}/val.json']) for k in (0, 1))
    assert (first['number'], first['of'], second['number']) == (0, 3, 1)
    assert first['digest'] == second['digest']
    (data / 'annotations/fold2/val.json').write_text('another draw')
    changed = fold_facts([f'{data}/annotations/fold0/val.json'])
    assert changed['digest'] != first['digest']


def test_several_data_sets_have_a_fold_together(data):
    other = shutil.copytree(data / 'annotations', data / 'other/annotations')
    both = [f'{folder}/fold1/train.json' for folder in (data / 'annotations', other)]
    alone, together = fold_facts(both[:1]), fold_facts(both)
    assert (together['number'], together['of']) == (1, 3)
    assert together['digest'] != alone['digest']


@pytest.mark.parametrize('names', [['val.json'], ['fold0/val.json', 'fold1/val.json'], []])
def test_other_annotations_are_of_no_fold(names, data):
    assert fold_facts([str(data / 'annotations' / name) for name in names]) is None
