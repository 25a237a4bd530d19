"""How a tool ends: the status, and one message where people can help."""

import errno
import os

import pytest

from isic_mmdet import cli
from isic_mmdet.errors import InputError, Terminated


def end_of(main, capsys) -> tuple[int, str]:
    with pytest.raises(SystemExit) as end:
        cli.run(main)
    return end.value.code, capsys.readouterr().err


def raising(error):
    def main():
        raise error

    return main


def test_a_result_is_the_status(capsys):
    assert end_of(lambda: None, capsys) == (0, '')
    assert end_of(lambda: 3, capsys) == (3, '')


def test_what_users_can_mend_is_one_message(capsys):
    assert end_of(raising(InputError('a.png: empty')), capsys) == (1, 'error: a.png: empty\n')


@pytest.mark.parametrize('number', [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_one_message(capsys, number):
    status, told = end_of(raising(OSError(number, os.strerror(number), 'masks/a.png')), capsys)
    assert status == 1
    assert told.startswith(f'error: masks/a.png: {os.strerror(number)}')
    assert told.count('\n') == 1


def test_a_fault_of_ours_keeps_its_traceback():
    with pytest.raises(OSError, match='Bad address'):
        cli.run(raising(OSError(errno.EFAULT, os.strerror(errno.EFAULT))))


def test_the_end_on_request_can_be_told_from_a_failure(capsys):
    status, told = end_of(raising(Terminated()), capsys)
    assert status == 75
    assert '--resume' in told


def test_a_name_that_is_no_text_is_told_nevertheless(capsys):
    status, told = end_of(raising(InputError('a\udcff.png: empty')), capsys)
    assert (status, told) == (1, 'error: a\\udcff.png: empty\n')
