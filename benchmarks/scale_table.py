"""The plan for a million images, computed from `scale.json` and `prepare.json`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from isic_mmdet.report.markdown import markdown_table

IMAGES = 1_000_000
#: Images of one shard, and the cores of an example.
SHARD = 1000
CORES = 16
_RULE = 'max-side=1024'


def scale_table(content: Mapping[str, Any], prepare: Mapping[str, Any] | None) -> str:
    """Return the plan, one row a step.

    Args:
        content: of `scale.json`; without times if other programs used the machine.
        prepare: of `prepare.json`; None leaves the conversion out.
    """
    details = content['details']
    rows = list(_memory_rows(details))
    if 'image_s' in details:
        rows += _time_rows(details)
        if prepare is not None:
            rows.append(_conversion(prepare['details']))
    return markdown_table((f'{IMAGES:,} images', 'needs', 'computed from'), rows)


def _memory_rows(details: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    per_image = details['list_mb'] * 1e6 / details['files']
    yield (
        'list of the images, memory of each process',
        f'{per_image * IMAGES / 1e6:,.0f} MB in one process, '
        f'{per_image * SHARD / 1e6:.1f} MB in a shard of {SHARD:,}',
        f'{per_image:,.0f} bytes per image, from {details["files"]:,} files',
    )
    yield (
        'join of the tables, memory',
        f'{details["join_mb"]:.0f} MB',
        f'measured with {details["rows"]:,} rows',
    )


def _time_rows(details: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    image, start, cores = details['image_s'], details['start_s'], details['cores']
    shards = IMAGES / SHARD
    hours = (IMAGES * image + shards * start) * cores / 3600
    yield (
        f'predict in {shards:,.0f} shards',
        f'{hours:,.0f} core-hours, {hours / CORES:.1f} hours on {CORES} cores',
        f'{image:.3f} s per image and {start:.2f} s per start, on {cores} cores',
    )
    yield (
        'predict, memory of a process',
        f'{details["predict_mb"]:,.0f} MB',
        f'peak over {details["shard"]:,} images',
    )
    yield (
        'kill of a process and `--resume`',
        f'{details["lost_s"]:.1f} s',
        f'shard of {details["shard"]:,} images, killed in the middle',
    )
    join = details['join_s'] * IMAGES / details['rows']
    yield 'join of the tables, time', f'{join:.0f} s', f'{details["rows"]:,} rows'
    number, seconds = max((int(n), s) for n, s in details['hashes_s'].items())
    search = seconds * (IMAGES / number) ** 2 / 3600
    yield (
        'prepare: search for near-duplicates',
        f'{search:.1f} hours on one core',
        f'{seconds:.1f} s for {number:,} hashes, times ({IMAGES:,} / {number:,})²',
    )


def _conversion(details: Mapping[str, Any]) -> Sequence[str]:
    seconds = sorted(details['seconds'][_RULE]['ours'])
    rate = details['number'] / seconds[len(seconds) // 2]
    return (
        f'prepare: conversion to {_RULE.removeprefix("max-side=")} px',
        f'{IMAGES / rate / 3600:.1f} hours on 2 cores',
        f'{rate:.0f} images per second, `python -m benchmarks prepare`',
    )
