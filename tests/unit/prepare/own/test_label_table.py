import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.label_table import read_label_table

IDS = ['ISIC_0000001', 'ISIC_0000002', 'ISIC_0000003']
ROWS = [
    ('image_id', 'dx', 'lesion_id'),
    ('ISIC_0000001', 'mel', 'L1'),
    ('photos/ISIC_0000002.jpg', 'nv', 'L1'),
    ('ISIC_0000003', 'nv', ''),
    ('ISIC_0000009', 'nv', 'L3'),
]


def read(path, text, encoding='utf-8', **columns):
    path.write_bytes(text.encode(encoding))
    chosen = {'id_column': 'image_id', 'label_column': 'dx', 'group_column': 'lesion_id'}
    return read_label_table(path, IDS, **{**chosen, **columns})


def text(separator=',', quote='', end='\n', rows=ROWS):
    return end.join(separator.join(f'{quote}{cell}{quote}' for cell in row) for row in rows)


@pytest.mark.parametrize('separator', [',', ';', '\t'])
@pytest.mark.parametrize('quote', ['', '"'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_every_way_to_save_a_table_gives_the_same(separator, quote, end, encoding, tmp_path):
    table = read(tmp_path / 'labels.csv', text(separator, quote, end), encoding)
    assert table.label_of == dict(zip(IDS, ['mel', 'nv', 'nv'], strict=True))
    assert table.group_of == {'ISIC_0000001': 'L1', 'ISIC_0000002': 'L1'}
    assert not table.errors
    assert len(table.notes) == 2
    assert 'belong to no image with a mask or outline' in table.notes[0]


def test_missing_and_contradictory_labels_are_errors_of_their_images(tmp_path):
    rows = [*ROWS[:3], ('ISIC_0000002', 'mel', 'L1'), ('ISIC_0000003', '', 'L2')]
    table = read(tmp_path / 'labels.csv', text(rows=rows))
    assert set(table.errors) == {'ISIC_0000002', 'ISIC_0000003'}
    assert "'nv' in line 3, 'mel' in line 4" in table.errors['ISIC_0000002']
    assert 'has no dx' in table.errors['ISIC_0000003']
    assert set(table.label_of) == {'ISIC_0000001'}


def test_groups_alone_are_enough(tmp_path):
    table = read(tmp_path / 'labels.csv', text(), label_column=None)
    assert not table.label_of
    assert len(table.group_of) == 2


@pytest.mark.parametrize(
    ('content', 'columns', 'message'),
    [
        (text(), {'label_column': 'diagnosis'}, 'no column diagnosis'),
        (text(), {'id_column': 'name'}, 'no column name'),
        (text(rows=[ROWS[0], ROWS[-1]]), {}, "no row belongs to an image.*'ISIC_0000009'"),
        (text(rows=[ROWS[0]]), {}, 'no row belongs to an image'),
        (text(rows=[*ROWS, ('', 'mel', 'L4')]), {}, 'image_id is empty'),
        ('PK\x03\x04', {}, 'Excel workbook'),
    ],
)
def test_a_table_that_does_not_fit_is_refused(content, columns, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read(tmp_path / 'labels.csv', content, **columns)
