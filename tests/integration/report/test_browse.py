"""What the sheets of a data set show: its own images, its annotated masks, its own pipeline."""

import json

import cv2
import numpy as np
import pytest

import isic_mmdet.register  # noqa: F401
from isic_mmdet.engine.config.load import load_config
from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_files import read_mask
from isic_mmdet.prepare.official import prepare
from isic_mmdet.report import browse as module
from isic_mmdet.report.browse import DRAWS, browse
from isic_mmdet.synthetic import write_dataset

FLIP = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='PackLesionInputs'),
]


@pytest.fixture
def cfg(root, tiny_data):
    return load_config(root / 'configs/quickstart.py', data_root=tiny_data)


@pytest.fixture
def cards(monkeypatch):
    """The (image, mask, title, note) of every card drawn."""
    drawn = []

    def spy(image, mask, title, note, height):
        drawn.append((image, mask, title, note))
        return np.zeros((4, 4, 3), np.uint8)

    monkeypatch.setattr(module, 'card', spy)
    return drawn


@pytest.fixture
def histograms(monkeypatch):
    """The sizes of every histogram drawn."""
    drawn = []
    monkeypatch.setattr(module, 'resolution_figure', drawn.append)
    monkeypatch.setattr(module, 'save_figure', lambda figure, path: None)
    return drawn


def ids(data, split):
    images = json.loads((data / 'annotations' / f'{split}.json').read_text())['images']
    return {image['isic_id'] for image in images}


def test_all_sheets_are_images(cfg, tmp_path):
    written = browse(cfg, tmp_path / 'out', number=3, augmented=True)
    assert [path.name for path in written] == ['resolution.png', 'masks.png', 'augmented.png']
    shapes = [cv2.imread(str(path)).shape for path in written]
    assert shapes[1][1] > 3 * 320
    assert shapes[2][0] > 3 * 224
    assert shapes[2][1] > (1 + DRAWS) * 224
    assert sorted(path.name for path in (tmp_path / 'out').iterdir()) == sorted(
        path.name for path in written
    )


@pytest.mark.parametrize(('split', 'shown'), [(None, 'train'), ('val', 'val'), ('test', 'test')])
def test_masks_are_those_of_the_split(cfg, tiny_data, tmp_path, cards, histograms, split, shown):
    browse(cfg, tmp_path, split=split, number=100)
    assert {title for _, _, title, _ in cards} == ids(tiny_data, shown)
    for image, mask, title, note in cards:
        np.testing.assert_array_equal(
            mask, read_mask(tiny_data / 'original_masks' / f'{title}_segmentation.png')
        )
        np.testing.assert_array_equal(image, cv2.imread(str(tiny_data / 'images' / f'{title}.jpg')))
        height, width = mask.shape
        assert note == f'{width} x {height} px'
    (sizes,) = histograms
    assert len(sizes) == (18 if split is None else len(cards))
    assert {mask.shape for _, mask, *_ in cards} <= set(sizes)


def test_the_seed_chooses_images_and_draws(root, tiny_data, tmp_path, cards):
    seen = []
    for seed in (0, 0, 1):
        cards.clear()
        cfg = load_config(root / 'configs/quickstart.py', data_root=tiny_data)
        browse(cfg, tmp_path, number=5, seed=seed, augmented=True)
        titles = [title for _, _, title, _ in cards[:5]]
        assert len(set(titles)) == 5
        seen.append((titles, [image.tobytes() for image, *_ in cards]))
    assert seen[0] == seen[1]
    assert seen[0][0] != seen[2][0] and seen[0][1] != seen[2][1]


def test_draws_are_those_of_the_training_pipeline_with_its_masks(cfg, tmp_path, cards):
    cfg.train_dataloader.dataset.pipeline = FLIP
    browse(cfg, tmp_path, split='val', number=2, augmented=True)
    rows = cards[2:]
    assert len(rows) == 2 * (1 + DRAWS)
    for first in (0, 1 + DRAWS):
        image, mask, title, _ = rows[first]
        assert title.startswith('ISIC_')
        for drawn, drawn_mask, *_ in rows[first + 1 : first + 1 + DRAWS]:
            np.testing.assert_array_equal(drawn, image[:, ::-1])
            np.testing.assert_array_equal(drawn_mask, mask[:, ::-1])


def test_classes_are_named_and_flipped_copies_counted_once(root, tmp_path, cards, histograms):
    write_dataset(tmp_path / 'official', images=18, seed=0, size=64)
    data = tmp_path / 'prepared'
    prepare(2017, [tmp_path / 'official'], data, flip_copies=True, workers=1)
    (data / 'annotations' / 'test.json').unlink()
    cfg = load_config(root / 'configs/isic2017_maskrcnn.py', data_root=data)
    browse(cfg, tmp_path / 'out', number=100)
    assert len(cards) == 36
    assert {note.partition(',')[0] for *_, note in cards} == {'benign', 'melanoma'}
    (sizes,) = histograms
    assert len(sizes) == 15, 'train and val; the absent test split is skipped'


def test_unfit_requests_are_refused(cfg, tmp_path):
    with pytest.raises(InputError, match='--number 0'):
        browse(cfg, tmp_path, number=0)
    cfg.train_dataloader.dataset.ann_file = 'annotations/nowhere.json'
    with pytest.raises(InputError, match=r'nowhere\.json: no such file'):
        browse(cfg, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()
