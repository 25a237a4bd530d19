import onnx
import pytest

from isic_mmdet.deploy.export.detector import LesionGraph
from isic_mmdet.deploy.export.model import load_model
from isic_mmdet.deploy.export.onnx_file import graph_of
from isic_mmdet.engine.config.load import load_config


@pytest.fixture(scope='session')
def detector(config, checkpoint) -> LesionGraph:
    model = load_model(load_config(config), str(checkpoint), str(config), ('lesion',))
    return LesionGraph(model).eval()


@pytest.fixture(scope='session')
def graph_bytes(detector) -> bytes:
    return graph_of(detector, None).SerializeToString()


@pytest.fixture
def graph(graph_bytes) -> onnx.ModelProto:
    """The detector for any number of images, to be changed by a test."""
    return onnx.load_from_string(graph_bytes)
