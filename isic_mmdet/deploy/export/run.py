"""What `tools/export_onnx.py` does: build, write, check."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmdet.registry import DATASETS
from mmengine.config import Config, ConfigDict
from mmengine.registry import init_default_scope

import isic_mmdet
from isic_mmdet.deploy.export.check import compare, verdict
from isic_mmdet.deploy.export.detector import LesionGraph
from isic_mmdet.deploy.export.images import CheckImages, check_images
from isic_mmdet.deploy.export.model import load_model
from isic_mmdet.deploy.export.onnx_file import OPSET, graph_of, with_half_weights, with_metadata
from isic_mmdet.deploy.metadata import ModelMetadata
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.deploy.segmenter import LesionSegmenter
from isic_mmdet.engine.checks.detectors import mask_threshold
from isic_mmdet.engine.config.explained import explained
from isic_mmdet.engine.config.load import load_config, tested_dataset
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256


@dataclass(frozen=True)
class ExportSettings:
    """How a model is exported.

    Attributes:
        half: whether the weights are stored in float16.
        batch: images that the graph takes at once; None for any number.
        input_size: pixels of the longer and the shorter side at most that images are brought to;
            None for the sides of the config's test pipeline.
        check_images: folder of the images that the file is checked with; None for some of the
            config's validation split.
    """

    half: bool = False
    batch: int | None = None
    input_size: int | None = None
    check_images: str | None = None


def export(config: str, checkpoint: str, out: Path, settings: ExportSettings) -> str:
    """Write a model as an ONNX file, after checking that it finds what PyTorch finds.

    Args:
        config: path of the config.
        checkpoint: path of its weights.
        out: path of the file; nothing is written there unless it passes the check.
        settings: see there.

    Returns:
        What was written and how it was checked, for people.

    Raises:
        InputError: wrong arguments, a model or pipeline that cannot be exported, no images to
            check with; or the file does not find what PyTorch finds.
    """
    if out.suffix != '.onnx':
        raise InputError(f'--out {out}: write to a file that ends in .onnx')
    cfg = _config(config, settings.input_size)
    init_default_scope(cfg.default_scope)
    images = check_images(cfg, settings.check_images)
    card = _card(cfg, config, checkpoint, settings)
    model = load_model(Config(cfg.to_dict()), checkpoint, config, card.classes)
    graph = graph_of(LesionGraph(model).eval(), settings.batch)
    if settings.half:
        graph = with_half_weights(graph)
    data = with_metadata(graph, card.metadata()).SerializeToString()
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f'.{out.name}.part')
    try:
        part.write_bytes(data)
        agreed = _check(cfg, checkpoint, part, images)
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return '\n'.join(
        [
            f'{out}: {len(data) / 1e6:.1f} MB, opset {OPSET}, weights in {card.weights}',
            f'checked with {images.source}: {agreed}',
        ]
    )


def _config(path: str, input_size: int | None) -> Config:
    """Return a config with images brought to another size, and all of it in float32."""
    cfg = load_config(path)
    mask_threshold(cfg.model)  # what cannot be predicted cannot be exported
    if 'precision' in cfg.model:
        cfg.model.precision = 'float32'
    resize = _resize(cfg, path)
    if input_size is not None:
        resize.scale = (input_size, input_size)
    return cfg


def _resize(cfg: Config, path: str) -> ConfigDict:
    """Return the one step of the test pipeline between loading and packing.

    Raises:
        InputError: it is another one, or there are more.
    """
    dataset = tested_dataset(cfg)
    steps = dataset.pipeline[1:-1]
    known = {'type', 'scale', 'keep_ratio'}
    if [step.type for step in steps] != ['Resize'] or set(steps[0]) != known:
        raise InputError(
            f'{path}: between loading and packing, its test pipeline has to be nothing but a '
            'Resize with scale and keep_ratio, for that is what isic_mmdet.deploy does'
        )
    (resize,) = steps
    if not resize.keep_ratio:
        raise InputError(f'{path}: set keep_ratio=True in the Resize of its test pipeline')
    return resize


def _card(cfg: Config, config: str, checkpoint: str, settings: ExportSettings) -> ModelMetadata:
    """Return what the file shall say of itself.

    Raises:
        InputError: no such checkpoint.
    """
    if not Path(checkpoint).is_file():
        raise InputError(
            f'{checkpoint}: no such checkpoint; tools/train.py writes them to its work dir'
        )
    dataset = tested_dataset(cfg)
    with explained(cfg, 'test_dataloader'):
        built = DATASETS.build({**dataset, 'lazy_init': True})
    pixels, test = cfg.model.data_preprocessor, cfg.model.test_cfg.rcnn
    scale = _resize(cfg, config).scale
    longer, shorter = (max(scale), min(scale)) if isinstance(scale, Sequence) else (scale, scale)
    return ModelMetadata(
        classes=tuple(built.metainfo['classes']),
        scale=(longer, shorter),
        divisor=pixels.get('pad_size_divisor', 1),
        batch=settings.batch,
        # With a diagnosis the graph itself compares the score of the box.
        score_threshold=0.0 if 'diagnosis_head' in cfg.model.roi_head else test.score_thr,
        mask_threshold=test.mask_thr_binary,
        mean=tuple(pixels.get('mean') or ()),
        std=tuple(pixels.get('std') or ()),
        weights='float16' if settings.half else 'float32',
        config=Path(config).name,
        checkpoint=Path(checkpoint).name,
        checkpoint_sha256=sha256(checkpoint),
        version=isic_mmdet.__version__,
    )


def _check(cfg: Config, checkpoint: str, path: Path, images: CheckImages) -> str:
    """Return how well a file agrees with PyTorch.

    Raises:
        InputError: not well enough.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, 'config.py')
        cfg.dump(config)  # with the size and precision that were exported
        segmenter = LesionSegmenter(config, checkpoint, 'cpu')
    return verdict(compare(segmenter, OnnxSegmenter(path), images.files))
