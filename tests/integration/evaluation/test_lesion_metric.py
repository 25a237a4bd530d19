"""LesionMetric on two processes gives the numbers and files of one."""

import json
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import DefaultSampler
from mmengine.dist import get_rank
from mmengine.evaluator import Evaluator
from torch.utils.data import BatchSampler

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.lesion_metric import LesionMetric
from tests.support.metric_samples import box_mask, make_sample

TWO_CLASSES = ('benign', 'melanoma')
# Thirteen images on two processes in batches of three: seven a process, of which the last one of
# the second process is padding, and a last batch of one.
IMAGES = 13


def distributed_sample(folder, number):
    rng = np.random.default_rng(number)
    truth = box_mask(8, 24)
    count = number % 4
    masks = [truth & (rng.random(truth.shape) < 0.9) for _ in range(count)]
    labels = rng.integers(0, 2, count).tolist()
    return make_sample(
        folder, number, truth, masks, rng.random(count).tolist(), labels, gt_label=number % 2
    )


def dealt():
    """The images of this rank as mmengine's sampler deals them, padded to equal counts."""
    return list(DefaultSampler(range(IMAGES), shuffle=False, seed=0))


def overlapping():
    """Both processes score images 6 to 8; a list cut at 13 by position would lose image 12."""
    return list(range(9)) if get_rank() == 0 else list(range(6, IMAGES))


def lacking():
    """One image never comes, and padding hides that in the count."""
    return [n for n in dealt() if n != 4]


def evaluate_share(folder, out_dir, choose):
    metric = LesionMetric(out_dir=str(out_dir))
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = {'classes': TWO_CLASSES}
    for batch in BatchSampler(choose(), batch_size=3, drop_last=False):
        samples_folder = Path(folder) / f'rank_{get_rank()}'
        samples_folder.mkdir(exist_ok=True)
        evaluator.process([distributed_sample(samples_folder, n) for n in batch])
    return evaluator.evaluate(IMAGES)


def distributed_worker(rank, folder):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{folder}/meeting_point', rank=rank, world_size=2
    )
    answers = {}
    for choose in (dealt, overlapping):
        answers[choose.__name__] = evaluate_share(folder, folder / choose.__name__, choose)
    try:
        evaluate_share(folder, folder / 'lacking', lacking)
    except InputError as error:
        answers['error'] = str(error)
    torch.distributed.destroy_process_group()
    (folder / f'answers_{rank}.json').write_text(json.dumps(answers))


def test_two_processes_give_the_numbers_of_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    alone = evaluate_share(tmp_path, tmp_path / 'alone', dealt)
    torch.multiprocessing.spawn(distributed_worker, (tmp_path,), nprocs=2)
    answers = [json.loads((tmp_path / f'answers_{rank}.json').read_text()) for rank in (0, 1)]
    assert answers[0] == answers[1]
    assert answers[0]['dealt'] == answers[0]['overlapping'] == alone
    assert 'has 13 images, but 12' in answers[0]['error']
    expected = (tmp_path / 'alone/per_image.csv').read_bytes()
    for name in ('dealt', 'overlapping'):
        assert (tmp_path / name / 'per_image.csv').read_bytes() == expected
    assert not (tmp_path / 'lacking').exists()
    assert not (tmp_path / '.dist_test').exists()
