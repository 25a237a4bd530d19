"""The folder of corrections: layout, log, questions, and names that cannot leave it."""

import csv
import os

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.images.decoding import UnreadableError
from isic_mmdet.serve.corrections import AlreadySavedError, open_corrections


@pytest.fixture
def folder(tmp_path):
    return tmp_path / 'corrections'


@pytest.fixture
def corrections(folder):
    with open_corrections(folder) as opened:
        yield opened


def log_of(folder):
    header, *rows = csv.reader((folder / 'log.csv').open(newline=''))
    assert header == ['file', 'time', 'decision']
    return [(file, decision) for file, _, decision in rows]


def files_in(folder):
    return {
        str(path.relative_to(folder))
        for path in folder.rglob('*')
        if path.is_file() and path.name not in {'.lock', 'log.csv'}
    }


def test_image_mask_and_decision_are_found_again(folder):
    with open_corrections(folder) as corrections:
        corrections.save('a/1.jpg', b'image', b'mask', 'corrected', replace=False)
        corrections.save('x, "y".png', b'other', b'empty', 'accepted', replace=False)
    assert files_in(folder) == {
        *('images/a/1.jpg', 'masks/a/1_segmentation.png'),
        *('images/x, "y".png', 'masks/x, "y"_segmentation.png'),
    }
    assert log_of(folder) == [('a/1.jpg', 'corrected'), ('x, "y".png', 'accepted')]
    with open_corrections(folder) as corrections:
        data, decision = corrections.find('a/1.jpg', b'image')
        assert (data, decision.decision) == (b'mask', 'corrected')
        assert corrections.find('x, "y".png', b'other')[1].decision == 'accepted'
        assert corrections.find('2.jpg', b'image') is None


def test_another_mask_is_replaced_only_on_demand(corrections, folder):
    corrections.save('1.jpg', b'image', b'mask', 'accepted', replace=False)
    corrections.save('1.jpg', b'image', b'mask', 'accepted', replace=False)  # changes nothing
    with pytest.raises(AlreadySavedError, match=r'outline of 1.jpg is saved already \(accepted, 2'):
        corrections.save('1.jpg', b'image', b'better', 'corrected', replace=False)
    assert corrections.find('1.jpg', b'image')[0] == b'mask'
    corrections.save('1.jpg', b'image', b'better', 'corrected', replace=True)
    data, decision = corrections.find('1.jpg', b'image')
    assert (data, decision.decision) == (b'better', 'corrected')
    assert [decision for _, decision in log_of(folder)] == ['accepted', 'accepted', 'corrected']


def test_a_mask_that_the_log_does_not_know_is_found(corrections, folder):
    corrections.save('1.jpg', b'image', b'mask', 'accepted', replace=False)
    (folder / 'masks/2_segmentation.png').write_bytes(b'from elsewhere')
    assert corrections.find('2.jpg', b'any') == (b'from elsewhere', None)


def test_two_images_of_one_name_or_one_mask_are_refused(corrections, folder):
    corrections.save('1.jpg', b'image', b'mask', 'accepted', replace=False)
    for replace in (False, True):
        with pytest.raises(UnreadableError, match=r'another image is saved as .*1.jpg; rename'):
            corrections.save('1.jpg', b'other', b'mask', 'accepted', replace=replace)
        with pytest.raises(UnreadableError, match=r'1.jpg is saved already, and its mask has'):
            corrections.save('1.png', b'other', b'mask', 'accepted', replace=replace)
    assert files_in(folder) == {'images/1.jpg', 'masks/1_segmentation.png'}


@pytest.mark.parametrize(
    ('name', 'problem'),
    [
        ('', 'not the path of a file'),
        ('.', 'not the path of a file'),
        ('../1.jpg', 'not the path of a file'),
        ('a/../../1.jpg', 'not the path of a file'),
        ('/etc/1.jpg', 'not the path of a file'),
        ('a//1.jpg', 'not the path of a file'),
        ('1.jpg/', 'not the path of a file'),
        ('.1.jpg', 'is hidden'),
        ('.a/1.jpg', 'is hidden'),
        ('..\\1.jpg', 'is hidden'),
        ('a\\1.jpg', 'backslash'),
        ('1\0.jpg', 'control character'),
        ('1\n.jpg', 'control character'),
        ('log.csv', 'its ending'),
        ('1', 'its ending'),
        ('ä' * 130 + '.jpg', 'too long'),
        ('a' * 240 + '.jpg', 'too long'),
        ('\ud800.jpg', 'character set'),
    ],
)
def test_names_that_no_image_can_have(corrections, folder, name, problem):
    with pytest.raises(UnreadableError, match=f'cannot be saved: .*{problem}.*; rename the image'):
        corrections.save(name, b'image', b'mask', 'accepted', replace=True)
    assert files_in(folder) == set()


def test_a_link_does_not_lead_out_of_the_folder(corrections, folder, tmp_path):
    (tmp_path / 'elsewhere').mkdir()
    (folder / 'masks').mkdir()
    (folder / 'masks/a').symlink_to(tmp_path / 'elsewhere')
    with pytest.raises(UnreadableError, match='leads out of'):
        corrections.save('a/1.jpg', b'image', b'mask', 'accepted', replace=False)
    assert list((tmp_path / 'elsewhere').iterdir()) == []


def test_an_image_is_not_left_without_its_mask(corrections, folder):
    (folder / 'masks').write_text('a file where the folder of masks is needed')
    with pytest.raises(InputError, match='cannot be written'):
        corrections.save('1.jpg', b'image', b'mask', 'accepted', replace=False)
    assert not (folder / 'images/1.jpg').exists() and log_of(folder) == []


def test_a_line_that_a_kill_cut_off_is_dropped(folder):
    with open_corrections(folder) as corrections:
        corrections.save('1.jpg', b'image', b'mask', 'accepted', replace=False)
    log = folder / 'log.csv'
    log.write_bytes(log.read_bytes() + b'2.jpg,2026-')
    with open_corrections(folder) as corrections:
        assert corrections.find('1.jpg', b'image')[1].decision == 'accepted'
        corrections.save('3.jpg', b'image', b'mask', 'accepted', replace=False)
    assert [file for file, _ in log_of(folder)] == ['1.jpg', '3.jpg']


@pytest.mark.parametrize(
    'content',
    [b'a;b;c\n', b'file,time,decision\n1.jpg,now,maybe\n', b'file,time,decision\n1\n', b'\xff\n'],
)
def test_a_file_of_somebody_else_is_refused_and_unchanged(folder, content):
    folder.mkdir()
    (folder / 'log.csv').write_bytes(content)
    refused = pytest.raises(InputError, match=r'not a log of tools/serve.py; name another')
    with refused, open_corrections(folder):
        pass
    assert (folder / 'log.csv').read_bytes() == content


def test_a_second_writer_is_refused(corrections, folder):
    refused = pytest.raises(InputError, match=rf'in use by process {os.getpid()} .*--save')
    with refused, open_corrections(folder):
        pass
