import os

import pytest
import torch

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import (
    configured_hooks,
    enable_result_dump,
    load_config,
    select_split,
    set_checkpoint,
    set_resume,
    set_work_dir,
    tested_dataset,
    use_tta,
)
from isic_mmdet.errors import InputError


@pytest.fixture
def cfg(root, tiny_data):
    return load_config(root / 'configs/quickstart.py', data_root=tiny_data)


def test_options_reach_into_lists_and_the_data_root_into_every_split(root, tiny_data):
    cfg = load_config(
        root / 'configs/quickstart.py',
        {'param_scheduler.0.end': 7, 'train_cfg.max_epochs': 3},
        tiny_data,
    )
    assert cfg.param_scheduler[0].end == 7
    assert cfg.train_cfg.max_epochs == 3
    for split in ('train', 'val', 'test'):
        assert cfg[f'{split}_dataloader'].dataset.data_root == str(tiny_data)


def test_a_misspelled_option_is_refused(root):
    with pytest.raises(InputError, match='cfg-options') as error:
        load_config(root / 'configs/quickstart.py', {'model.nekc.type': 'FPN', 'modle.neck': 1})
    assert 'closest: model.neck' in error.value.errors[0]
    assert 'closest: model' in error.value.errors[1]


def test_a_data_root_is_given_once(root, tiny_data):
    option = {'val_dataloader.dataset.data_root': 'elsewhere'}
    with pytest.raises(InputError, match='--data-root'):
        load_config(root / 'configs/quickstart.py', option, tiny_data)


@pytest.mark.parametrize('name', ['default_runtime.py', 'models/mask-rcnn_r50_fpn_lesion.py'])
def test_a_part_of_a_config_is_refused(root, name):
    with pytest.raises(InputError, match='only a part of a config'):
        load_config(root / 'configs/_base_' / name)


def test_data_root_reaches_into_wrapped_data_sets(root, tiny_data, tmp_path):
    wrapped = tmp_path / 'wrapped.py'
    wrapped.write_text(
        f"_base_ = '{root}/configs/quickstart.py'\n"
        "inner = dict(type='LesionDataset', ann_file='annotations/train.json', pipeline=[])\n"
        'train_dataloader = dict(dataset=dict(_delete_=True, type="RepeatDataset", times=2,'
        ' dataset=inner))\n'
    )
    cfg = load_config(wrapped, data_root=tiny_data)
    assert cfg.train_dataloader.dataset.dataset.data_root == str(tiny_data)


def test_the_work_dir_of_the_command_line_wins(cfg):
    set_work_dir(cfg, None, 'configs/quickstart.py', subfolder='test')
    assert cfg.work_dir == 'work_dirs/quickstart/test'
    set_work_dir(cfg, None, 'other.py')
    assert cfg.work_dir == 'work_dirs/quickstart/test'  # the config's own, once it has one
    set_work_dir(cfg, None, 'work_dirs/quickstart/config.py', subfolder='again')
    assert cfg.work_dir == 'work_dirs/quickstart/test/again'
    set_work_dir(cfg, 'there', 'other.py')
    assert cfg.work_dir == 'there'
    folders = [backend.save_dir for backend in cfg.visualizer.vis_backends]
    assert folders == ['there', 'there/tensorboard']


def test_the_validation_split_can_be_tested(cfg):
    select_split(cfg, 'test')
    assert cfg.test_dataloader.dataset.ann_file == 'annotations/test.json'
    select_split(cfg, 'val')
    assert cfg.test_dataloader.dataset.ann_file == 'annotations/val.json'


def save(path, iterations: int) -> None:
    torch.save({'meta': {'iter': iterations}}, path)


def test_scalars_of_a_run_without_checkpoint_do_not_head_the_next(cfg, tmp_path):
    cfg.work_dir = str(tmp_path)
    scalars = tmp_path / 'scalars.json'
    scalars.write_text('{}')
    save(tmp_path / 'epoch_1.pth', 3)
    set_resume(cfg, 'auto')
    assert scalars.exists()
    (tmp_path / 'epoch_1.pth').unlink()
    set_resume(cfg, 'auto')
    assert not scalars.exists()


def test_scalars_of_another_run_do_not_head_those_of_its_continuation(cfg, tmp_path):
    cfg.work_dir = str(tmp_path / 'b')
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / 'scalars.json').write_text('{}')
    save(tmp_path / 'a' / 'epoch_1.pth', 3)
    set_resume(cfg, str(tmp_path / 'a' / 'epoch_1.pth'))
    assert [path.parent.name for path in tmp_path.glob('*/scalars.json')] == ['a']


def test_a_checkpoint_in_the_work_dir_is_not_overwritten(cfg, tmp_path):
    cfg.work_dir = str(tmp_path)
    save(tmp_path / 'epoch_3.pth', 9)
    cfg.load_from = 'coco.pth'
    with pytest.raises(InputError, match='--resume'):
        set_resume(cfg, None)
    set_resume(cfg, 'auto')
    assert cfg.resume
    assert cfg.load_from == str(tmp_path / 'epoch_3.pth')


def test_a_run_is_not_continued_in_the_folder_of_another(cfg, tmp_path):
    cfg.work_dir = str(tmp_path / 'b')
    for folder in ('a', 'b'):
        (tmp_path / folder).mkdir()
        save(tmp_path / folder / 'epoch_1.pth', 3)
    with pytest.raises(InputError, match='already holds'):
        set_resume(cfg, str(tmp_path / 'a' / 'epoch_1.pth'))


def test_an_earlier_state_is_not_resumed_beside_a_later_one(cfg, tmp_path):
    cfg.work_dir = str(tmp_path)
    save(tmp_path / 'epoch_1.pth', 3)
    save(tmp_path / 'epoch_2.pth', 6)
    with pytest.raises(InputError, match=r'later state.*epoch_2\.pth'):
        set_resume(cfg, str(tmp_path / 'epoch_1.pth'))
    set_resume(cfg, str(tmp_path / 'epoch_2.pth'))
    assert cfg.resume


def test_a_folder_is_no_checkpoint(cfg, tmp_path):
    cfg.work_dir = str(tmp_path / 'run')
    save(tmp_path / 'epoch_1.pth', 3)
    with pytest.raises(InputError, match=r'is a folder.*epoch_1\.pth'):
        set_resume(cfg, str(tmp_path))


def test_only_damaged_checkpoints_are_an_error(cfg, tmp_path):
    cfg.work_dir = str(tmp_path)
    (tmp_path / 'epoch_3.pth').touch()
    with pytest.raises(InputError, match='only damaged checkpoints'):
        set_resume(cfg, 'auto')


def test_resuming_what_never_began_begins_with_the_pretrained_weights(cfg, tmp_path):
    cfg.work_dir = str(tmp_path)
    cfg.load_from = 'coco.pth'
    set_resume(cfg, 'auto')
    assert not cfg.resume
    assert cfg.load_from == 'coco.pth'


def test_a_missing_checkpoint_is_named(cfg):
    with pytest.raises(InputError, match=r'nowhere\.pth'):
        set_checkpoint(cfg, 'nowhere.pth')


def test_detections_only_go_into_json(cfg):
    with pytest.raises(InputError, match='json'):
        enable_result_dump(cfg, 'found.pkl')


def test_augmentation_covers_all_flips_of_all_sizes(cfg):
    use_tta(cfg, scales=(0.8, 1.0))
    head, augment = cfg.test_dataloader.dataset.pipeline
    assert head.type == 'LoadImageFromFile'
    sizes, flips, (pack,) = augment.transforms
    assert [size.scale for size in sizes] == [(154, 154), (192, 192)]
    assert all(size.keep_ratio for size in sizes)
    assert [flip.prob for flip in flips] == [0, 1, 1, 1]
    assert [flip.direction for flip in flips[1:]] == ['horizontal', 'vertical', 'diagonal']
    assert pack.type == 'PackLesionInputs'
    # Every view has a say on every class, so its detections are kept.
    assert cfg.model.module.test_cfg.rcnn.max_per_img == 3
    assert cfg.model.mask_threshold == 0.5


def test_augmentation_is_of_flips_alone_unless_told(cfg):
    use_tta(cfg)
    sizes, flips, _ = cfg.test_dataloader.dataset.pipeline[-1].transforms
    assert [size.scale for size in sizes] == [(192, 192)]
    assert len(flips) == 4


def test_augmentation_needs_a_size_to_start_from(cfg):
    pipeline = cfg.test_dataloader.dataset.pipeline
    cfg.test_dataloader.dataset.pipeline = [pipeline[0], pipeline[-1]]
    with pytest.raises(InputError, match='no Resize with a scale'):
        use_tta(cfg)


def test_views_are_made_of_every_data_set_of_a_test(cfg):
    leaf = cfg.test_dataloader.dataset
    other = {**leaf, 'ann_file': 'annotations/val.json'}
    cfg.test_dataloader.dataset = {'type': 'ConcatDataset', 'datasets': [leaf, other, leaf]}
    assert tested_dataset(cfg) == leaf
    use_tta(cfg)
    for part in cfg.test_dataloader.dataset.datasets:
        assert [step.type for step in part.pipeline] == ['LoadImageFromFile', 'TestTimeAug']


def test_data_sets_that_are_read_in_different_ways_say_nothing_of_other_images(cfg):
    leaf = cfg.test_dataloader.dataset
    other = {**leaf, 'pipeline': leaf.pipeline[:1]}
    cfg.test_dataloader.dataset = {'type': 'ConcatDataset', 'datasets': [leaf, other]}
    with pytest.raises(InputError, match='different pipelines'):
        tested_dataset(cfg)


@pytest.mark.parametrize(
    ('dataset', 'words'),
    [
        ([{'ann_file': 'a.json'}], 'is a list'),
        (None, 'is no data set'),
        ({'type': 'RepeatDataset', 'times': 2}, 'neither an ann_file nor a data set'),
        ({'type': 'ConcatDataset', 'datasets': []}, 'neither an ann_file nor a data set'),
        ({'type': 'ConcatDataset', 'datasets': ['a']}, 'dataset.datasets.0 is no data set'),
    ],
)
def test_a_data_set_that_nothing_can_be_built_from_is_named(cfg, dataset, words):
    cfg.test_dataloader.dataset = dataset
    with pytest.raises(InputError, match=words):
        tested_dataset(cfg)


def test_a_validation_set_that_is_not_there_cannot_be_tested(cfg):
    cfg.val_dataloader = None
    with pytest.raises(InputError, match='no val_dataloader'):
        select_split(cfg, 'val')


def test_a_path_that_is_no_text_is_refused(root, tmp_path):
    name = os.fsdecode(b'd\xff')
    for path, data in ((root / 'configs/quickstart.py', name), (name, None)):
        with pytest.raises(InputError, match='PYTHONUTF8=1'):
            load_config(path, data_root=data)
    with pytest.raises(InputError, match='PYTHONUTF8=1'):
        set_work_dir(load_config(root / 'configs/quickstart.py'), name, 'quickstart.py')


@pytest.mark.parametrize('name', ['train_dataloader', 'val_dataloader', 'test_dataloader'])
def test_a_loader_without_workers_keeps_no_settings_of_workers(root, tmp_path, name):
    path = tmp_path / 'prefetching.py'
    path.write_text(f"_base_ = '{root}/configs/quickstart.py'\n{name} = dict(prefetch_factor=4)\n")
    loader = load_config(path, {f'{name}.num_workers': 0})[name]
    assert not loader.persistent_workers and 'prefetch_factor' not in loader
    other = load_config(path)[name]
    assert other.prefetch_factor == 4


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
    assert list(configured_hooks(cfg)) == expected
