import hashlib
from pathlib import Path

import pytest

from isic_mmdet.deploy.shipped_model import FOLDER, NAME, shipped_model
from isic_mmdet.errors import InputError


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / NAME).write_bytes(b'weights')
    digest = hashlib.sha256(b'weights').hexdigest()
    (tmp_path / 'checksums.txt').write_text(f'{digest}  {NAME}\n')
    return tmp_path


def test_a_model_with_its_checksum_is_used(folder):
    assert shipped_model(folder) == folder / NAME


def test_the_model_lies_in_the_checkout(root):
    assert root / 'models' == FOLDER


def test_a_damaged_model_is_refused(folder):
    (folder / NAME).write_bytes(b'weight')
    with pytest.raises(InputError, match=f'{NAME} is damaged .*SHA-256.*git checkout -- models'):
        shipped_model(folder)


def test_a_missing_model_is_named(folder):
    (folder / NAME).unlink()
    with pytest.raises(InputError, match=f'{NAME}: the model of the project is missing'):
        shipped_model(folder)


@pytest.mark.parametrize('text', [None, '', 'damaged', f'{"0" * 64}  other.onnx\n'])
def test_a_missing_checksum_is_named(folder, text):
    if text is None:
        (folder / 'checksums.txt').unlink()
    else:
        (folder / 'checksums.txt').write_text(text)
    with pytest.raises(InputError, match=r'checksums\.txt'):
        shipped_model(folder)
