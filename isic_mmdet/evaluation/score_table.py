"""The scores of a test, as `tools/test.py` prints them."""

from collections.abc import Mapping
from pathlib import Path


def score_table(metrics: Mapping[str, float], work_dir: Path, show_dir: str | None) -> str:
    """Return the scores of a test in [0, 1] as a table, and the paths of its files.

    If several data sets were tested together, each has a column.
    """
    suffix = '/lesion/iou'
    parts = [name.removesuffix(suffix) for name in metrics if name.endswith(suffix)]
    own = [name for name in metrics if not name.startswith(tuple(f'{part}/' for part in parts))]
    rows = [
        [name, *(f'{metrics[key]:.4f}' for key in (name, *(f'{part}/{name}' for part in parts)))]
        for name in own
    ]
    rows = [['', 'all', *parts], *rows] if parts else rows
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        *(
            f'  {name:<{widths[0]}}  ' + '  '.join(map(str.rjust, cells, widths[1:]))
            for name, *cells in rows
        ),
        f'scores:    {work_dir / "metrics.json"}',
        f'per image: {work_dir / "per_image.csv"}',
        f'plot:      {work_dir / "plots" / "iou_box.png"}',
    ]
    return '\n'.join(lines + ([f'drawings:  {show_dir}'] if show_dir else []))
