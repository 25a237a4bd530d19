"""The commands of several runs as templates: what a column of the table holds is a placeholder."""

import re
from collections.abc import Sequence

from isic_mmdet.report.run_files import Report

_PLACEHOLDERS = (
    # Where a run writes, and what columns of the table hold.
    (re.compile(r' --(?:tta|(?:split|work-dir|out|show-dir) \S+)'), ''),
    (re.compile(r'(?<=randomness\.seed=)\d+'), 'SEED'),
    (re.compile(r'(?<=--fold )\d+'), 'K'),
    # A checkpoint of the run; weights to start from are the value of an option.
    (re.compile(r'(?<= )[^\s=]+\.pth'), 'CHECKPOINT'),
    # Folders outside the checkout.
    (re.compile(r'(?<=[ =])(?:/|\.\./)\S*/'), ''),
)


def command_templates(rows: Sequence[Sequence[Report]]) -> list[str]:
    """Return the lines of a list: each template once, after the numbers of its rows.

    Args:
        rows: the reports of each row of the table.
    """
    numbers: dict[str, list[str]] = {}
    for number, reports in enumerate(rows, 1):
        for report in reports:
            training = report.get('training') or {}
            # The command of a validation is that of its training.
            for command in dict.fromkeys([training.get('command'), report.get('command')]):
                if command is not None:
                    shown = numbers.setdefault(_template(command, report), [])
                    shown.extend([str(number)] if str(number) not in shown else [])
    return [f'- {", ".join(shown)}: `{template}`' for template, shown in numbers.items()]


def _template(command: str, report: Report) -> str:
    config = re.escape(str(report.get('config')))
    command = re.sub(rf'(?<= )(?:\S*/)?{config}\.py', 'CONFIG', command)
    weights = (report.get('training') or {}).get('weights')
    if weights is not None:
        command = re.sub(rf'(?<==)(?:\S*/)?{re.escape(weights)}', 'WEIGHTS', command)
    for pattern, placeholder in _PLACEHOLDERS:
        command = pattern.sub(placeholder, command)
    return command
