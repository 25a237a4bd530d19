"""What share of a model its initial weights fill, and whether that is enough to train from.

Rules:

- A checkpoint for the whole model (`load_from`, or `init_cfg` of the detector) has to fill every
  tensor except those of class layers, and at least `MINIMUM_SHARE` of the parameters. Class layers
  are those whose shape depends on the classes, see `is_class_layer`.
- A pretrained backbone may end early: its stages have to be filled completely from the first one
  on, and at least half of them. So ImageNet weights of stem to layer3 are enough, weights of
  layer4 alone are not. Stages are the direct children of the backbone that hold tensors. Backbones
  that convert the weights themselves (`init_weights` of their own, as Swin) need `MINIMUM_SHARE`.
- Any other part with an `init_cfg` of its own has to be filled except for its class layers.
"""

import re
from collections import Counter
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
    # fc_cls, fc_reg, retina_cls, rtm_cls.0, cls_branches.5 ...; the RPN knows no classes.
    r'(^|\.)(fc_reg|conv_logits|fc_mask_iou|cls_embed|cls_branches|(?!rpn_)\w+_cls)(\.\d+)*$'
    r'|(^|\.)diagnosis_head(\.|$)'
)
_SHOWN = 12


@dataclass(frozen=True)
class Coverage:
    """How much of a module's tensors came from a file.

    `num_batches_tracked` of batch norm is not counted: nothing depends on it here, and files of
    old versions of PyTorch lack it.

    Attributes:
        sizes: number of values of every tensor, by its name in the model.
        missing: names of the tensors that were not filled.
        reasons: why, by name; names without an entry are not in the file.
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
        return list(dict.fromkeys(layer_of(name) for name in self.missing))

    def needed(self) -> list[str]:
        """Return the names that were not filled and belong to no class layer."""
        return [name for name in self.missing if not is_class_layer(layer_of(name))]

    def errors(self, names: Iterable[str]) -> list[str]:
        """Return one line for every layer with a tensor among `names`."""
        errors: dict[str, list[str]] = {}
        for name in names:
            reason = self.reasons.get(name, 'missing')
            errors.setdefault(layer_of(name), []).append(f'{name.rpartition(".")[2]} {reason}')
        return [f'{layer}: {", ".join(reasons)}' for layer, reasons in errors.items()]

    def by_part(self) -> str:
        """Return the share of every part, such as 'backbone 100 % (318 of 318 tensors), ...'."""
        tensors: Counter[str] = Counter(part_of(name) for name in self.sizes)
        values: Counter[str] = Counter()
        missing, missing_values = Counter(part_of(name) for name in self.missing), Counter[str]()
        for name, size in self.sizes.items():
            values[part_of(name)] += size
        for name in self.missing:
            missing_values[part_of(name)] += self.sizes[name]
        return ', '.join(
            f'{part} {percent(1 - missing_values[part] / max(1, values[part]))} '
            f'({count - missing[part]} of {count} tensors)'
            for part, count in tensors.items()
        )

    def not_filled(self) -> str:
        """Return the layers that were not filled, for a message."""
        named = [
            f'{layer} (class layer)' if is_class_layer(layer) else layer for layer in self.layers
        ]
        more = f' and {len(named) - _SHOWN} more' if len(named) > _SHOWN else ''
        return (', '.join(named[:_SHOWN]) or 'nothing') + more


def is_class_layer(layer: str) -> bool:
    """Tell whether a layer's shape, or its meaning, depends on the classes.

    The head that tells diagnoses counts as a whole: it is one linear layer behind norms that
    begin as the identity.
    """
    return _CLASS_LAYER.search(layer) is not None


def layer_of(name: str) -> str:
    """Return the module that a tensor belongs to."""
    return name.rpartition('.')[0]


def part_of(name: str) -> str:
    """Return the part of a detector that a tensor belongs to, such as 'roi_head.mask_head'."""
    parts = name.split('.')
    return '.'.join(parts[:2]) if parts[0] == 'roi_head' else parts[0]


def percent(share: float) -> str:
    """Return a share as a whole percentage; 100 % and 0 % are exact."""
    rounded = round(100 * share)
    if share < 1:
        rounded = min(rounded, 99)
    return f'{max(rounded, 1) if share > 0 else 0} %'


def tensors_of(module: nn.Module) -> dict[str, Tensor]:
    """Return what initial weights can fill of a module, by name."""
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

    Names would not tell: modules rename weights while they load them (`P3FPN`, detectors with
    an RPN, transformers as backbones).

    Args:
        module: after loading.
        weights: of the file, by the names that they have there.
    """
    by_shape: dict[tuple[int, ...], list[Tensor]] = {}
    for value in weights.values():
        if isinstance(value, Tensor):
            by_shape.setdefault(tuple(value.shape), []).append(value)
    own = tensors_of(module)
    missing, reasons = [], {}
    for name, value in own.items():
        mine = value.detach().cpu()
        same_name = weights.get(name)
        candidates: list[Tensor] = []
        if isinstance(same_name, Tensor):
            if same_name.shape == value.shape:
                candidates.append(same_name)
            else:
                shapes = f'{tuple(same_name.shape)}, not {tuple(value.shape)}'
                reasons[name] = f'has the shape {shapes}'
        # Zeros and ones, as fresh norms have them, are in every file under some name.
        if mine.numel() == 1 or mine.min() != mine.max():
            candidates += by_shape.get(tuple(value.shape), [])
        if not any(torch.equal(mine, other.to('cpu', mine.dtype)) for other in candidates):
            missing.append(name)
    return Coverage({name: value.numel() for name, value in own.items()}, missing, reasons)


def load_and_cover(module: nn.Module, state_dict: Mapping[str, Any]) -> Coverage:
    """Load what fits of a state dict into a module, and return what was filled."""
    # It raises for another shape, after everything that fits was loaded.
    with suppress(RuntimeError):
        module.load_state_dict(state_dict, strict=False)
    return coverage(module, state_dict)


def errors_of_model(found: Coverage) -> list[str]:
    """Return why a checkpoint for a whole model, or for a head, is not enough."""
    errors = found.errors(found.needed())
    if not errors and found.share < MINIMUM_SHARE:
        errors = [
            f'only {percent(found.share)} of the parameters, less than {percent(MINIMUM_SHARE)}'
        ]
    return errors


def errors_of_backbone(backbone: nn.Module, found: Coverage) -> list[str]:
    """Return why the weights of a pretrained backbone are not enough; see the module's rules."""
    if _converts_weights(backbone):
        if found.share >= MINIMUM_SHARE:
            return []
        return [f'only {percent(found.share)} filled, less than {percent(MINIMUM_SHARE)}']
    missing = set(found.missing)
    stages: dict[str, list[str]] = {}
    for name in found.sizes:
        stages.setdefault(name.split('.')[0], []).append(name)
    complete = [not missing.intersection(names) for names in stages.values()]
    first = complete.index(False) if False in complete else len(complete)
    later = list(stages)[first:]
    if 2 * first >= len(stages) and missing.issuperset(n for stage in later for n in stages[stage]):
        return []
    return [
        f'{stage}: {len(missing.intersection(stages[stage]))} of {len(stages[stage])} tensors '
        'not filled'
        for stage in later
        if missing.intersection(stages[stage])
    ]


def _converts_weights(backbone: nn.Module) -> bool:
    return (
        not isinstance(backbone, BaseModule)
        or type(backbone).init_weights is not BaseModule.init_weights
    )


def hint(checkpoint: Mapping[str, Any], module: nn.Module) -> str:
    """Return what may be the matter with a file that fills little of a module."""
    names = set(tensors_of(module))
    weights = weights_of(checkpoint)
    if not any(isinstance(value, Tensor) for value in weights.values()):
        for key, value in checkpoint.items():
            if isinstance(value, Mapping) and any(isinstance(v, Tensor) for v in value.values()):
                return (
                    f"the file keeps weights under '{key}', where mmengine reads 'state_dict'; "
                    f"save them anew: torch.save({{'state_dict': torch.load(FILE)['{key}']}}, NEW)"
                )
        return 'the file holds no weights'
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
    prefixes = Counter(name.split('.')[0] for name in weights)
    for prefix, _ in prefixes.most_common():
        stripped = {n.removeprefix(f'{prefix}.') for n in weights if n.startswith(f'{prefix}.')}
        if len(stripped & names) > 1:
            return (
                f"the names in the file begin with '{prefix}.', those of the model do not; for "
                f"a part of the model set init_cfg.prefix='{prefix}.', for the whole model save "
                'the weights without it'
            )
    return (
        'the file belongs to another model: its weights are named '
        + ', '.join(list(weights)[:3])
        + ', the model has '
        + ', '.join(list(tensors_of(module))[:3])
    )
