import numpy as np

from benchmarks import pipeline


def test_both_pipelines_give_the_net_the_same_images(tiny_data):
    recipe, ours, stock = (pipeline.pipeline_dataset(way, tiny_data) for way in pipeline.WAYS[:3])
    assert len(ours) == len(stock) == 12
    for index in range(12):
        packed = []
        for dataset in (ours, stock):
            np.random.seed(index)
            packed.append(dataset[index])
        images = [each['inputs'].numpy().clip(0, 255) for each in packed]
        assert images[0].shape == images[1].shape
        assert np.abs(images[0] - images[1]).mean() < 3
        samples = [each['data_samples'] for each in packed]
        assert samples[0].flip_direction == samples[1].flip_direction
        assert np.array_equal(*(each.gt_instances.masks.masks for each in samples))
    names = [[type(step).__name__ for step in each.pipeline.transforms] for each in (recipe, ours)]
    assert [name for name in names[0] if name not in pipeline.OWN_STEPS] == names[1]
