"""tools/prepare_folder.py as users run it."""

import json

import pytest

from tests.support.annotation_exports import coco, labelme, via3, write
from tests.support.official_files import jpeg, picture
from tests.support.tool_runs import fail, run_tool, succeed


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / 'photos'
    folder.mkdir()
    for number, (name, size) in enumerate({'one.jpg': (40, 60), 'two.png': (60, 40)}.items()):
        (folder / name).write_bytes(jpeg(picture(number, *size)))
    return folder


def test_exports_of_all_tools_give_the_same_data_set(photos, tmp_path):
    exports = {
        '--coco': write(tmp_path / 'coco.json', coco()),
        '--via': write(tmp_path / 'via.json', via3()),
        '--labelme': tmp_path / 'labelme',
    }
    for name, content in labelme().items():
        write(tmp_path / 'labelme' / name, content)
    found = {}
    for option, path in exports.items():
        out = tmp_path / option
        arguments = ('--images', photos, option, path, '--out', out, '--split', '50/50')
        assert 'errors: none' in succeed('prepare_folder', *arguments, '--workers', 1)
        splits = [json.loads(file.read_text()) for file in (out / 'annotations').glob('*.json')]
        masks = [each['segmentation'] for split in splits for each in split['annotations']]
        found[option] = sorted(mask['counts'] for mask in masks)
        assert [each['name'] for each in splits[0]['categories']] == ['melanoma', 'nevus']
    assert found['--coco'] == found['--labelme']
    assert len(found['--via']) == 2


@pytest.mark.parametrize(
    ('arguments', 'text'),
    [
        (('--coco', 'c.json'), 'name the images'),
        (('--images', 'x', '--coco', 'c.json', '--via', 'v.json'), 'name one of them'),
        (('--images', 'x', '--coco', 'c.json', '--masks', 'm'), '--masks does not belong to'),
        (('--images', 'x', '--one-lesion'), '--one-lesion belongs to'),
        (('--images', 'x', '--coco', 'c.json', '--class-attribute', 'dx'), 'belongs to --via'),
        (('--layout', 'ph2', 'x', '--images', 'x'), 'remove --images'),
    ],
)
def test_arguments_that_do_not_fit_are_refused(arguments, text, tmp_path):
    done = run_tool('prepare_folder', *arguments, '--out', tmp_path / 'out')
    assert done.returncode == 2
    assert text in done.stderr


def test_an_export_of_other_images_is_one_message(photos, tmp_path):
    content = coco()
    for image in content['images']:
        image['file_name'] = f'other_{image["file_name"].replace("/", "_")}'
    export = write(tmp_path / 'coco.json', content)
    arguments = ('--images', photos, '--coco', export, '--out', tmp_path / 'out')
    assert 'the images have names such as one' in fail('prepare_folder', *arguments)
