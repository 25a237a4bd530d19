"""Makes the files of a model that the project ships: to predict with, and to fine-tune."""

import io
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import init_default_scope

from isic_mmdet.compat.checkpoint import load_from_local
from isic_mmdet.deploy.export.check import compare, summarize_agreement
from isic_mmdet.deploy.export.images import check_images
from isic_mmdet.deploy.export.quantize import quantize
from isic_mmdet.deploy.export.run import ExportSettings, export
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.deploy.shipped_model import CHECKSUMS
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.train.checkpoints import EXPECTED_IOU, TRAINING, TRAINING_IMAGES
from isic_mmdet.errors import InputError
from isic_mmdet.utils.checksums import write_checksums
from isic_mmdet.utils.files import sha256

# What fine-tuning, testing and provenance read from a checkpoint, except for the paths in it.
_META = ('epoch', 'dataset_meta', EXPECTED_IOU, TRAINING_IMAGES)
_FACTS_WITH_PATHS = ('command',)


def release(
    config: str, checkpoint: str, data_root: str | None, out: Path, name: str, replace: bool
) -> str:
    """Write `OUT/NAME.onnx` in 8 bits, `OUT/NAME.pth` in half precision, and their checksums.

    Args:
        config: config that the model was trained with.
        checkpoint: a file of `tools/train.py`.
        data_root: prepared data set for the checks and the ranges of the 8 bits; None for that of
            the config.
        out: folder of released models.
        name: of both files.
        replace: whether files of this name may exist.

    Returns:
        A summary of the files and of the checks that they passed.

    Raises:
        InputError: the files exist, or one of them predicts other masks than the checkpoint.
    """
    onnx_file, weights_file = out / f'{name}.onnx', out / f'{name}.pth'
    existing = [str(path) for path in (onnx_file, weights_file) if path.exists()]
    if existing and not replace:
        raise InputError(
            'users rely on released files: add --replace if there is a good reason, or choose '
            'another --name. There are:',
            existing,
        )
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        full, small, half = (Path(folder, n) for n in ('full.onnx', 'small.onnx', 'half.pth'))
        half.write_bytes(_in_half(load_from_local(checkpoint)))
        lines = [
            _agreement(config, checkpoint, half, data_root),
            export(config, checkpoint, full, ExportSettings(data_root=data_root)),
            quantize(full, config, data_root, small),
        ]
        half.replace(weights_file)
        small.replace(onnx_file)
    files = sorted(path for path in out.iterdir() if path.suffix in {'.onnx', '.pth'})
    write_checksums(out / CHECKSUMS, {path.name: sha256(path) for path in files})
    return '\n'.join([*lines, f'{onnx_file}, {weights_file}: written'])


def _in_half(checkpoint: Mapping[str, Any]) -> bytes:
    """Return a checkpoint without optimizer and paths, its weights in float16."""
    found = checkpoint.get('meta', {})
    meta = {key: found[key] for key in _META if key in found}
    facts = found.get(TRAINING, {})
    meta[TRAINING] = {key: facts[key] for key in facts if key not in _FACTS_WITH_PATHS}
    weights = {
        name: values.half() if values.is_floating_point() else values.clone()
        for name, values in checkpoint['state_dict'].items()
    }
    data = io.BytesIO()
    torch.save({'meta': meta, 'state_dict': weights}, data)
    return data.getvalue()


def _agreement(config: str, checkpoint: str, half: Path, data_root: str | None) -> str:
    cfg = load_config(config, data_root=data_root)
    init_default_scope(cfg.default_scope)
    images = check_images(cfg, None)
    full, other = (LesionSegmenter(config, path, 'cpu') for path in (checkpoint, half))
    line = summarize_agreement(compare(full, other, images.files), 'the file in half precision')
    return f'half precision, {images.source}: {line}'
