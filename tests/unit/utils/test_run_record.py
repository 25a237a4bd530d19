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


@pytest.mark.parametrize('text', ['[]', '{', ''])
def test_a_damaged_record_is_an_error(tmp_path, text):
    path = tmp_path / 'run.json'
    path.write_text(text)
    with pytest.raises(InputError, match=r'run\.json.*name another --out'):
        require_same_run(path, {}, 'other masks', 'name another --out')
