"""Checkpoints from which training is resumed with another length of an epoch."""

from isic_mmdet.engine.train.epoch_length import EpochLength, count_anew

BEFORE = EpochLength(iterations=10, batch=8)
HALF = EpochLength(iterations=20, batch=4)


def meta_of(length: EpochLength, epoch: int, iteration: int) -> dict:
    meta = {'epoch': epoch, 'iter': iteration}
    length.note(meta)
    return meta


def test_the_end_of_an_epoch_stays_the_end():
    meta = meta_of(BEFORE, epoch=3, iteration=30)
    count_anew(meta, HALF)
    assert meta['iter'] == 60


def test_the_middle_of_an_epoch_stays_the_middle():
    meta = meta_of(BEFORE, epoch=3, iteration=35)
    count_anew(meta, HALF)
    assert meta['iter'] == 70


def test_the_same_length_changes_nothing():
    meta = meta_of(BEFORE, epoch=3, iteration=35)
    count_anew(meta, BEFORE)
    assert meta['iter'] == 35


def test_the_length_is_what_the_checkpoint_records():
    assert EpochLength.recorded(meta_of(BEFORE, 1, 10), HALF) == BEFORE
    assert EpochLength.recorded({}, HALF) == HALF
