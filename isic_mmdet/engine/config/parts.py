"""The parts of a config that a run builds, and the arguments that each of them takes.

Nothing is built. A class is looked up where mmengine and mmdet would find it, and its signature
says what can be given. Arguments that it cannot take, and names that no class has, are told all
at once before the run starts.
"""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any

import torch
from mmengine import registry as registries
from mmengine.config import Config
from mmengine.dist import init_dist
from mmengine.hooks import EMAHook
from mmengine.registry import Registry
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

from isic_mmdet.engine.config.signatures import Arguments, arguments_of, named
from isic_mmdet.engine.config.vocabulary import names_read_by, texts_of

_OF_EVERY_RUN = (
    *('model', 'data_preprocessor', 'default_hooks', 'custom_hooks', 'visualizer'),
    *('log_processor', 'env_cfg', 'randomness', 'model_wrapper_cfg', 'compile'),
)
# What the one who builds a class gives it, so that no config does.
_GIVEN = ('runner', 'dataloader', 'evaluator', 'dataset', 'optimizer', 'params', 'module', 'model')
_MODEL = (registries.MODELS, registries.TASK_UTILS, registries.WEIGHT_INITIALIZERS)
_ANY = (
    *(registries.HOOKS, registries.METRICS, registries.TRANSFORMS, registries.DATASETS),
    *(registries.VISBACKENDS, registries.VISUALIZERS, registries.DATA_SAMPLERS),
    *(registries.OPTIMIZERS, registries.FUNCTIONS, *_MODEL),
)
# Where the dicts under a name are looked up, whatever part they are in.
_BY_NAME = {
    'dataset': (registries.DATASETS,),
    'datasets': (registries.DATASETS,),
    'pipeline': (registries.TRANSFORMS,),
    'switch_pipeline': (registries.TRANSFORMS,),
    'vis_backends': (registries.VISBACKENDS,),
    'metrics': (registries.METRICS,),
}
# Dicts that are handed on whole, as to `wandb.init`.
_HANDED_ON = ('args', 'custom_keys')
# Dicts that are read by name, so that what no code mentions has no effect.
_READ_BY_NAME = {'data_prefix', 'filter_cfg', 'metainfo', 'paramwise_cfg', 'test_cfg', 'train_cfg'}
# What a caller takes out of a dict before it builds the class that the dict names.
_TAKEN_BY_CALLER = {
    'norm_cfg': ('requires_grad',),
    'dcn': ('fallback_on_stride',),
    'init_cfg': ('override',),
}


@dataclass(frozen=True)
class Part:
    """One dict of a config.

    Attributes:
        path: its dotted key.
        node: the dict.
        owner: who takes its items, for a message.
        arguments: what may be in it; None if the code that reads it has to tell.
        readers: classes whose code reads it.
        problem: why its class cannot be found.
    """

    path: str
    node: Mapping[str, Any]
    owner: str
    arguments: Arguments | None = None
    readers: tuple[type, ...] = ()
    problem: str | None = None

    @property
    def names(self) -> set[str]:
        """What is known to be read from it."""
        if self.arguments is None:
            return set(self.node) | names_read_by(self.readers)
        return set(self.arguments.parameters) - set(_GIVEN)

    def takes(self, name: str, is_new: bool = False) -> bool:
        """Tell whether an item can have an effect.

        Args:
            name: of the item.
            is_new: whether it was added to a dict that had none of this name. Where no signature
                says what may be in a dict, the code that reads it decides on a new name; an old one
                passes.
        """
        if name in ('type', '_scope_') or self.problem:
            return True
        if self.arguments is not None:
            return self.arguments.is_open or name in self.arguments.parameters
        if not is_new or not self.readers or self.path.endswith(_HANDED_ON):
            return True
        known = names_read_by(self.readers)
        if name in known or set(self.path.split('.')) & _READ_BY_NAME:
            return name in known
        return not difflib.get_close_matches(name, (known | set(self.node)) - {name}, 1, 0.8)


def built_with(loaders: Iterable[str]) -> list[str]:
    """Return the top-level settings that are built in a run that uses some loaders."""
    loops = [name.removesuffix('_dataloader') for name in loaders]
    names = [f'{loop}_{kind}' for loop in loops for kind in ('dataloader', 'cfg', 'evaluator')]
    training = ('optim_wrapper', 'param_scheduler', 'auto_scale_lr')
    return [*_OF_EVERY_RUN, *names, *(training if 'train' in loops else ())]


def parts(cfg: Config, names: Iterable[str]) -> Iterator[Part]:
    """Yield every dict below some top-level settings.

    Args:
        cfg: a whole experiment.
        names: of the settings; those that are absent are passed over.
    """
    scope = cfg.get('default_scope') or 'mmengine'
    for name in names:
        value = cfg.get(name)
        if value is not None:
            yield from _Walk(scope).setting(name, value)


def argument_errors(cfg: Config, names: Iterable[str]) -> list[str]:
    """Return one line for each argument that its class does not take, and each unknown class.

    Args:
        cfg: a whole experiment.
        names: of the top-level settings that will be built.
    """
    errors = []
    for part in parts(cfg, names):
        if part.problem:
            errors.append(f'{part.path}.type: {part.problem}')
        errors += [unknown(part, name) for name in part.node if not part.takes(name)]
    return errors


def unknown(part: Part, name: str) -> str:
    """Say that a part has no such setting, and which ones are close to it."""
    path = f'{part.path}.{name}' if part.path else name
    what = f'{part.owner} has no setting of this name' if part.owner else 'nothing reads it'
    return f'{path}: {what}; {closest(name, part.names - {name}, part.path)}'


def closest(name: str, names: Iterable[str], path: str = '') -> str:
    """Return the names that are most like one, for a message, or all if none is."""
    known = sorted(set(names) - {'type', '_scope_'})
    prefix = f'{path}.' if path else ''
    near = difflib.get_close_matches(name, known, 3, 0.6)
    near = near or [each for each in known if name in each or each in name.split('_')]
    if near:
        return f'closest: {", ".join(prefix + each for each in near)}'
    if not known:
        return 'it has no settings'
    return f'it has: {", ".join(known[:30])}{", ..." if len(known) > 30 else ""}'


class _Walk:
    """Goes through one top-level setting.

    Args:
        scope: of the registries, such as 'mmdet'.
    """

    def __init__(self, scope: str) -> None:
        self._scope = scope

    def setting(self, name: str, value: Any) -> Iterator[Part]:
        """Yield the parts of a top-level setting."""
        if name.endswith('_dataloader') and isinstance(value, Mapping):
            yield from self._loader(name, value)
        elif name in ('train_cfg', 'val_cfg', 'test_cfg') and isinstance(value, Mapping):
            loop = _default_loop(name, value)
            more = named(*(() if 'type' in value else ('by_epoch',)))
            yield from self._typed(name, value, (registries.LOOPS,), loop, more)
        elif name.endswith('_evaluator'):
            yield from self._evaluator(name, value)
        elif name == 'optim_wrapper' and isinstance(value, Mapping):
            yield from self._optim_wrapper(value)
        elif name == 'env_cfg' and isinstance(value, Mapping):
            yield from self._environment(value)
        elif name in _PLAIN and isinstance(value, Mapping):
            yield Part(name, value, name, _PLAIN[name]())
        elif name in ('default_hooks', 'custom_hooks') and isinstance(value, (Mapping, list)):
            if isinstance(value, Mapping):
                yield Part(name, value, name)
            for key, hook in _items(value):
                yield from self._typed(f'{name}.{key}', hook, (registries.HOOKS,))
        elif name == 'param_scheduler':
            yield from self._nested(name, value, (registries.PARAM_SCHEDULERS,))
        elif name in _TYPED:
            registry, default = _TYPED[name]
            found = list(self._typed(name, value, registry, default))
            # The heads of a detector read train_cfg and test_cfg, which are the detector's.
            readers = tuple(dict.fromkeys(each for part in found for each in part.readers))
            yield from (replace(p, readers=p.readers and readers) for p in found)

    def _loader(self, path: str, node: Mapping[str, Any]) -> Iterator[Part]:
        more = named('num_batch_per_epoch', 'disable_subprocess_warning')
        dataset = named('dataset')  # taken out of _GIVEN: here it is the config's
        yield Part(path, node, 'DataLoader', arguments_of(DataLoader) | more | dataset)
        for key, registry in _OF_LOADER.items():
            yield from self._typed(f'{path}.{key}', node.get(key), (registry,))

    def _evaluator(self, path: str, value: Any) -> Iterator[Part]:
        if isinstance(value, Mapping) and 'metrics' in value:
            yield from self._typed(path, value, (registries.EVALUATOR,), 'Evaluator')
        else:
            yield from self._nested(path, value, (registries.METRICS,))

    def _optim_wrapper(self, node: Mapping[str, Any]) -> Iterator[Part]:
        path = 'optim_wrapper'
        if 'optimizer' not in node and 'constructor' not in node:
            yield Part(path, node, path)  # several optimizers
            return
        own = named('optimizer', 'constructor', 'paramwise_cfg')
        below = ('optimizer', 'paramwise_cfg', 'clip_grad')
        wrapper = (registries.OPTIM_WRAPPERS,)
        yield from self._typed(path, node, wrapper, 'OptimWrapper', own, below)
        yield from self._typed(f'{path}.optimizer', node.get('optimizer'), (registries.OPTIMIZERS,))
        constructor = node.get('constructor', 'DefaultOptimWrapperConstructor')
        found = self._find(constructor, (registries.OPTIM_WRAPPER_CONSTRUCTORS,), self._scope)
        paramwise = node.get('paramwise_cfg')
        if isinstance(paramwise, Mapping):
            readers = tuple(each for each in found if inspect.isclass(each))
            yield Part(f'{path}.paramwise_cfg', paramwise, str(constructor), None, readers)
        clip = node.get('clip_grad')
        if isinstance(clip, Mapping):
            by_value = clip.get('type') == 'value'
            function = clip_grad_value_ if by_value else clip_grad_norm_
            arguments = arguments_of(function).without('parameters')
            yield Part(f'{path}.clip_grad', clip, function.__name__, arguments)

    def _environment(self, node: Mapping[str, Any]) -> Iterator[Part]:
        own = named('cudnn_benchmark', 'mp_cfg', 'dist_cfg', 'resource_limit')
        yield Part('env_cfg', node, 'env_cfg', own)
        if isinstance(node.get('mp_cfg'), Mapping):
            arguments = arguments_of(set_multi_processing).without('distributed')
            yield Part('env_cfg.mp_cfg', node['mp_cfg'], 'env_cfg.mp_cfg', arguments)
        if isinstance(node.get('dist_cfg'), Mapping):
            known = (arguments_of(init_dist) | arguments_of(init_process_group)).parameters
            arguments = Arguments(known).without('launcher')
            yield Part('env_cfg.dist_cfg', node['dist_cfg'], 'env_cfg.dist_cfg', arguments)

    def _typed(
        self,
        path: str,
        node: Any,
        where: Sequence[Registry],
        default: str | type | None = None,
        more: Arguments = Arguments({}),  # noqa: B008 - it cannot be changed
        apart: Sequence[str] = (),
    ) -> Iterator[Part]:
        """Yield a dict that names a class of some registries, and the dicts in it.

        Args:
            path: its dotted key.
            node: the dict; nothing is yielded for anything else.
            where: the registries.
            default: the class of a dict without `type`.
            more: what else may be in the dict.
            apart: keys whose dicts the caller goes through itself.
        """
        if not isinstance(node, Mapping):
            return
        named_type = node.get('type', default)
        if named_type is None:
            yield Part(path, node, '', problem='is missing; name the class here')
            return
        scope = node.get('_scope_') or self._scope
        found = self._find(named_type, where, scope)
        label = named_type if isinstance(named_type, str) else named_type.__name__
        if not found:
            yield Part(path, node, label, problem=self._not_found(label, where, scope))
            return
        arguments = more
        for target in found:
            arguments |= _target_arguments(target, node)
        if registries.HOOKS in where:
            arguments |= named('priority')
        if registries.PARAM_SCHEDULERS in where and node.get('convert_to_iter_based'):
            arguments |= named('convert_to_iter_based', 'epoch_length')
        elif registries.PARAM_SCHEDULERS in where:
            arguments |= named('convert_to_iter_based')
        readers = tuple(each for each in found if inspect.isclass(each))
        yield Part(path, node, label, arguments, readers)
        for key, value in _items(node):
            if key not in apart:
                yield from self._below(f'{path}.{key}', key, value, where, readers)

    def _below(
        self,
        path: str,
        key: str,
        value: Any,
        where: Sequence[Registry],
        readers: tuple[type, ...],
    ) -> Iterator[Part]:
        """Yield the dicts inside the value of a key of a class that is among the readers."""
        if key in _BY_NAME:
            yield from self._nested(path, value, _BY_NAME[key])
            return
        if isinstance(value, Mapping):
            if 'type' in value:
                yield from self._inner(path, key, value, where, readers)
                return
            yield Part(path, value, '', None, readers)
            for name, each in _items(value):
                yield from self._below(f'{path}.{name}', name, each, where, readers)
        elif isinstance(value, (list, tuple)):
            for place, each in _items(value):
                yield from self._below(f'{path}.{place}', key, each, where, readers)

    def _inner(
        self,
        path: str,
        key: str,
        node: Mapping[str, Any],
        where: Sequence[Registry],
        readers: tuple[type, ...],
    ) -> Iterator[Part]:
        """Yield a dict with a `type` that some class is given."""
        candidates = _MODEL if where[0] in _MODEL else (*where, *_ANY)
        scope = node.get('_scope_') or self._scope
        found = self._find(node['type'], candidates, scope)
        found += _operators(node['type'])
        label = str(getattr(node['type'], '__name__', node['type']))
        inner = tuple(each for each in found if inspect.isclass(each))
        if not found:
            problem = None
            if where[0] in _MODEL and label not in texts_of(readers):
                problem = self._not_found(label, candidates, scope)
            yield Part(path, node, label, None, readers, problem)
        else:
            arguments = named(*_TAKEN_BY_CALLER.get(key, ()))
            for target in found:
                arguments |= _target_arguments(target, node)
            read = {name for name in node if name in names_read_by(readers)}
            yield Part(path, node, label, arguments | named(*read), inner)
        for name, value in _items(node):
            yield from self._below(f'{path}.{name}', name, value, where, inner or readers)

    def _nested(self, path: str, value: Any, where: Sequence[Registry]) -> Iterator[Part]:
        """Yield dicts that name classes of some registries, inside lists or dicts of them."""
        if isinstance(value, (list, tuple)):
            for place, each in _items(value):
                yield from self._nested(f'{path}.{place}', each, where)
        elif isinstance(value, Mapping):
            yield from self._typed(path, value, where)

    def _find(self, name: Any, where: Sequence[Registry], scope: str) -> list[Callable]:
        """Return what a `type` means in each of some registries."""
        if not isinstance(name, str):
            return [name] if callable(name) else []
        found: list[Callable] = []
        for registry in where:
            with _in_scope(registry, scope) as own:
                try:
                    target = own.get(name)
                except RuntimeError:  # what mmengine raises instead of an answer
                    target = None
            if callable(target) and target not in found:
                found.append(target)
        return found

    def _not_found(self, name: str, where: Sequence[Registry], scope: str) -> str:
        known: set[str] = set()
        for registry in where:
            with _in_scope(registry, scope) as own:
                while own is not None:
                    known |= set(own.module_dict)
                    own = own.parent
        near = difflib.get_close_matches(name, known, 3, 0.6)
        hint = f'closest: {", ".join(near)}' if near else 'nothing similar is registered'
        return (
            f"no class is registered as '{name}'; {hint}. If it is your own, add its module to "
            'custom_imports'
        )


def _in_scope(registry: Registry, scope: str) -> AbstractContextManager[Any]:
    """Switch to a scope, but for functions, which mmdet has no registry of."""
    if registry is registries.FUNCTIONS:
        return nullcontext(registry)
    return registry.switch_scope_and_registry(scope)


def _target_arguments(target: Callable, node: Mapping[str, Any]) -> Arguments:
    from mmcv import ops

    arguments = arguments_of(target)
    if target in (ops.nms, ops.soft_nms):
        # What `mmcv.ops.batched_nms` takes out before it calls them.
        return arguments.without('boxes', 'scores') | named(
            'class_agnostic', 'max_num', 'split_thr'
        )
    if inspect.isclass(target) and issubclass(target, EMAHook):
        # It hands its `**kwargs` to the class of the averaged model.
        own = {**arguments.parameters}
        average = node.get('ema_type') or 'ExponentialMovingAverage'
        with registries.MODELS.switch_scope_and_registry('mmdet') as models:
            try:
                found = models.get(average)
            except RuntimeError:
                found = None
        return Arguments(own) | arguments_of(found).without('model') if found else arguments
    return arguments


def _operators(name: Any) -> list[Callable]:
    """Return the operator of mmcv that a `roi_layer` or an `nms` names."""
    from mmcv import ops

    operator = getattr(ops, name, None) if isinstance(name, str) else None
    if operator is None:
        return []
    return [operator]


def _default_loop(name: str, node: Mapping[str, Any]) -> type:
    if name == 'train_cfg':
        return EpochBasedTrainLoop if node.get('by_epoch', True) else IterBasedTrainLoop
    return ValLoop if name == 'val_cfg' else TestLoop


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield keys and values of a dict, or places and elements of a list."""
    pairs = value.items() if isinstance(value, Mapping) else enumerate(value)
    yield from ((str(key), each) for key, each in pairs)


_OF_LOADER = {
    'dataset': registries.DATASETS,
    'sampler': registries.DATA_SAMPLERS,
    'batch_sampler': registries.DATA_SAMPLERS,
    'collate_fn': registries.FUNCTIONS,
    'worker_init_fn': registries.FUNCTIONS,
}
_TYPED: dict[str, tuple[tuple[Registry, ...], type | str | None]] = {
    'model': (_MODEL, None),
    'data_preprocessor': ((registries.MODELS,), None),
    'visualizer': ((registries.VISUALIZERS,), None),
    'log_processor': ((registries.LOG_PROCESSORS,), LogProcessor),
    'model_wrapper_cfg': ((registries.MODEL_WRAPPERS,), 'MMDistributedDataParallel'),
}
_PLAIN: dict[str, Callable[[], Arguments]] = {
    'auto_scale_lr': lambda: named('enable', 'base_batch_size'),
    'randomness': lambda: arguments_of(Runner.set_randomness).without('self'),
    'compile': lambda: arguments_of(torch.compile).without('model') | named('target'),
}
