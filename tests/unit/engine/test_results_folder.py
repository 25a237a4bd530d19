import json
from pathlib import Path

import pytest

from isic_mmdet.engine.config.load import load_config
from isic_mmdet.engine.config.run_options import enable_drawing, enable_result_dump, use_tta
from isic_mmdet.engine.config.run_state import set_work_dir
from isic_mmdet.engine.results_folder import check_results_folder, evaluation_settings
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256


@pytest.fixture
def make(root, tiny_data, tmp_path):
    """Return a function that makes the config of a test in the folder `results`."""
    (tmp_path / 'best.pth').write_bytes(b'weights')
    (tmp_path / 'other.pth').write_bytes(b'others')

    def make(options=None, checkpoint='best.pth', out=None, show_dir=None, tta=False):
        path = root / 'configs/quickstart.py'
        cfg = load_config(path, options, tiny_data)
        set_work_dir(cfg, str(tmp_path / 'results'), str(path))
        cfg.load_from = str(tmp_path / checkpoint)
        enable_result_dump(cfg, str(out or tmp_path / 'results' / 'detections.json'))
        if show_dir:
            enable_drawing(cfg, str(show_dir))
        if tta:
            use_tta(cfg)
        return cfg

    return make


def write_results(cfg) -> None:
    """Leave what a test of this config leaves, as far as it is compared."""
    dataset = cfg.test_dataloader.dataset
    facts = {
        'checkpoint': 'best.pth',
        'checkpoint_sha256': sha256(cfg.load_from),
        'data_digest': sha256(f'{dataset.data_root}/{dataset.ann_file}'),
        'split': 'test',
        **evaluation_settings(cfg),
    }
    folder = Path(cfg.work_dir)
    folder.mkdir()
    (folder / 'metrics.json').write_text(json.dumps(facts))


def test_the_same_test_may_be_repeated(make):
    write_results(make())
    check_results_folder(make({'test_dataloader.batch_size': 3}), overwrite=False)


@pytest.mark.parametrize(
    ('changed', 'problem'),
    [
        (dict(checkpoint='other.pth'), 'checkpoint_sha256: best.pth ('),
        (dict(tta=True), 'tta: False, now True'),
        (dict(options={'model.test_cfg.rcnn.score_thr': 0.4}), 'settings_digest'),
        (
            dict(options={'test_dataloader.dataset.ann_file': 'annotations/val.json'}),
            'data_digest',
        ),
    ],
)
def test_results_of_something_else_are_kept(make, changed, problem):
    write_results(make())
    with pytest.raises(InputError, match='--overwrite') as error:
        check_results_folder(make(**changed), overwrite=False)
    assert problem in '\n'.join(error.value.errors)
    assert '--work-dir' in str(error.value)
    check_results_folder(make(**changed), overwrite=True)


def test_the_last_validation_of_a_training_is_kept(make):
    write_results(make())
    cfg = make()
    path = Path(cfg.work_dir, 'metrics.json')
    facts = json.loads(path.read_text())
    path.write_text(json.dumps({**facts, 'checkpoint': None, 'checkpoint_sha256': None}))
    with pytest.raises(InputError, match='checkpoint_sha256: None'):
        check_results_folder(cfg, overwrite=False)


@pytest.mark.parametrize('name', ['out', 'show_dir'])
def test_files_outside_that_another_test_wrote_are_kept(make, tmp_path, name):
    if name == 'out':
        path = tmp_path / 'found.json'
        path.touch()
    else:
        path = tmp_path / 'images'
        path.mkdir()
        (path / 'a.jpg').touch()
    cfg = make(**{name: path})
    with pytest.raises(InputError, match='--overwrite'):
        check_results_folder(cfg, overwrite=False)
    check_results_folder(cfg, overwrite=True)
    write_results(cfg)  # which records that it wrote them
    check_results_folder(cfg, overwrite=False)


def test_no_input_is_overwritten(make, tiny_data):
    cfg = make(out=tiny_data / 'annotations/test.json')
    with pytest.raises(InputError, match='is also an input'):
        check_results_folder(cfg, overwrite=True)
