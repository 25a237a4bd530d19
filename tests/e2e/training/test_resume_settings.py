"""Resumed runs: what may change and acts, what is refused, and which files are touched."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from isic_mmdet.engine.checks.resume_check import check_resume
from isic_mmdet.errors import InputError
from tests.support.training_runs import Run

pytestmark = pytest.mark.timeout(900)
ARGUMENTS = ['tools/train.py', 'configs/quickstart.py', '--resume', '--data-root', 'data/a b']


@pytest.fixture
def copied(reference, new_run) -> Run:
    """A finished run of three epochs, copied to another place."""
    run = new_run()
    shutil.copytree(reference.work, run.work)
    return run


@pytest.fixture
def argv(monkeypatch) -> None:
    monkeypatch.setattr(sys, 'argv', [*ARGUMENTS, '--cfg-options', 'train_cfg.max_epochs=3'])


def checked(run: Run, checkpoint: str = 'epoch_3.pth', **options: object) -> str | None:
    run.options |= {key.replace('__', '.'): value for key, value in options.items()}
    return check_resume(run.config_of('auto'), str(run.work / checkpoint))


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_a_finished_run_names_the_next_steps(copied, argv):
    message = checked(copied)
    first, *lines = message.splitlines()
    assert 'epoch 3 of 3 is done' in first
    longer, new = (line.strip() for line in lines if 'tools/train.py' in line)
    assert longer == (
        "python tools/train.py configs/quickstart.py --data-root 'data/a b' --work-dir "
        f'{copied.work} --resume --cfg-options train_cfg.max_epochs=6'
    )
    assert '--resume' not in new
    assert f'--work-dir {copied.work}_2' in new
    assert new.endswith(f'train_cfg.max_epochs=3 load_from={copied.work}/epoch_3.pth')
    message = checked(copied, train_cfg__max_epochs=2)
    assert 'epoch 3 is done, and the training is to end with epoch 2' in message


def test_more_epochs_and_other_workers_and_batches_are_accepted(copied):
    options = {'train_cfg.max_epochs': 4, 'train_dataloader.batch_size': 2}
    copied.options |= options | {'optim_wrapper.optimizer.lr': 0.1, 'train_cfg.val_interval': 2}
    assert checked(copied) is None


def test_all_differences_of_another_training_are_listed(copied, tmp_path, argv):
    annotations = tmp_path / 'other.json'
    content = json.loads((copied.data / 'annotations/train.json').read_text())
    annotations.write_text(json.dumps({**content, 'info': 'changed'}))
    with pytest.raises(InputError, match='cannot be resumed') as error:
        checked(
            copied,
            train_dataloader__dataset__ann_file=str(annotations),
            model__roi_head__mask_head__num_convs=2,
            optim_wrapper__optimizer__type='SGD',
            randomness__seed=5,
        )
    errors = '\n'.join(error.value.errors)
    assert 'model.roi_head.mask_head.num_convs: 4 -> 2' in errors
    assert "optim_wrapper.optimizer.type: 'AdamW' -> 'SGD'" in errors
    assert 'randomness.seed: 0 -> 5' in errors
    assert 'training data: SHA-256' in errors
    assert len(error.value.errors) == 4
    assert 'load_from=' in str(error.value)


def test_other_classes_are_a_difference(copied, tmp_path, argv):
    annotations = tmp_path / 'two.json'
    content = json.loads((copied.data / 'annotations/train.json').read_text())
    content['categories'] = [{'id': 1, 'name': 'benign'}, {'id': 2, 'name': 'melanoma'}]
    annotations.write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        checked(copied, train_dataloader__dataset__ann_file=str(annotations))
    assert "classes: ['lesion'] -> ['benign', 'melanoma']" in '\n'.join(error.value.errors)


def test_the_same_data_elsewhere_are_the_same(copied, tmp_path):
    copied.data = Path(shutil.copytree(copied.data, tmp_path / 'elsewhere'))
    assert 'is done' in checked(copied)


@pytest.mark.parametrize('kind', ['best', 'weights alone'])
def test_a_file_without_the_state_of_a_training_is_refused(copied, kind, argv):
    if kind == 'best':
        (name,) = (path.name for path in copied.work.glob('best_*.pth'))
    else:
        name = 'weights.pth'
        torch.save(copied.checkpoint()['state_dict'], copied.work / name)
    with pytest.raises(InputError, match=r'(?s)no state of a training.*load_from=') as error:
        checked(copied, name)
    assert 'epoch_N.pth' in str(error.value)


def test_a_longer_run_in_a_copied_folder_touches_its_own_files_alone(reference, copied):
    before = files(reference.work)
    copied.options['train_cfg.max_epochs'] = 4
    copied.complete()
    assert files(reference.work) == before
    assert len(list(copied.work.glob('best_*.pth'))) == 1
    info = copied.checkpoint('epoch_4.pth')['message_hub']['runtime_info']
    assert info['last_ckpt'] == str(copied.work / 'epoch_4.pth')
    assert Path(info['best_ckpt']).parent == copied.work
    rates = {row['step']: row['lr'] for row in copied.log() if 'lr' in row}
    assert sorted(rates) == list(range(1, 13))
    # Three steps an epoch: after the way up, the cosine of four epochs.
    assert rates[12] < rates[11]
    assert rates[10] > rates[9]


def test_a_run_from_another_one_has_a_best_of_its_own(reference, new_run):
    before = files(reference.work)
    run = new_run(train_cfg__max_epochs=4)
    run.complete(resume=str(reference.work / 'epoch_3.pth'))
    assert files(reference.work) == before
    assert [path.name for path in run.work.glob('best_*.pth')] == ['best_lesion_iou_epoch_4.pth']
    assert [row['step'] for row in run.log() if 'lr' in row] == [10, 11, 12]
    assert 'keeps the best of its own validations' in run.printed
    assert 'train_cfg.max_epochs: 3 -> 4' in run.printed


@pytest.mark.slow
def test_a_longer_run_that_is_interrupted_on_the_way_to_its_schedule_ends_the_same(
    reference, tmp_path, root, tiny_data
):
    runs = [Run(root, tiny_data, tmp_path / name / 'work') for name in ('unbroken', 'parts')]
    for run in runs:
        shutil.copytree(reference.work, run.work)
        run.options['train_cfg.max_epochs'] = 5
        run.options['train_dataloader.batch_size'] = 2  # six steps an epoch

    unbroken, parts = runs
    unbroken.complete()
    process = parts.start()
    parts.wait_for_steps(process, parts.steps() + 3)
    process.terminate()
    process.join(200)
    assert process.exitcode == 75, parts.errors
    parts.complete()
    assert unbroken.log() == parts.log()


@pytest.mark.slow
def test_a_run_that_early_stopping_ended_is_at_its_end(new_run, argv):
    stopping = dict(type='ResumableEarlyStoppingHook', monitor='lesion/iou', rule='greater')
    stopping |= {'min_delta': 10, 'patience': 1}
    run = new_run(default_hooks__early_stopping=stopping, train_cfg__max_epochs=5)
    run.complete()
    message = checked(run, 'epoch_2.pth')
    assert 'epoch 2 of 5 is done, and early stopping ended the training there' in message
    assert 'default_hooks.early_stopping.patience=2' in message
    assert checked(run, 'epoch_2.pth', default_hooks__early_stopping__patience=2) is None
