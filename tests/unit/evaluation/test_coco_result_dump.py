"""Detections of a split in one file."""

import json

import torch

from isic_mmdet.evaluation.coco_result_dump import CocoResultDump


def sample(number: int, name: str) -> dict:
    found = {
        'bboxes': torch.tensor([[1.0, 2.0, 5.0, 6.0]]),
        'scores': torch.tensor([0.5]),
        'labels': torch.tensor([0]),
        'masks': torch.ones((1, 8, 8), dtype=torch.bool),
    }
    return {'img_id': number, 'isic_id': name, 'pred_instances': found}


def test_images_of_two_files_with_the_same_number_are_both_there(tmp_path):
    dump = CocoResultDump(out_file=str(tmp_path / 'detections.json'))
    dump.dataset_meta = {'classes': ('lesion',)}
    # The last one is what a sampler pads with.
    dump.process({}, [sample(2, 'B'), sample(1, 'A'), sample(1, 'C'), sample(2, 'B')])
    dump.evaluate(size=4)
    entries = json.loads((tmp_path / 'detections.json').read_text())
    assert [(entry['image_id'], entry['isic_id']) for entry in entries] == [
        (1, 'A'),
        (1, 'C'),
        (2, 'B'),
    ]
