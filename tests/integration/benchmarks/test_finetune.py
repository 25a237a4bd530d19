"""Draws of training images, and the table and the curve of the runs on them."""

import json

import cv2
import numpy as np
import pytest

from benchmarks.finetune import DRAWS, SCHEDULES, draw, write_draw
from benchmarks.finetune_table import draw_curve, finetune_table
from isic_mmdet.engine.config.epochs import follow_images
from isic_mmdet.engine.config.load import load_config


def test_draws_are_repeatable_and_have_no_image_twice():
    pool = list(range(1296))
    seen = set()
    for images in SCHEDULES:
        for number in range(DRAWS):
            train, val = draw(pool, images, number)
            assert (train, val) == draw(pool, images, number)
            assert len(train) == images and len(val) == round(images * 15 / 70)
            assert len({*train, *val}) == len(train) + len(val)
            seen.add((*train, *val))
    assert len(seen) == len(SCHEDULES) * DRAWS


def test_a_draw_is_a_data_set(tiny_data, tmp_path):
    coco = json.loads((tiny_data / 'annotations/train.json').read_text())
    ids = [image['id'] for image in coco['images']]
    write_draw(tiny_data, coco, (ids[:5], ids[5:7]), tmp_path)
    for split, expected in (('train', ids[:5]), ('val', ids[5:7])):
        part = json.loads((tmp_path / f'annotations/{split}.json').read_text())
        assert [image['id'] for image in part['images']] == expected
        assert {each['image_id'] for each in part['annotations']} == set(expected)
        assert all((tmp_path / 'images' / image['file_name']).is_file() for image in part['images'])


def test_both_methods_are_trained_for_the_same_epochs(root, tmp_path):
    for images, schedule in SCHEDULES.items():
        (tmp_path / 'annotations').mkdir(exist_ok=True)
        content = {
            'images': [{'id': k} for k in range(images)],
            'annotations': [],
            'categories': [],
        }
        (tmp_path / 'annotations/train.json').write_text(json.dumps(content))
        cfg = load_config(root / 'configs/finetune.py', data_root=tmp_path)
        follow_images(cfg)
        assert (cfg.train_cfg.max_epochs, cfg.train_cfg.val_interval) == schedule


@pytest.fixture
def files(tmp_path):
    """Two draws of 20 and two of 200 images; from ImageNet weights only the former."""

    def report(name, iou, seconds, epoch=4):
        content = {
            'epoch': epoch,
            'metrics': {'lesion/iou': iou, 'lesion/iou_ci_low': 0.7, 'lesion/iou_ci_high': 0.9},
            'images': 500,
            'hardware': '2 CPU cores',
            'date': '2026-11-28T19:00:00+00:00',
            'training': {'seconds': seconds},
        }
        path = tmp_path / f'{name}.json'
        path.write_text(json.dumps(content))
        return path

    return [
        report('before', 0.81, 1),
        report('finetuned_n20_draw0', 0.82, 60),
        report('finetuned_n20_draw1', 0.84, 180),
        report('finetuned_n200_draw0', 0.86, 600),
        report('finetuned_n200_draw1', 0.81, 1, epoch=0),
        report('imagenet_n20_draw0', 0.5, 60),
        report('imagenet_n20_draw1', 0.6, 60),
    ]


def test_the_table_has_means_and_ranges(files):
    lines = finetune_table(files).splitlines()
    assert lines[2] == '| 20 | 0.830 (0.820 to 0.840) | 0.550 (0.500 to 0.600) | 2 |'
    assert lines[3] == '| 200 | 0.835 (0.810 to 0.860) | — | 10 |'
    assert '`iou` of the model before: 0.810 (95 % interval 0.700 to 0.900)' in lines[-1]


def test_the_curve_is_drawn(files, tmp_path):
    draw_curve(files, tmp_path / 'curve.png')
    image = cv2.imread(str(tmp_path / 'curve.png'))
    blue = np.abs(image.astype(int) - (0xB2, 0x72, 0)).max(2) < 8  # of the fine-tuned runs
    assert blue.sum() > 500
