"""Initial weights through a real Runner: reported, recorded, or refused before the first step."""

import json

import pytest
import torch
from mmdet.models.backbones import ResNet

from isic_mmdet.engine.hooks.loaded_weights_hook import LoadedWeightsHook
from isic_mmdet.errors import InputError
from tests.support.squares import ShiftedSquares

HOOKS = [{'type': 'EvaluationReportHook'}]


class TwoParts(ShiftedSquares):
    """The squares' model with two more layers, one of them a class layer."""

    def __init__(self, classes: int = 1) -> None:
        super().__init__()
        self.neck = torch.nn.Linear(1, 1, bias=False)
        self.fc_cls = torch.nn.Linear(1, classes, bias=False)


@pytest.fixture
def train(make_runner, tmp_path):
    """Return a function that trains from a file with the given content."""

    def start(content, partial: bool = False, hooks=(), **settings) -> LoadedWeightsHook:
        path = tmp_path / 'given.pth'
        torch.save(content, path)
        runner = make_runner(
            [*HOOKS, *hooks],
            epochs=1,
            **{'load_from': str(path), 'model': TwoParts(), **settings},
        )
        hook = LoadedWeightsHook(partial)
        runner.register_hook(hook)
        runner.train()
        return hook

    return start


def weights(**changed) -> dict[str, torch.Tensor]:
    own = {name: torch.full_like(t, 0.5) for name, t in TwoParts().state_dict().items()}
    return {name: value for name, value in (own | changed).items() if value is not None}


def recorded(tmp_path) -> dict:
    return json.loads((tmp_path / 'work' / 'metrics.json').read_text())['training']


@pytest.mark.parametrize(
    ('changed', 'not_filled', 'words'),
    [
        ({}, [], 'weights: 100 % of the model filled from given.pth'),
        ({'fc_cls.weight': torch.zeros(80, 1)}, ['fc_cls'], 'not filled: fc_cls (class layer)'),
    ],
)
def test_what_is_filled_is_reported_and_recorded(train, tmp_path, changed, not_filled, words):
    (record,) = train({'state_dict': weights(**changed)}).records
    assert (record['not_filled'], record['partial']) == (not_filled, False)
    facts = recorded(tmp_path)
    assert facts['weights'] == 'given.pth'
    assert facts['loaded'] == [record]
    (log,) = (tmp_path / 'work').glob('*/*.log')
    assert words in log.read_text()


def test_a_converted_file_is_recorded_under_the_name_of_its_source(train, tmp_path):
    meta = {'source': 'published.pth', 'source_sha256': 'a1b2'}
    (record,) = train({'state_dict': weights(), 'meta': meta}).records
    assert (record['file'], record['sha256']) == ('published.pth', 'a1b2')
    assert recorded(tmp_path)['weights'] == 'published.pth'


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        ({'state_dict': {'backbone.body.conv1.weight': torch.zeros(1)}}, 'convert_torchvision'),
        ({'state_dict': weights(**{'neck.weight': None})}, 'neck: weight missing'),
        ({'state_dict': weights(**{'neck.weight': torch.zeros(2, 2)})}, r'\(2, 2\), not \(1, 1\)'),
        ({'model': weights()}, "under 'model'"),
        ({'state_dict': {f'student.{n}': v for n, v in weights().items()}}, 'student'),
        ({}, 'no weights'),
    ],
)
def test_what_does_not_fit_is_refused_before_the_first_step(train, tmp_path, content, message):
    with pytest.raises(InputError, match=message):
        train(content)
    assert not list((tmp_path / 'work').glob('*.pth'))


@pytest.mark.parametrize(
    ('content', 'not_filled', 'name'),
    [
        (weights(**{'neck.weight': None}), ['neck'], 'given.pth'),
        ({'other': torch.zeros(1)}, ['', 'neck', 'fc_cls'], 'random'),
    ],
)
def test_partial_weights_are_recorded(train, tmp_path, content, not_filled, name):
    (record,) = train({'state_dict': content}, partial=True).records
    assert record['partial'] is True
    assert set(record['not_filled']) == set(not_filled)
    assert recorded(tmp_path)['weights'] == name


def test_partial_weights_without_any_file_are_refused(train):
    with pytest.raises(InputError, match='--partial-weights'):
        train({}, partial=True, load_from=None)


@pytest.mark.parametrize(
    'content',
    [
        weights(),
        {'state_dict': {f'module.{name}': value for name, value in weights().items()}},
        {'state_dict': {name: value.half() for name, value in weights().items()}},
    ],
    ids=['plain state dict', 'DistributedDataParallel', 'float16'],
)
@pytest.mark.parametrize('hooks', [[], [{'type': 'EMAHook', 'strict_load': True}]])
def test_other_wrappings_of_the_same_weights_are_loaded(train, content, hooks):
    seen = {}

    class Model(TwoParts):
        def train_step(self, data, optim_wrapper):
            seen.setdefault('neck', self.neck.weight.item())
            return super().train_step(data, optim_wrapper)

    (record,) = train(content, model=Model(), hooks=hooks).records
    assert record['share'] == 1
    assert seen['neck'] == 0.5


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_weights_that_are_not_finite_are_refused_even_as_partial_ones(train, value):
    broken = {'neck.weight': torch.full((1, 1), value)}
    with pytest.raises(InputError, match=r'NaN or infinite(.|\n)*neck\.weight'):
        train({'state_dict': weights(**broken)}, partial=True)


def test_a_resumption_needs_all_weights(train, tmp_path):
    train({'state_dict': weights()})
    checkpoint = torch.load(tmp_path / 'work' / 'epoch_1.pth', weights_only=True)
    del checkpoint['state_dict']['fc_cls.weight']
    with pytest.raises(InputError, match=r'cannot be resumed(.|\n)*fc_cls'):
        train(checkpoint, resume=True)


def test_a_resumption_takes_partial_weights_as_done(train, tmp_path):
    train({'state_dict': weights(**{'fc_cls.weight': None})}, partial=True)
    checkpoint = torch.load(tmp_path / 'work' / 'epoch_1.pth', weights_only=True)
    assert not train(checkpoint, partial=True, resume=True).records


def pretrained(path, prefix=None) -> TwoParts:
    """A model whose backbone names a file of its own."""
    model = TwoParts()
    cfg = {'type': 'Pretrained', 'checkpoint': str(path)} | ({'prefix': prefix} if prefix else {})
    model.backbone = ResNet(18, base_channels=2, frozen_stages=-1, init_cfg=cfg)
    return model


def backbone_file(prefix: str = '', without: tuple[str, ...] = ()) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    state = ResNet(18, base_channels=2, init_cfg=None).state_dict()
    return {
        f'{prefix}{n}': torch.rand_like(v) if v.is_floating_point() else v
        for n, v in state.items()
        if not n.startswith(without)
    }


@pytest.mark.parametrize(
    ('content', 'prefix', 'share'),
    [
        (backbone_file(), None, 1.0),
        (backbone_file('module.'), None, 1.0),
        (backbone_file(without=('layer4',)), None, 0.25),
        ({'state_dict': backbone_file('backbone.')}, 'backbone.', 1.0),
        ({'state_dict': backbone_file('backbone.')}, 'backbone', 1.0),
    ],
)
def test_a_pretrained_backbone_is_reported(train, tmp_path, content, prefix, share):
    hook = train(content, load_from=None, model=pretrained(tmp_path / 'given.pth', prefix))
    (record,) = hook.records
    assert record['part'] == 'backbone'
    assert record['share'] == pytest.approx(share, abs=0.03)
    assert recorded(tmp_path)['weights'] == 'given.pth'


@pytest.mark.parametrize(
    ('content', 'prefix', 'message'),
    [
        (backbone_file('backbone.'), None, "begin with 'backbone.'"),
        (backbone_file(), 'backbone.', "begin with 'backbone.'"),
        ({'model': backbone_file()}, None, "under 'model'"),
        ({}, None, 'no weights'),
        (backbone_file(without=('layer2',)), None, 'layer2'),
        ({n: v * float('nan') for n, v in backbone_file().items()}, None, 'NaN'),
    ],
)
def test_a_backbone_file_that_does_not_fit_is_refused(train, tmp_path, content, prefix, message):
    with pytest.raises(InputError, match=message):
        train(content, load_from=None, model=pretrained(tmp_path / 'given.pth', prefix))


def test_images_of_all_generations_are_remembered(make_runner, tmp_path):
    """Each generation was trained on other images, and so was the backbone."""
    backbone = {'state_dict': backbone_file(), 'meta': {'training_images': ['ISIC_4']}}
    torch.save(backbone, tmp_path / 'given.pth')
    state = pretrained(tmp_path / 'given.pth').state_dict()
    first = {'state_dict': state, 'meta': {'training_images': ['ISIC_1', 'ISIC_2']}}
    torch.save(first, tmp_path / 'first.pth')

    def generation(name: str, **settings) -> dict:
        runner = make_runner(
            HOOKS,
            epochs=1,
            work_dir=tmp_path / name,
            model=pretrained(tmp_path / 'given.pth'),
            **settings,
        )
        runner.register_hook(LoadedWeightsHook())
        runner.train()
        return torch.load(tmp_path / name / 'epoch_1.pth', weights_only=True)['meta']

    own = {f'ISIC_900000{index}' for index in range(5)}
    second = generation('second', load_from=str(tmp_path / 'first.pth'))
    assert set(second['training_images']) == own | {'ISIC_1', 'ISIC_2'}
    assert second['training']['loaded'][0]['training_images'] == 2
    assert second['training']['images'] == 5
    third = generation('third', load_from=str(tmp_path / 'second' / 'epoch_1.pth'))
    assert third['training_images'] == second['training_images']
    fresh = generation('fresh')
    assert set(fresh['training_images']) == own | {'ISIC_4'}
