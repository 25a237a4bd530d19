"""Configs as commands change them: options, splits, checkpoints, work dir and flips."""

import os
import shutil

import pytest
import torch

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config import load
from isic_mmdet.engine.config.load import load_config, set_resume, set_work_dir, use_tta
from isic_mmdet.errors import InputError


@pytest.fixture
def cfg(root, tiny_data):
    return load_config(root / 'configs/quickstart.py', data_root=tiny_data)


@pytest.fixture
def leaf(cfg):
    return cfg.test_dataloader.dataset


def concatenated(*datasets):
    return {'type': 'ConcatDataset', 'datasets': list(datasets)}


def test_the_data_root_reaches_every_data_set_and_is_given_once(root, tiny_data, tmp_path):
    wrapped = tmp_path / 'wrapped.py'
    wrapped.write_text(
        f"_base_ = '{root}/configs/quickstart.py'\n"
        "inner = dict(type='LesionDataset', ann_file='annotations/train.json', pipeline=[])\n"
        'train_dataloader = dict(dataset=dict(_delete_=True, type="RepeatDataset", times=2,'
        ' dataset=inner))\n'
    )
    cfg = load_config(wrapped, data_root=tiny_data)
    assert cfg.train_dataloader.dataset.dataset.data_root == str(tiny_data)
    for split in ('val', 'test'):
        assert cfg[f'{split}_dataloader'].dataset.data_root == str(tiny_data)
    with pytest.raises(InputError, match='--data-root'):
        load_config(wrapped, {'val_dataloader.dataset.data_root': 'elsewhere'}, tiny_data)


def test_several_data_roots_make_one_data_set_of_each_split(root, tiny_data, tmp_path):
    other = tmp_path / 'other'
    shutil.copytree(tiny_data / 'annotations', other / 'annotations')
    cfg = load_config(root / 'configs/quickstart.py', data_root=[tiny_data, other])
    for split in ('train', 'val', 'test'):
        dataset = cfg[f'{split}_dataloader'].dataset
        assert dataset.type == 'ConcatDataset'
        assert [part.data_root for part in dataset.datasets] == [str(tiny_data), str(other)]
        assert {part.ann_file for part in dataset.datasets} == {f'annotations/{split}.json'}
    with pytest.raises(InputError, match='twice'):
        load_config(root / 'configs/quickstart.py', data_root=[other, other])


@pytest.mark.parametrize('name', ['default_runtime.py', 'models/mask-rcnn_r50_fpn_lesion.py'])
def test_a_part_of_a_config_is_refused(root, name):
    with pytest.raises(InputError, match='only a part of a config'):
        load_config(root / 'configs/_base_' / name)


def test_a_path_that_is_not_text_is_refused(root, cfg):
    name = os.fsdecode(b'd\xff')
    for path, data in ((root / 'configs/quickstart.py', name), (name, None)):
        with pytest.raises(InputError, match='PYTHONUTF8=1'):
            load_config(path, data_root=data)
    with pytest.raises(InputError, match='PYTHONUTF8=1'):
        set_work_dir(cfg, name, 'quickstart.py')


def test_loaders_without_workers_keep_no_settings_of_workers(root, tmp_path):
    path = tmp_path / 'prefetching.py'
    names = ('train_dataloader', 'val_dataloader', 'test_dataloader')
    settings = '\n'.join(f'{name} = dict(prefetch_factor=4)' for name in names)
    path.write_text(f"_base_ = '{root}/configs/quickstart.py'\n{settings}\n")
    with_workers = load_config(path)
    without = load_config(path, {f'{name}.num_workers': 0 for name in names})
    for name in names:
        assert with_workers[name].prefetch_factor == 4
        assert not without[name].persistent_workers and 'prefetch_factor' not in without[name]


def test_hooks_that_are_none_are_removed_except_those_of_the_runner(root):
    options = {'default_hooks.validation_loss': None, 'default_hooks.timer': None}
    hooks = load_config(root / 'configs/isic2018_maskrcnn.py', options).default_hooks
    assert 'validation_loss' not in hooks and hooks.timer is None
    # This one is None in the config itself.
    assert 'early_stopping' not in load_config(root / 'configs/quickstart.py').default_hooks


def test_configured_hooks(cfg):
    cfg.default_hooks = {'a': {'type': 'A'}, 'b': None}
    cfg.custom_hooks = [{'type': 'C'}]
    expected = [('default_hooks.a', {'type': 'A'}), ('custom_hooks.0', {'type': 'C'})]
    assert list(load.configured_hooks(cfg)) == expected


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
        load.tested_dataset(cfg)


def test_data_sets_with_different_pipelines_do_not_define_how_to_read_images(cfg, leaf):
    cfg.test_dataloader.dataset = concatenated(leaf, {**leaf, 'pipeline': leaf.pipeline[:1]})
    with pytest.raises(InputError, match='different pipelines'):
        load.tested_dataset(cfg)


def test_the_work_dir_of_the_command_line_wins(cfg):
    set_work_dir(cfg, None, 'configs/quickstart.py', subfolder='test')
    assert cfg.work_dir == 'work_dirs/quickstart/test'
    set_work_dir(cfg, None, 'other.py', subfolder='again')  # the config has its own now
    assert cfg.work_dir == 'work_dirs/quickstart/test/again'
    set_work_dir(cfg, 'there', 'other.py')
    assert cfg.work_dir == 'there'
    folders = [backend.save_dir for backend in cfg.visualizer.vis_backends]
    assert folders == ['there', 'there/tensorboard']


def test_the_validation_split_can_be_tested_if_there_is_one(cfg):
    load.select_split(cfg, 'test')
    assert cfg.test_dataloader.dataset.ann_file == 'annotations/test.json'
    load.select_split(cfg, 'val')
    assert cfg.test_dataloader.dataset.ann_file == 'annotations/val.json'
    cfg.val_dataloader = None
    with pytest.raises(InputError, match='no val_dataloader'):
        load.select_split(cfg, 'val')


@pytest.fixture
def runs(cfg, tmp_path):
    """Folders of two runs; the config writes to `b`."""
    for name in ('a', 'b'):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'scalars.json').write_text('{}')
    cfg.work_dir = str(tmp_path / 'b')
    cfg.load_from = 'coco.pth'
    return tmp_path


def save(path, iterations: int = 3) -> str:
    torch.save({'meta': {'iter': iterations}}, path)
    return str(path)


def test_without_checkpoint_a_run_starts_anew(cfg, runs):
    set_resume(cfg, 'auto')
    assert not cfg.resume
    assert cfg.load_from == 'coco.pth'
    assert [path.parent.name for path in runs.glob('*/scalars.json')] == ['a']


def test_a_run_is_resumed_from_its_newest_checkpoint_and_not_overwritten(cfg, runs):
    save(runs / 'b/epoch_1.pth')
    newest = save(runs / 'b/epoch_3.pth', 9)
    with pytest.raises(InputError, match='--resume'):
        set_resume(cfg, None)
    with pytest.raises(InputError, match=r'later state.*epoch_3\.pth'):
        set_resume(cfg, str(runs / 'b/epoch_1.pth'))
    for resume in ('auto', newest):
        set_resume(cfg, resume)
        assert cfg.resume
        assert cfg.load_from == newest
    assert (runs / 'b/scalars.json').exists()


def test_a_run_is_continued_in_another_folder_only_if_that_has_no_checkpoints(cfg, runs):
    first = save(runs / 'a/epoch_1.pth')
    save(runs / 'b/epoch_1.pth')
    with pytest.raises(InputError, match='already holds'):
        set_resume(cfg, first)
    (runs / 'b/epoch_1.pth').unlink()
    set_resume(cfg, first)
    assert cfg.load_from == first
    assert [path.parent.name for path in runs.glob('*/scalars.json')] == ['a']


def test_a_run_that_ended_before_its_first_checkpoint_starts_where_it_did(cfg, runs):
    first = save(runs / 'a/epoch_1.pth')
    set_resume(cfg, 'auto', start=first)
    assert cfg.resume
    assert cfg.load_from == first
    newest = save(runs / 'b/epoch_2.pth', 6)
    set_resume(cfg, 'auto', start=first)
    assert cfg.load_from == newest


def test_a_wrong_checkpoint_is_named(cfg, runs):
    save(runs / 'a/epoch_1.pth')
    (runs / 'b/epoch_3.pth').touch()
    with pytest.raises(InputError, match=r'is a folder.*epoch_1\.pth'):
        set_resume(cfg, str(runs / 'a'))
    with pytest.raises(InputError, match='only damaged checkpoints'):
        set_resume(cfg, 'auto')
    with pytest.raises(InputError, match=r'nowhere\.pth'):
        load.set_checkpoint(cfg, 'nowhere.pth')


def test_detections_are_written_as_json_only(cfg):
    with pytest.raises(InputError, match='json'):
        load.enable_result_dump(cfg, 'found.pkl')


def test_tta_flips_the_images_of_every_data_set(cfg, leaf):
    other = {**leaf, 'ann_file': 'annotations/val.json'}
    cfg.test_dataloader.dataset = concatenated(leaf, other, leaf)
    assert load.tested_dataset(cfg) == leaf
    use_tta(cfg)
    for part in cfg.test_dataloader.dataset.datasets:
        assert [step.type for step in part.pipeline] == ['LoadImageFromFile', 'TestTimeAug']
    (size,), flips, (pack,) = part.pipeline[-1].transforms
    assert size.scale == (192, 192) and size.keep_ratio
    assert [flip.prob for flip in flips] == [0, 1, 1, 1]
    assert [flip.direction for flip in flips[1:]] == ['horizontal', 'vertical', 'diagonal']
    assert pack.type == 'PackLesionInputs'
    # All detections of a view are kept, because every view has a score for every class.
    assert cfg.model.module.test_cfg.rcnn.max_per_img == 3
    assert cfg.model.mask_threshold == 0.5


def test_tta_needs_a_resize(cfg, leaf):
    leaf.pipeline = [leaf.pipeline[0], leaf.pipeline[-1]]
    with pytest.raises(InputError, match='no Resize with a scale'):
        use_tta(cfg)


def test_scores_of_several_data_sets_have_a_column_each(cfg):
    set_work_dir(cfg, 'work', 'quickstart.py')
    scores = {'lesion/iou': 0.5, 'lesion/dice': 0.6}
    parts = {
        f'{name}/{key}': value / 2 for name in ('a_val', 'b_val') for key, value in scores.items()
    }
    lines = load.score_table(cfg, scores | parts, None).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ['all', 'a_val', 'b_val'],
        ['lesion/iou', '0.5000', '0.2500', '0.2500'],
        ['lesion/dice', '0.6000', '0.3000', '0.3000'],
    ]
    assert load.score_table(cfg, scores, None).startswith('  lesion/iou   0.5000\n')
