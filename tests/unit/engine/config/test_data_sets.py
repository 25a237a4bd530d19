import pytest

from isic_mmdet.engine.config.data_sets import distinct_datasets, leaf_datasets, tested_dataset
from isic_mmdet.errors import InputError


def concatenated(*datasets):
    return {'type': 'ConcatDataset', 'datasets': list(datasets)}


def test_a_data_set_in_two_places_is_changed_once(cfg):
    leaf = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = concatenated(leaf, {'type': 'RepeatDataset', 'dataset': leaf})
    assert list(leaf_datasets(cfg, 'test_dataloader')) == [leaf, leaf]
    assert distinct_datasets(cfg, 'test_dataloader') == [leaf]
    assert len(distinct_datasets(cfg)) == 3


@pytest.mark.parametrize(
    ('dataset', 'words'),
    [
        ([{'ann_file': 'a.json'}], 'is a list'),
        (None, 'not a dict'),
        ({'type': 'RepeatDataset', 'times': 2}, 'neither an ann_file nor a data set'),
        (concatenated(), 'neither an ann_file nor a data set'),
        (concatenated('a'), 'dataset.datasets.0 is a str, not a dict'),
    ],
)
def test_a_data_set_that_cannot_be_built_is_named(cfg, dataset, words):
    cfg.test_dataloader.dataset = dataset
    with pytest.raises(InputError, match=words):
        tested_dataset(cfg)


def test_data_sets_with_different_pipelines_do_not_define_how_to_read_images(cfg):
    leaf = cfg.test_dataloader.dataset
    cfg.test_dataloader.dataset = concatenated(leaf, {**leaf, 'ann_file': 'other.json'})
    assert tested_dataset(cfg) == leaf
    cfg.test_dataloader.dataset = concatenated(leaf, {**leaf, 'pipeline': leaf.pipeline[:1]})
    with pytest.raises(InputError, match='different pipelines'):
        tested_dataset(cfg)
