"""Backbones of timm in a detector of mmdet."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import timm
from mmdet.registry import MODELS
from mmengine.model import BaseModule
from timm.models import FeatureInfo
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@MODELS.register_module()
class TimmBackbone(BaseModule):
    """The feature maps of a convolutional or hierarchical backbone of timm.

    Feature maps are counted from 0, as in timm. For most backbones map 0 has stride 2 and map 4
    stride 32; for those with a patch embedding map 0 has stride 4.

    `init_cfg=dict(type='Pretrained', checkpoint=...)` names the weights: a file, or one of the
    addresses of `isic_mmdet.models.weight_sources`.

    Args:
        name: of the model in timm, such as 'efficientnet_lite0'.
        out_indices: of the feature maps to return.
        frozen_stages: the layers of feature maps 0 to this one are not trained, and their batch
            norms keep their statistics; -1 trains everything.
        norm_eval: all batch norms keep their statistics.
        return_images: the images come before the feature maps, for heads with a backbone of their
            own.
        model_kwargs: further arguments of `timm.create_model`. A Swin transformer needs
            `strict_img_size=False`, because images are not square.
        init_cfg: initial weights.
    """

    def __init__(
        self,
        name: str,
        out_indices: Sequence[int] = (1, 2, 3, 4),
        frozen_stages: int = -1,
        norm_eval: bool = False,
        return_images: bool = False,
        model_kwargs: Mapping[str, Any] | None = None,
        init_cfg: Any = None,
    ) -> None:
        super().__init__(init_cfg)
        self.out_indices = tuple(out_indices)
        self.frozen_stages = frozen_stages
        self.norm_eval = norm_eval
        self.return_images = return_images
        self.body = timm.create_model(
            name, features_only=True, out_indices=self.out_indices, **(model_kwargs or {})
        )
        feature_info = cast(FeatureInfo, self.body.feature_info)
        #: Number of channels of each returned feature map.
        self.channels = tuple(feature_info.channels())
        self._frozen_end = feature_info.info[max(frozen_stages, 0)]['module'].replace('.', '_')
        self._freeze()

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return feature maps, (N, C, h, w) each, for images (N, 3, H, W)."""
        maps = (
            # Transformers keep their channels last.
            features if features.shape[1] == channels else features.permute(0, 3, 1, 2)
            for features, channels in zip(self.body(images), self.channels, strict=True)
        )
        return (images, *maps) if self.return_images else tuple(maps)

    def train(self, mode: bool = True) -> 'TimmBackbone':
        """Switch to training, in which frozen batch norms keep their statistics."""
        super().train(mode)
        self._freeze()
        return self

    def _freeze(self) -> None:
        frozen = self._frozen_modules()
        for module in frozen:
            for parameter in module.parameters(recurse=False):
                parameter.requires_grad = False
        for module in self.modules() if self.norm_eval else frozen:
            if isinstance(module, _BatchNorm):
                module.eval()

    def _frozen_modules(self) -> list[nn.Module]:
        """Return all modules that are defined before the end of the last frozen feature map."""
        if self.frozen_stages < 0:
            return []
        modules = list(self.body.named_modules())
        # timm replaces the dots of some nested names.
        inside = [
            f'{name}_'.replace('.', '_').startswith(f'{self._frozen_end}_') for name, _ in modules
        ]
        last = len(inside) - 1 - inside[::-1].index(True)
        return [module for _, module in modules[: last + 1]]

    def _load_from_state_dict(
        self, state_dict: dict[str, Tensor], prefix: str, *args: Any, **kwargs: Any
    ) -> None:
        _rename(state_dict, prefix, list(self.body.state_dict()))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


def _rename(weights: dict[str, Tensor], prefix: str, names: Sequence[str]) -> None:
    """Give weights, in place, the names that they have in the body of a `TimmBackbone`.

    Args:
        weights: of timm, of Google's EfficientNets in PyTorch, or of a `TimmBackbone` already.
        prefix: of the names of the backbone in `weights`.
        names: of the tensors of the body, in the order of their definition.
    """
    given = [name for name in weights if name.startswith(prefix)]
    if not given or given[0].startswith(f'{prefix}body.'):
        return
    if f'{prefix}_conv_stem.weight' in weights:
        # The layers have other names but the same order.
        new_names = dict(zip(given, names, strict=False))
    else:
        # timm replaces the dots of nested names if it returns feature maps.
        own = {name.replace('.', '_'): name for name in names}
        plain = {name: name.removeprefix(prefix).replace('.', '_') for name in given}
        new_names = {name: own[plain[name]] for name in given if plain[name] in own}
    for name in given:
        value = weights.pop(name)
        if name in new_names:
            weights[f'{prefix}body.{new_names[name]}'] = value
