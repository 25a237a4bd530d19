import json
import shutil
import zipfile
from dataclasses import replace

import pytest
import torch
from PIL import Image

from isic_mmdet.deploy.predict import models
from isic_mmdet.deploy.predict.models import PREPARATION, Model, checkpoint_model
from isic_mmdet.deploy.predict.run import predict
from isic_mmdet.deploy.predict.settings import FolderSettings
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.expected_iou import REMEDY
from isic_mmdet.images.reading import read_image
from isic_mmdet.models import tta
from tests.support.predictions import rows_by_image


@pytest.fixture
def model(config, checkpoint) -> Model:
    return checkpoint_model(str(config), str(checkpoint), device='cpu')


def test_the_processes_for_a_gpu_start_while_the_model_loads(config, tmp_path, monkeypatch):
    started = []
    monkeypatch.setattr(models, 'start_server', started.append)
    for device in ('cpu', 'cuda:7'):
        with pytest.raises(InputError):
            checkpoint_model(str(config), str(tmp_path / 'missing.pth'), device=device).load()
    assert started == [PREPARATION]


def masks(settings: FolderSettings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in settings.out.glob('*_segmentation.png')}


def test_unreadable_images_can_be_fixed_and_the_run_resumed(model, image_files, settings, tmp_path):
    mine = tmp_path / 'mine'
    mine.mkdir()
    for path in image_files:
        shutil.copy(path, mine)
    broken = [mine / path.name for path in image_files[1:3]]
    for path in broken:
        path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match='2 of 6 images could not be read') as error:
        predict(model, [str(mine)], settings)
    assert [problem.split(': ')[0] for problem in error.value.errors] == [
        str(path) for path in broken
    ]
    kept = masks(settings)
    assert len(kept) == len(rows_by_image(settings.out)) == 4

    with pytest.raises(InputError, match='add --resume'):
        predict(model, [str(mine)], settings)
    for path in image_files:
        shutil.copy(path, mine)
    times = {path: path.stat().st_mtime_ns for path in settings.out.glob('*.png')}
    written = predict(model, [str(mine)], settings, resume=True)
    assert '6 images, 0 without a detection' in written
    assert kept.items() < masks(settings).items()
    assert all(path.stat().st_mtime_ns == time for path, time in times.items())
    assert set(rows_by_image(settings.out)) == {path.stem for path in image_files}


@pytest.mark.parametrize('resume', [False, True])
def test_masks_of_others_are_never_replaced(model, image_files, settings, resume):
    true_mask = settings.mask(image_files[0].stem)
    true_mask.parent.mkdir(parents=True, exist_ok=True)
    true_mask.write_bytes(b'drawn by hand')
    with pytest.raises(
        InputError, match='did not write would be replaced; name another --out'
    ) as error:
        predict(model, list(map(str, image_files)), settings, resume=resume)
    assert error.value.errors == [str(true_mask)]
    assert true_mask.read_bytes() == b'drawn by hand'
    assert [path.name for path in settings.out.iterdir() if path.suffix] == [true_mask.name]


def test_a_killed_run_can_be_resumed(model, image_files, settings):
    inputs = [str(path) for path in image_files]
    predict(model, inputs[:3], settings)
    # The state before the parts are joined, with a truncated last line.
    table = settings.out / 'predictions.csv'
    part = '\n'.join(table.read_text().splitlines()[1:])[:-30]
    (settings.out / '.predictions.1.csv').write_text(part)
    table.unlink()
    with pytest.raises(InputError, match='add --resume'):
        predict(model, inputs, settings)
    predict(model, inputs, settings, resume=True)
    assert set(rows_by_image(settings.out)) == {path.stem for path in image_files}
    assert not list(settings.out.glob('.*'))


def test_predictions_of_two_models_never_mix(model, config, checkpoint, image_files, settings):
    inputs = [str(image_files[0])]
    predict(model, inputs, settings)
    weights = torch.load(checkpoint, weights_only=True)
    weights['state_dict']['backbone.conv1.weight'] += 1
    other = settings.out / 'other.pth'
    torch.save(weights, other)
    with pytest.raises(InputError, match='predictions of another model') as error:
        predict(checkpoint_model(str(config), str(other)), inputs, settings, resume=True)
    assert [problem.split(': ')[0] for problem in error.value.errors] == [
        'checkpoint',
        'checkpoint_sha256',
    ]
    with pytest.raises(InputError, match='tta: False, now True'):
        predict(checkpoint_model(str(config), str(checkpoint), tta=True), inputs, settings, True)


def test_averaging_over_flips_gives_another_mask(model, config, checkpoint, image_files, settings):
    average = checkpoint_model(str(config), str(checkpoint), tta=True, device='cpu')
    other = replace(settings, out=settings.out / 'tta')
    inputs = [str(image_files[0])]
    predict(model, inputs, settings)
    predict(average, inputs, other)
    assert masks(settings).keys() == masks(other).keys()
    assert masks(settings) != masks(other)


def test_no_submission_without_every_image(model, image_files, settings, tmp_path):
    broken = tmp_path / 'ISIC_0000007.jpg'
    broken.write_bytes(b'')
    sent = tmp_path / 'sent.zip'
    inputs = [str(image_files[0]), str(broken)]
    with pytest.raises(InputError, match=r'sent\.zip was not written'):
        predict(model, inputs, settings, submission=str(sent))
    assert not sent.exists()
    with pytest.raises(InputError, match='zip'):
        predict(model, inputs, settings, submission=str(tmp_path / 'sent.tar'))


def test_no_submission_with_an_empty_mask(config, checkpoint, image_files, settings, tmp_path):
    strict = tmp_path / 'strict.py'
    strict.write_text(
        f'_base_ = {str(config)!r}\nmodel = dict(test_cfg=dict(rcnn=dict(score_thr=0.99)))\n'
    )
    sent = tmp_path / 'sent.zip'
    blind = checkpoint_model(str(strict), str(checkpoint), device='cpu')
    with pytest.raises(InputError, match='no lesion was detected'):
        predict(blind, [str(image_files[0])], settings, submission=str(sent))
    assert not sent.exists()
    row = rows_by_image(settings.out)[image_files[0].stem]
    assert (row['label'], row['score'], row['x'], row['area_px']) == ('', '', '', '0')


def test_the_table_says_which_masks_to_check(model, segmenter, image_files, settings):
    written = predict(model, [str(path) for path in image_files[:3]], settings)
    rows = rows_by_image(settings.out)
    for path in image_files[:3]:
        lesion, row = segmenter(read_image(path.read_bytes()).pixels), rows[path.stem]
        assert float(row['expected_iou']) == pytest.approx(lesion.expected_iou, abs=1e-4)
        assert row['check'] == str(lesion.check)
    checked = [row['check'] for row in rows.values()].count('True')
    assert f'to check:   {checked} images' in written


def test_without_a_calibration_the_remedy_is_named(
    config, checkpoint, image_files, settings, tmp_path
):
    content = torch.load(checkpoint)
    del content['meta']['expected_iou']
    torch.save(content, tmp_path / 'older.pth')
    older = checkpoint_model(str(config), str(tmp_path / 'older.pth'), device='cpu')
    written = predict(older, [str(image_files[0])], settings)
    row = rows_by_image(settings.out)[image_files[0].stem]
    assert row['expected_iou'] == row['check'] == ''
    assert REMEDY in written


@pytest.mark.parametrize('text', ['', '[]', '{', '5'])
def test_damaged_facts_are_reported(model, image_files, settings, text):
    predict(model, [str(image_files[0])], settings)
    (settings.out / 'predictions.json').write_text(text)
    with pytest.raises(InputError, match=r'predictions\.json: .*name another --out'):
        predict(model, [str(image_files[0])], settings, resume=True)


def test_a_zip_that_changed_is_read_again(model, image_files, settings, tmp_path):
    found = []
    for path in image_files[:2]:
        with zipfile.ZipFile(tmp_path / 'set.zip', 'w') as archive:
            archive.write(path, 'a.jpg')
        out = tmp_path / path.stem
        predict(model, [str(tmp_path / 'set.zip')], replace(settings, out=out))
        found.append((out / 'a_segmentation.png').read_bytes())
    predict(model, [str(image_files[1])], settings)
    assert [found[1]] == list(masks(settings).values())
    assert found[0] != found[1]


def test_a_nested_set_reports_skipped_files(model, image_files, settings, tmp_path):
    photos = tmp_path / 'photos'
    for name in ('a/1.jpg', 'b/1.png'):
        (photos / name).parent.mkdir(parents=True)
        shutil.copy(image_files[0], photos / name)
    (photos / 'phone.avif').touch()
    message = predict(model, [str(photos)], settings)
    assert '2 images' in message
    assert 'skipped:    1 file in formats that are not read: 1 .avif (phone.avif' in message
    assert (settings.out / 'a/1_segmentation.png').is_file()
    rows = rows_by_image(settings.out)
    assert {name: row['file'] for name, row in rows.items()} == {
        'a/1': 'a/1.jpg',
        'b/1': 'b/1.png',
    }
    other = replace(settings, out=tmp_path / 'other')
    assert 'skipped' not in predict(model, [str(photos / 'a')], other)


def test_a_submission_is_flat_and_of_one_image_for_an_id(model, image_files, settings, tmp_path):
    photos = tmp_path / 'photos'
    for index, folder in enumerate(('a', 'b')):
        (photos / folder).mkdir(parents=True)
        shutil.copy(image_files[index], photos / folder / f'ISIC_999999{index}.jpg')
    sent = str(tmp_path / 'sent.zip')
    predict(model, [str(photos)], settings, submission=sent)
    with zipfile.ZipFile(sent) as archive:
        assert archive.namelist() == [f'ISIC_999999{i}_segmentation.png' for i in range(2)]
    shutil.copy(image_files[0], photos / 'b')
    shutil.copy(image_files[0], photos / 'a')
    with pytest.raises(InputError, match='one mask for an id') as error:
        predict(model, [str(photos)], settings, resume=True, submission=sent)
    assert [problem.partition(':')[0] for problem in error.value.errors] == [image_files[0].stem]


def test_every_unreadable_image_is_reported(model, image_files, settings, tmp_path):
    frames = [Image.open(path) for path in image_files[:3]]
    frames[0].save(tmp_path / 'frames.png', save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / 'pages.tif', save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / 'misnamed.jpg', 'GIF')
    frames[0].save(tmp_path / 'png.jpg', 'PNG')
    stored = image_files[0].read_bytes()
    (tmp_path / 'cut.jpg').write_bytes(stored[: len(stored) // 2])
    (tmp_path / 'empty.jpg').touch()
    Image.new('RGB', (9000, 1)).save(tmp_path / 'sliver.png')
    expected = {
        'cut.jpg': '',
        'empty.jpg': '',
        'frames.png': '3 images in one file',
        'misnamed.jpg': 'GIF is not read: save one image as PNG',
        'pages.tif': '3 images in one file',
        'sliver.png': '9000 x 1 pixels',
    }
    with pytest.raises(InputError, match='6 of 7 images could not be read') as error:
        predict(model, [str(tmp_path)], settings)
    for (name, problem), line in zip(expected.items(), sorted(error.value.errors), strict=True):
        assert line.startswith(f'{tmp_path / name}: ') and problem in line
    assert set(rows_by_image(settings.out)) == {'png'}


OPTIONS = {
    'probabilities': 16,
    'threshold': 0.4,
    'crops': 0.1,
    'largest_region': True,
    'max_lesions': 2,
    'formats': ('coco',),
}


@pytest.mark.parametrize('name', OPTIONS)
def test_a_changed_option_on_resume_is_refused(model, image_files, settings, name):
    inputs = [str(image_files[0])]
    changed = replace(settings, **{name: OPTIONS[name]})
    for first, second in ((settings, changed), (changed, settings)):
        out = settings.out / ('added' if first is settings else 'removed')
        predict(model, inputs, replace(first, out=out))
        with pytest.raises(InputError, match='or with other options') as error:
            predict(model, inputs, replace(second, out=out), resume=True)
        assert [problem.split(': ')[0] for problem in error.value.errors] == [name]


def test_a_resumed_run_restores_every_lost_file(model, image_files, settings, tmp_path):
    inputs = [str(path) for path in image_files[:3]]
    settings = replace(
        settings, probabilities=8, crops=0.2, formats=('coco', 'labelme'), batch_size=1
    )
    predict(model, inputs, settings)
    files = [path for path in settings.out.rglob('*') if path.is_file()]
    before = {path: path.read_bytes() for path in files if path.suffix != '.csv'}
    name = image_files[1].stem
    for lost in (
        settings.probability_map(name),
        settings.crop(name, 1),
        settings.labelme_file(name),
        settings.out / 'annotations.json',
    ):
        lost.unlink()
        written = predict(model, inputs, settings, resume=True)
        assert {path: path.read_bytes() for path in before} == before, lost
    for part in ('probabilities: ', 'crops: ', 'COCO: ', 'LabelMe: '):
        assert part in written


def test_another_threshold_leaves_the_expected_iou_empty(model, image_files, settings):
    written = predict(model, [str(image_files[0])], replace(settings, threshold=0.25))
    row = rows_by_image(settings.out)[image_files[0].stem]
    assert row['expected_iou'] == row['check'] == ''
    assert 'to check:   not known, because the model is calibrated for its own threshold' in written


def test_several_lesions_of_a_checkpoint(config, checkpoint, image_files, settings, monkeypatch):
    # The random model scores everything about one half.
    monkeypatch.setattr(tta, 'FURTHER_SCORE', 0.0)
    several = checkpoint_model(str(config), str(checkpoint), device='cpu', max_lesions=3)
    settings = replace(settings, max_lesions=3, crops=0, formats=('coco',))
    names = [path.stem for path in image_files]
    predict(several, [str(path) for path in image_files], settings)
    content = json.loads((settings.out / 'annotations.json').read_text())
    crops = [len(list((settings.out / 'crops').glob(f'{name}_*.png'))) for name in names]
    assert max(crops) > 1
    assert all(1 <= number <= 3 for number in crops)
    assert len(content['annotations']) <= sum(crops)
    best = {}
    for annotation in content['annotations']:
        best.setdefault(annotation['image_id'], annotation['score'])
        assert best[annotation['image_id']] >= annotation['score']
