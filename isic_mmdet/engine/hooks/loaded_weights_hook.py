"""A training starts only from the weights that its config names."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.hooks import Hook
from mmengine.model import PretrainedInit
from mmengine.runner import CheckpointLoader, Runner
from torch import nn

from isic_mmdet.engine.checks.class_filters import adapt_classes
from isic_mmdet.engine.checks.weights import (
    MINIMUM_SHARE,
    Coverage,
    coverage,
    errors_of_backbone,
    errors_of_model,
    hint,
    load_and_cover,
    percent,
    weights_of,
)
from isic_mmdet.engine.distributed import unwrapped
from isic_mmdet.engine.hooks.finite_training_hook import non_finite
from isic_mmdet.engine.train.checkpoints import TRAINING, TRAINING_IMAGES
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256


class LoadedWeightsHook(Hook):
    """Reports how much of the model the initial weights fill; stops if that is not enough.

    mmengine only logs a warning if names or shapes do not fit, and trains from random weights.
    `engine.checks.weights` has the rules, and `engine.checks.class_filters` fills class layers
    from files with other classes.

    Args:
        partial: train even if parts are not filled.

    Attributes:
        records: one entry per loaded file, for `TrainingRecord`; `share` is that of the filled
            parameters.
        images: ids of all images that these files record as training images.
    """

    priority = 'VERY_HIGH'  # before EMAHook, which copies the weights, and before a validation

    def __init__(self, partial: bool = False) -> None:
        self.partial = partial
        self.records: list[dict[str, Any]] = []
        self.images: frozenset[str] = frozenset()
        self._pretrained: list[tuple[str, str, Mapping[str, Any]]] = []

    @property
    def names(self) -> str:
        """Names of the files that filled parameters, or 'random'."""
        filled = dict.fromkeys(record['file'] for record in self.records if record['share'])
        return ', '.join(filled) or 'random'

    def before_run(self, runner: Runner) -> None:
        """Read the files that parts of the model name in `init_cfg`, before mmengine loads them."""
        if runner._resume:
            return
        for name, module in unwrapped(runner.model).named_modules():
            for init_cfg in _pretrained_cfgs(module):
                source, prefix = init_cfg['checkpoint'], init_cfg.get('prefix')
                checkpoint = CheckpointLoader.load_checkpoint(source, 'cpu', logger='silent')
                weights = weights_of(checkpoint)
                _require_finite(source, weights)
                if prefix:
                    prefix = f'{prefix.rstrip(".")}.'
                    weights = {
                        key.removeprefix(prefix): value
                        for key, value in weights.items()
                        if key.startswith(prefix)
                    }
                    if not weights:
                        raise InputError(
                            f"{source} has no weights whose names begin with '{prefix}', as "
                            f'init_cfg.prefix of {name or "the model"} demands; '
                            f'{hint(checkpoint, module)}'
                        )
                self._pretrained.append((name, source, {**checkpoint, 'state_dict': weights}))

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict[str, Any]) -> None:
        """Check a checkpoint of the complete model, before mmengine loads it."""
        source = str(runner._load_from or 'the checkpoint')
        model = unwrapped(runner.model)
        weights = weights_of(checkpoint)
        _require_finite(source, {**weights, **checkpoint.get('ema_state_dict', {})})
        if runner._resume:
            _replace_weights(checkpoint, weights)
            found = load_and_cover(model, checkpoint['state_dict'])
            if found.missing:
                raise InputError(
                    f'{source} does not contain the weights of this model, so training cannot be '
                    'resumed; resume with the config of that run, or start a new run with '
                    'load_from. Not filled:',
                    found.errors(found.missing),
                    shown=8,
                )
            return
        meta = checkpoint.get('meta') or {}
        reason = hint(checkpoint, model)
        adapted = adapt_classes(
            weights,
            model,
            (meta.get('dataset_meta') or {}).get('classes'),
            runner.train_dataloader.dataset.metainfo['classes'],
            lesions=TRAINING in meta,
        )
        _replace_weights(checkpoint, {**weights, **adapted})
        found = load_and_cover(model, checkpoint['state_dict'])
        errors = errors_of_model(found)
        reason = reason if found.share < MINIMUM_SHARE else ''
        self._report(runner, source, 'model', checkpoint, found, errors, reason, adapted)

    def before_train(self, runner: Runner) -> None:
        """Compare the parts of the model with the files that they name in `init_cfg`."""
        for name, source, checkpoint in self._pretrained:
            module = unwrapped(runner.model).get_submodule(name)
            found = coverage(module, weights_of(checkpoint))
            if runner._load_from:
                # The checkpoint of the complete model replaced it, and was checked already.
                errors: list[str] = []
                if not found.share:
                    continue
            elif name.rpartition('.')[2] == 'backbone':
                errors = errors_of_backbone(module, found)
            else:
                errors = errors_of_model(found)
            reason = hint(checkpoint, module) if errors and not found.share else ''
            self._report(runner, source, name or 'model', checkpoint, found, errors, reason)
        self._pretrained.clear()
        # A resumed run has the option from the command that started it.
        if self.partial and not self.records and not runner._resume:
            raise InputError(
                '--partial-weights has no effect: neither load_from nor an init_cfg of the model '
                'names a file; remove this option'
            )

    def _report(
        self,
        runner: Runner,
        source: str,
        part: str,
        checkpoint: Mapping[str, Any],
        found: Coverage,
        errors: Sequence[str],
        reason: str,
        adapted: Mapping[str, Any] = {},
    ) -> None:
        path = Path(source).expanduser()
        meta = checkpoint.get('meta') or {}
        # A converted file records the name and the digest of the published one.
        name = meta.get('source', path.name)
        runner.logger.info(
            f'weights: {percent(found.share)} of the {part} filled from {name} '
            f'({found.by_part()}); not filled: {found.not_filled()}'
        )
        layers = list(dict.fromkeys(name.rpartition('.')[0] for name in adapted))
        if layers:
            runner.logger.info(
                f'weights: made from the filters of other classes: {", ".join(layers)}'
            )
        if errors and not self.partial:
            raise InputError(
                f'{source} fills {percent(found.share)} of the {part}, and these layers would '
                f'start from random weights{f" ({reason})" if reason else ""}. Name a file that '
                'fits the config, or train from these weights with --partial-weights. Not filled:',
                errors,
                shown=8,
            )
        images = meta.get(TRAINING_IMAGES)
        self.images |= frozenset(images or ())
        self.records.append(
            {
                'file': name,
                'sha256': meta.get('source_sha256') or (sha256(path) if path.is_file() else None),
                'part': part,
                'share': round(found.share, 4),
                'not_filled': found.layers,
                'from_other_classes': layers,
                'partial': bool(errors),
                'training_images': None if images is None else len(images),
            }
        )


def _pretrained_cfgs(module: nn.Module) -> list[Mapping[str, Any]]:
    found = getattr(module, 'init_cfg', None) or {}
    cfgs = found if isinstance(found, (list, tuple)) else [found]
    return [cfg for cfg in cfgs if cfg.get('type') in ('Pretrained', PretrainedInit)]


def _require_finite(source: str, weights: Mapping[str, Any]) -> None:
    if broken := non_finite(weights):
        raise InputError(
            f'{source} contains weights that are NaN or infinite: its training diverged; start '
            'from another file:',
            broken,
            shown=4,
        )


def _replace_weights(checkpoint: dict[str, Any], weights: Mapping[str, Any]) -> None:
    """Put weights, by the model's names, where mmengine and its hooks read them."""
    state = checkpoint.get('state_dict')
    if state is None:
        checkpoint.clear()
        checkpoint['state_dict'] = dict(weights)
    else:
        state.clear()  # in place, because state dicts have versions of their modules
        state.update(weights)
