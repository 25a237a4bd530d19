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


def test_one_class_initializes_each_of_several(make_model):
    old, new = make_model(1).state_dict(), make_model(3)
    made = adapt_classes(old, new, ['lesion'], ['a', 'b', 'c'], lesions=True)
    assert {name.rpartition('.')[0] for name in made} == {FC_CLS, FC_REG, LOGITS}
    for name, value in made.items():
        assert value.shape == new.state_dict()[name].shape
    for one in range(3):
        assert torch.equal(made[f'{LOGITS}.weight'][one], old[f'{LOGITS}.weight'][0])
        rows = slice(4 * one, 4 * one + 4)
        assert torch.equal(made[f'{FC_REG}.bias'][rows], old[f'{FC_REG}.bias'])
    features = torch.randn(5, old[f'{FC_CLS}.weight'].shape[1])

    def background(state):
        logits = features @ state[f'{FC_CLS}.weight'].T + state[f'{FC_CLS}.bias']
        return logits.softmax(1)[:, -1]

    torch.testing.assert_close(background(made), background(old))


def test_classes_of_the_same_name_keep_their_filters(make_model):
    old, new = make_model(2).state_dict(), make_model(3)
    made = adapt_classes(old, new, ['benign', 'melanoma'], ['melanoma', 'nevus', 'benign'], True)
    weight = made[f'{LOGITS}.weight']
    assert torch.equal(weight[0], old[f'{LOGITS}.weight'][1])
    assert torch.equal(weight[2], old[f'{LOGITS}.weight'][0])
    torch.testing.assert_close(weight[1], old[f'{LOGITS}.weight'].mean(0))
    assert torch.equal(made[f'{FC_CLS}.bias'][-1], old[f'{FC_CLS}.bias'][-1])
    assert torch.equal(made[f'{FC_REG}.weight'][:4], old[f'{FC_REG}.weight'][4:])


def test_classes_in_another_order_are_put_in_order(make_model):
    old, new = make_model(2).state_dict(), make_model(2)
    made = adapt_classes(old, new, ['melanoma', 'benign'], ['benign', 'melanoma'], True)
    assert torch.equal(made[f'{FC_CLS}.weight'], old[f'{FC_CLS}.weight'][[1, 0, 2]])


def test_many_classes_of_other_things_initialize_none(make_model):
    old = make_model(5).state_dict()
    names = ['person', 'car', 'dog', 'cat', 'cup']
    assert adapt_classes(old, make_model(1), names, ['lesion'], lesions=False) == {}
    assert adapt_classes(old, make_model(1), None, ['lesion'], lesions=False) == {}
    assert set(adapt_classes(old, make_model(1), names, ['lesion'], lesions=True)) != set()


@pytest.mark.parametrize(
    ('known', 'wanted'),
    [(['a', 'b'], ['a', 'b']), (['a', 'b'], ['c', 'd']), (None, ['a', 'b']), (['x'], ['a', 'b'])],
)
def test_as_many_classes_are_loaded_as_they_are(make_model, known, wanted):
    assert adapt_classes(make_model(2).state_dict(), make_model(2), known, wanted, True) == {}


def test_other_widths_and_other_detectors_are_left_alone(make_model):
    new = make_model(2)
    narrow = {f'{LOGITS}.weight': torch.zeros(1, 3, 1, 1)}
    assert adapt_classes(narrow, new, None, ['a', 'b'], True) == {}
    assert adapt_classes(new.state_dict(), torch.nn.Linear(2, 2), None, ['a'], True) == {}
