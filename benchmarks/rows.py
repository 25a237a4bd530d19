"""A row of a performance table: our value, that of a baseline, and the goal."""

from collections.abc import Mapping
from typing import Any


def row(
    what: str,
    ours_s: float,
    baseline: str,
    baseline_s: float,
    at_least: float | None = None,
    at_most: float | None = None,
) -> dict[str, Any]:
    """Return a comparison of two times.

    Args:
        what: that both do.
        ours_s: seconds of ours.
        baseline: name of the other.
        baseline_s: its seconds.
        at_least: how many times as fast as a baseline ours shall be.
        at_most: how many times as long as a lower bound ours may take.

    Returns:
        `ratio` is baseline / ours, or ours / lower bound with `at_most`.
    """
    ratio = ours_s / baseline_s if at_most is not None else baseline_s / ours_s
    content: dict[str, Any] = {
        'what': what,
        'ours_s': ours_s,
        'baseline': baseline,
        'baseline_s': baseline_s,
        'ratio': ratio,
    }
    if at_least is not None:
        content |= {'goal': f'at least {at_least:g} x as fast', 'met': ratio >= at_least}
    elif at_most is not None:
        content |= {'goal': f'at most {at_most:g} x its time', 'met': ratio <= at_most}
    return content


def unjudged(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a result file without goals, for numbers of a quick run."""
    rows = [
        {name: value for name, value in each.items() if name not in ('goal', 'met')}
        for each in content['rows']
    ]
    return {**content, 'rows': rows}
