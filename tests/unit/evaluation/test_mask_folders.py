"""The verdict on every kind of input is that of the official scorer."""

import io
import os
import re
import shutil
import struct
import zipfile
import zlib
from functools import partial

import numpy as np
import pytest
from isic_challenge_scoring.load_image import load_segmentation_image
from isic_challenge_scoring.segmentation import SegmentationScore
from PIL import Image

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.mask_folders import pair_masks
from isic_mmdet.evaluation.mask_scores import score_masks
from isic_mmdet.evaluation.summary import summarize
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.images.sources import SourceFile
from isic_mmdet.masks.mask_files import read_gray_mask
from tests.support.official_scores import assert_equal_official
from tests.support.png_files import chunk, put_together

# A pandas deprecation inside the official scorer, which is pinned.
pytestmark = pytest.mark.filterwarnings('ignore:The inplace keyword')

NAME = 'ISIC_0000002_segmentation.png'
score = partial(score_masks, show_progress=False, strict=True)


def gray(seed, shape=(24, 32)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encode(pixels, kind='PNG', mode=None, **options):
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(stream, kind, **options)
    return stream.getvalue()


@pytest.fixture
def folders(tmp_path):
    """Truth and predictions of three images; a test then spoils something."""
    truth, predictions = tmp_path / 'truth', tmp_path / 'predictions'
    for folder in (truth, predictions):
        folder.mkdir()
        for number in (1, 2, 3):
            path = folder / f'ISIC_{number:07d}_segmentation.png'
            path.write_bytes(encode(gray(number + len(folder.name))))
    return truth, predictions


def official(truth, predictions):
    """Return the official scores, or None where the scorer gives up."""
    try:
        return SegmentationScore.from_dir(truth, predictions).macro_average
    except Exception:
        return None


def zipped(folder):
    path = folder.with_suffix('.zip')
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, f'{folder.name}/{file.name}')
    return path


def assert_same_verdict(truth, predictions):
    """Both accept with the same numbers, or both refuse; return our errors."""
    expected = official(truth, predictions)
    if expected is None:
        with pytest.raises(InputError) as error:
            score(predictions, truth)
        return error.value.errors
    found = summarize(score(predictions, truth).rows)
    assert_equal_official(found, expected)
    return []


def bad_png():
    data = bytearray(encode(gray(9)))
    start = data.index(b'IDAT') + 20
    data[start : start + 40] = bytes(40)
    return bytes(data)


def black_and_white(shape=(24, 32)):
    return np.where(gray(6, shape) > 128, 255, 0).astype(np.uint8)


def plain(pixels):
    """Return the stream of unfiltered lines."""
    return zlib.compress(b''.join(b'\0' + row.tobytes() for row in pixels))


def png(stream=None, *, interlaced=0, before=b''):
    """Put a black-and-white file together, by default a right one."""
    stream = plain(black_and_white()) if stream is None else stream
    return put_together((24, 32), form=(8, 0, 0, 0, interlaced), before=before, stream=stream)


def interlaced():
    """Return a file of Adam7's seven passes: first row, first column and the steps of each."""
    passes = [
        *((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4)),
        *((2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)),
    ]
    parts = [black_and_white()[top::down, left::right] for top, left, down, right in passes]
    lines = b''.join(b'\0' + row.tobytes() for part in parts for row in part)
    return png(zlib.compress(lines), interlaced=1)


def with_byte_changed(data, position):
    data = bytearray(data)
    data[position] ^= 1
    return bytes(data)


COLOR = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint8)
# What a prediction may hold, and whether it is accepted.
CONTENTS = {
    '8 bit': (encode(gray(5)), True),
    '1 bit': (encode(gray(5), mode='1'), True),
    'gray JPEG': (encode(gray(5), 'JPEG'), True),
    'gray TIFF': (encode(gray(5), 'TIFF'), True),
    'gray with a transparent value': (encode(gray(5), transparency=0), True),
    'all black': (encode(np.zeros((24, 32), np.uint8)), True),
    'color': (encode(COLOR), False),
    'color JPEG': (encode(COLOR, 'JPEG'), False),
    'gray and alpha': (encode(gray(5), mode='LA'), False),
    'palette': (encode(gray(5), mode='P'), False),
    '16 bit': (encode(gray(5).astype(np.uint16) * 257), False),
    'too wide': (encode(gray(5, (24, 33))), False),
    'rotated': (encode(gray(5, (32, 24))), False),
    'cut off': (encode(gray(5))[:300], False),
    'header only': (encode(gray(5))[:40], False),
    'damaged': (bad_png(), False),
    'black and white': (encode(black_and_white()), True),
    'black and white, 1 bit': (encode(black_and_white(), mode='1'), True),
    'black and white, 1 bit TIFF': (encode(black_and_white(), 'TIFF', mode='1'), True),
    'black and white, palette': (encode(black_and_white(), mode='P'), False),
    'black and white, 16 bit': (encode(black_and_white().astype(np.uint16) * 257), False),
    'black and white, color': (encode(black_and_white(), mode='RGB'), False),
    'black and white, too wide': (encode(black_and_white((24, 33))), False),
    'black and white, rotated': (encode(black_and_white((32, 24))), False),
    'put together': (png(), True),
    'interlaced': (interlaced(), True),
    'transparent value': (png(before=chunk(b'tRNS', b'\0\0')), True),
    'gamma, text and unit': (
        png(
            before=chunk(b'gAMA', struct.pack('>I', 45455))
            + chunk(b'tEXt', b'Software\0none')
            + chunk(b'pHYs', bytes(9))
        ),
        True,
    ),
    'unknown chunk': (png(before=chunk(b'abCd', b'?')), True),
    'unknown critical chunk': (png(before=chunk(b'ABCD', b'?')), True),
    'trailing garbage': (png() + b'garbage', True),
    'no end': (png()[:-12], True),
    'wrong checksum of the header': (with_byte_changed(png(), 29), False),
    'wrong checksum of the data': (with_byte_changed(png(), -13), True),
    'changed data': (with_byte_changed(png(), 60), False),
    'wrong checksum inside the data': (png(with_byte_changed(plain(black_and_white()), -1)), False),
    'no checksum inside the data': (png(plain(black_and_white())[:-4]), True),
    'a line too few': (png(plain(black_and_white()[:-1])), True),
    'a line too many': (png(plain(np.vstack([black_and_white(), gray(6)[:1]]))), True),
    'something behind the stream': (png(plain(black_and_white()) + b'more'), True),
    'stream in an unknown way': (png(b'x' + plain(black_and_white())), False),
    'unknown filter': (png(zlib.compress(bytes([9] * (24 * 33)))), False),
    'black and white, cut off': (png()[:200], False),
    'text': (b'no image at all', False),
    'empty file': (b'', False),
}


@pytest.mark.parametrize(('data', 'accepted'), CONTENTS.values(), ids=CONTENTS.keys())
@pytest.mark.parametrize('whose', ['prediction', 'truth'])
def test_a_file_of_any_content(folders, data, accepted, whose):
    truth, predictions = folders
    spoiled = (predictions if whose == 'prediction' else truth) / NAME
    spoiled.write_bytes(data)
    errors = assert_same_verdict(truth, predictions)
    assert bool(errors) != accepted
    if errors:
        (problem,) = errors
        assert NAME in problem
    # The same in zips, read in place.
    archives = zipped(truth), zipped(predictions)
    if accepted:
        rows = score(archives[1], archives[0]).rows
        assert rows == score(predictions, truth).rows
    else:
        with pytest.raises(InputError, match=f'zip:.*/{NAME}'):
            score(archives[1], archives[0])


def test_official_masks_are_not_left_to_pillow(tmp_path, monkeypatch):
    """Pillow says the same, but takes several times as long."""
    (tmp_path / NAME).write_bytes(png())
    monkeypatch.setattr(Image, 'open', None)
    mask, _ = read_gray_mask(SourceFile(tmp_path / NAME, None, 1, 0))
    assert np.array_equal(mask.unpacked(), black_and_white() == 255)


def damaged(data, rng):
    """Change, cut, add or take a few bytes anywhere, or none."""
    kind, data = rng.integers(4), bytearray(data)
    for _ in range(rng.integers(3)):
        at, size = int(rng.integers(len(data))), int(rng.integers(1, 9))
        if kind == 0:
            data[at] = int(rng.integers(256))
        elif kind == 1:
            data = data[: max(at, 1)]
        elif kind == 2:
            data[at:at] = rng.bytes(size)
        elif len(data) > size:
            del data[at : at + size]
    return bytes(data)


@pytest.mark.filterwarnings('ignore::UserWarning:PIL')
def test_damage_of_any_kind_gets_the_official_verdict(tmp_path):
    rng = np.random.default_rng(0)
    path, accepted, number = tmp_path / NAME, 0, 600
    for _ in range(number):
        pixels = black_and_white(tuple(rng.integers(1, 70, 2)))
        mode, level = rng.choice([None, '1']), int(rng.integers(10))
        path.write_bytes(damaged(encode(pixels, mode=mode, compress_level=level), rng))
        try:
            expected = load_segmentation_image(path) > 128
        except Exception:
            expected = None
        try:
            found, _ = read_gray_mask(SourceFile(path, None, 1, 0))
        except UnreadableError:
            found = None
        assert (found is None) == (expected is None)
        if expected is not None:
            accepted += 1
            assert np.array_equal(found.unpacked(), expected)
    assert number / 5 < accepted < number * 4 / 5


def rename(folder, new):
    (folder / new).parent.mkdir(exist_ok=True)
    (folder / NAME).rename(folder / new)


def copy(folder, new):
    shutil.copy(folder / NAME, folder / new)


def mask_is_a_folder(folder):
    (folder / NAME).unlink()
    (folder / NAME).mkdir()


NO_PREDICTION, TWO = 'ISIC_0000002: no prediction in .*predictions', 'ISIC_0000002: 2 predictions'
# A change of the predictions and the error that it causes, '' for none.
PREDICTIONS = {
    'missing': (lambda p: (p / NAME).unlink(), NO_PREDICTION),
    'twice': (
        lambda p: copy(p, 'ISIC_0000002.png'),
        f'{TWO}: .*ISIC_0000002.png, .*ISIC_0000002_segmentation.png',
    ),
    # 0000002 and 0000023
    'number in a longer one': (lambda p: copy(p, '00000023.png'), f'{TWO}: .*00000023.png'),
    'other name': (lambda p: rename(p, 'model7_0000002.v1.mask.PNG'), ''),
    'number only after the last dot': (lambda p: rename(p, 'mask.0000002'), NO_PREDICTION),
    'extra mask': (lambda p: copy(p, 'ISIC_0000009_segmentation.png'), ''),
    'extra table': (lambda p: (p / 'predictions.csv').write_text('image,score\n'), ''),
    'leftover of macOS': (lambda p: (p / f'._{NAME}').write_bytes(b'\0'), TWO),
    'folder named like a mask': (mask_is_a_folder, 'Is a directory'),
    'subfolder': (lambda p: rename(p, f'inner/{NAME}'), NO_PREDICTION),
}
TRUTHS = {
    'license': (lambda t: (t / 'LICENSE.txt').write_text('CC-0'), ''),
    'attribution': (lambda t: (t / 'ATTRIBUTION.txt').write_text('thanks'), ''),
    'other file': (lambda t: (t / 'Thumbs.db').write_bytes(b''), 'Thumbs.db: no ISIC id'),
    'lower case': (
        lambda t: rename(t, NAME.lower()),
        'isic_0000002_segmentation.png: no ISIC id',
    ),
    'name of 2016': (lambda t: rename(t, 'ISIC_0000002_Segmentation.png'), ''),
}


@pytest.mark.parametrize(
    ('which', 'change', 'error'),
    [(1, *case) for case in PREDICTIONS.values()] + [(0, *case) for case in TRUTHS.values()],
    ids=[*PREDICTIONS, *TRUTHS],
)
def test_folders_of_any_layout(folders, which, change, error):
    change(folders[which])
    found = assert_same_verdict(*folders)
    assert bool(found) == bool(error)
    if error:
        assert len(found) == 1 and re.search(error, found[0])


def test_extra_predictions_are_counted(folders):
    truth, predictions = folders
    copy(predictions, 'ISIC_0000009_segmentation.png')
    (predictions / 'predictions.csv').write_text('image,score\n')
    assert pair_masks(predictions, truth).extra == 2
    assert score(predictions, truth).extra == 2


def test_all_errors_are_listed_at_once(folders):
    truth, predictions = folders
    (predictions / 'ISIC_0000001_segmentation.png').unlink()
    (predictions / NAME).write_bytes(encode(COLOR))
    (truth / NAME).write_bytes(b'')
    (predictions / 'ISIC_0000003_segmentation.png').write_bytes(encode(gray(1, (3, 4))))
    (truth / 'notes.txt').write_text('')
    shutil.copy(truth / NAME, truth / 'ISIC_0000002_attribute_streaks.png')
    for number in range(4, 60):  # more errors than messages usually list
        shutil.copy(truth / NAME, truth / f'ISIC_{number:07d}_segmentation.png')
    with pytest.raises(InputError) as error:
        score(predictions, truth)
    errors = '\n'.join(error.value.errors)
    for words in (
        'ISIC_0000059: no prediction',
        'ISIC_0000002: 2 truth masks: ',
        'notes.txt: no ISIC id',
        'ISIC_0000001: no prediction',
        'ISIC_0000003_segmentation.png: 4 x 3 pixels, but its truth has 32 x 24',
    ):
        assert words in errors
    assert all(problem in str(error.value) for problem in error.value.errors)


def test_zips_with_leftovers_and_with_a_mask_twice(folders):
    truth, predictions = folders
    path = zipped(predictions)
    with zipfile.ZipFile(path, 'a') as archive:
        archive.writestr(f'__MACOSX/predictions/._{NAME}', b'\0')
        archive.writestr('ISIC_0000001/', b'')
    assert pair_masks(path, truth).errors == []
    with zipfile.ZipFile(path, 'a') as archive:
        archive.write(predictions / NAME, f'again/{NAME}')
    assert 'ISIC_0000002: 2 predictions' in pair_masks(path, truth).errors[0]


def test_a_damaged_zip_member_is_unreadable(folders):
    truth, predictions = folders
    path = predictions.with_suffix('.zip')
    with zipfile.ZipFile(path, 'w') as archive:
        for file in sorted(predictions.iterdir()):
            archive.write(file, file.name)
    data = bytearray(path.read_bytes())
    data[data.index(b'IDAT') + 30] ^= 255
    path.write_bytes(data)
    with pytest.raises(InputError, match=r'ISIC_0000001_segmentation\.png: .*CRC'):
        score(path, truth)


def test_sources_that_are_neither_folder_nor_zip(folders, tmp_path):
    truth, predictions = folders
    with pytest.raises(InputError, match='nowhere: no such folder or zip'):
        pair_masks(tmp_path / 'nowhere', truth)
    with pytest.raises(InputError, match='neither a folder nor a readable zip'):
        pair_masks(predictions / NAME, truth)
    (tmp_path / 'nothing').mkdir()
    with pytest.raises(InputError, match='nothing: holds no masks'):
        pair_masks(predictions, tmp_path / 'nothing')
    assert len(pair_masks(tmp_path / 'nothing', truth).errors) == 3


def test_missing_files_and_pipes_are_unreadable(tmp_path):
    os.mkfifo(tmp_path / 'pipe.png')
    for name, problem in (('pipe.png', 'not a file, but a pipe'), ('gone.png', 'No such file')):
        with pytest.raises(UnreadableError, match=problem):
            read_gray_mask(SourceFile(tmp_path / name, None, 0, 0))


def own_masks(folder, *names, value=255):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encode((black_and_white() // 255 * value).astype(np.uint8)))


def test_own_masks_are_paired_by_name(tmp_path):
    truth, predictions = tmp_path / 'truth', tmp_path / 'predictions'
    own_masks(truth, 'a/1_mask.png', 'a/2_mask.bmp', 'b/1_mask.png', value=1)
    own_masks(predictions, 'a/1_segmentation.png', 'a/2_segmentation.png', 'b/1_segmentation.png')
    own_masks(predictions, 'c/9_segmentation.png')
    pairing = pair_masks(predictions, truth)
    assert [(pair.image_id, pair.prediction.name) for pair in pairing.pairs] == [
        ('a/1', '1_segmentation.png'),
        ('a/2', '2_segmentation.png'),
        ('b/1', '1_segmentation.png'),
    ]
    assert (pairing.errors, pairing.extra) == ([], 1)
    found = score_masks(predictions, truth, show_progress=False)
    assert [row['iou'] for row in found.rows] == [1, 1, 1]
    assert found.notes == ['in all 3 masks of the truth lesion is 1 of 0 and 1']
    with pytest.raises(InputError, match='no ISIC id'):
        score(predictions, truth)


def test_overlays_and_crops_of_a_prediction_are_not_scored(tmp_path):
    truth, predictions = tmp_path / 'truth', tmp_path / 'predictions'
    own_masks(truth, 'a/1_mask.png', 'a/2_mask.png')
    own_masks(predictions, 'a/1_segmentation.png', 'a/2_segmentation.png')
    own_masks(predictions, 'overlays/a/1.png', 'overlays/a/2.png', 'crops/a/1.png')
    assert pair_masks(predictions, truth).errors, 'a folder of something else'
    (predictions / 'predictions.json').write_text('{}')
    pairing = pair_masks(predictions, truth)
    assert [pair.prediction.name for pair in pairing.pairs] == [
        '1_segmentation.png',
        '2_segmentation.png',
    ]
    assert (pairing.errors, pairing.extra) == ([], 3)


def test_own_masks_that_lack_something(tmp_path):
    truth, predictions = tmp_path / 'truth', tmp_path / 'predictions'
    own_masks(truth, '1.png', '2.png', '3.png', '3.bmp')
    own_masks(predictions, '1.png', 'x/4.png', 'y/4.png')
    pairing = pair_masks(predictions, truth)
    assert [pair.image_id for pair in pairing.pairs] == ['1']
    assert [error.partition(': ')[0] for error in sorted(pairing.errors)] == ['2', '3']


def test_palette_truths_are_read_unless_the_challenge_has_to_refuse_them(tmp_path):
    truth, predictions = tmp_path / 'truth', tmp_path / 'predictions'
    own_masks(predictions, NAME)
    truth.mkdir()
    image = Image.fromarray(255 - black_and_white(), 'P')
    image.putpalette([255 - value // 3 for value in range(768)])  # as some of HAM10000's masks
    image.save(truth / NAME)
    (row,) = score_masks(predictions, truth, show_progress=False).rows
    assert row['iou'] == 1
    with pytest.raises(InputError, match='of mode P'):
        score(predictions, truth)


def test_a_truth_with_more_than_two_groups_needs_a_threshold(folders):
    truth, predictions = folders
    with pytest.raises(InputError, match='--mask-threshold'):
        score_masks(predictions, truth, show_progress=False)
    rows = score_masks(predictions, truth, show_progress=False, threshold=129).rows
    assert [row['iou'] for row in rows] == [row['iou'] for row in score(predictions, truth).rows]
