"""mmdet can be imported after isic_mmdet; each test runs a new process."""

import os
import pickle
import subprocess
import sys

import pytest

from isic_mmdet.datasets.lesion_dataset import LesionDataset
from tests.support.random_model import save_random_model

# A compiled module that does not load, then one that does: neither may be replaced.
WITH_A_COMPILED_ONE = """
import pathlib, sys
import mmcv
folder = sys.argv[1]
compiled = pathlib.Path(folder, '_ext.py')
mmcv.__path__.append(folder)
from isic_mmdet.compat import install
install()

compiled.write_text('raise ImportError("undefined symbol")')
try:
    import mmcv._ext
except ImportError as error:
    assert 'undefined symbol' in str(error)
else:
    raise AssertionError('a compiled module that fails was replaced')

compiled.write_text('nms = "compiled"')
import mmcv._ext
install()
assert sys.modules['mmcv._ext'].__file__ == str(compiled)
assert mmcv._ext.nms == 'compiled' and not hasattr(mmcv._ext, 'roi_align_forward')
"""


@pytest.fixture
def run(root):
    """Return a function that runs code, and returns the last line that it prints."""

    def start(code: str, *arguments: object) -> str:
        done = subprocess.run(
            [sys.executable, '-B', '-W', 'ignore', '-c', code, *map(str, arguments)],
            cwd=root,
            env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip().rpartition('\n')[2]

    return start


def test_a_compiled_module_is_not_replaced(run, tmp_path):
    run(WITH_A_COMPILED_ONE, tmp_path)


def test_the_package_itself_needs_neither_torch_nor_numpy(run):
    code = """
import sys, isic_mmdet
print(sorted({'torch', 'numpy', 'mmengine', 'mmcv', 'mmdet', 'cv2'} & set(sys.modules)))
"""
    assert run(code) == '[]'


@pytest.mark.parametrize(
    'statement',
    [
        'import isic_mmdet.datasets.lesion_dataset',
        'import isic_mmdet; from mmdet.apis import DetInferencer, init_detector',
        'import isic_mmdet; import mmdet.models, mmcv.ops',
        'import isic_mmdet.models.box_masks',
    ],
)
def test_mmdet_finds_its_operators(run, statement):
    code = f"""
{statement}
from mmcv.ops import nms
import torch
boxes = torch.tensor([[0., 0., 9., 9.], [0., 0., 9., 8.]])
print(nms(boxes, torch.tensor([.9, .8]), .5)[1].tolist())
"""
    assert run(code) == '[0]'


def test_a_data_set_can_be_unpickled_in_a_new_process(run, tiny_data, tmp_path):
    prefix, path = dict(img='images/'), tmp_path / 'dataset.pkl'
    dataset = LesionDataset(
        data_root=str(tiny_data),
        ann_file='annotations/val.json',
        data_prefix=prefix,
        test_mode=True,
    )
    path.write_bytes(pickle.dumps(dataset))
    assert run("import pickle, sys; print(len(pickle.load(open(sys.argv[1], 'rb'))))", path) == '3'


@pytest.mark.slow
def test_mmdets_own_functions_predict_with_our_checkpoints(run, root, tiny_data, tmp_path):
    config = root / 'configs/quickstart.py'
    checkpoint = save_random_model(config, tmp_path / 'random.pth')
    image = next((tiny_data / 'images').iterdir())
    code = """
import isic_mmdet, sys
from mmdet.apis import DetInferencer, inference_detector, init_detector
config, checkpoint, image = sys.argv[1:]
model = init_detector(config, checkpoint, device='cpu', palette='random')
one = len(inference_detector(model, image).pred_instances)
other = DetInferencer(config, checkpoint, device='cpu', palette='random')(image)
print(one == len(other['predictions'][0]['scores']))
"""
    assert run(code, config, checkpoint, image) == 'True'
