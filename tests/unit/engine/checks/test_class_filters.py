"""Class layers made from the filters of other classes."""

import pytest
import torch
from mmdet.registry import MODELS

from isic_mmdet.engine.checks.class_filters import adapt_classes
from isic_mmdet.engine.config.load import load_config

FC_CLS, FC_REG = 'roi_head.bbox_head.fc_cls', 'roi_head.bbox_head.fc_reg'
LOGITS = 'roi_head.mask_head.conv_logits'


@pytest.fixture(scope='module')
def make_model(root):
    def make(classes: int):
        cfg = load_config(root / 'configs/quickstart.py')
        cfg.model.roi_head.bbox_head.num_classes = classes
        cfg.model.roi_head.mask_head.num_classes = classes
        torch.manual_seed(classes)
        model = MODELS.build(cfg.model)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter)
        return model

    return make


@pytest.fixture(scope='module')
def adapt(make_model):
    """Return a function that returns the old weights, the new model and the adapted weights."""

    def adapt(known, wanted, lesions=True, old=None):
        weights = make_model(old or len(known)).state_dict()
        model = make_model(len(wanted))
        return weights, model, adapt_classes(weights, model, known, wanted, lesions)

    return adapt


def test_one_class_initializes_each_of_several(adapt):
    old, model, made = adapt(['lesion'], ['a', 'b', 'c'])
    assert {name.rpartition('.')[0] for name in made} == {FC_CLS, FC_REG, LOGITS}
    for name, value in made.items():
        assert value.shape == model.state_dict()[name].shape
    for one in range(3):
        assert torch.equal(made[f'{LOGITS}.weight'][one], old[f'{LOGITS}.weight'][0])
        rows = slice(4 * one, 4 * one + 4)
        assert torch.equal(made[f'{FC_REG}.bias'][rows], old[f'{FC_REG}.bias'])
    features = torch.randn(5, old[f'{FC_CLS}.weight'].shape[1])

    def background(state):
        logits = features @ state[f'{FC_CLS}.weight'].T + state[f'{FC_CLS}.bias']
        return logits.softmax(1)[:, -1]

    torch.testing.assert_close(background(made), background(old))


def test_classes_of_the_same_name_keep_their_filters(adapt):
    old, _, made = adapt(['benign', 'melanoma'], ['melanoma', 'nevus', 'benign'])
    weight = made[f'{LOGITS}.weight']
    assert torch.equal(weight[0], old[f'{LOGITS}.weight'][1])
    assert torch.equal(weight[2], old[f'{LOGITS}.weight'][0])
    torch.testing.assert_close(weight[1], old[f'{LOGITS}.weight'].mean(0))
    assert torch.equal(made[f'{FC_CLS}.bias'][-1], old[f'{FC_CLS}.bias'][-1])
    assert torch.equal(made[f'{FC_REG}.weight'][:4], old[f'{FC_REG}.weight'][4:])


def test_classes_in_another_order_are_put_in_order(adapt):
    old, _, made = adapt(['melanoma', 'benign'], ['benign', 'melanoma'])
    assert torch.equal(made[f'{FC_CLS}.weight'], old[f'{FC_CLS}.weight'][[1, 0, 2]])


OTHERS = ['person', 'car', 'dog', 'cat', 'cup']


@pytest.mark.parametrize(
    ('known', 'wanted', 'lesions', 'old'),
    [
        (OTHERS, ['lesion'], False, 5),
        (None, ['lesion'], False, 5),
        # As many classes are loaded as they are.
        (['a', 'b'], ['a', 'b'], True, 2),
        (['a', 'b'], ['c', 'd'], True, 2),
        (None, ['a', 'b'], True, 2),
        (['x'], ['a', 'b'], True, 2),
    ],
)
def test_classes_without_a_rule_are_not_adapted(adapt, known, wanted, lesions, old):
    assert adapt(known, wanted, lesions, old)[2] == {}


def test_the_mean_of_many_lesion_classes_initializes_one(adapt):
    assert adapt(OTHERS, ['lesion'])[2]


def test_other_widths_and_other_detectors_are_not_adapted(make_model):
    new = make_model(2)
    narrow = {f'{LOGITS}.weight': torch.zeros(1, 3, 1, 1)}
    assert adapt_classes(narrow, new, None, ['a', 'b'], True) == {}
    assert adapt_classes(new.state_dict(), torch.nn.Linear(2, 2), None, ['a'], True) == {}
