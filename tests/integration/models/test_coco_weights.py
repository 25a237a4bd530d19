"""COCO weights from the first of two servers that answers."""

import functools
import hashlib
from pathlib import Path

import pytest
import torch
from mmdet.registry import MODELS
from mmengine.logging import MMLogger
from mmengine.runner import CheckpointLoader, load_checkpoint
from torch import nn
from torch.testing import assert_close
from torchvision.models.detection import MaskRCNN

from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError
from isic_mmdet.models import coco_weights
from isic_mmdet.models.torchvision import weights as torchvision_weights
from tests.support.torchvision_model import make_torchvision, noise_images

load = functools.partial(CheckpointLoader.load_checkpoint, map_location='cpu', logger='silent')
close = functools.partial(assert_close, atol=1e-6, rtol=0)


@pytest.fixture(scope='module')
def theirs() -> MaskRCNN:
    return make_torchvision().double()


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'torch'))
    return tmp_path / 'torch' / 'hub' / 'checkpoints'


@pytest.fixture
def servers(tmp_path, monkeypatch):
    """Return a function that publishes checkpoints on both servers; None is no answer."""

    def address(name: str, content: dict | None) -> str:
        path = tmp_path / name
        torch.save(content or {}, path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path = path.rename(tmp_path / f'{name}-{digest[:8]}.pth')
        if content is None:
            path.unlink()
        return path.as_uri()

    def publish(mmdet: dict | None, torchvision: dict | None) -> None:
        monkeypatch.setattr(coco_weights, 'MMDET_URL', address('mmdet', mmdet))
        monkeypatch.setattr(torchvision_weights, 'WEIGHTS_URL', address('torchvision', torchvision))

    return publish


def test_the_first_server_is_preferred(servers):
    servers({'meta': {'epoch': 24}, 'state_dict': {'a': torch.ones(1)}}, {'b': torch.ones(1)})
    checkpoint = load(coco_weights.ADDRESS)
    assert checkpoint['state_dict'].keys() == {'a'}
    assert checkpoint['meta']['epoch'] == 24
    assert checkpoint['meta']['source'] == Path(coco_weights.MMDET_URL).name


@pytest.fixture
def log(caplog, monkeypatch):
    logger = MMLogger.get_current_instance()
    monkeypatch.setattr(logger, 'handlers', [caplog.handler])
    return caplog


def test_without_it_torchvisions_weights_are_used_and_the_log_says_why(servers, theirs, log):
    servers(None, theirs.state_dict())
    checkpoint = load(coco_weights.ADDRESS)
    assert checkpoint['meta'] == {'source': Path(torchvision_weights.WEIGHTS_URL).name}
    (message,) = log.messages
    assert torchvision_weights.WEIGHTS_URL in message
    assert coco_weights.MMDET_URL in message
    assert 'No such file' in message


def test_without_both_one_message_names_the_files_and_what_to_do(servers, cache):
    servers(None, None)
    with pytest.raises(InputError) as caught:
        load(coco_weights.ADDRESS)
    assert str(cache) in str(caught.value)
    assert '--cfg-options load_from=FILE' in str(caught.value)
    first, second = caught.value.errors
    assert first.startswith(f'{coco_weights.MMDET_URL}: ')
    assert second.startswith(f'{torchvision_weights.WEIGHTS_URL}: ')


def test_a_damaged_file_is_not_replaced_by_another(servers, cache):
    servers(None, None)
    cache.mkdir(parents=True)
    (cache / Path(coco_weights.MMDET_URL).name).write_bytes(b'damaged')
    with pytest.raises(InputError, match='is not the checkpoint'):
        load(coco_weights.ADDRESS)


def test_another_address_is_refused():
    with pytest.raises(InputError, match='write coco://mask-rcnn_r50_fpn'):
        load('coco://retinanet')


@pytest.fixture
def ours(root, servers, theirs) -> nn.Module:
    """The recipe for two classes, with the weights of torchvision's model for two."""
    servers(None, theirs.state_dict())
    cfg = load_config(root / 'configs/isic2017_maskrcnn.py')
    model = MODELS.build(cfg.model).double()
    load_checkpoint(model, cfg.load_from, 'cpu', strict=True)
    return model.eval()


@torch.no_grad()
def test_the_recipe_computes_what_torchvision_computes(ours, theirs):
    images = noise_images([(128, 192), (128, 180)])
    theirs.transform.min_size = (128,)
    batch, _ = theirs.transform([image.double() / 255 for image in images])
    found = ours.data_preprocessor({'inputs': [image.flip(0) for image in images]})
    assert_close(found['inputs'].double(), batch.tensors, atol=1e-5, rtol=0)

    their_maps = theirs.backbone(batch.tensors)
    levels = list(their_maps.values())[1:]  # the recipe has no P2
    maps = ours.extract_feat(batch.tensors)
    for mine, reference in zip(maps, levels, strict=True):
        close(mine, reference)
    for mine, reference in zip(ours.rpn_head(maps), theirs.rpn.head(levels), strict=True):
        for my_level, their_level in zip(mine, reference, strict=True):
            close(my_level, their_level)

    heads = theirs.roi_heads
    boxes = [torch.tensor([[10.0, 20, 100, 90], [0, 0, 180, 128]]).double()] * 2
    pooled = heads.box_roi_pool(their_maps, boxes, batch.image_sizes)
    scores, deltas = ours.roi_head.bbox_head(pooled)
    their_scores, their_deltas = heads.box_predictor(heads.box_head(pooled))
    close(scores, their_scores[:, [1, 2, 0]])
    close(deltas, their_deltas[:, 4:])
    pooled = heads.mask_roi_pool(their_maps, boxes, batch.image_sizes)
    their_masks = heads.mask_predictor(heads.mask_head(pooled))
    close(ours.roi_head.mask_head(pooled), their_masks[:, 1:])
