import dataclasses

import pytest

from isic_mmdet.deploy.metadata import MetadataError, ModelMetadata


@pytest.fixture
def metadata() -> ModelMetadata:
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


def test_it_comes_back_from_the_metadata(metadata):
    entries = metadata.entries()
    assert all(isinstance(value, str) for value in entries.values())
    assert ModelMetadata.from_entries(entries) == metadata
    one = dataclasses.replace(metadata, batch=1)
    assert ModelMetadata.from_entries(one.entries()).batch == 1


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'isic_mmdet_format': None}, 'not written by'),
        ({'isic_mmdet_format': '2'}, 'its format is 2, this version reads format 1'),
        ({'scale': None}, 'damaged'),
        ({'classes': "['benign"}, 'damaged'),
    ],
)
def test_other_metadata_are_refused(metadata, changes, message):
    entries = {**metadata.entries(), **changes}
    kept = {key: value for key, value in entries.items() if value is not None}
    with pytest.raises(MetadataError, match=message):
        ModelMetadata.from_entries(kept)
