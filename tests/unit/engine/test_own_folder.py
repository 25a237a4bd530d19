from isic_mmdet.engine.own_folder import holds, make_last_relative, make_own, make_relative


def info_of(folder) -> dict:
    return {
        'best_ckpt': str(folder / 'best_epoch_2.pth'),
        'best_score': 0.8,
        'last_ckpt': str(folder / 'epoch_3.pth'),
        'keep_ckpt_ids': [2, 3],
        'epoch': 3,
    }


def test_saved_paths_are_relative(tmp_path):
    info = info_of(tmp_path)
    make_relative(info, str(tmp_path))
    assert (info['best_ckpt'], info['last_ckpt']) == ('best_epoch_2.pth', 'epoch_3.pth')


def test_a_copied_folder_uses_its_own_files(tmp_path):
    original, copy = tmp_path / 'a', tmp_path / 'b'
    for folder in (original, copy):
        folder.mkdir()
        (folder / 'best_epoch_2.pth').touch()
        (folder / 'epoch_3.pth').touch()
    info = info_of(original)  # absolute, as checkpoints of older versions have it
    assert make_own(info, str(copy), is_own=True) == []
    assert info == info_of(copy)


def test_the_best_of_another_run_is_forgotten_with_its_score(tmp_path):
    original = tmp_path / 'a'
    original.mkdir()
    (original / 'best_epoch_2.pth').touch()
    info = info_of(original)
    (note,) = make_own(info, str(tmp_path / 'b'), is_own=False)
    assert 'best_epoch_2.pth' in note
    assert info == {'epoch': 3}


def test_a_best_that_was_deleted_is_forgotten_for_its_metric_alone(tmp_path):
    (tmp_path / 'best_dice.pth').touch()
    info = {
        'best_ckpt_dice': 'best_dice.pth',
        'best_score_dice': 0.9,
        'best_ckpt_iou': 'best_iou.pth',
        'best_score_iou': 0.8,
    }
    assert len(make_own(info, str(tmp_path), is_own=True)) == 1
    assert info == {'best_ckpt_dice': str(tmp_path / 'best_dice.pth'), 'best_score_dice': 0.9}


def test_a_linked_work_dir_holds_its_checkpoints(tmp_path):
    (tmp_path / 'run').mkdir()
    (tmp_path / 'link').symlink_to('run')
    (tmp_path / 'run' / 'epoch_1.pth').touch()
    assert holds(tmp_path / 'link', tmp_path / 'run' / 'epoch_1.pth')
    assert not holds(tmp_path, tmp_path / 'run' / 'epoch_1.pth')


def test_last_checkpoint_is_relative(tmp_path):
    last = tmp_path / 'last_checkpoint'
    make_last_relative(str(tmp_path))
    assert not last.exists()
    last.write_text(str(tmp_path / 'epoch_3.pth'))
    for _ in range(2):
        make_last_relative(str(tmp_path))
        assert last.read_text() == 'epoch_3.pth'
