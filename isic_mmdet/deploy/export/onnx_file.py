"""Traces the graph and writes the ONNX file."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from isic_mmdet.deploy.export.detector import LesionGraph
from isic_mmdet.deploy.export.model import DIVISOR
from isic_mmdet.deploy.export.operators import TRANSLATIONS
from isic_mmdet.errors import InputError

#: The newest version in which ONNX Runtime has every operator of the graph.
OPSET = 21
INPUTS = ('image', 'size')
OUTPUTS = ('score', 'label', 'box', 'mask')
# Smaller tensors are biases and constants, which need little space.
_SMALL = 4096


def graph_of(model: LesionGraph, batch: int | None) -> onnx.ModelProto:
    """Return a detector as an ONNX graph.

    Height and width of its input are any multiples of 32, so images are padded as in PyTorch.

    Args:
        model: in evaluation mode.
        batch: number of images it takes at once; None for any number.
    """
    number = batch or 2
    # All sizes differ, because the tracer treats equal sizes as one.
    height, width = 4 * DIVISOR, 6 * DIVISOR
    image = torch.zeros(number, height, width, 3, dtype=torch.uint8)
    size = torch.tensor([[height, width]] * number)
    dimension = torch.export.Dim
    images = {0: dimension('batch', min=1)} if batch is None else {}
    sides = {1: DIVISOR * dimension('rows', min=1), 2: DIVISOR * dimension('columns', min=1)}
    with warnings.catch_warnings():
        # torch warns about its own deprecations and about custom operators.
        warnings.simplefilter('ignore')
        program = torch.onnx.export(
            model,
            (image, size),
            dynamo=True,
            input_names=INPUTS,
            output_names=OUTPUTS,
            dynamic_shapes={'image': {**images, **sides}, 'size': images},
            opset_version=OPSET,
            custom_translation_table=TRANSLATIONS,
            verbose=False,
        )
    assert program is not None  # None only with dynamo=False
    return program.model_proto


def with_metadata(graph: onnx.ModelProto, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Set the metadata of a graph, and return it."""
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, dict(metadata))
    return graph


def with_half_weights(graph: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights of a graph in float16, and return it.

    They are cast on loading, and everything is computed in float32: CPUs have no float16
    arithmetic, and its range is too small for coordinates and exponentials. Weights that would
    overflow stay in float32.
    """
    float32 = onnx.TensorProto.FLOAT
    casts = []
    for weights in graph.graph.initializer:
        if weights.data_type != float32:
            continue
        values = numpy_helper.to_array(weights)
        if values.size < _SMALL or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name, stored = weights.name, f'{weights.name}_float16'
        weights.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        cast = onnx.helper.make_node('Cast', [stored], [name], f'{name}_cast', to=float32)
        casts.append(cast)
    nodes = [*casts, *graph.graph.node]
    del graph.graph.node[:]
    graph.graph.node.extend(nodes)
    return graph


@contextmanager
def new_onnx_file(out: Path) -> Iterator[Path]:
    """Yield a temporary path, and move its file to `out` if the block succeeds.

    Raises:
        InputError: `out` does not end in .onnx.
    """
    if out.suffix != '.onnx':
        raise InputError(f'--out {out}: write to a file that ends in .onnx')
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f'.{out.name}.part')
    try:
        yield part
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
