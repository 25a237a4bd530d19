"""A line of the table of performance: what was measured of ours, of a peer, and what was wanted."""

from collections.abc import Mapping
from typing import Any


def row(
    what: str,
    ours_s: float,
    peer: str,
    peer_s: float,
    at_least: float | None = None,
    at_most: float | None = None,
) -> dict[str, Any]:
    """Return a comparison of two times.

    Args:
        what: that both do.
        ours_s: seconds of ours.
        peer: name of the other.
        peer_s: its seconds.
        at_least: how many times as fast as a peer ours shall be.
        at_most: how many times as long as a floor ours may take.

    Returns:
        `ratio` is peer to ours with `at_least` or without a goal, ours to the floor with `at_most`.
    """
    ratio = ours_s / peer_s if at_most is not None else peer_s / ours_s
    content: dict[str, Any] = {
        'what': what,
        'ours_s': ours_s,
        'peer': peer,
        'peer_s': peer_s,
        'ratio': ratio,
    }
    if at_least is not None:
        content |= {'goal': f'at least {at_least:g} x as fast', 'reached': ratio >= at_least}
    elif at_most is not None:
        content |= {'goal': f'at most {at_most:g} x its time', 'reached': ratio <= at_most}
    return content


def unjudged(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of a result file without goals, for numbers of a quick run."""
    rows = [
        {name: value for name, value in each.items() if name not in ('goal', 'reached')}
        for each in content['rows']
    ]
    return {**content, 'rows': rows}
