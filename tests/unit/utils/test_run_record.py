import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import write_json
from isic_mmdet.utils.run_record import require_same_run


def test_a_folder_is_continued_only_by_the_run_that_it_records(tmp_path):
    path, now = tmp_path / 'run.json', {'model': 'a', 'tta': False}
    assert require_same_run(path, now, 'other masks', 'name another --out') == {}
    write_json(path, {**now, 'date': 'today'})
    assert require_same_run(path, now, 'other masks', 'name another --out')['date'] == 'today'
    with pytest.raises(InputError, match='other masks; name another --out') as error:
        require_same_run(
            path, {'model': 'a', 'tta': True, 'amp': 1}, 'other masks', 'name another --out'
        )
    assert error.value.errors == ['tta: False, now True', 'amp: None, now 1']


def test_a_digest_is_shown_short_with_the_name_of_its_file(tmp_path):
    path, old, new = tmp_path / 'run.json', 'a1' * 32, 'b2' * 32
    write_json(path, {'model': 'one.pth', 'sha256': old, 'data': old})
    with pytest.raises(InputError) as error:
        require_same_run(
            path, {'sha256': new, 'data': new}, '', '', {'sha256': ('model', 'two.pth')}
        )
    assert error.value.errors == [
        'sha256: one.pth (a1a1a1a1), now two.pth (b2b2b2b2)',
        'data: a1a1a1a1, now b2b2b2b2',
    ]


@pytest.mark.parametrize('text', ['[]', '{', ''])
def test_a_damaged_record_is_an_error(tmp_path, text):
    path = tmp_path / 'run.json'
    path.write_text(text)
    with pytest.raises(InputError, match=r'run\.json.*name another --out'):
        require_same_run(path, {}, 'other masks', 'name another --out')
