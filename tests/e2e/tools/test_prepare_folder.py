"""tools/prepare_folder.py as users run it, and what the other tools make of its data set."""

import json

import pytest

from tests.support.annotation_exports import coco, labelme, via3, write
from tests.support.official_files import annotations, jpeg, lesion, picture, png
from tests.support.own_files import add_pairs
from tests.support.tool_runs import fail, run_tool, succeed

NAMES = [f'clinic {number % 2}/ä {number:02d}' for number in range(20)]


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


@pytest.fixture
def pairs(tmp_path):
    add_pairs(tmp_path, *NAMES, image='photos/NAME.JPG', mask='masks/NAME_lesion.bmp')
    folders = ('--images', tmp_path / 'photos', '--masks', tmp_path / 'masks')
    return ('prepare_folder', *folders, '--out', tmp_path / 'out')


def test_prepares_and_says_what_was_found(pairs, tmp_path):
    printed = succeed(*pairs, '--resize', 'max-side', 40)
    assert 'own images prepared in' in printed
    assert 'note: 20 pairs: mask = image name + `_lesion`' in printed
    assert 'lesion in 20 masks: 255 of 0 and 255' in printed
    assert 'errors: none' in printed
    written = annotations(tmp_path / 'out')
    assert list(written) == ['test.json', 'train.json', 'val.json']
    assert '20 pairs were finished by an earlier run' in succeed(
        *pairs, '--resize', 'max-side', 40, '--workers', 1
    )
    assert annotations(tmp_path / 'out') == written


def test_the_errors_end_a_strict_run(pairs, tmp_path):
    (tmp_path / f'masks/{NAMES[3]}_lesion.bmp').write_bytes(png(picture(1)))
    assert f'{NAMES[3]}: unclear mask' in succeed(*pairs, '--workers', 1)
    assert '--mask-threshold' in fail(*pairs, '--workers', 1, '--strict')


def test_other_tools_take_the_data_set(pairs, tmp_path):
    for number, name in enumerate(NAMES):
        (tmp_path / f'photos/{name}.JPG').write_bytes(jpeg(picture(number, 120, 160)))
        (tmp_path / f'masks/{name}_lesion.bmp').write_bytes(png(lesion(120, 160)))
    succeed(*pairs, '--workers', 1)
    config, data = 'configs/quickstart.py', ('--data-root', tmp_path / 'out')
    assert 'errors: none' in succeed('check_dataset', config, *data, '--workers', 1)
    sheets = tmp_path / 'sheets'
    succeed('browse_dataset', config, *data, '--out', sheets, '--number', 4, '--augmented')
    assert sorted(path.name for path in sheets.iterdir()) == [
        'augmented.png',
        'masks.png',
        'resolution.png',
    ]
    scores = tmp_path / 'scores/scores.json'
    truth = tmp_path / 'out/original_masks'
    table = tmp_path / 'out/annotations/train.json'
    succeed('score', truth, tmp_path / 'masks', '--out', scores, '--annotations', table)
    found = json.loads(scores.read_text())
    assert (found['images'], found['metrics']['lesion/iou']) == (20, 1)
