import pytest

from isic_mmdet.deploy.predict.table import (
    COLUMNS,
    csv_lines,
    is_begun,
    join_parts,
    part_of,
)
from isic_mmdet.errors import InputError
from tests.support.predictions import rows_by_image


def add(folder, *names: str, rank: int = 0, score: float | None = 0.5) -> None:
    with part_of(folder, rank) as part:
        for name in names:
            row = {'image': name, 'score': score, 'area_px': 7, 'seconds': 0.1}
            part.add(csv_lines([row]))


def test_parts_are_joined_in_the_order_of_the_images(tmp_path):
    assert not is_begun(tmp_path)
    add(tmp_path, 'c', 'a')
    add(tmp_path, 'b, or not', 'd', rank=1)
    assert is_begun(tmp_path)
    assert set(rows_by_image(tmp_path)) == {'a', 'b, or not', 'c', 'd'}
    join_parts(tmp_path)
    (table,) = tmp_path.iterdir()
    lines = table.read_text().splitlines()
    assert lines[0] == (
        'image,file,label,score,area_px,area_share,x,y,width,height,expected_iou,check,seconds'
    )
    assert lines[1:3] == ['a,,,0.5,7,,,,,,,,0.1', '"b, or not",,,0.5,7,,,,,,,,0.1']
    assert is_begun(tmp_path)


def test_a_truncated_line_is_not_done(tmp_path):
    (tmp_path / '.predictions.0.csv').write_text(
        'a,a.jpg,lesion,0.5,7,0.1,1,2,3,4,0.8,False,0.2\nb,b.jpg,lesion,0.'
    )
    assert set(rows_by_image(tmp_path)) == {'a'}
    add(tmp_path, 'c')
    join_parts(tmp_path)
    assert set(rows_by_image(tmp_path)) == {'a', 'c'}


def test_a_newer_row_wins_and_older_ones_stay(tmp_path):
    for score in (0.1, 0.2):
        add(tmp_path, 'a', f'of {score}', score=score)
        join_parts(tmp_path)
    rows = rows_by_image(tmp_path)
    assert {name: row['score'] for name, row in rows.items()} == {
        'a': '0.2',
        'of 0.1': '0.1',
        'of 0.2': '0.2',
    }
    assert set(rows['a']) == set(COLUMNS)


@pytest.mark.parametrize(
    'content',
    [b'\xff\xfe', b'a,lesion\n', b'a,b,c,d,e,f,g,h,i,j,k,l,m,n\n', b'"' + b'x' * 200_000 + b'"\n'],
    ids=['encoding', 'few cells', 'many cells', 'long cell'],
)
def test_a_damaged_table_and_that_of_another_program_are_named(tmp_path, content):
    table, part = tmp_path / 'predictions.csv', tmp_path / '.predictions.0.csv'
    for path, data in (
        (table, ','.join(COLUMNS).encode() + b'\n' + content),
        (table, b'image_id,melanoma\n'),
        (part, content + b'\n'),
    ):
        path.write_bytes(data)
        with pytest.raises(InputError, match=rf'{path}: damaged, or not .* name another --out'):
            rows_by_image(tmp_path)
        path.unlink()
