"""The parts of a config: every dict in it, the classes built with it, and the names they take.

Nothing is built. Classes are looked up in the registries, and their signatures give the settings
that a dict can have. So all unknown names are reported at once before a run starts.
"""

import ast
import copy
import difflib
import inspect
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import mmdet.registry
import torch
from mmcv import ops
from mmengine.config import Config
from mmengine.dist import init_dist
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook, EMAHook
from mmengine.model import ExponentialMovingAverage, MomentumAnnealingEMA, StochasticWeightAverage
from mmengine.optim import OptimWrapper
from mmengine.registry import FUNCTIONS, Registry
from mmengine.runner import (
    EpochBasedTrainLoop,
    IterBasedTrainLoop,
    LogProcessor,
    Runner,
    TestLoop,
    ValLoop,
)
from mmengine.utils.dl_utils import set_multi_processing
from torch.distributed import init_process_group
from torch.nn.utils import clip_grad_norm_, clip_grad_value_
from torch.utils.data import DataLoader

from isic_mmdet.errors import InputError

_Target = Callable[..., Any]
_OF_EVERY_RUN = (
    *('model', 'data_preprocessor', 'default_hooks', 'custom_hooks', 'visualizer'),
    *('log_processor', 'env_cfg', 'randomness', 'model_wrapper_cfg', 'compile'),
)
# The classes of dicts without `type`, by path.
_WITHOUT_TYPE: Mapping[str, tuple[_Target, ...]] = {
    '': (Runner,),
    'train_dataloader': (DataLoader,),
    'val_dataloader': (DataLoader,),
    'test_dataloader': (DataLoader,),
    'train_cfg': (EpochBasedTrainLoop, IterBasedTrainLoop),
    'val_cfg': (ValLoop,),
    'test_cfg': (TestLoop,),
    'val_evaluator': (Evaluator,),
    'test_evaluator': (Evaluator,),
    'optim_wrapper': (OptimWrapper,),
    'optim_wrapper.clip_grad': (clip_grad_norm_, clip_grad_value_),
    'env_cfg.mp_cfg': (set_multi_processing,),
    'env_cfg.dist_cfg': (init_dist, init_process_group),
    'log_processor': (LogProcessor,),
    'model_wrapper_cfg': (torch.nn.parallel.DistributedDataParallel,),
    'randomness': (Runner.set_randomness,),
    'compile': (torch.compile,),
}
# The caller removes these items before it builds the class, by a pattern of the path.
_READ_BY_CALLER = {
    '': (
        *('activation_checkpointing', 'compile', 'custom_imports', 'efficient_conv_bn_eval'),
        *('epochs_by_images', 'find_unused_parameters', 'model_wrapper_cfg', 'sync_bn'),
    ),
    'epochs_by_images': ('images', 'power'),
    r'\w+_dataloader': ('num_batch_per_epoch', 'disable_subprocess_warning'),
    'train_cfg': ('by_epoch',),
    'optim_wrapper': ('optimizer', 'constructor', 'paramwise_cfg'),
    r'optim_wrapper\.paramwise_cfg': (
        *('custom_keys', 'bias_lr_mult', 'bias_decay_mult', 'norm_decay_mult', 'flat_decay_mult'),
        *('dwconv_decay_mult', 'dcn_offset_lr_mult', 'bypass_duplicate'),
        *('num_layers', 'decay_rate', 'decay_type'),
    ),
    r'param_scheduler(\.\d+)?': ('convert_to_iter_based', 'epoch_length'),
    'env_cfg': ('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit'),
    'auto_scale_lr': ('enable', 'base_batch_size'),
    'compile': ('target',),
    r'(default|custom)_hooks\.\w+': ('priority',),
    r'.*\.norm_cfg': ('requires_grad',),
    r'.*\.dcn': ('fallback_on_stride', 'deformable_groups'),
    r'.*\.upsample_cfg': ('scale_factor',),
    r'.*\.init_cfg': ('override',),
    r'.*\.loss_cls': ('bg_cls_weight',),
    r'.*\.nms': ('class_agnostic', 'max_num', 'split_thr'),
}
_TYPE_NEEDED = re.compile(
    r'model|(default|custom)_hooks\.\w+|\w+_dataloader\.(dataset|sampler)|optim_wrapper\.optimizer'
    r'|visualizer(\.vis_backends\.\d+)?|param_scheduler\.\d+|.*_pipeline\.\d+|.*\.pipeline\.\d+'
)
# Their classes are in another library.
_OF_ALBU = re.compile(r'\.(transforms|bbox_params)\b')
# Dicts whose items may have any name.
_ANY_NAME = re.compile(r'default_hooks|.*(kwargs|\.args|\.custom_keys)')
# These classes pass their `**kwargs` on later.
_HANDED_TO: Mapping[type, tuple[_Target, ...]] = {
    CheckpointHook: (Runner.save_checkpoint,),
    EMAHook: (ExponentialMovingAverage, MomentumAnnealingEMA, StochasticWeightAverage),
}
_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Part:
    """One dict of a config.

    Attributes:
        path: its dotted key; '' for the complete config.
        node: the dict.
        owner: name of the class or function that is built with it; '' if none is known.
        parameters: what may be in it, by name.
        is_closed: whether nothing else may be in it.
        readers: classes whose code may read other items.
        problem: why its class cannot be found.
    """

    path: str
    node: Mapping[str, Any]
    owner: str
    parameters: Mapping[str, inspect.Parameter | None]
    is_closed: bool
    readers: tuple[_Target, ...] = ()
    problem: str = ''

    def takes(self, name: str, is_new: bool = False) -> bool:
        """Return whether an item can have an effect.

        Args:
            name: of the item.
            is_new: whether it was added. A dict without a class accepts its old items.
        """
        if self.problem or name in ('type', '_scope_', '_delete_') or name in self.parameters:
            return True
        if self.is_closed:
            return False
        if _ANY_NAME.fullmatch(self.path) or not (self.owner or is_new):
            return True
        if self.owner and str(self.readers[0].__module__).startswith('torch'):
            return True  # its code is not searched
        return any(re.search(rf"['\".]{re.escape(name)}\b", text) for text in _texts(self.readers))

    def unknown(self, name: str) -> str:
        """Return a message that names the settings most similar to an unknown one."""
        what = f'{self.owner} has no setting of this name' if self.owner else 'nothing reads it'
        return f'{self._key(name)}: {what}; {self.closest(name)}'

    def closest(self, name: str) -> str:
        """Return the names most similar to one, for a message, or all if none is similar."""
        names = {*self.parameters, *(() if self.is_closed else self.node)}
        known = sorted(names - {name, 'type', 'self', '_scope_'})
        near = difflib.get_close_matches(name, known, 3, 0.6)
        near = near or [each for each in known if name in each or each in name.split('_')]
        if near:
            return f'closest: {", ".join(map(self._key, near))}'
        return f'it has: {", ".join(known) or "no settings"}'

    def errors(self) -> list[str]:
        """Return one line for an unknown class, or for each item that the class does not take."""
        if self.problem:
            return [f'{self.path}.type: {self.problem}']
        return [self.unknown(name) for name in self.node if not self.takes(name)]

    def _key(self, name: str) -> str:
        return f'{self.path}.{name}' if self.path else name


def built_with(loaders: Iterable[str]) -> list[str]:
    """Return the top-level settings that are built in a run that uses some loaders."""
    loops = [name.removesuffix('_dataloader') for name in loaders]
    names = [f'{loop}_{kind}' for loop in loops for kind in ('dataloader', 'cfg', 'evaluator')]
    training = ('optim_wrapper', 'param_scheduler', 'auto_scale_lr')
    return [*_OF_EVERY_RUN, *names, *(training if 'train' in loops else ())]


def parts(cfg: Config, names: Iterable[str]) -> Iterator[Part]:
    """Yield every dict in some top-level settings; absent settings are skipped."""
    registered = _registered()
    for name in names:
        found = list(_walk(name, cfg.get(name), registered))
        readers = tuple({reader: None for part in found for reader in part.readers})
        yield from (part if part.owner else replace(part, readers=readers) for part in found)


def root_part(cfg: Config) -> Part:
    """Return the complete config as a part, with the settings of a Runner."""
    return _part('', cfg, {})


def argument_errors(cfg: Config, names: Iterable[str]) -> list[str]:
    """Return one line for each unknown class or argument in some top-level settings."""
    return [error for part in parts(cfg, names) for error in part.errors()]


@contextmanager
def explained(cfg: Config, *names: str) -> Iterator[None]:
    """Run a block that builds some top-level settings; if it fails, report wrong arguments.

    Raises:
        InputError: the block failed, and the config has arguments that its classes do not take.
    """
    before = copy.deepcopy(cfg)
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        errors = argument_errors(before, names)
        if not errors:
            raise
        raise InputError(f'{cfg.filename} cannot be built:', errors) from error


def _registered() -> Mapping[str, tuple[_Target, ...]]:
    """Return the classes and functions in all registries by name."""
    found: dict[str, tuple[_Target, ...]] = {}
    for registry in [*vars(mmdet.registry).values(), FUNCTIONS]:
        if isinstance(registry, Registry):
            registry.import_from_location()
            for name, target in registry.module_dict.items():
                found[name] = (*found.get(name, ()), target)
    return found


def _walk(path: str, node: Any, registered: Mapping[str, tuple[_Target, ...]]) -> Iterator[Part]:
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, Mapping):
        yield _part(path, node, registered)
        items = node.items()
    elif isinstance(node, (list, tuple)):
        items = enumerate(node)
    for key, value in items:
        yield from _walk(f'{path}.{key}', value, registered)


def _part(
    path: str, node: Mapping[str, Any], registered: Mapping[str, tuple[_Target, ...]]
) -> Part:
    kind, problem = node.get('type'), ''
    targets = _WITHOUT_TYPE.get(path, ())
    if isinstance(kind, str):
        scope, _, name = kind.rpartition('.')
        targets = registered.get(name, ()) if scope in ('', 'mmdet', 'mmengine') else ()
        if not targets and hasattr(ops, name):  # such as a `roi_layer` or an `nms`
            targets = (getattr(ops, name),)
        # A word such as 'constant' is a choice that the class around the dict reads.
        elif not targets and not scope and name[:1].isupper() and not _OF_ALBU.search(path):
            near = difflib.get_close_matches(name, registered, 3, 0.6)
            problem = (
                f"no class is registered as '{name}'; closest: {', '.join(near) or 'none'}. If it "
                'is your own, add its module to custom_imports'
            )
    elif callable(kind):
        targets = (kind,)
    elif not targets and _TYPE_NEEDED.fullmatch(path):
        problem = 'is missing; name the class here'
    parameters: dict[str, inspect.Parameter | None] = {}
    for pattern, names in _READ_BY_CALLER.items():
        if re.fullmatch(pattern, path):
            parameters |= dict.fromkeys(names)
    is_closed = bool(targets) or path in ('env_cfg', 'auto_scale_lr', 'epochs_by_images')
    for target in targets:
        own, is_open = _arguments(target)
        parameters |= own
        is_closed &= not is_open
    owner = targets[0].__name__ if targets else path if is_closed else ''
    return Part(path, node, owner, parameters, is_closed, targets, problem)


@cache
def _arguments(target: _Target) -> tuple[Mapping[str, inspect.Parameter], bool]:
    """Return the parameters of a function or a class by name, and whether it takes other names.

    `**kwargs` of a class are followed to its bases. If a class uses them in another way, it takes
    other names.
    """
    found: dict[str, inspect.Parameter] = {}
    given: set[str] = set()
    classes = inspect.getmro(target) if inspect.isclass(target) else ()
    functions = [vars(each)['__init__'] for each in classes if '__init__' in vars(each)]
    is_open = False
    for function in functions or [target]:
        try:
            parameters = inspect.signature(function).parameters.values()
        except (ValueError, TypeError):  # written in C
            return found, True
        for each in parameters:
            if each.kind in _NAMED and each.name not in given:
                found.setdefault(each.name, each)
        rest = [each.name for each in parameters if each.kind is inspect.Parameter.VAR_KEYWORD]
        if not rest:
            break
        added = _added_for_base(function, rest[0])
        is_open |= added is None
        given |= (added or set()) - found.keys()
    for cls in classes:
        for other in _HANDED_TO.get(cls, ()):
            found = {**_arguments(other)[0], **found}
    return found, is_open


def _added_for_base(function: _Target, kwargs: str) -> set[str] | None:
    """Return the names that a function passes to `super().__init__` with its `**kwargs`.

    None if it uses them in another way.
    """
    try:
        tree = ast.parse(textwrap.dedent(_source(inspect.unwrap(function))))
    except SyntaxError:  # a part of a statement, such as a lambda
        return None
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == 'super().__init__'
        and any(not word.arg and ast.unparse(word.value) == kwargs for word in node.keywords)
    ]
    uses = sum(isinstance(node, ast.Name) and node.id == kwargs for node in ast.walk(tree))
    if len(calls) != uses or not calls:
        return None
    return {word.arg for call in calls for word in call.keywords if word.arg}


def _texts(classes: Iterable[_Target]) -> Iterator[str]:
    """Yield the source of the modules of classes, of their bases, and of functions used there."""
    bases = {base for cls in classes if inspect.isclass(cls) for base in inspect.getmro(cls)}
    modules = {base.__module__ for base in bases}
    for name in list(modules):
        used = vars(sys.modules[name]).values()
        modules |= {each.__module__ for each in used if inspect.isfunction(each)}
    for name in modules:
        if name.partition('.')[0] not in ('builtins', 'torch'):
            yield _source(sys.modules.get(name))


@cache
def _source(code: Any) -> str:
    """Return the source of a module or function; '' if there is none."""
    try:
        return inspect.getsource(code)
    except (OSError, TypeError):
        return ''
