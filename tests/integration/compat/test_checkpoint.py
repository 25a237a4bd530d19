"""Loading checkpoints through mmengine: one clear message for each way in which it can fail."""

import hashlib
import os
import socket
import subprocess
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import mmengine.runner.checkpoint
import pytest
import torch
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch import nn

from isic_mmdet.errors import InputError

load = partial(CheckpointLoader.load_checkpoint, logger='silent')


class Evil:
    """Pickles as a command that makes a file."""

    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.system, (f'touch {self.target}',)


class Handler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.paths.append(self.path)
        super().do_GET()

    def log_message(self, *args):
        pass


@pytest.fixture
def www(tmp_path):
    """The folder of the server."""
    (tmp_path / 'www').mkdir()
    return tmp_path / 'www'


@pytest.fixture
def server(www):
    """A server that keeps a list of the requested paths."""
    handler = partial(Handler, directory=str(www))
    with ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        server.paths = []
        server.address = f'http://127.0.0.1:{server.server_port}'
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody():
    """An address without a server."""
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))  # bound but not listening: connections are refused
        yield f'http://127.0.0.1:{bound.getsockname()[1]}'


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of torch, and no proxy between the tests and their servers."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    return tmp_path / 'torch' / 'hub' / 'checkpoints'


def refused(name, *words: str) -> str:
    """Load a checkpoint that must be refused with these words in one line."""
    with pytest.raises(InputError) as caught:
        load(str(name))
    message = str(caught.value)
    assert '\n' not in message
    assert [word for word in words if word not in message] == []
    return message


def sha256(path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def publish(www, content, name='weights'):
    """Put a checkpoint on the server, its digest in its name, and return that name."""
    part = www / 'part'
    torch.save(content, part)
    return part.rename(www / f'{name}-{sha256(part)[:8]}.pth').name


@pytest.mark.parametrize('as_zip', [True, False])
def test_a_local_file_is_loaded(tmp_path, monkeypatch, capsys, as_zip):
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    path = tmp_path / 'weights.pth'
    torch.save(source.state_dict(), path, _use_new_zipfile_serialization=as_zip)
    load_checkpoint(target, str(path), map_location='cpu', strict=True)
    assert torch.equal(source.weight, target.weight)
    assert capsys.readouterr().out == ''
    monkeypatch.setenv('HOME', str(tmp_path))
    assert load('~/weights.pth').keys() == {'weight', 'bias'}


@pytest.mark.parametrize('as_zip', [True, False])
def test_code_is_refused_by_name_and_does_not_run(server, www, tmp_path, as_zip):
    path, target = tmp_path / 'evil.pth', tmp_path / 'made_by_the_file'
    content = {'state_dict': {}, 'x': Evil(target)}
    torch.save(content, path, _use_new_zipfile_serialization=as_zip)
    for place in (path, f'{server.address}/{publish(www, content)}'):
        refused(place, f'{os.system.__module__}.system', 'save only its weights')
    assert not target.exists()


@pytest.mark.parametrize('share', [0.0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize('as_zip', [True, False])
def test_a_truncated_file_is_called_damaged(tmp_path, share, as_zip):
    path = tmp_path / 'cut.pth'
    torch.save(nn.Linear(20, 20).state_dict(), path, _use_new_zipfile_serialization=as_zip)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    refused(path, 'cut.pth cannot be read (', 'damaged')


@pytest.mark.parametrize(
    'content', [b'<!DOCTYPE html><h1>404</h1>', bytes(range(256)), b'\x80\x05N.']
)
def test_another_kind_of_file_is_refused(tmp_path, content):
    (tmp_path / 'page.pth').write_bytes(content)
    refused(tmp_path / 'page.pth', 'page.pth cannot be read', 'not a checkpoint')
    refused(tmp_path / 'nowhere.pth', 'nowhere.pth does not exist')


def test_a_checkpoint_is_downloaded_once(server, www, cache):
    name = publish(www, {'a': 1})
    for _ in range(2):
        assert load(f'{server.address}/{name}') == {'a': 1}
    assert server.paths == [f'/{name}']
    assert (cache / name).is_file()


@pytest.mark.parametrize(
    'name', ['weights.pth', 'weights-1234567.pth', 'weights-0123abcd.pth#sha256=0123abcd']
)
@pytest.mark.parametrize('is_cached', [False, True])
def test_nothing_is_loaded_from_an_address_without_a_digest(server, www, cache, name, is_cached):
    cache.mkdir(parents=True)
    torch.save({'a': 1}, (cache if is_cached else www) / name.partition('#')[0])
    refused(f'{server.address}/{name}', 'was not fetched', '#sha256=')
    assert server.paths == []
    assert len(list(cache.iterdir())) == is_cached


def test_the_digest_may_follow_the_address(server, www, cache):
    torch.save({'a': 1}, www / 'weights.pth')
    digest = sha256(www / 'weights.pth')
    wrong = digest[:-1] + ('0' if digest[-1] != '0' else '1')
    refused(f'{server.address}/weights.pth#sha256={wrong}', 'invalid hash value')
    assert not list(cache.iterdir())
    assert load(f'{server.address}/weights.pth#sha256={digest.upper()}') == {'a': 1}
    assert server.paths == ['/weights.pth'] * 2


def test_a_file_with_another_digest_is_neither_kept_nor_loaded(server, www, cache):
    name = publish(www, {'a': 1}, 'mAP-0.392')
    content = (www / name).read_bytes()
    (www / name).write_bytes(content[:-100])
    refused(f'{server.address}/{name}', 'invalid hash value')
    assert not list(cache.iterdir())
    torch.save({'a': 2}, cache / name)
    refused(f'{server.address}/{name}', f'{name} is not the checkpoint', 'remove it')
    (cache / name).unlink()
    (www / name).write_bytes(content)
    assert load(f'{server.address}/{name}') == {'a': 1}


def remedy(address, cached) -> tuple[str, ...]:
    return (
        f'{address} is not on this machine',
        f'put it at {cached}',
        '--cfg-options load_from=None model.backbone.init_cfg=None ',
        'model.backbone.frozen_stages=-1 model.backbone.norm_eval=False',
    )


@pytest.mark.parametrize(('is_running', 'reason'), [(False, 'refused'), (True, '404')])
def test_a_failed_download_names_the_file_and_its_place(nobody, server, cache, is_running, reason):
    address = f'{server.address if is_running else nobody}/coco/mask_rcnn-0abc1234.pth?download=1'
    refused(address, reason, *remedy(address, cache / 'mask_rcnn-0abc1234.pth'))
    assert not list(cache.iterdir())


@pytest.mark.parametrize(
    ('name', 'table'),
    [
        ('torchvision://resnet50', 'get_torchvision_models'),
        ('open-mmlab://resnet50', 'get_external_models'),
        ('mmcls://resnet50', 'get_mmcls_models'),
    ],
)
def test_names_of_published_weights_get_the_same_message(name, table, nobody, cache, monkeypatch):
    address = f'{nobody}/resnet50-0676ba61.pth'
    monkeypatch.setattr(mmengine.runner.checkpoint, table, lambda: {'resnet50': address})
    refused(name, *remedy(address, cache / 'resnet50-0676ba61.pth'))


WORKER = """
import sys
import torch.distributed as dist
from isic_mmdet.compat import install
from isic_mmdet.errors import InputError
from mmengine.runner import CheckpointLoader
install()
rank, store, missing, present = int(sys.argv[1]), *sys.argv[2:]
dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
try:
    CheckpointLoader.load_checkpoint(missing)
except InputError as error:
    assert 'To start without it' in str(error)
else:
    raise AssertionError('the missing checkpoint was loaded')
assert CheckpointLoader.load_checkpoint(present) == {'a': 1}
dist.destroy_process_group()
"""


def test_of_two_processes_one_downloads_and_both_fail_together(server, www, tmp_path, root):
    name = publish(www, {'a': 1})
    missing, present = f'{server.address}/gone-0abc1234.pth', f'{server.address}/{name}'
    workers = [
        subprocess.Popen(
            [sys.executable, '-c', WORKER, str(rank), str(tmp_path / 'store'), missing, present],
            cwd=root,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        for worker in workers:
            _, errors = worker.communicate(timeout=120)
            assert worker.returncode == 0, errors
    finally:
        for worker in workers:
            worker.kill()
    assert server.paths == ['/gone-0abc1234.pth', f'/{name}']
