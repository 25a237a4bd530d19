"""From a config file, its overrides and its data to a complete config."""

import copy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict

from isic_mmdet.engine.config.config_file import read_config
from isic_mmdet.engine.config.data_classes import follow_data
from isic_mmdet.engine.config.data_sets import LOADERS, distinct_datasets, leaf_datasets
from isic_mmdet.engine.config.hooks import remove_absent_hooks
from isic_mmdet.engine.config.options import apply_options
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import require_text
from isic_mmdet.utils.renamed import translate


def load_config(
    path: str | Path,
    options: Mapping[str, Any] | None = None,
    data_root: str | Path | Sequence[str | Path] | None = None,
    refused: Mapping[str, str] | None = None,
) -> Config:
    """Return the config at `path` with overrides applied.

    Args:
        path: a config file.
        options: the values of `--cfg-options` by dotted key.
        data_root: prepared data set that replaces the config's own in every split, or several of
            the same classes. Their classes replace those of the config, see `data_classes`.
        refused: options that the command does not use, see `refused_options`.

    Raises:
        InputError: the file or one of its base files is missing or wrong, an option would have
            no effect, or a path is not text in this locale.
    """
    roots = [data_root] if isinstance(data_root, (str, Path)) else list(data_root or ())
    require_text(path, *roots)
    cfg = read_config(path)
    translate(cfg)
    for name in ('model', 'default_scope'):
        if not cfg.get(name):
            raise InputError(
                f'{path} has no {name}, so it is only a part of a config; name such files in the '
                '_base_ of a config, as those in configs/ do'
            )
    if sys.platform == 'darwin':  # forked processes may crash in libraries of macOS
        cfg.merge_from_dict({'env_cfg.mp_cfg.mp_start_method': 'spawn'})
    if options:
        refused = dict(refused or {})
        if roots:
            refused['*_dataloader.*data_root'] = '--data-root sets it; leave one of them out'
        apply_options(cfg, options, refused)
    remove_absent_hooks(cfg)
    if roots:
        _use_data(cfg, list(map(str, roots)))
    for name in LOADERS:
        loader = cfg.get(name)
        if loader and loader.get('num_workers') == 0:  # torch refuses settings of workers there
            loader.persistent_workers = False
            for setting in ('prefetch_factor', 'multiprocessing_context'):
                loader.pop(setting, None)
    return cfg


def _use_data(cfg: Config, roots: Sequence[str]) -> None:
    """Read every data set of a config from some prepared data sets, one after the other."""
    if twice := [root for root in dict.fromkeys(roots) if roots.count(root) > 1]:
        raise InputError(f'--data-root names {", ".join(twice)} twice; name it once')
    for dataset in distinct_datasets(cfg):
        parts = [ConfigDict({**copy.deepcopy(dataset), 'data_root': root}) for root in roots]
        both = ConfigDict(type='ConcatDataset', datasets=parts)
        dataset.clear()
        dataset.update(parts[0] if len(parts) == 1 else both)
    follow_data(cfg, list(leaf_datasets(cfg)))
