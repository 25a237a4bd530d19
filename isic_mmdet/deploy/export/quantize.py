"""Quantizes an exported file to 8 bits: a quarter of the size, about half of the time."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from mmengine.registry import init_default_scope
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
from onnxruntime.quantization.quant_utils import add_pre_process_metadata
from tqdm import tqdm

from isic_mmdet.deploy.export.images import split_records, spread
from isic_mmdet.deploy.export.onnx_file import new_onnx_file, with_metadata
from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.image_row import image_row
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.images.reading import read_image
from isic_mmdet.utils.files import require_not_read

#: Number of training images from which the ranges of the activations are taken.
CALIBRATION = 48
#: The IoU on the validation split must fall by less than this.
TOLERANCE = 0.005
_KINDS = ('Conv', 'ConvTranspose', 'Gemm')
# The range of a layer is taken behind its activation. In front of a ReLU6, most of the 256 steps
# would be spent on values that it cuts off: the IoU of an EfficientNet-Lite 0 falls by 0.017.
_ACTIVATIONS = ('Clip', 'Relu')
# The first layers stay in float32: few weights, and an error there passes through all others.
_FIRST_LAYERS = 3
# So do the last layers. They cost little, and 256 steps are too few for a coordinate.
_LAST_LAYERS = ('rpn_cls', 'rpn_reg', 'fc_cls', 'fc_reg', 'conv_logits')


def quantize(model: Path, config: str, data_root: str | None, out: Path) -> str:
    """Write a file with weights and activations of 8 bits, if the validation IoU stays.

    Activations are unsigned, with one range per tensor: minimum and maximum on `CALIBRATION`
    training images. Weights are signed, of 7 bits, with one range per channel.

    Args:
        model: file of `tools/export_onnx.py`, with weights in float32.
        config: config of the model, which names the training and validation data.
        data_root: another prepared data set; None for that of the config.
        out: path of the file.

    Returns:
        A summary of the file and its IoU.

    Raises:
        InputError: wrong arguments, no data, or an IoU that falls by `TOLERANCE` or more.
    """
    require_not_read(out, [model])
    net = OnnxSegmenter(model)
    if net.metadata.weights != 'float32':
        raise InputError(
            f'{model} has weights in {net.metadata.weights}; export it again without --half'
        )
    cfg = load_config(config, data_root=data_root)
    init_default_scope(cfg.default_scope)
    training = spread(split_records(cfg, 'train_dataloader'), CALIBRATION)
    validation = split_records(cfg, 'val_dataloader')
    with new_onnx_file(out) as part:
        _write(model, part, net, training)
        before = validation_iou(net, validation, 'float32')
        after = validation_iou(OnnxSegmenter(part), validation, 'int8')
        images = f'{len(validation)} validation images'
        change = f'IoU on {images} {before:.4f} before, {after:.4f} after'
        if before - after >= TOLERANCE:
            raise InputError(
                f'{out} was not written: {change}; the limit is a loss below {TOLERANCE}. '
                f'Use {model} instead'
            )
    return f'{out}: {out.stat().st_size / 1e6:.1f} MB, weights in int8\n{change}'


def validation_iou(net: OnnxSegmenter, records: Sequence[dict[str, Any]], title: str) -> float:
    """Return the `lesion/iou` of `tools/test.py` for a model and records of `split_records`."""
    rows = []
    for record in tqdm(records, title, unit='image'):
        found = net(_pixels(record))
        sample = {
            'isic_id': record['isic_id'],
            'original_mask': record['original_mask'],
            'ori_shape': found.shape,
            # Without a detection, the mask is empty. The label does not change the IoU.
            'pred_instances': {'scores': [found.score], 'labels': [0], 'masks': [found.mask]},
        }
        rows.append(image_row(sample, net.classes))
    return summarize(rows, intervals=())['lesion/iou']


def _pixels(record: dict[str, Any]) -> np.ndarray:
    return read_image(Path(record['img_path']).read_bytes()).pixels


class _Images(CalibrationDataReader):
    """Feeds training images to the graph."""

    def __init__(self, net: OnnxSegmenter, records: Sequence[dict[str, Any]]) -> None:
        images = (_pixels(record) for record in tqdm(records, 'calibrating'))
        self._feeds = (net.feeds([net.preparation.prepare(image)]) for image in images)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._feeds, None)


def _write(model: Path, path: Path, net: OnnxSegmenter, training: Sequence[dict[str, Any]]) -> None:
    graph = onnx.load(model)
    # Without it, ONNX Runtime advises to optimize the graph, which is optimized already.
    add_pre_process_metadata(graph)
    quantize_static(
        graph,
        path,
        _Images(net, training),
        op_types_to_quantize=[*_KINDS, *_ACTIVATIONS],
        nodes_to_exclude=list(_layers_in_float32(graph)),
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        # Without VNNI instructions, a CPU adds two products of 8 bits in 16 bits, which overflows:
        # masks differed, one of 487 completely. Weights of 7 bits give the same on every CPU.
        reduce_range=True,
    )
    metadata = replace(net.metadata, weights='int8').entries()
    onnx.save(with_metadata(onnx.load(path), metadata), path)


def _layers_in_float32(graph: onnx.ModelProto) -> Iterator[str]:
    """Yield the names of the layers that are not quantized."""
    layers = [node for node in graph.graph.node if node.op_type in _KINDS]
    for number, node in enumerate(layers):
        parts = {part for name in node.input for part in name.split('.')}
        if number < _FIRST_LAYERS or parts.intersection(_LAST_LAYERS):
            yield node.name
