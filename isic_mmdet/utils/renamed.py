"""Names of the previous release, which keep working for one release, with a warning.

`translate` replaces them in a config. `register_old_names` covers programs that build a config
without `load_config`, such as `mmdet.apis.init_detector`.
"""

import warnings
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

# Registered names, old to new.
NAMES = {
    'CoarseFPN': 'P3FPN',
    'LesionRPNHead': 'Float32RPNHead',
    'LesionBBoxHead': 'Float32BBoxHead',
    'LesionMaskHead': 'StripPasteMaskHead',
    'JaccardMaskLoss': 'BCEJaccardLoss',
    'RepeatableStepsHook': 'PerStepSeedHook',
    'IoUReportHook': 'EvaluationReportHook',
    'FiniteOptimWrapper': 'OptimWrapper',
    'LesionTrainLoop': 'ResumableEpochTrainLoop',
    'PredictionDump': 'CocoResultDump',
    'collate_lesions': 'shared_memory_collate',
    'end_with_trainer': 'exit_with_parent',
}
# Arguments, old to new, by the new name of their class.
ARGUMENTS = {'P3FPN': {'stages': 'passthrough_levels'}}
# Keys of default_hooks, old to new.
HOOKS = {'iou_report': 'evaluation_report', 'repeatable_steps': 'per_step_seed'}


def translate(config: Mapping[str, Any], warn: bool = True) -> None:
    """Replace the old names in a config, or the dict of its settings, in place by the new ones.

    With `warn`, each old name that was found gives one warning.
    """
    found = _rename_keys(config.get('default_hooks') or {}, HOOKS)
    for value in config.values():
        _rename_types(value, found)
    if warn:
        for old, new in found.items():
            _warn(old, new)


def _rename_types(node: Any, found: dict[str, str]) -> None:
    if isinstance(node, MutableMapping) and isinstance(node.get('type'), str):
        old = node['type']
        if old in NAMES:
            node['type'] = found[old] = NAMES[old]
        found |= _rename_keys(node, ARGUMENTS.get(node['type'], {}))
    values: Any = ()
    if isinstance(node, Mapping):
        values = node.values()
    elif isinstance(node, (list, tuple)):
        values = node
    for value in values:
        _rename_types(value, found)


def _rename_keys(node: MutableMapping[str, Any], keys: Mapping[str, str]) -> dict[str, str]:
    found = {old: new for old, new in keys.items() if old in node}
    for old, new in found.items():
        value, base = node.pop(old), node.get(new)
        # A base file may have the new key already. The settings of both are then merged.
        is_merged = isinstance(value, Mapping) and isinstance(base, Mapping)
        node[new] = {**dict(base or {}), **value} if is_merged else value
    return found


def register_old_names() -> None:
    """Register a function under each old name that warns and builds the new class."""
    from mmdet import registry
    from mmengine.registry import FUNCTIONS, OPTIM_WRAPPERS

    registries = [registry.HOOKS, registry.LOOPS, registry.METRICS, registry.MODELS]
    registries += [FUNCTIONS, OPTIM_WRAPPERS]
    for old, new in NAMES.items():
        for each in registries:
            if new in each.module_dict:
                each.register_module(name=old, module=_alias(old, new, each.module_dict[new]))


def _alias(old: str, new: str, target: Callable[..., Any]) -> Callable[..., Any]:
    def build(*args: Any, **kwargs: Any) -> Any:
        _warn(old, new)
        names = ARGUMENTS.get(new, {})
        return target(*args, **{names.get(name, name): value for name, value in kwargs.items()})

    return build


def _warn(old: str, new: str) -> None:
    message = f'{old} has been renamed to {new}; the old name stops working with the next release'
    warnings.warn(message, FutureWarning, stacklevel=2)
