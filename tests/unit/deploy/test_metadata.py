import dataclasses

import pytest

from isic_mmdet.deploy.metadata import ModelMetadata
from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.expected_iou import ExpectedIoU


@pytest.fixture
def metadata() -> ModelMetadata:
    return ModelMetadata(
        classes=('benign', 'melanoma'),
        scale=(1333, 800),
        keep_ratio=True,
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


def test_entries_hold_all_metadata(metadata):
    calibration = ExpectedIoU('mask_confidence', -3.0, 1.5, 0.75, 487)
    for changes in ({}, {'batch': 1}, {'expected_iou': calibration}):
        written = dataclasses.replace(metadata, **changes)
        entries = written.entries()
        assert all(isinstance(value, str) for value in entries.values())
        assert ModelMetadata.from_entries(entries, 'a.onnx') == written


def test_a_file_of_an_older_version_has_no_calibration(metadata):
    entries = metadata.entries()
    del entries['expected_iou']
    assert ModelMetadata.from_entries(entries, 'a.onnx').expected_iou is None


@pytest.mark.parametrize(
    ('changes', 'message'),
    [
        ({'isic_mmdet_format': None}, 'its format is None'),
        ({'isic_mmdet_format': '1'}, 'its format is 1, not 2'),
        ({'scale': None}, 'scale'),
        ({'classes': "['benign"}, 'damaged'),
    ],
)
def test_other_metadata_are_refused(metadata, changes, message):
    entries = {**metadata.entries(), **changes}
    kept = {key: value for key, value in entries.items() if value is not None}
    with pytest.raises(InputError, match=rf'a\.onnx .*{message}.* export it again'):
        ModelMetadata.from_entries(kept, 'a.onnx')
