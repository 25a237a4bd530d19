"""Each in a process of its own, for what is imported once stays imported."""

import json
import os
import subprocess
import sys

import pytest

# Prints, for every registry of mmengine and mmdet, the class that it gives for each of the names
# that were asked for (all that it has, without such a list).
GIVEN = """
import json, sys
import isic_mmdet.compat
isic_mmdet.compat.install()
from importlib import import_module
from isic_mmdet.compat import light
from mmengine.registry import Registry
import mmcv.cnn, mmcv.transforms

def registries():
    for name in ('mmengine.registry', 'mmdet.registry'):
        for key, value in vars(import_module(name)).items():
            if isinstance(value, Registry):
                yield f'{name}.{key}', value

def described(found):
    return f'{found.__module__}.{found.__qualname__}'

def all_of_them():
    for package in light.PACKAGES:
        import_module(package)
    given = {}
    for key, registry in registries():
        registry.import_from_location()
        given[key] = {name: described(each) for name, each in registry._module_dict.items()}
    return given
"""
IN_FULL = GIVEN + 'print(json.dumps(all_of_them()))'
LIGHTLY = (
    GIVEN
    + """
wanted = json.load(sys.stdin)
given = {}
with light.light_imports():
    light._Finder.forget = lambda finder: None  # which would give everything else in full
    for key, registry in registries():
        given[key] = {}
        for name in wanted[key]:
            found = registry.get(name)
            given[key][name] = None if found is None else described(found)
    assert type(sys.modules['mmdet.models']).__name__ == '_LightPackage'
print(json.dumps(given))
"""
)


def printed(code: str, root, given: str = '') -> str:
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code],
        cwd=root,
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        input=given,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()[-1]


@pytest.fixture(scope='module')
def in_full(root) -> str:
    return printed(IN_FULL, root)


def test_every_registry_gives_the_same_class_or_asks_for_all(in_full, root):
    expected, found = json.loads(in_full), json.loads(printed(LIGHTLY, root, in_full))
    names = [(key, name) for key, given in expected.items() for name in given]
    assert len(names) > 800
    missed = {(key, name) for key, name in names if found[key][name] is None}
    for key, name in names:
        assert (key, name) in missed or found[key][name] == expected[key][name]
    # Those that no package exports; the next test says what becomes of them.
    assert ('mmdet.registry.MODELS', 'FrozenBN') in missed
    assert len(missed) < 80


def test_what_no_package_exports_is_found_with_all_the_rest(in_full, root):
    code = (
        GIVEN
        + """
from mmdet.registry import MODELS
with light.light_imports():
    MODELS.get('MaskRCNN')
    assert 'mmdet.models.detectors.retinanet' not in sys.modules
    assert MODELS.get('FrozenBN').__name__ == 'FrozenBatchNorm2d'
    assert 'mmdet.models.detectors.retinanet' in sys.modules
    assert MODELS.get('NoSuchModel') is None
print(json.dumps(all_of_them()))
"""
    )
    assert json.loads(printed(code, root)) == json.loads(in_full)


def test_everything_can_be_had_afterwards(in_full, root):
    """By name, by attribute, by star, in full, from a registry, and unpickled."""
    code = (
        GIVEN
        + """
import pickle
with light.light_imports():
    with light.light_imports():
        from mmdet.models import MaskRCNN
    from mmdet.models.detectors import MaskRCNN as same
    import mmdet.utils.collect_env
    import mmdet.models as held
    assert same is MaskRCNN
    assert type(held).__name__ == '_LightPackage'
    assert 'mmdet.models.detectors.retinanet' not in sys.modules
    assert 'sklearn' not in sys.modules and 'matplotlib' not in sys.modules
assert 'mmdet.models' not in sys.modules
with light.light_imports():
    import mmdet.models.detectors.mask_rcnn
    assert mmdet.models.detectors.mask_rcnn.MaskRCNN is MaskRCNN
    assert 'mmdet.models.detectors.retinanet' not in sys.modules
assert held.FasterRCNN.__name__ == 'FasterRCNN'
assert pickle.loads(pickle.dumps(MaskRCNN)) is MaskRCNN
from mmdet.registry import MODELS
assert MODELS.get('RetinaNet').__name__ == 'RetinaNet'
import mmdet.models
assert type(mmdet.models).__name__ == 'module'
assert mmdet.models.MaskRCNN is MODELS.get('MaskRCNN') is MaskRCNN is held.MaskRCNN
names = {}
exec('from mmdet.models.detectors import *', names)
assert names['MaskRCNN'] is MaskRCNN
import mmengine.runner.checkpoint, mmdet.models.detectors.mask_rcnn
assert mmengine.runner.checkpoint.CheckpointLoader and mmdet.models.detectors.mask_rcnn.MaskRCNN
from mmdet.utils import collect_env
assert callable(collect_env)
from mmengine.runner import Runner
import mmdet.apis
print(json.dumps(all_of_them()))
"""
    )
    assert json.loads(printed(code, root)) == json.loads(in_full)


def test_a_star_and_a_function_named_like_its_module_are_what_they_are_in_full(root):
    code = """
import isic_mmdet.compat
isic_mmdet.compat.install()
from isic_mmdet.compat.light import light_imports
with light_imports():
    import mmdet.utils.collect_env
    from mmdet.utils import collect_env
    names = {}
    exec('from mmdet.models.losses import *', names)
assert callable(collect_env)
assert names['CrossEntropyLoss'].__module__ == 'mmdet.models.losses.cross_entropy_loss'
import mmdet.models.losses
missing = [name for name in mmdet.models.losses.__all__ if name not in names]
assert not missing, missing
print('done')
"""
    assert printed(code, root) == 'done'


def test_errors_are_those_of_python(root):
    code = """
import isic_mmdet.compat
from isic_mmdet.compat.light import light_imports
with light_imports():
    import mmdet.models
    assert not hasattr(mmdet.models, 'Nothing') and not hasattr(mmdet.models, '__wrapped__')
    try:
        from mmdet.models import Nothing
    except ImportError as error:
        print(error)
"""
    assert "cannot import name 'Nothing' from 'mmdet.models'" in printed(code, root)


def test_a_block_that_fails_leaves_nothing_behind(root):
    code = """
import gc, sys
import isic_mmdet.compat
from isic_mmdet.compat.light import light_imports
from mmengine.registry import Registry
before = Registry.get
try:
    with light_imports():
        assert not gc.isenabled()
        import mmdet.models
        raise KeyError
except KeyError:
    pass
assert Registry.get is before
assert 'mmdet.models' not in sys.modules and gc.isenabled()
print('done')
"""
    assert printed(code, root) == 'done'


@pytest.mark.parametrize('kind', ['plain', 'tta'])
def test_a_segmenter_loads_what_its_config_names_and_no_more(root, tmp_path, kind):
    code = f"""
import sys
import numpy as np, torch
from isic_mmdet.deploy import LesionSegmenter
import isic_mmdet.deploy.segmenter as s
with s.light_imports():
    cfg = s.load_config('configs/quickstart.py')
    s.init_default_scope('mmdet')
    model = s.MODELS.build(cfg.model)
path = {str(tmp_path / 'random.pth')!r}
torch.save({{'state_dict': model.state_dict()}}, path)
LesionSegmenter('configs/quickstart.py', path, 'cpu', tta={kind == 'tta'})(
    np.zeros((96, 96, 3), np.uint8)
).mask
heavy = ('torchvision', 'torch._dynamo', 'torch.distributed.fsdp', 'sklearn', 'matplotlib',
         'scipy', 'tensorboard', 'mmdet.models', 'mmdet.models.detectors.retinanet',
         'mmdet.evaluation')
print([name for name in heavy if name in sys.modules])
"""
    assert printed(code, root) == '[]'
