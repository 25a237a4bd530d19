"""The room in /dev/shm against what the loaders put there, before they start."""

import os
from types import SimpleNamespace

import pytest
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
    """Let /dev/shm have as many free bytes as the returned function is told."""

    def tell(free_bytes: int) -> None:
        stats = SimpleNamespace(f_bavail=free_bytes, f_frsize=1)
        monkeypatch.setattr(os, 'statvfs', lambda path: stats)

    return tell


def test_loaders_that_follow_each_other_need_as_much_as_the_largest(free):
    free(40_000)
    assert shared_memory_errors(LOADERS, BYTES, together=False) == []
    (problem,) = shared_memory_errors(LOADERS, BYTES, together=True)
    assert '0.1 MB' in problem  # 60 kB
    free(39_999)
    (problem,) = shared_memory_errors(LOADERS, BYTES, together=False)
    for word in ('--shm-size', 'val_dataloader.num_workers', 'val_dataloader.batch_size'):
        assert word in problem


def test_processes_of_a_machine_share_the_room(free, monkeypatch):
    free(79_999)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    assert len(shared_memory_errors(LOADERS, BYTES, together=False)) == 1
    free(80_000)
    assert shared_memory_errors(LOADERS, BYTES, together=False) == []


def test_without_workers_nothing_is_needed(free):
    free(0)
    loaders = {'train_dataloader': dict(num_workers=0, batch_size=4)}
    assert shared_memory_errors(loaders, BYTES, together=False) == []


def test_no_shared_memory_at_all_has_no_room(monkeypatch, tmp_path):
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
    import torch

    class Data(list):
        def get_data_info(self, index: int) -> dict:
            return {}

    views = [torch.zeros(3, 4, 4, dtype=torch.uint8)] * 4
    assert bytes_of_an_image(Data([{'inputs': views}])) == 4 * 48
    assert bytes_of_an_image(Data([{}])) == 0
