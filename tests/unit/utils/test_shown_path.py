from isic_mmdet.utils.shown_path import shown_path


def test_a_path_is_short_and_without_detours(tmp_path, monkeypatch):
    (tmp_path / 'configs').mkdir()
    (tmp_path / 'project').mkdir()
    (tmp_path / 'project/link').symlink_to(tmp_path / 'configs')
    monkeypatch.chdir(tmp_path / 'project')
    assert shown_path(tmp_path / 'project/data/a.json') == 'data/a.json'
    assert shown_path('link/a.json') == 'link/a.json', 'a link keeps its name'
    assert shown_path('configs/../data/a.json') == 'data/a.json'
    assert shown_path('../configs/a.py') == str(tmp_path / 'configs/a.py')
    assert shown_path('link/../project/a') == 'a', 'as the system reads it'
