"""Which checkpoint a training is resumed from, and which files its paths name then."""

import pytest
import torch

from isic_mmdet.engine.train.checkpoints import (
    INTERRUPTED,
    adopt_paths,
    expected_iou_in,
    holds,
    newest_checkpoint,
    progress,
    write_calibrated,
)
from isic_mmdet.errors import InputError


def save(path, iterations: int) -> None:
    torch.save({'meta': {'iter': iterations}, 'state_dict': {'w': torch.ones(1000)}}, path)


def test_nothing_is_found_where_nothing_was_saved(tmp_path):
    save(tmp_path / 'best_lesion_iou_epoch_3.pth', 9)
    assert newest_checkpoint(tmp_path) == (None, [])
    assert newest_checkpoint(tmp_path / 'none') == (None, [])


def test_the_one_with_the_most_training_is_taken(tmp_path):
    for epoch in (9, 10, 11):
        save(tmp_path / f'epoch_{epoch}.pth', 3 * epoch)
    save(tmp_path / INTERRUPTED, 33)
    assert newest_checkpoint(tmp_path)[0] == tmp_path / 'epoch_11.pth'
    save(tmp_path / INTERRUPTED, 34)
    assert newest_checkpoint(tmp_path)[0] == tmp_path / INTERRUPTED


@pytest.mark.parametrize('damage', ['cut', 'flipped', 'empty'])
def test_a_damaged_one_is_skipped(tmp_path, damage):
    save(tmp_path / 'epoch_1.pth', 3)
    damaged = tmp_path / 'epoch_2.pth'
    save(damaged, 6)
    data = bytearray(damaged.read_bytes())
    middle = len(data) // 2
    if damage == 'flipped':
        data[middle] ^= 1
    damaged.write_bytes({'cut': data[:middle], 'flipped': data, 'empty': b''}[damage])
    assert newest_checkpoint(tmp_path) == (tmp_path / 'epoch_1.pth', [damaged])


def test_another_file_of_that_name_is_an_error(tmp_path):
    torch.save({'w': torch.ones(3)}, tmp_path / 'epoch_1.pth')
    with pytest.raises(InputError, match=r'epoch_1\.pth is not a checkpoint of tools/train\.py'):
        newest_checkpoint(tmp_path)


def info_of(folder) -> dict:
    return {
        'best_ckpt': str(folder / 'best_epoch_2.pth'),
        'best_score': 0.8,
        'last_ckpt': str(folder / 'epoch_3.pth'),
        'keep_ckpt_ids': [2, 3],
        'epoch': 3,
    }


def test_a_copied_folder_uses_its_own_files(tmp_path):
    copy = tmp_path / 'b'
    copy.mkdir()
    (copy / 'best_epoch_2.pth').touch()
    (copy / 'epoch_3.pth').touch()
    relative = {**info_of(copy), 'best_ckpt': 'best_epoch_2.pth', 'last_ckpt': 'epoch_3.pth'}
    for info in (info_of(tmp_path / 'a'), relative):  # earlier versions wrote relative paths
        assert adopt_paths(info, str(copy), is_own=True) == []
        assert info == info_of(copy)


def test_the_best_of_another_run_is_forgotten_with_its_score(tmp_path):
    (tmp_path / 'best_epoch_2.pth').touch()
    info = info_of(tmp_path)
    (note,) = adopt_paths(info, str(tmp_path / 'b'), is_own=False)
    assert 'best_epoch_2.pth' in note
    assert info == {'epoch': 3}


def test_a_best_that_was_deleted_is_forgotten_for_its_metric_alone(tmp_path):
    (tmp_path / 'best_dice.pth').touch()
    info = {
        'best_ckpt_dice': 'best_dice.pth',
        'best_score_dice': 0.9,
        'best_ckpt_iou': 'best_iou.pth',
        'best_score_iou': 0.8,
    }
    assert len(adopt_paths(info, str(tmp_path), is_own=True)) == 1
    assert info == {'best_ckpt_dice': str(tmp_path / 'best_dice.pth'), 'best_score_dice': 0.9}


def test_a_linked_work_dir_holds_its_checkpoints(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'link').symlink_to('run')
    (tmp_path / 'run' / 'epoch_1.pth').touch()
    assert holds(tmp_path / 'link', tmp_path / 'run' / 'epoch_1.pth')
    assert not holds(tmp_path, tmp_path / 'run' / 'epoch_1.pth')


ROWS = [{'iou': 0.5 + n / 100, 'score': 0.9, 'mask_confidence': 0.6 + n / 100} for n in range(30)]


def test_a_calibrated_copy_differs_in_nothing_else(tmp_path):
    save(tmp_path / 'epoch_1.pth', 3)
    write_calibrated(tmp_path / 'epoch_1.pth', ROWS, tmp_path / 'copy.pth')
    before, after = (torch.load(tmp_path / name) for name in ('epoch_1.pth', 'copy.pth'))
    calibration = expected_iou_in(after, 'copy.pth')
    assert calibration is not None and calibration.images == 30
    del after['meta']['expected_iou']
    assert after['meta'] == before['meta']
    assert torch.equal(after['state_dict']['w'], before['state_dict']['w'])
    assert progress(tmp_path / 'copy.pth') == 3


def test_weights_alone_can_be_calibrated(tmp_path):
    torch.save({'state_dict': {'w': torch.ones(3)}}, tmp_path / 'weights.pth')
    assert expected_iou_in(torch.load(tmp_path / 'weights.pth'), 'weights.pth') is None
    write_calibrated(tmp_path / 'weights.pth', ROWS, tmp_path / 'copy.pth')
    assert expected_iou_in(torch.load(tmp_path / 'copy.pth'), 'copy.pth') is not None


def test_too_few_images_calibrate_nothing(tmp_path):
    save(tmp_path / 'epoch_1.pth', 3)
    rows = [*ROWS[:19], {'iou': 0.0, 'score': None, 'mask_confidence': None}]
    with pytest.raises(InputError, match=r'takes 20 validation images.* 19 of these 20 have one'):
        write_calibrated(tmp_path / 'epoch_1.pth', rows, tmp_path / 'copy.pth')
    worse = [{**row, 'iou': 1 - row['iou']} for row in ROWS]
    with pytest.raises(InputError, match=r'these 30 images, the certainty .* does not predict'):
        write_calibrated(tmp_path / 'epoch_1.pth', worse, tmp_path / 'copy.pth')
    assert not (tmp_path / 'copy.pth').exists()
