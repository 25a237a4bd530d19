import os

import pytest
import torch

from isic_mmdet.engine.config.run_state import set_checkpoint, set_resume, set_work_dir
from isic_mmdet.errors import InputError


def test_the_work_dir_of_the_command_line_wins(cfg):
    set_work_dir(cfg, None, 'configs/quickstart.py', subfolder='test')
    assert cfg.work_dir == 'work_dirs/quickstart/test'
    set_work_dir(cfg, None, 'other.py', subfolder='again')  # the config has its own now
    assert cfg.work_dir == 'work_dirs/quickstart/test/again'
    set_work_dir(cfg, 'there', 'other.py')
    assert cfg.work_dir == 'there'
    folders = [backend.save_dir for backend in cfg.visualizer.vis_backends]
    assert folders == ['there', 'there/tensorboard']


def test_a_work_dir_that_is_not_text_is_refused(cfg):
    with pytest.raises(InputError, match='PYTHONUTF8=1'):
        set_work_dir(cfg, os.fsdecode(b'd\xff'), 'quickstart.py')


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
    with pytest.raises(InputError, match=r'is a folder.*epoch_1\.pth'):
        set_checkpoint(cfg, str(runs / 'a'))
    save(runs / 'a/best_lesion_iou_epoch_0.pth')
    with pytest.raises(InputError, match=r'is a folder.*/best_lesion_iou_epoch_0\.pth'):
        set_checkpoint(cfg, str(runs / 'a'))
    with pytest.raises(InputError, match=r'is a folder.*/epoch_1\.pth'):
        set_resume(cfg, str(runs / 'a'))
    with pytest.raises(InputError, match='only damaged checkpoints'):
        set_resume(cfg, 'auto')
    with pytest.raises(InputError, match=r'nowhere\.pth'):
        set_checkpoint(cfg, 'nowhere.pth')
