"""tools/report.py as a user runs it."""

import json

import pytest

from tests.support.tool_runs import fail, succeed

TABLE = (
    'image_id,iou,iou_max,dice,pixel_accuracy,sensitivity,specificity,score,label,'
    'predicted_label,detections,height,width\n'
    'ISIC_0000001,0.5,0.5,0.6,0.9,0.8,0.9,0.7,lesion,lesion,1,100,100\n'
    'ISIC_0000002,0.9,0.9,0.95,0.99,0.9,0.99,0.99,lesion,lesion,1,100,100\n'
)


@pytest.fixture
def work_dir(tmp_path):
    folder = tmp_path / 'work'
    folder.mkdir()
    facts = {'metrics': {'lesion/iou': 0.7}, 'data': 'absent', 'split': 'test'}
    (folder / 'metrics.json').write_text(json.dumps(facts))
    (folder / 'per_image.csv').write_text(TABLE)
    return folder


def test_writes_the_page_and_says_what_it_lacks(work_dir):
    fail('report', work_dir, '--data-root', 'absent')
    assert not (work_dir / 'report.html').exists()
    printed = succeed('report', work_dir)
    assert 'note: ' in printed and '--data-root' in printed
    assert '0.700' in (work_dir / 'report.html').read_text(encoding='utf-8')
    assert (work_dir / 'plots' / 'iou_box.png').read_bytes().startswith(b'\x89PNG')


def test_a_page_elsewhere_leaves_the_work_dir_as_it_is(work_dir, tmp_path):
    before = sorted(work_dir.rglob('*'))
    succeed('report', work_dir, '--out', tmp_path / 'a' / 'page.html')
    assert [path.name for path in (tmp_path / 'a').iterdir()] == ['page.html']
    assert sorted(work_dir.rglob('*')) == before
