"""Exports a model: build, write, check."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.config import Config
from mmengine.registry import init_default_scope

import isic_mmdet
from isic_mmdet.deploy.export.check import compare, summarize_agreement
from isic_mmdet.deploy.export.detector import LesionGraph
from isic_mmdet.deploy.export.images import CheckImages, check_images
from isic_mmdet.deploy.export.model import load_model
from isic_mmdet.deploy.export.onnx_file import (
    OPSET,
    graph_of,
    new_onnx_file,
    with_half_weights,
    with_metadata,
)
from isic_mmdet.deploy.metadata import ModelMetadata
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.engine.checks.detectors import check_exportable
from isic_mmdet.engine.config.data_sets import tested_dataset
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.parts import explained
from isic_mmdet.engine.config.paths import require_checkpoint
from isic_mmdet.engine.config.run_state import follow_checkpoint
from isic_mmdet.engine.train.checkpoints import expected_iou_in, open_checkpoint
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256


@dataclass(frozen=True)
class ExportSettings:
    """How a model is exported.

    Attributes:
        half: store the weights in float16.
        batch: number of images that the graph takes at once; None for any number.
        input_size: images are resized to fit into a square of this side, in pixels; None for the
            size in the config's test pipeline.
        check_images: folder of images for the check; None for images of the validation split.
        data_root: prepared data set of that split; None for that of the config.
    """

    half: bool = False
    batch: int | None = None
    input_size: int | None = None
    check_images: str | None = None
    data_root: str | None = None


def export(config: str, checkpoint: str, out: Path, settings: ExportSettings) -> str:
    """Write a model to `out`, if its results agree with PyTorch, and return a summary.

    Raises:
        InputError: wrong arguments, a model or pipeline that cannot be exported, no images for
            the check, or results that differ from PyTorch.
    """
    with new_onnx_file(out) as part:
        cfg = _config(config, settings)
        follow_checkpoint(cfg, checkpoint)
        init_default_scope(cfg.default_scope)
        images = check_images(cfg, settings.check_images)
        metadata = metadata_of(cfg, config, checkpoint, settings)
        model = load_model(Config(cfg.to_dict()), checkpoint, config, metadata.classes)
        graph = graph_of(LesionGraph(model).eval(), settings.batch)
        if settings.half:
            graph = with_half_weights(graph)
        data = with_metadata(graph, metadata.entries()).SerializeToString()
        part.write_bytes(data)
        agreed = _check(cfg, checkpoint, part, images)
    return (
        f'{out}: {len(data) / 1e6:.1f} MB, opset {OPSET}, weights in {metadata.weights}\n'
        f'checked with {images.source}: {agreed}'
    )


def _config(path: str, settings: ExportSettings) -> Config:
    """Load a config, in float32 and with the size and data of the settings.

    Raises:
        InputError: the model is no Mask R-CNN, or `isic_mmdet.deploy` lacks a step of the pipeline.
    """
    cfg = load_config(path, data_root=settings.data_root)
    check_exportable(cfg.model)
    if 'precision' in cfg.model:
        cfg.model.precision = 'float32'
    steps = tested_dataset(cfg).pipeline[1:-1]
    keys = {'type', 'scale', 'keep_ratio'}
    is_plain = [(step.type, set(step)) for step in steps] == [('Resize', keys)]
    if not is_plain or not (steps[0].keep_ratio or len(set(_sides(steps[0]))) == 1):
        raise InputError(
            f'{path}: its test pipeline must have only a Resize between loading and packing, with '
            'scale and keep_ratio, and a square scale if keep_ratio=False, because '
            'isic_mmdet.deploy does nothing else'
        )
    if side := settings.input_size:
        steps[0].scale = (side, side)
    return cfg


def _sides(resize: Mapping[str, Any]) -> Sequence[int]:
    scale = resize['scale']
    return scale if isinstance(scale, Sequence) else (scale, scale)


def metadata_of(
    cfg: Config, config: str, checkpoint: str, settings: ExportSettings
) -> ModelMetadata:
    """Return the metadata of the file; an `InputError` means that there is no checkpoint."""
    require_checkpoint(checkpoint)
    dataset = tested_dataset(cfg)
    with explained(cfg, 'test_dataloader'):
        built = DATASETS.build({**dataset, 'lazy_init': True})
    pixels, test = cfg.model.data_preprocessor, cfg.model.test_cfg.rcnn
    resize = dataset.pipeline[1]
    sides = _sides(resize)
    return ModelMetadata(
        classes=tuple(built.metainfo['classes']),
        scale=(max(sides), min(sides)),
        keep_ratio=resize.keep_ratio,
        divisor=pixels.get('pad_size_divisor', 1),
        batch=settings.batch,
        # With a diagnosis, the graph applies the threshold to the score of the box.
        score_threshold=0.0 if 'diagnosis_head' in cfg.model.roi_head else test.score_thr,
        mask_threshold=test.mask_thr_binary,
        mean=tuple(pixels.get('mean') or ()),
        std=tuple(pixels.get('std') or ()),
        weights='float16' if settings.half else 'float32',
        config=Path(config).name,
        checkpoint=Path(checkpoint).name,
        checkpoint_sha256=sha256(checkpoint),
        version=isic_mmdet.__version__,
        expected_iou=expected_iou_in(open_checkpoint(Path(checkpoint)), checkpoint),
    )


def _check(cfg: Config, checkpoint: str, path: Path, images: CheckImages) -> str:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, 'config.py')
        cfg.dump(config)  # with the size and precision that were exported
        segmenter = LesionSegmenter(config, checkpoint, 'cpu')
    return summarize_agreement(
        compare(segmenter, OnnxSegmenter(path), images.files), 'ONNX Runtime'
    )
