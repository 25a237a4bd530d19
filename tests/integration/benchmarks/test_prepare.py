"""That both do the same work on the same files; what it takes them is never asserted."""

import json

import cv2
import numpy as np
import pytest

from benchmarks import plain_loop, prepare
from benchmarks.full_size import draw_pairs, lay_out
from isic_mmdet.errors import InputError

SHAPES = [(800, 1000), (300, 400)]


@pytest.fixture
def source(tmp_path):
    return lay_out(draw_pairs(tmp_path / 'drawn', SHAPES), 3, tmp_path / 'set')


def test_both_make_the_same_pictures(source, tmp_path):
    prepared = prepare.prepare_with_tool(source, 'max-side=200', 1, tmp_path)()
    looped = prepare.prepare_with_loop(source, 'max-side=200', tmp_path)()
    gray = prepare.prepare_with_loop(source, 'max-side=200', tmp_path, 'gray')()
    for number, size in enumerate([(160, 200), (150, 200), (160, 200)]):
        name = f'ISIC_{number:07d}.jpg'
        ours, plain = (cv2.imread(str(folder / name)) for folder in (prepared / 'images', looped))
        assert ours.shape == plain.shape == (*size, 3)
        assert np.abs(ours.astype(int) - plain).mean() < 3
        for folder, channels in ((looped, (3,)), (gray, ())):
            mask = cv2.imread(str(folder / f'{name[:-4]}_segmentation.png'), -1)
            assert mask.shape == (*size, *channels)
    annotations = json.loads((prepared / 'annotations/train.json').read_text())
    assert len(annotations['annotations']) == 3


def test_each_turn_starts_anew(source, tmp_path):
    ways = prepare.ways_of(source, 'quarter', tmp_path)
    folders = [way() for way in ways.values() for _ in range(2)]
    assert len(set(folders)) == 6
    report = json.loads((folders[1] / 'prepare_report.json').read_text())
    assert not any('earlier run' in note for note in report['notes'])


def test_a_command_that_fails_is_an_error(tmp_path):
    with pytest.raises(InputError, match='failed'):
        prepare.prepare_with_tool(tmp_path / 'nowhere', 'quarter', 1, tmp_path)()


def test_the_loop_writes_what_it_is_asked_for(source, tmp_path):
    plain_loop.main(str(source), str(tmp_path / 'out'), 'max-side=50')
    assert len(list((tmp_path / 'out').iterdir())) == 6
    assert cv2.imread(str(tmp_path / 'out/ISIC_0000000.jpg')).shape == (40, 50, 3)


def test_every_size_is_measured_once(tmp_path):
    files = draw_pairs(tmp_path / 'drawn', [(60, 80), (60, 80), (120, 160)])
    found = prepare.over_sizes(files, 'max-side=40', tmp_path, 1)
    assert [entry['megapixels'] for entry in found] == [0.0048, 0.0192]
    assert all(entry['ours'] > 0 and entry[prepare.GRAY_BASELINE] > 0 for entry in found)


@pytest.mark.slow
def test_a_quick_run(tmp_path):
    content = prepare.run(tmp_path, quick=True)
    assert json.loads(json.dumps(content)) == content
    first = content['rows'][0]
    assert first['goal'] == 'at least 4 x as fast'
    assert first['ratio'] == first['baseline_s'] / first['ours_s']
    assert set(content['details']['images_per_s_over_processes']) == {'1', '2', '4'}
