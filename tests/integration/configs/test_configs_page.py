"""docs/configs.md and docs/api.md list every registered class, and what they say is true."""

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


@pytest.fixture(scope='module')
def registered() -> dict[str, object]:
    """Every class and function that the project registers, by its current name."""
    return {
        name: target
        for each in REGISTRIES
        for name, target in each.module_dict.items()
        if target.__module__.startswith('isic_mmdet.') and name not in NAMES
    }


def test_the_page_lists_every_registered_class_with_its_base_class(page, registered):
    expected = {
        name: f'`{target.__mro__[1].__name__}`' if inspect.isclass(target) else 'function'
        for name, target in registered.items()
    }
    rows = re.findall(r'^\| `(\w+)` \| (\S+) \| .+ \| .+ \|$', page, re.MULTILINE)
    assert dict(rows) == expected and len(rows) == len(expected)


def test_the_page_of_the_api_has_the_docstring_of_each(root, registered):
    shown = re.findall(r'^::: (\S+)$', (root / 'docs/api.md').read_text(), re.MULTILINE)
    assert len(shown) == len(set(shown))
    for target in registered.values():
        assert f'{target.__module__}.{target.__qualname__}' in shown


def test_the_configs_that_it_names_use_the_class(page, root):
    rows = re.findall(r'^\| `(\w+)` \| .+ \| `(\S+\.py)` \|$', page, re.MULTILINE)
    assert len(rows) > 30
    for name, config in rows:
        assert f"'{name}'" in (root / 'configs' / config).read_text(), (name, config)


def test_it_names_every_recipe(page, root):
    for config in (root / 'configs').glob('*.py'):
        assert f'`{config.name}`' in page, config.name
