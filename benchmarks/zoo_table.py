"""The table of architectures: accuracy of short trainings, and speed from `benchmarks/zoo.py`."""

from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.report.command_templates import command_templates
from isic_mmdet.report.markdown import UNKNOWN, markdown_table
from isic_mmdet.report.results_table import recipe_rows
from isic_mmdet.report.run_files import Report

_SCORES = ('split', '`iou`', '95 % interval', '`iou_max`', '`iou_thr65`', '`dice`')


def zoo_table(reports: Sequence[Report], speed: Mapping[str, Any] | None) -> str:
    """Return one row per architecture, the best IoU first, and the commands below.

    Args:
        reports: contents of `metrics.json`, one of each architecture.
        speed: content of `zoo.json`; None if it was not measured.
    """
    best_first = sorted(reports, key=lambda report: -report['metrics']['lesion/iou'])
    models = speed['details']['models'] if speed else {}
    columns = ('training step of 4 images', 'prediction of an image', 'parameters')
    cells = []
    for number, report in enumerate(best_first, 1):
        (row,) = recipe_rows([report])
        name = f'{row["config"]}{", --amp" * bool(report.get("amp"))}'
        known = models.get(name, {})
        times = [f'{known[each]:.3f} s' if known else UNKNOWN for each in columns[:2]]
        size = f'{known["parameters"] / 1e6:.1f} M' if known else UNKNOWN
        scores = (row.get(score, UNKNOWN) for score in _SCORES)
        cells.append([str(number), name, *scores, *times, size])
    lines = [markdown_table(('#', 'config', *_SCORES, *columns), cells), '', 'Commands:', '']
    lines += command_templates([[report] for report in best_first])
    if speed:
        hardware, date = speed['hardware'], speed['date'][:10]
        lines.append(f'- times and parameters: `{speed["command"]}`, {hardware}, {date}')
    return '\n'.join(lines)
