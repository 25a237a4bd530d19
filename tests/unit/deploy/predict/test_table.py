import pytest

from isic_mmdet.deploy.predict.table import COLUMNS, Part, is_begun, join_parts, read_rows
from isic_mmdet.errors import InputError


def row(name: str, score: float | None = 0.5) -> dict:
    return {'image': name, 'score': score, 'area_px': 7, 'seconds': 0.1}


def test_parts_are_joined_in_the_order_of_the_images(tmp_path):
    assert not is_begun(tmp_path)
    for rank, names in enumerate((['c', 'a'], ['b, or not', 'd'])):
        with Part(tmp_path, rank) as part:
            for name in names:
                part.add(row(name))
    assert is_begun(tmp_path)
    assert set(read_rows(tmp_path)) == {'a', 'b, or not', 'c', 'd'}
    join_parts(tmp_path)
    (table,) = tmp_path.iterdir()
    lines = table.read_text().splitlines()
    assert lines[0] == 'image,file,label,score,area_px,area_share,x,y,width,height,seconds'
    assert lines[1:3] == ['a,,,0.5,7,,,,,,0.1', '"b, or not",,,0.5,7,,,,,,0.1']
    assert is_begun(tmp_path)


def test_a_line_that_was_cut_off_is_not_done(tmp_path):
    (tmp_path / '.predictions.0.csv').write_text(
        'a,a.jpg,lesion,0.5,7,0.1,1,2,3,4,0.2\nb,b.jpg,lesion,0.'
    )
    assert set(read_rows(tmp_path)) == {'a'}
    with Part(tmp_path, 0) as part:
        part.add(row('c'))
    assert set(join_parts(tmp_path)) == {'a', 'c'}


def test_a_newer_row_wins_and_older_ones_stay(tmp_path):
    for score in (0.1, 0.2):
        with Part(tmp_path, 0) as part:
            part.add(row('a', score))
            part.add(row(f'of {score}', None))
        join_parts(tmp_path)
    rows = read_rows(tmp_path)
    assert rows['a']['score'] == '0.2'
    assert set(rows) == {'a', 'of 0.1', 'of 0.2'}
    assert set(rows['a']) == set(COLUMNS)


def test_a_table_of_another_program_is_left_alone(tmp_path):
    (tmp_path / 'predictions.csv').write_text('image_id,melanoma\n')
    with pytest.raises(InputError, match='was not written by'):
        read_rows(tmp_path)


@pytest.mark.parametrize(
    'content',
    [b'\xff\xfe', b'a,lesion\n', b'a,b,c,d,e,f,g,h,i,j,k,l\n', b'"' + b'x' * 200_000 + b'"\n'],
    ids=['encoding', 'few cells', 'many cells', 'long cell'],
)
def test_a_damaged_table_is_named(tmp_path, content):
    header = ','.join(COLUMNS).encode() + b'\n'
    (tmp_path / 'predictions.csv').write_bytes(header + content)
    with pytest.raises(InputError, match=r'predictions\.csv: damaged .* remove it'):
        read_rows(tmp_path)
    (tmp_path / 'predictions.csv').rename(tmp_path / '.predictions.0.csv')
    (tmp_path / '.predictions.0.csv').write_bytes(content + b'\n')
    with pytest.raises(InputError, match=r'predictions\.0\.csv: damaged .* remove it'):
        read_rows(tmp_path)
