"""What share of a model its initial weights fill, and whether that is enough to train from.

Rules:

- A checkpoint for the complete model (`load_from`, or `init_cfg` of the detector) has to fill every
  tensor except those of class layers, and at least `MINIMUM_SHARE` of the parameters. The shape of
  a class layer depends on the classes, see `is_class_layer`.
- A pretrained backbone may end early: its stages have to be filled completely from the first one
  on, and at least half of them. So ImageNet weights of stem to layer3 are enough, weights of
  layer4 alone are not. Stages are the direct children of the backbone that have tensors. Backbones
  that convert the weights themselves (`init_weights` of their own, as Swin) need `MINIMUM_SHARE`.
- Any other part with its own `init_cfg` has to be filled except for its class layers.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn

#: Share of the parameters that initial weights have to fill even if only class layers are missing.
MINIMUM_SHARE = 0.5
_CLASS_LAYER = re.compile(
    # fc_cls, fc_reg, retina_cls, rtm_cls.0, cls_branches.5 ..., but not the layers of the RPN.
    r'(^|\.)(fc_reg|conv_logits|fc_mask_iou|cls_embed|cls_branches|(?!rpn_)\w+_cls)(\.\d+)*$'
    r'|(^|\.)diagnosis_head(\.|$)'
)
_SHOWN = 12


@dataclass(frozen=True)
class Coverage:
    """How many of a module's tensors came from a file.

    `num_batches_tracked` of batch norm does not count: nothing depends on it here, and files of
    old versions of PyTorch do not have it.

    Attributes:
        sizes: number of values of every tensor, by its name in the model.
        missing: names of the tensors that were not filled.
        reasons: why, by name; tensors without a reason are not in the file.
    """

    sizes: Mapping[str, int]
    missing: Collection[str]
    reasons: Mapping[str, str] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Share of the values that were filled, in [0, 1]."""
        missing = sum(self.sizes[name] for name in self.missing)
        return 1 - missing / max(1, sum(self.sizes.values()))

    @property
    def layers(self) -> list[str]:
        """Names of the layers with a tensor that was not filled."""
        return list(dict.fromkeys(_layer_of(name) for name in self.missing))

    def errors(self, names: Iterable[str]) -> list[str]:
        """Return one line for every layer with a tensor among `names`."""
        errors = defaultdict(list)
        for name in names:
            layer, _, tensor = name.rpartition('.')
            errors[layer].append(f'{tensor} {self.reasons.get(name, "missing")}')
        return [f'{layer}: {", ".join(reasons)}' for layer, reasons in errors.items()]

    def by_part(self) -> str:
        """Return the share of every part, such as 'backbone 100 % (318 of 318 tensors), ...'."""
        sizes: dict[str, dict[str, int]] = defaultdict(dict)
        for name, size in self.sizes.items():
            part, *below = name.split('.')
            sizes[f'roi_head.{below[0]}' if part == 'roi_head' else part][name] = size
        texts = []
        for part, own in sizes.items():
            missing = [name for name in own if name in self.missing]
            share = percent(Coverage(own, missing).share)
            texts.append(f'{part} {share} ({len(own) - len(missing)} of {len(own)} tensors)')
        return ', '.join(texts)

    def not_filled(self) -> str:
        """Return the layers that were not filled, for a message."""
        names = [name + ' (class layer)' * is_class_layer(name) for name in self.layers]
        more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
        return (', '.join(names[:_SHOWN]) or 'nothing') + more


def is_class_layer(layer: str) -> bool:
    """Return whether the shape or the meaning of a layer depends on the classes.

    All layers of a diagnosis head count: it is one linear layer after norms that start as the
    identity.
    """
    return _CLASS_LAYER.search(layer) is not None


def _layer_of(name: str) -> str:
    return name.rpartition('.')[0]


def percent(share: float) -> str:
    """Return a share as a whole percentage; 100 % and 0 % are exact."""
    rounded = round(100 * share)
    return f'{rounded if share in (0, 1) else min(max(rounded, 1), 99)} %'


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return the tensors of a module that initial weights can fill, by name."""
    return {
        name: value
        for name, value in module.state_dict().items()
        if isinstance(value, Tensor) and not name.endswith('num_batches_tracked')
    }


def weights_of(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights in a checkpoint by the names under which mmengine looks them up."""
    state = checkpoint.get('state_dict', checkpoint)
    return {re.sub(r'^module\.', '', str(name)): value for name, value in state.items()}


def coverage(module: nn.Module, weights: Mapping[str, Any]) -> Coverage:
    """Return which tensors of a module equal one of a file that was just loaded into it.

    Names are not enough: modules rename weights while they load them (`P3FPN`, detectors with an
    RPN, transformers as backbones).

    Args:
        module: after loading.
        weights: of the file, by their names in the file.
    """
    by_shape: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
    for value in weights.values():
        if isinstance(value, Tensor):
            by_shape[tuple(value.shape)].append(value)
    own = tensors_of(module)
    missing, reasons = [], {}
    for name, value in own.items():
        mine, same_name = value.detach().cpu(), weights.get(name)
        candidates: list[Tensor] = []
        if isinstance(same_name, Tensor):
            if same_name.shape == value.shape:
                candidates.append(same_name)
            else:
                shapes = f'{tuple(same_name.shape)}, not {tuple(value.shape)}'
                reasons[name] = f'has the shape {shapes}'
        # Every file has the zeros and ones of new norms under some name.
        if mine.numel() == 1 or mine.min() != mine.max():
            candidates += by_shape.get(tuple(value.shape), [])
        if not any(torch.equal(mine, other.to('cpu', mine.dtype)) for other in candidates):
            missing.append(name)
    return Coverage({name: value.numel() for name, value in own.items()}, missing, reasons)


def load_and_cover(module: nn.Module, state_dict: Mapping[str, Any]) -> Coverage:
    """Load the tensors of a state dict that fit into a module, and return its coverage."""
    # For tensors of another shape, torch raises after it has loaded all that fit.
    with suppress(RuntimeError):
        module.load_state_dict(state_dict, strict=False)
    return coverage(module, state_dict)


def errors_of_model(found: Coverage) -> list[str]:
    """Return why a checkpoint for a complete model, or for a head, is not enough."""
    needed = [name for name in found.missing if not is_class_layer(_layer_of(name))]
    return found.errors(needed) or _share_errors(found)


def _share_errors(found: Coverage) -> list[str]:
    share, minimum = percent(found.share), percent(MINIMUM_SHARE)
    too_small = found.share < MINIMUM_SHARE
    return [f'only {share} of the parameters, less than {minimum}'] if too_small else []


def errors_of_backbone(backbone: nn.Module, found: Coverage) -> list[str]:
    """Return why the weights of a pretrained backbone are not enough; see the module's rules."""
    base = BaseModule.init_weights
    if getattr(type(backbone), 'init_weights', None) is not base:  # it converts the weights
        return _share_errors(found)
    totals = Counter(name.split('.')[0] for name in found.sizes)
    missing = Counter(name.split('.')[0] for name in found.missing)
    stages = list(totals)
    first = next((i for i, stage in enumerate(stages) if missing[stage]), len(stages))
    later = stages[first:]
    if 2 * first >= len(stages) and all(missing[stage] == totals[stage] for stage in later):
        return []
    return [
        f'{stage}: {missing[stage]} of {totals[stage]} tensors not filled'
        for stage in later
        if missing[stage]
    ]


def hint(checkpoint: Mapping[str, Any], module: nn.Module) -> str:
    """Return why a file may fill little of a module, and what to do."""
    names, weights = set(tensors_of(module)), weights_of(checkpoint)
    if not any(isinstance(value, Tensor) for value in weights.values()):
        for key, value in checkpoint.items():
            if isinstance(value, Mapping) and any(isinstance(v, Tensor) for v in value.values()):
                return (
                    f"the file has its weights under '{key}', where mmengine reads 'state_dict'; "
                    f"save them again: torch.save({{'state_dict': torch.load(FILE)['{key}']}}, NEW)"
                )
        return 'the file contains no weights'
    if any(name.startswith(('backbone.body.', 'roi_heads.')) for name in weights):
        return (
            "the names are those of torchvision's detectors; convert the file with "
            'tools/convert_torchvision_weights.py'
        )
    if len(names.intersection(f'backbone.{name}' for name in weights)) > 1:
        return (
            'the weights are those of a backbone alone; give the file as '
            'model.backbone.init_cfg.checkpoint instead of load_from'
        )
    for prefix, _ in Counter(name.split('.')[0] for name in weights).most_common():
        stripped = {n.removeprefix(f'{prefix}.') for n in weights if n.startswith(f'{prefix}.')}
        if len(stripped & names) > 1:
            return (
                f"the names in the file begin with '{prefix}.', those of the model do not; for "
                f"a part of the model set init_cfg.prefix='{prefix}.', for the complete model "
                'save the weights without it'
            )
    theirs, ours = (', '.join(list(each)[:3]) for each in (weights, tensors_of(module)))
    return f'the file belongs to another model: its weights are {theirs}, the model has {ours}'
