import dataclasses

import pytest

from isic_mmdet.deploy.metadata import ModelMetadata, NoMetadataError


@pytest.fixture
def card() -> ModelMetadata:
    return ModelMetadata(
        classes=('benign', 'melanoma'),
        scale=(1333, 800),
        divisor=32,
        batch=None,
        score_threshold=0.05,
        mask_threshold=0.5,
        mean=(123.675, 116.28, 103.53),
        std=(58.395, 57.12, 57.375),
        weights='float32',
        config='student2017.py',
        checkpoint='best.pth',
        checkpoint_sha256='0' * 64,
        version='0.1.0',
    )


def test_it_comes_back_from_the_metadata(card):
    metadata = card.metadata()
    assert all(isinstance(value, str) for value in metadata.values())
    assert ModelMetadata.from_metadata(metadata) == card
    one = dataclasses.replace(card, batch=1)
    assert ModelMetadata.from_metadata(one.metadata()).batch == 1


@pytest.mark.parametrize(
    ('changes', 'told'),
    [
        ({'isic_mmdet_format': None}, 'not written by'),
        ({'isic_mmdet_format': '2'}, 'its format is 2, this version reads format 1'),
        ({'scale': None}, 'damaged'),
        ({'classes': "['benign"}, 'damaged'),
    ],
)
def test_other_metadata_are_refused(card, changes, told):
    metadata = {**card.metadata(), **changes}
    kept = {key: value for key, value in metadata.items() if value is not None}
    with pytest.raises(NoMetadataError, match=told):
        ModelMetadata.from_metadata(kept)
