"""mmdet can be imported once isic_mmdet is, each time in a process of its own."""

import os
import pickle
import subprocess
import sys

import pytest

from isic_mmdet.datasets.lesion_dataset import LesionDataset
from tests.support.random_model import save_random_model


def run(code: str, *arguments: object, root) -> str:
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', code, *map(str, arguments)],
        cwd=root,
        env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_the_package_itself_needs_neither_torch_nor_numpy(root):
    code = """
import sys, isic_mmdet
print(sorted({'torch', 'numpy', 'mmengine', 'mmcv', 'mmdet', 'cv2'} & set(sys.modules)))
"""
    assert run(code, root=root) == '[]\n'


@pytest.mark.parametrize(
    'statement',
    [
        'import isic_mmdet.datasets.lesion_dataset',
        'import isic_mmdet; from mmdet.apis import DetInferencer, init_detector',
        'import isic_mmdet; import mmdet.models, mmcv.ops',
        'import isic_mmdet.models.box_masks',
    ],
)
def test_mmdet_finds_its_operators(root, statement):
    code = f"""
{statement}
from mmcv.ops import nms
import torch
boxes = torch.tensor([[0., 0., 9., 9.], [0., 0., 9., 8.]])
print(nms(boxes, torch.tensor([.9, .8]), .5)[1].tolist())
"""
    assert run(code, root=root) == '[0]\n'


def test_a_data_set_can_be_unpickled_in_a_fresh_process(root, tiny_data, tmp_path):
    dataset = LesionDataset(
        data_root=str(tiny_data),
        ann_file='annotations/val.json',
        data_prefix=dict(img='images/'),
        test_mode=True,
    )
    path = tmp_path / 'dataset.pkl'
    path.write_bytes(pickle.dumps(dataset))
    code = """
import pickle, sys
print(len(pickle.load(open(sys.argv[1], 'rb'))))
"""
    assert run(code, path, root=root) == '3\n'


@pytest.mark.slow
def test_mmdets_own_functions_predict_with_our_checkpoints(root, tiny_data, tmp_path):
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
    assert run(code, config, checkpoint, image, root=root).splitlines()[-1] == 'True'
