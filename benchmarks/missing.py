"""What this machine or environment lacks, so that a part of a benchmark is skipped."""

from importlib.util import find_spec

from isic_mmdet.errors import InputError

OFFICIAL_SCORER = 'isic-challenge-scoring 5.6.0'


def without_bfloat16() -> str | None:
    """Return what is skipped and why if this machine does not run bfloat16, else None."""
    from isic_mmdet.utils.system import check_bfloat16

    try:
        check_bfloat16()
    except InputError as error:
        return f'everything in bfloat16: {error}'
    return None


def without_official_scorer() -> str | None:
    """Return what is skipped and why if the challenge's scorer is not installed, else None."""
    if find_spec('isic_challenge_scoring') is not None:
        return None
    return (
        f'{OFFICIAL_SCORER}: it is not installed; pip install -r requirements-dev.txt, and measure '
        'again'
    )
