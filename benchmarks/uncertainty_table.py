"""The table of what a score, and an expected IoU, say about the quality of masks."""

from collections.abc import Iterator, Sequence

from isic_mmdet.report.markdown import UNKNOWN, markdown_table
from isic_mmdet.report.run_files import Report, data_and_split

_COLUMNS = (
    *('config', 'images', '`--tta`', 'failures', 'rating', 'rank correlation'),
    *('calibration error', 'failures in the lowest tenth', '`check`', 'failures in `check`'),
)


def uncertainty_table(reports: Sequence[Report]) -> str:
    """Return one row for each rating of each evaluation that has a `calibration`."""
    return markdown_table(_COLUMNS, [row for report in reports for row in _rows(report)])


def _rows(report: Report) -> Iterator[list[str]]:
    calibration = report.get('calibration') or {}
    for name, rating in calibration.items():
        if not isinstance(rating, dict) or 'bins' not in rating:
            continue
        # The flag follows from the expected IoU.
        check = calibration.get('check') if name == 'expected_iou' else None
        rank = rating['rank_correlation']
        yield [
            str(report.get('config')),
            f'{calibration["images"]} of {data_and_split(report)}',
            'yes' if report.get('tta') else 'no',
            str(calibration['failures']),
            f'`{name}`',
            UNKNOWN if rank is None else f'{rank:.3f}',
            f'{rating["error"]:.3f}',
            f'{rating["failures_in_lowest_tenth"]:.0%}',
            str(check['images']) if check else '',
            f'{check["failures"] / check["images"]:.0%}' if check and check['images'] else '',
        ]
