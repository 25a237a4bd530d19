"""Which checkpoint a training is resumed from, and how it is written."""

import pytest
import torch

from isic_mmdet.engine.train.checkpoints import INTERRUPTED, newest_checkpoint
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
    assert newest_checkpoint(tmp_path)[0] == tmp_path / 'epoch_11.pth'
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
