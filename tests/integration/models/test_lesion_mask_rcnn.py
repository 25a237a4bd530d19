"""The steps of batched heads have fixed shapes and never wait for the device."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.models import lesion_mask_rcnn
from isic_mmdet.models.batched.truth import collect
from tests.support.batches import BATCHED, STATIC, batch, build

ops = torch.ops.aten
# What makes the program wait for a GPU: a number or a shape that depends on values on the device,
# or a constant that is copied to the device.
WAITING = {
    ops._local_scalar_dense,
    ops.is_nonzero,
    ops.equal,
    ops.nonzero,
    ops.masked_select,
    ops.repeat_interleave,
    ops._unique2,
    ops.lift_fresh,
    torch.ops.torchvision.nms,
}


class NoWaiting(TorchDispatchMode):
    """Refuse operations that would wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        by_bool = func.overloadpacket in (ops.index, ops.index_put, ops._index_put_impl) and any(
            each is not None and each.dtype in (torch.bool, torch.uint8) for each in args[1]
        )
        assert not by_bool, 'indexing by a mask waits for the device'
        assert func.overloadpacket not in WAITING, f'{func} waits for the device'
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope='module')
def model(root):
    return build(load_config(root / 'configs/quickstart.py'), STATIC).train()


def prepared(model, *sizes):
    placed = model.data_preprocessor(batch(*sizes), training=True)
    return placed['inputs'], collect(placed['data_samples'], placed['inputs'].device)


def step(model, losses_of, inputs, truth):
    """Return losses and gradients of a training step."""
    model.zero_grad()
    torch.manual_seed(1)
    losses = losses_of(inputs, truth)
    sum(loss for name, loss in losses.items() if 'loss' in name).backward()
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    return losses, gradients


SIZES = {
    'one lesion each': [((64, 64), 1)] * 2,
    'several and none': [((64, 96), 3), ((96, 64), 0)],
}


@pytest.mark.parametrize('name', SIZES)
def test_no_operation_of_the_step_waits_for_the_device(model, name):
    inputs, truth = prepared(model, *SIZES[name])
    with NoWaiting():
        losses, gradients = step(model, model.batch_loss, inputs, truth)
    assert len(losses) == 6
    assert any(gradient.any() for gradient in gradients.values())


@pytest.mark.parametrize('name', SIZES)
def test_no_operation_of_a_prediction_waits_for_the_device(model, name):
    inputs, truth = prepared(model, *SIZES[name])
    with torch.no_grad(), NoWaiting():
        found = model.batch_predict(inputs, truth.sizes)
    assert found.masks.shape == (2, 1, 28, 28)
    assert (found.scores > 0).all()


@pytest.mark.parametrize(
    'waiting',
    [
        torch.Tensor.item,
        torch.nonzero,
        lambda values: values[values > 0],
        lambda values: values.new_tensor([1.0]),
        lambda values: bool(values.any()),
    ],
)
def test_waiting_is_noticed(waiting):
    with NoWaiting(), pytest.raises(AssertionError, match='waits for the device'):
        waiting(torch.ones(1))


@pytest.mark.slow
def test_compiled_without_a_graph_break_the_step_is_the_same(root):
    # Suppression takes two operations for each proposal: few are enough here.
    few = {'model.train_cfg.rpn_proposal.nms_pre': 20}
    model = build(load_config(root / 'configs/quickstart.py'), STATIC, few).train()
    compiled = torch.compile(model.batch_loss, fullgraph=True, dynamic=False, backend='aot_eager')
    inputs, truth = prepared(model, *SIZES['several and none'])
    losses, gradients = step(model, model.batch_loss, inputs, truth)
    own, slopes = step(model, compiled, inputs, truth)
    assert own.keys() == losses.keys()
    for name, loss in losses.items():
        torch.testing.assert_close(own[name], loss, msg=name)
    assert slopes.keys() == gradients.keys()
    for name, gradient in gradients.items():
        assert (slopes[name] - gradient).norm() <= 1e-3 * gradient.norm() + 1e-6, name


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_compiled_model_trains_as_an_uncompiled_one(root):
    # A backbone with few operations, because a compiler takes a minute on two cores.
    cfg = load_config(root / 'configs/ablations/isic2018_r18_384px.py')
    runs = []
    for compiled in (False, True):
        settings = {**STATIC, 'model.backbone.init_cfg': None, 'model.compiled': compiled}
        model = build(cfg, settings).train()
        optimizer = torch.optim.SGD(model.parameters(), 1e-3)
        losses = []
        for number in range(3):
            torch.manual_seed(number)
            placed = model.data_preprocessor(batch(*SIZES['one lesion each']), training=True)
            loss, _ = model.parse_losses(model(**placed, mode='loss'))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        runs.append(losses)
    uncompiled, own = runs
    assert len(set(uncompiled)) == 3
    assert own == pytest.approx(uncompiled, rel=1e-4)


def test_only_the_first_sizes_are_compiled(root, monkeypatch):
    model = build(load_config(root / 'configs/quickstart.py'), STATIC, {'model.compiled': True})
    seen = []
    monkeypatch.setattr(
        lesion_mask_rcnn,
        'compiled_batch_loss',
        lambda: lambda model, inputs, truth: seen.append(inputs.shape[-1]) or {},
    )
    monkeypatch.setattr(model, 'batch_loss', lambda inputs, truth: {})
    model.train()
    for width in (32, 64, 96, 128, 160, 32, 192):
        placed = model.data_preprocessor(batch(((64, width), 1)), training=True)
        model(**placed, mode='loss')
    assert seen == [32, 64, 96, 128, 32]
    with torch.no_grad():
        model(**placed, mode='loss')
    model.eval()
    model(**placed, mode='loss')
    assert len(seen) == 5


@pytest.mark.parametrize('settings', [{}, {'model.roi_head.mask_head.norm_cfg': None}, BATCHED])
def test_a_model_that_cannot_be_compiled_is_refused(root, settings):
    with pytest.raises(ValueError, match='compiled=True needs'):
        build(load_config(root / 'configs/quickstart.py'), settings, {'model.compiled': True})
