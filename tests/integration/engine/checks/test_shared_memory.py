"""The room in /dev/shm is compared with the need of the loaders before they start."""

import os
from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.checks import shared_memory
from isic_mmdet.engine.checks.preflight import preflight
from isic_mmdet.engine.checks.shared_memory import bytes_of_an_image, shared_memory_errors
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError

LOADERS = {
    'train_dataloader': dict(num_workers=2, batch_size=4),
    'val_dataloader': dict(num_workers=1, batch_size=8, prefetch_factor=4),
}
BYTES = dict.fromkeys(LOADERS, 1000)  # so 20 kB and 40 kB


@pytest.fixture
def free(monkeypatch):
    """Return a function that sets the number of free bytes of /dev/shm."""

    def free(free_bytes: int) -> None:
        stats = SimpleNamespace(f_bavail=free_bytes, f_frsize=1)
        monkeypatch.setattr(os, 'statvfs', lambda path: stats)

    return free


@pytest.mark.parametrize(
    ('need', 'processes', 'together'), [(40_000, 1, False), (60_000, 1, True), (80_000, 2, False)]
)
def test_loaders_need_the_largest_or_the_sum(free, monkeypatch, need, processes, together):
    monkeypatch.setenv('LOCAL_WORLD_SIZE', str(processes))
    free(need)
    assert shared_memory_errors(LOADERS, BYTES, together) == []
    free(need - 1)
    (problem,) = shared_memory_errors(LOADERS, BYTES, together)
    for word in ('--shm-size', 'val_dataloader.num_workers', 'val_dataloader.batch_size'):
        assert word in problem


def test_without_workers_nothing_is_needed(free):
    free(0)
    loaders = {'train_dataloader': dict(num_workers=0, batch_size=4)}
    assert shared_memory_errors(loaders, BYTES, together=False) == []


def test_absent_shared_memory_has_no_room(monkeypatch, tmp_path):
    monkeypatch.setattr(shared_memory, 'FOLDER', tmp_path / 'absent')
    assert len(shared_memory_errors(LOADERS, BYTES, together=False)) == 1


def test_preflight_refuses_before_a_worker_starts(root, tiny_data, free, monkeypatch):
    monkeypatch.setattr(DataLoader, '__iter__', lambda _: pytest.fail('it starts'))
    cfg = load_config(root / 'configs/quickstart.py', data_root=tiny_data)
    # One worker holds two batches of 8 images, 3 x 192 x 192, and one is in use.
    need = 3 * 8 * 3 * 192 * 192
    free(need)
    preflight(cfg, ('train_dataloader', 'val_dataloader'))
    free(need - 1)
    with pytest.raises(InputError, match=r'/dev/shm has 2\.7 MB free'):
        preflight(cfg, ('train_dataloader', 'val_dataloader'))
    preflight(cfg, ('train_dataloader', 'val_dataloader'), with_workers=False)


def test_all_views_of_an_image_count_and_one_that_cannot_be_loaded_does_not():
    class Data(list):
        def get_data_info(self, index: int) -> dict:
            return {}

    views = [torch.zeros(3, 4, 4, dtype=torch.uint8)] * 4
    assert bytes_of_an_image(Data([{'inputs': views}])) == 4 * 48
    assert bytes_of_an_image(Data([{}])) == 0
