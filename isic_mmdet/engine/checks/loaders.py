"""Data loaders that mmengine would build, but that raise an exception or give a wrong score."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmengine.config import Config

# With these wrappers an image comes more than once, or is mixed with others.
_REPEATING = ('RepeatDataset', 'ClassBalancedDataset', 'MultiImageMixDataset')
# They move boxes but not masks (mmdet 3.3.0).
_WITHOUT_MASKS = ('Mosaic', 'MixUp')
# They do not give each image of an evaluation exactly once.
_NOT_FOR_EVALUATION = (
    *('ClassAwareSampler', 'CustomSampleSizeSampler', 'FixedLengthSampler', 'InfiniteSampler'),
    *('GroupMultiSourceSampler', 'MultiDataSampler', 'MultiSourceSampler'),
)


def loader_errors(cfg: Config, loaders: Sequence[str]) -> list[str]:
    """Return what is wrong in the configs of some loaders, one line each.

    Args:
        cfg: a complete config, whose loaders are dicts.
        loaders: which of `train_dataloader`, `val_dataloader`, `test_dataloader` will be used.
    """
    errors = [error for name in loaders for error in _missing_parts(cfg, name)]
    for name in loaders:
        loader = cfg.get(name)
        if loader:
            wrappers = list(_wrappers(loader['dataset'], f'{name}.dataset'))
            check = _training_errors if name == 'train_dataloader' else _evaluation_errors
            errors += [*_setting_errors(name, loader), *check(name, loader, wrappers)]
    return errors


def repeated_images(ids: Sequence[str], where: str) -> list[str]:
    """Return an error if images of an evaluation have the same id, by which it counts them.

    Args:
        ids: of all images of the evaluation.
        where: name of its loader, for the message.
    """
    repeated = [name for name, times in sorted(Counter(ids).items()) if times > 1]
    if not repeated:
        return []
    return [
        f'{where}: {len(repeated)} ids of images come several times, such as '
        f'{", ".join(repeated[:3])}. If they are the same images, keep them in one data set. If '
        'they are different ones, give the images of one data set a folder of their own, such as '
        'photos/clinic_b, and prepare --images photos anew: the folder becomes a part of the id'
    ]


def type_name(config: Any) -> str:
    """Return the name of the class that a config builds, without its scope; '' without one."""
    if not isinstance(config, Mapping):
        return ''
    kind = config.get('type', '')
    return (kind if isinstance(kind, str) else kind.__name__).rpartition('.')[2]


def _missing_parts(cfg: Config, loader: str) -> Iterator[str]:
    """Yield an error if mmengine needs a loop or an evaluator for a loader."""
    loop = loader.removesuffix('_dataloader')
    others = ('train_cfg', 'optim_wrapper') if loop == 'train' else ()
    names = (loader, *(others or (f'{loop}_cfg', f'{loop}_evaluator')))
    missing = [key for key in names if cfg.get(key) is None]
    is_optional = loop == 'val'
    if missing and not (is_optional and len(missing) == len(names)):
        hint = ', or set all of them to None to train without validation' if is_optional else ''
        yield f'the config has no {" and no ".join(missing)}; set {", ".join(names)}{hint}'


def _setting_errors(name: str, loader: Mapping[str, Any]) -> Iterator[str]:
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
            f'{name}.num_batch_per_epoch ignores the rest of the data set in every epoch; remove '
            "it, or set sampler=dict(type='FixedLengthSampler', num_samples=...) in training and "
            'dataset.indices elsewhere'
        )


def _training_errors(
    name: str, loader: Mapping[str, Any], wrappers: Sequence[tuple[str, Mapping[str, Any]]]
) -> Iterator[str]:
    for where, dataset in wrappers:
        kind, inside = type_name(dataset), dataset.get('dataset')
        if kind == 'ClassBalancedDataset' and 'ann_file' not in (inside or {}):
            yield (
                f'{where}: a ClassBalancedDataset takes a single data set; put it around each one '
                f'inside {type_name(inside)}'
            )
        if kind == 'MultiImageMixDataset':
            steps = {type_name(step) for step in dataset.get('pipeline', ())}
            for step in sorted(steps.intersection(_WITHOUT_MASKS)):
                yield (
                    f'{where}.pipeline: {step} moves boxes but not masks; use Cached{step} in the '
                    'pipeline of the data set itself, or CopyPaste'
                )
    outer = type_name(wrappers[0][1]) if wrappers else 'ClassBalancedDataset'
    if type_name(loader.get('sampler')) == 'ClassAwareSampler' and outer != 'ClassBalancedDataset':
        yield (
            f'{name}.sampler: ClassAwareSampler cannot see the classes inside {outer}; use '
            'DefaultSampler, and ClassBalancedDataset around each data set'
        )


def _evaluation_errors(
    name: str, loader: Mapping[str, Any], wrappers: Sequence[tuple[str, Mapping[str, Any]]]
) -> Iterator[str]:
    for where, dataset in wrappers:
        kind = type_name(dataset)
        if kind in _REPEATING:
            yield (
                f'{where}: {kind} does not give each image once and unchanged; score the data set '
                'inside it'
            )
    if loader.get('drop_last') or (loader.get('batch_sampler') or {}).get('drop_last'):
        yield f'{name}.drop_last would exclude images from the scores; remove it'
    sampler = type_name(loader.get('sampler'))
    if sampler in _NOT_FOR_EVALUATION:
        yield (
            f'{name}.sampler: {sampler} does not give each image once; write '
            "dict(type='DefaultSampler', shuffle=False)"
        )


def _wrappers(dataset: Mapping[str, Any], where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield key and config of every data set that holds others, outer ones first."""
    if 'ann_file' in dataset:
        return
    yield where, dataset
    if 'dataset' in dataset:
        yield from _wrappers(dataset['dataset'], f'{where}.dataset')
    for index, part in enumerate(dataset.get('datasets') or ()):
        yield from _wrappers(part, f'{where}.datasets.{index}')
