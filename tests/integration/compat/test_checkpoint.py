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
from mmengine.logging import HistoryBuffer
from mmengine.model import BaseModule
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
def server(tmp_path):
    """A server of the folder `www` that keeps a list of the paths it was asked for."""
    (tmp_path / 'www').mkdir()
    handler = partial(Handler, directory=str(tmp_path / 'www'))
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
    """An address at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(('127.0.0.1', 0))  # bound but not listening: connections are refused
        yield f'http://127.0.0.1:{bound.getsockname()[1]}'


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty cache of torch, and no proxy between the tests and their servers."""
    monkeypatch.setenv('no_proxy', '127.0.0.1')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    return tmp_path / 'torch' / 'hub' / 'checkpoints'


@pytest.mark.parametrize('as_zip', [True, False])
def test_a_local_file_is_loaded(tmp_path, as_zip):
    path = tmp_path / 'weights.pth'
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    torch.save(source.state_dict(), path, _use_new_zipfile_serialization=as_zip)
    load_checkpoint(target, str(path), map_location='cpu', strict=True)
    assert torch.equal(source.weight, target.weight)


def test_a_path_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv('HOME', str(tmp_path))
    torch.save({'a': 1}, tmp_path / 'weights.pth')
    assert load('~/weights.pth') == {'a': 1}


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r'nowhere\.pth does not exist; check the path'):
        load(str(tmp_path / 'nowhere.pth'))


@pytest.mark.parametrize('as_zip', [True, False])
def test_code_is_refused_by_name_and_does_not_run(tmp_path, as_zip):
    path, target = tmp_path / 'evil.pth', tmp_path / 'made_by_the_file'
    torch.save({'state_dict': {}, 'x': Evil(target)}, path, _use_new_zipfile_serialization=as_zip)
    with pytest.raises(InputError) as caught:
        load(str(path))
    message = str(caught.value)
    assert str(path) in message
    assert f'{os.system.__module__}.system' in message
    assert 'save only its weights' in message
    assert '\n' not in message
    assert not target.exists()


def test_a_refused_attribute_is_named(tmp_path):
    buffer = HistoryBuffer([1.0], [1])
    buffer._statistics_methods = {'mean': HistoryBuffer.update}
    torch.save({'buffer': buffer}, tmp_path / 'forged.pth')
    with pytest.raises(InputError, match=r"holds getattr.*'update'.* and was refused"):
        load(str(tmp_path / 'forged.pth'))


@pytest.mark.parametrize('share', [0.0, 0.001, 0.5, 0.99])
@pytest.mark.parametrize('as_zip', [True, False])
def test_a_file_that_was_cut_off_is_called_damaged(tmp_path, share, as_zip):
    path = tmp_path / 'cut.pth'
    torch.save(nn.Linear(20, 20).state_dict(), path, _use_new_zipfile_serialization=as_zip)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match=r'cut.pth cannot be read \(.+\). It may be damaged'):
        load(str(path))


@pytest.mark.parametrize(
    'content', [b'<!DOCTYPE html><h1>404</h1>', bytes(range(256)), b'\x80\x05N.']
)
def test_something_else_than_a_checkpoint_is_called_so(tmp_path, content):
    (tmp_path / 'page.pth').write_bytes(content)
    with pytest.raises(InputError, match=r'page.pth cannot be read .* else than a checkpoint'):
        load(str(tmp_path / 'page.pth'))


def publish(tmp_path, content, name='weights'):
    """Put a checkpoint on the server, its digest in its name, and return that name."""
    part = tmp_path / 'www' / 'part'
    torch.save(content, part)
    name = f'{name}-{hashlib.sha256(part.read_bytes()).hexdigest()[:8]}.pth'
    return part.rename(part.with_name(name)).name


def test_a_checkpoint_is_downloaded_once(server, tmp_path, cache):
    name = publish(tmp_path, {'a': 1})
    for _ in range(2):
        assert load(f'{server.address}/{name}') == {'a': 1}
    assert server.paths == [f'/{name}']
    assert (cache / name).is_file()


@pytest.mark.parametrize(
    'name',
    [
        'weights.pth',
        'weights-1234567.pth',
        'weights-latest.pth',
        'weights-0123abcd.pth.pth',
        'weights-0123abcd.pth#sha256=0123abcd',
        'weights-0123abcd.pth#md5=0123',
    ],
)
def test_nothing_is_fetched_from_an_address_that_states_no_digest(server, tmp_path, cache, name):
    torch.save({'a': 1}, tmp_path / 'www' / name.partition('#')[0])
    with pytest.raises(InputError, match=r'was not fetched.*write #sha256=') as caught:
        load(f'{server.address}/{name}')
    assert '\n' not in str(caught.value)
    assert server.paths == []
    assert not cache.exists()


def test_not_even_from_the_cache(server, cache):
    cache.mkdir(parents=True)
    torch.save({'a': 1}, cache / 'weights.pth')
    with pytest.raises(InputError, match='was not fetched'):
        load(f'{server.address}/weights.pth')


@pytest.mark.parametrize(
    'name', ['s3://a/b-0123abcd.pth', 'x:s3://a/b.pth', 'pavi://a', 'petrel://a']
)
def test_nothing_is_fetched_from_object_stores(name):
    with pytest.raises(InputError, match='was not fetched'):
        load(name)


def test_the_digest_may_stand_behind_the_address(server, tmp_path, cache):
    torch.save({'a': 1}, tmp_path / 'www' / 'weights.pth')
    digest = hashlib.sha256((tmp_path / 'www' / 'weights.pth').read_bytes()).hexdigest()
    wrong = digest[:-1] + ('0' if digest[-1] != '0' else '1')
    with pytest.raises(InputError, match='invalid hash value'):
        load(f'{server.address}/weights.pth#sha256={wrong}')
    assert not list(cache.iterdir())
    assert load(f'{server.address}/weights.pth#sha256={digest.upper()}') == {'a': 1}
    assert server.paths == ['/weights.pth'] * 2


def test_a_file_in_the_cache_of_another_digest_is_refused(server, tmp_path, cache):
    name = publish(tmp_path, {'a': 1})
    load(f'{server.address}/{name}')
    torch.save({'a': 2}, cache / name)
    with pytest.raises(InputError, match=f'{name} is not the checkpoint .* remove it'):
        load(f'{server.address}/{name}')
    (cache / name).unlink()
    assert load(f'{server.address}/{name}') == {'a': 1}


def test_a_download_that_does_not_match_the_digest_in_its_name_is_not_kept(server, tmp_path, cache):
    torch.save({'a': 1}, tmp_path / 'www' / 'whole.pth')
    content = (tmp_path / 'www' / 'whole.pth').read_bytes()
    name = f'mAP-0.392-{hashlib.sha256(content).hexdigest()[:8]}.pth'
    (tmp_path / 'www' / name).write_bytes(content[:-100])
    with pytest.raises(InputError, match='invalid hash value'):
        load(f'{server.address}/{name}')
    assert not list(cache.iterdir())
    (tmp_path / 'www' / name).write_bytes(content)
    assert load(f'{server.address}/{name}') == {'a': 1}


def test_a_downloaded_checkpoint_runs_no_code(server, tmp_path):
    target = tmp_path / 'made_by_the_file'
    name = publish(tmp_path, {'state_dict': {}, 'x': Evil(target)})
    with pytest.raises(InputError, match='was refused'):
        load(f'{server.address}/{name}')
    assert not target.exists()


def check_remedy(message, address, cached):
    assert f'{address} is not on this machine' in message
    assert f'put it at {cached}' in message
    assert '--cfg-options load_from=None model.backbone.init_cfg=None ' in message
    assert 'model.backbone.frozen_stages=-1 model.backbone.norm_eval=False' in message
    assert '\n' not in message


def test_without_a_network_the_message_says_what_to_download_and_where_to(nobody, cache):
    with pytest.raises(InputError) as caught:
        load(f'{nobody}/coco/mask_rcnn-0abc1234.pth?download=1')
    check_remedy(
        str(caught.value),
        f'{nobody}/coco/mask_rcnn-0abc1234.pth?download=1',
        cache / 'mask_rcnn-0abc1234.pth',
    )
    assert not list(cache.iterdir())


def test_an_address_that_the_server_does_not_know_gets_the_same_message(server, cache):
    with pytest.raises(InputError, match='404') as caught:
        load(f'{server.address}/gone-0abc1234.pth')
    check_remedy(
        str(caught.value), f'{server.address}/gone-0abc1234.pth', cache / 'gone-0abc1234.pth'
    )


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
    model = BaseModule(init_cfg={'type': 'Pretrained', 'checkpoint': name})
    with pytest.raises(InputError) as caught:
        model.init_weights()
    check_remedy(str(caught.value), address, cache / 'resnet50-0676ba61.pth')


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


def test_of_two_processes_one_downloads_and_both_fail_together(server, tmp_path, root):
    name = publish(tmp_path, {'a': 1})
    missing, present = f'{server.address}/gone-0abc1234.pth', f'{server.address}/{name}'
    arguments = [tmp_path / 'store', missing, present]
    workers = [
        subprocess.Popen(
            [sys.executable, '-c', WORKER, str(rank), *map(str, arguments)],
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
