"""That both pipelines do the same steps on the same images; their times are never asserted."""

import json

import numpy as np
import pytest
import torch

import isic_mmdet.register  # noqa: F401
from benchmarks import pipeline, pipeline_process


@pytest.fixture(scope='module')
def datasets(tiny_data):
    return {way: pipeline_process.build(way, str(tiny_data)) for way in pipeline.WAYS.values()}


def test_both_hand_the_same_images_to_the_net(datasets):
    assert {len(dataset) for dataset in datasets.values()} == {12}
    for index in range(12):
        packed = []
        for way in ('ours', 'mmdet'):
            np.random.seed(index)
            packed.append(datasets[way][index])
        ours, baseline = packed
        assert ours['inputs'].shape == baseline['inputs'].shape
        assert max(ours['inputs'].shape) == 512
        assert ours['inputs'].dtype == torch.uint8
        off = np.abs(ours['inputs'].numpy() - baseline['inputs'].numpy().clip(0, 255))
        assert off.mean() < 3
        assert np.array_equal(
            ours['data_samples'].gt_instances.masks.masks,
            baseline['data_samples'].gt_instances.masks.masks,
        )
        assert ours['data_samples'].flip_direction == baseline['data_samples'].flip_direction


def test_the_recipe_has_its_windows_and_turns_besides(datasets):
    whole, shared = (
        [type(step).__name__ for step in datasets[way].pipeline.transforms]
        for way in ('recipe', 'ours')
    )
    assert set(whole) - set(shared) == set(pipeline_process.OWN_STEPS)
    assert [step for step in whole if step in shared] == shared


def test_transforms_are_timed_one_by_one(datasets):
    taken = pipeline_process.milliseconds_of_transforms(datasets['mmdet'], 3)
    assert list(taken) == [step['type'] for step in pipeline_process.MMDET_PIPELINE]
    assert all(milliseconds > 0 for milliseconds in taken.values())


def test_loaders_deliver_as_many_as_asked(datasets):
    loaders = pipeline_process.Loaders(datasets['ours'])
    assert loaders.seconds(0, 20) > 0
    assert loaders.seconds(1, 20) > 0
    assert loaders.seconds(1, 20) > 0


@pytest.mark.slow
def test_a_quick_run(tmp_path):
    content = pipeline.run(tmp_path, quick=True)
    assert json.loads(json.dumps(content)) == content
    rates = [entry for entry in content['rows'] if 'ours_per_s' in entry]
    assert [entry['goal'] for entry in rates] == ['at least 125 /s'] * 2
    steps = [entry for entry in content['rows'] if entry['what'].startswith('transform')]
    assert len(steps) == 6
