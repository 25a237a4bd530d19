"""Data loaders that mmengine would build, but that end in a traceback or in a wrong number."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

# Wrappers after which an image comes more than once, or no longer as itself.
_REPEATING = ('RepeatDataset', 'ClassBalancedDataset', 'MultiImageMixDataset')
# They move boxes and leave masks where they were (mmdet 3.3.0).
_WITHOUT_MASKS = ('Mosaic', 'MixUp')
# They do not give each image of an evaluation exactly once.
_NOT_FOR_EVALUATION = (
    'ClassAwareSampler',
    'CustomSampleSizeSampler',
    'FixedLengthSampler',
    'GroupMultiSourceSampler',
    'InfiniteSampler',
    'MultiDataSampler',
    'MultiSourceSampler',
)


def loader_errors(cfg: Config, loaders: Sequence[str]) -> list[str]:
    """Return what is wrong with loaders, one line each, by their config alone.

    Args:
        cfg: a whole experiment, whose loaders are dicts.
        loaders: which of `train_dataloader`, `val_dataloader`, `test_dataloader` will be used.
    """
    errors = _incomplete_parts(cfg, loaders)
    for name in loaders:
        loader = cfg.get(name)
        if not loader:
            continue
        errors += _setting_errors(name, loader)
        wrappers = list(_wrappers(loader['dataset'], f'{name}.dataset'))
        if name == 'train_dataloader':
            errors += _training_errors(name, loader, wrappers)
        else:
            errors += _evaluation_errors(name, loader, wrappers)
    return errors


def repeated_images(ids: Sequence[str], where: str) -> list[str]:
    """Return an error for each image that an evaluation would count more than once.

    Args:
        ids: of all images of the evaluation.
        where: name of its loader, for the message.
    """
    return [
        f'{where}: {name} comes {times} times and would count so often; take it out of all but '
        'one of the data sets'
        for name, times in sorted(Counter(ids).items())
        if times > 1
    ]


def type_name(config: Any) -> str:
    """Return the name of the class that a config builds, without its scope; '' without one."""
    if not isinstance(config, Mapping):
        return ''
    kind = config.get('type', '')
    return (kind if isinstance(kind, str) else kind.__name__).rpartition('.')[2]


def _incomplete_parts(cfg: Config, loaders: Sequence[str]) -> list[str]:
    """Return which loaders lack the loop or the evaluator that mmengine wants with them."""
    errors = []
    for name in loaders:
        part = name.partition('_')[0]
        needed = ('train_cfg', 'optim_wrapper') if part == 'train' else ()
        names = (name, *(needed or (f'{part}_cfg', f'{part}_evaluator')))
        missing = [key for key in names if cfg.get(key) is None]
        if missing and (part != 'val' or len(missing) < len(names)):
            errors.append(f'the config has no {" and no ".join(missing)}; {_remedy(part, names)}')
    return errors


def _remedy(part: str, names: Sequence[str]) -> str:
    if part == 'val':
        return f'set {", ".join(names)}, or set all of them to None to train without validation'
    return f'set {", ".join(names)}'


def _setting_errors(name: str, loader: Mapping) -> Iterator[str]:
    batch_size = loader.get('batch_size')
    if type(batch_size) is not int or batch_size < 1:
        yield f'{name}.batch_size is {batch_size!r}; set a whole number from 1'
    if not isinstance(loader.get('sampler'), Mapping):
        yield (
            f'{name}.sampler is {loader.get("sampler")!r}; set one sampler, such as '
            "dict(type='DefaultSampler', shuffle=False)"
        )
    if loader.get('num_batch_per_epoch') is not None:
        yield (
            f'{name}.num_batch_per_epoch cuts the data set, and what lies behind is never used; '
            "take it out, or set sampler=dict(type='FixedLengthSampler', num_samples=...) in "
            'training and dataset.indices elsewhere'
        )


def _training_errors(
    name: str, loader: Mapping, wrappers: Sequence[tuple[str, Mapping]]
) -> Iterator[str]:
    for where, dataset in wrappers:
        kind, inside = type_name(dataset), dataset.get('dataset')
        if kind == 'ClassBalancedDataset' and 'ann_file' not in (inside or {}):
            yield (
                f'{where}: a ClassBalancedDataset takes a single data set; put it around each one '
                f'inside {type_name(inside)}'
            )
        if kind == 'MultiImageMixDataset':
            lossy = [type_name(step) for step in dataset.get('pipeline', ())]
            for step in sorted(set(lossy).intersection(_WITHOUT_MASKS)):
                yield (
                    f'{where}.pipeline: {step} moves boxes but not masks; use Cached{step} in the '
                    'pipeline of the data set itself, or CopyPaste'
                )
    sampler = type_name(loader.get('sampler'))
    if wrappers and sampler == 'ClassAwareSampler':
        outer = type_name(wrappers[0][1])
        if outer != 'ClassBalancedDataset':
            yield (
                f'{name}.sampler: ClassAwareSampler cannot see the classes inside {outer}; use '
                'DefaultSampler, and ClassBalancedDataset around each data set'
            )


def _evaluation_errors(
    name: str, loader: Mapping, wrappers: Sequence[tuple[str, Mapping]]
) -> Iterator[str]:
    for where, dataset in wrappers:
        if type_name(dataset) in _REPEATING:
            yield (
                f'{where}: in {type_name(dataset)} images do not come exactly once as they are; '
                'score the data set inside'
            )
    if loader.get('drop_last') or (loader.get('batch_sampler') or {}).get('drop_last'):
        yield f'{name}.drop_last would leave images out of the scores; take it out'
    sampler = type_name(loader.get('sampler'))
    if sampler in _NOT_FOR_EVALUATION:
        yield (
            f'{name}.sampler: {sampler} does not give each image once; write '
            "dict(type='DefaultSampler', shuffle=False)"
        )


def _wrappers(dataset: Mapping, where: str) -> Iterator[tuple[str, Mapping]]:
    """Yield every data set that holds others, from outside in, with its place in the config."""
    if 'ann_file' in dataset:
        return
    yield where, dataset
    if 'dataset' in dataset:
        yield from _wrappers(dataset['dataset'], f'{where}.dataset')
    for index, part in enumerate(dataset.get('datasets') or ()):
        yield from _wrappers(part, f'{where}.datasets.{index}')
