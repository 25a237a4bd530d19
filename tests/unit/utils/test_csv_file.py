import csv
import io

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils.csv_file import parse_csv, parse_header, read_csv, to_flag, to_number

KNOWN = ('image_id', 'melanoma', 'age_approximate')
PLAIN = 'image_id,melanoma,age_approximate\nISIC_0000001,1.0,55\nISIC_0000002,0.0,60\n'
ROWS = (
    (2, {'image_id': 'ISIC_0000001', 'melanoma': '1.0', 'age_approximate': '55'}),
    (3, {'image_id': 'ISIC_0000002', 'melanoma': '0.0', 'age_approximate': '60'}),
)


def parsed(text: str | bytes):
    data = text if isinstance(text, bytes) else text.encode()
    return parse_csv('a.csv', data, KNOWN)


@pytest.mark.parametrize('separator', [',', ';', '\t', '|'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16', 'utf-16-le', 'utf-16-be'])
def test_every_separator_line_end_and_encoding(separator, end, encoding):
    text = PLAIN.replace(',', separator).replace('\n', end)
    table = parsed(text.encode(encoding))
    assert table.rows == ROWS
    assert table.header.separator == separator


@pytest.mark.parametrize(
    'text',
    [
        PLAIN.replace('image_id,melanoma,age_approximate', 'Image ID,MELANOMA, Age-Approximate '),
        PLAIN.replace(',', ' , ').replace('\n', ' \n'),
        '\n'.join(','.join(f'"{cell}"' for cell in line.split(',')) for line in PLAIN.split()),
        '\n'.join(', '.join(f'"{cell}"' for cell in line.split(',')) for line in PLAIN.split()),
        PLAIN.replace('\n', ',,\n'),
        PLAIN.rstrip('\n'),
    ],
    ids=['header', 'spaces', 'quotes', 'quotes and spaces', 'empty columns', 'no last line end'],
)
def test_what_spreadsheets_leave_behind(text):
    assert parsed(text).rows == ROWS


def test_empty_rows_are_passed_over_and_counted():
    header, first, second = PLAIN.splitlines()
    table = parsed(f'\n,,\n{header}\n\n{first}\n,,,\n{second}\n , \n\n')
    assert [line for line, _ in table.rows] == [5, 7]
    assert [row for _, row in table.rows] == [row for _, row in ROWS]


def test_excels_line_that_names_the_separator():
    table = parsed('sep=;\r\n' + PLAIN.replace(',', ';').replace('\n', '\r\n'))
    assert [row for _, row in table.rows] == [row for _, row in ROWS]
    assert [line for line, _ in table.rows] == [3, 4]


def test_a_comma_in_another_column_does_not_separate():
    table = parsed('image_id;melanoma;note\nISIC_0000001;0,5;a, b, c, d\n')
    assert table.rows == (
        (2, {'image_id': 'ISIC_0000001', 'melanoma': '0,5', 'note': 'a, b, c, d'}),
    )


def test_cells_with_line_ends_and_quotes_equal_those_of_the_csv_module():
    cells = [['image_id', 'note'], ['a', 'two\nlines, "quoted"; and a semicolon'], ['b', '']]
    text = io.StringIO()
    csv.writer(text).writerows(cells)
    table = parsed(text.getvalue())
    assert [[row['image_id'], row['note']] for _, row in table.rows] == cells[1:]
    assert [line for line, _ in table.rows] == [2, 4]


def test_bytes_that_are_not_utf8_matter_only_in_known_columns():
    text = 'image_id,melanoma,diagnóstico\nISIC_0000001,1,señal\n'
    assert parsed(text.encode('latin-1')).rows[0][1]['melanoma'] == '1'
    with pytest.raises(InputError) as error:
        parsed('image_id,melanoma\nISIC_1,1\nä,0\n'.encode('latin-1'))
    assert error.value.errors == ["a.csv, line 3, column image_id: '\\udce4' is not UTF-8"]


@pytest.mark.parametrize(
    ('text', 'place'),
    [
        ('image_id,melanoma\nISIC_1,0,0\n', 'line 2, column 3'),
        ('image_id,melanoma,Melanoma\nISIC_1,0,1\n', 'column melanoma is there 2 times'),
        ('image_id,melanoma\nISIC_1,0\n"ISIC_2,0\nISIC_3,0\n', 'line 3'),
        ('image_id,melanoma\nISIC_1,"0"1\n', 'line 2'),
        (b'image_id,melanoma\nISIC_1,\0\0\0\n', 'line 2'),
        (b'PK\x03\x04rest', 'workbook'),
        (b'\xd0\xcf\x11\xe0rest', 'workbook'),
        (b'\xff\xfe\x00', 'cannot be read as text'),
    ],
    ids=[
        'decimal commas',
        'twice',
        'open quote',
        'truncated quote',
        'zeros',
        'xlsx',
        'xls',
        'cut off',
    ],
)
def test_what_cannot_be_understood_is_named_with_its_place(text, place):
    with pytest.raises(InputError, match=place) as error:
        parsed(text)
    assert 'a.csv' in str(error.value)


@pytest.mark.parametrize('text', ['', '\n\n', '\ufeff', 'sep=;'])
def test_an_empty_file_has_neither_columns_nor_rows(text):
    table = parsed(text)
    assert table.rows == ()
    assert not set(table.header.columns) & set(KNOWN)


@pytest.mark.parametrize(
    ('text', 'value'),
    [
        ('1', 1),
        ('1.0', 1),
        ('0,25', 0.25),
        ('-3', -3),
        ('1e-3', 0.001),
        ('', None),
        ('1.234,5', None),
        ('1,234,567', None),
        ('1_0', None),
        ('nan', None),
        ('inf', None),
        ('01. Mai', None),
    ],
)
def test_numbers(text, value):
    assert to_number(text) == value


@pytest.mark.parametrize(
    ('words', 'value'),
    [
        (('1', '1.0', '1,0', 'TRUE', 'true', ' Yes '), True),
        (('0', '0.0', '0,0', 'FALSE', 'no'), False),
        (('', '0.5', '2', 'maybe'), None),
    ],
)
def test_flags(words, value):
    assert {to_flag(word) for word in words} == {value}


def test_a_file_that_is_not_there_is_named_with_its_remedy(tmp_path):
    with pytest.raises(InputError, match=r'gone\.csv: cannot be read .*; write it again'):
        read_csv(tmp_path / 'gone.csv', KNOWN, 'write it again')


def test_the_header_of_another_table_can_be_told():
    header = parse_header('a.csv', b'Name;MEL\n1;2;3;4\n', KNOWN)
    assert str(header) == "separator semicolon, columns 'Name', 'MEL'"
