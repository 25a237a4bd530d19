"""Class layers made from the filters of other classes."""

import pytest
import torch
from torch import nn

from isic_mmdet.engine.checks.class_filters import adapt_classes

FC_CLS, FC_REG = 'roi_head.bbox_head.fc_cls', 'roi_head.bbox_head.fc_reg'
LOGITS = 'roi_head.mask_head.conv_logits'
OTHERS = ['person', 'car', 'dog', 'cat', 'cup']


def make_model(classes: int) -> nn.Module:
    """Return the class layers of Mask R-CNN."""
    torch.manual_seed(classes)
    boxes = {'fc_cls': nn.Linear(4, classes + 1), 'fc_reg': nn.Linear(4, 4 * classes)}
    masks = {'conv_logits': nn.Conv2d(4, classes, 1)}
    heads = {'bbox_head': nn.ModuleDict(boxes), 'mask_head': nn.ModuleDict(masks)}
    return nn.ModuleDict({'roi_head': nn.ModuleDict(heads)})


def adapt(known, wanted, lesions=True, old=None):
    """Return the old weights, the new model and the adapted weights."""
    weights, model = make_model(old or len(known)).state_dict(), make_model(len(wanted))
    return weights, model, adapt_classes(weights, model, known, wanted, lesions)


def test_one_class_initializes_each_of_several():
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


def test_classes_of_the_same_name_keep_their_filters():
    old, _, made = adapt(['benign', 'melanoma'], ['melanoma', 'nevus', 'benign'])
    weight = made[f'{LOGITS}.weight']
    assert torch.equal(weight[0], old[f'{LOGITS}.weight'][1])
    assert torch.equal(weight[2], old[f'{LOGITS}.weight'][0])
    torch.testing.assert_close(weight[1], old[f'{LOGITS}.weight'].mean(0))
    assert torch.equal(made[f'{FC_CLS}.bias'][-1], old[f'{FC_CLS}.bias'][-1])
    assert torch.equal(made[f'{FC_REG}.weight'][:4], old[f'{FC_REG}.weight'][4:])


def test_classes_in_another_order_are_put_in_order():
    old, _, made = adapt(['melanoma', 'benign'], ['benign', 'melanoma'])
    assert torch.equal(made[f'{FC_CLS}.weight'], old[f'{FC_CLS}.weight'][[1, 0, 2]])


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
def test_classes_without_a_rule_are_not_adapted(known, wanted, lesions, old):
    assert adapt(known, wanted, lesions, old)[2] == {}


def test_the_mean_of_many_lesion_classes_initializes_one():
    assert adapt(OTHERS, ['lesion'])[2]


def test_other_widths_and_other_detectors_are_not_adapted():
    new = make_model(2)
    narrow = {f'{LOGITS}.weight': torch.zeros(1, 3, 1, 1)}
    assert adapt_classes(narrow, new, None, ['a', 'b'], True) == {}
    assert adapt_classes(new.state_dict(), torch.nn.Linear(2, 2), None, ['a'], True) == {}
