"""docs/configs.md lists every registered class, and what it says of them is true."""

import inspect
import re

import pytest
from mmdet import registry
from mmengine.registry import FUNCTIONS, OPTIMIZERS, VISBACKENDS, VISUALIZERS

from isic_mmdet.utils.renamed import NAMES

REGISTRIES = [
    *(registry.DATASETS, registry.TRANSFORMS, registry.DATA_SAMPLERS, registry.MODELS),
    *(registry.TASK_UTILS, registry.HOOKS, registry.LOOPS, registry.OPTIM_WRAPPERS),
    *(registry.METRICS, registry.OPTIM_WRAPPER_CONSTRUCTORS, registry.PARAM_SCHEDULERS),
    *(FUNCTIONS, OPTIMIZERS, VISBACKENDS, VISUALIZERS),
]


@pytest.fixture(scope='module')
def page(root) -> str:
    return (root / 'docs/configs.md').read_text()


def test_the_page_lists_every_registered_class_with_its_base_class(page):
    expected = {
        name: f'`{target.__mro__[1].__name__}`' if inspect.isclass(target) else 'function'
        for each in REGISTRIES
        for name, target in each.module_dict.items()
        if target.__module__.startswith('isic_mmdet.') and name not in NAMES
    }
    rows = re.findall(r'^\| `(\w+)` \| (\S+) \| .+ \| .+ \|$', page, re.MULTILINE)
    assert dict(rows) == expected and len(rows) == len(expected)


def test_the_configs_that_it_names_use_the_class(page, root):
    rows = re.findall(r'^\| `(\w+)` \| .+ \| `(\S+\.py)` \|$', page, re.MULTILINE)
    assert len(rows) > 30
    for name, config in rows:
        assert f"'{name}'" in (root / 'configs' / config).read_text(), (name, config)


def test_it_names_every_recipe(page, root):
    for config in (root / 'configs').glob('*.py'):
        assert f'`{config.name}`' in page, config.name
