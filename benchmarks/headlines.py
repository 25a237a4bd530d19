"""The rows of the benchmarks that docs/performance.md shows first."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.table import tables_by_hardware
from isic_mmdet.errors import InputError


class Headline(NamedTuple):
    """A row of a result file, compared with one or more baselines.

    Attributes:
        file: below `benchmarks/results/`, without `.json`.
        what: the row, as the file names it.
        baselines: each is a row of the table.
        note: about the hardware; follows it. Rows with the same hardware and note share a table.
    """

    file: str
    what: str
    baselines: tuple[str, ...]
    note: str = ''


_MMDET = ('stock mmdet',)
_BOTH = ('stock mmdet', 'torchvision')
_BFLOAT16 = 'ours in bfloat16'
_STEP = 'training step, R50-FPN'
_INFERENCE = 'inference, JPEG to mask file, R50-FPN, 512 px'
_LITE = 'JPEG to mask file, isic2018_maskrcnn_lite, 256 px'
_LARGE = 'one 4499 x 6748 image'
_KEEP = 'baselines keep 1'
_AROUND = 'an image without its model'
_ALONE = ('lower bound: decoding and encoding',)

HEADLINES = (
    Headline('train', f'{_STEP}, batch 2, 512 px', _BOTH, _BFLOAT16),
    Headline('infer', f'{_INFERENCE}, batch 1', _BOTH, _BFLOAT16),
    Headline('infer', f'{_INFERENCE}, batch 1, {_KEEP}', _MMDET, _BFLOAT16),
    Headline(
        'score', 'tools/score.py, 1000 pairs of 1 megapixel', ('isic-challenge-scoring 5.6.0',)
    ),
    Headline('large-image', f'{_LARGE}, JPEG to mask file (ours, bfloat16)', _MMDET),
    Headline('large-image', f'{_LARGE}, peak above the loaded model (ours, bfloat16)', _MMDET),
    Headline(
        'prepare',
        'prepare_isic.py --resize quarter, 460 images, 2 processes',
        ('loop of imread, resize, imwrite', 'the same, masks read as gray'),
    ),
    Headline('reading', f'{_AROUND}, 46 images of ISIC 2017, 2 cores', _ALONE),
    Headline('reading', f'{_AROUND}, 512 px, 2 cores', _ALONE),
    Headline('avx2/recipe', 'training step, isic2018_maskrcnn_lite, batch 4, 256 px', _MMDET),
    Headline('avx2/recipe', f'{_LITE}, PyTorch', _MMDET),
    Headline('avx2/recipe', f'{_LITE}, ONNX Runtime', _MMDET),
    Headline('avx2/recipe', f'{_LITE}, ONNX Runtime, 8 bits', _MMDET),
    Headline('gpu/train', f'{_STEP}, batch 16, 512 px', _BOTH, _BFLOAT16),
    Headline('gpu/infer', f'{_INFERENCE}, batch 16', _MMDET, _BFLOAT16),
    Headline('gpu/infer', f'{_INFERENCE}, batch 16, {_KEEP}', ('torchvision',), _BFLOAT16),
)


def headline_tables(results: Path) -> str:
    """Return the tables of `HEADLINES`.

    Args:
        results: folder of the result files.

    Raises:
        InputError: a result file is missing, or does not have a row exactly once.
    """
    return tables_by_hardware(row for each in HEADLINES for row in _rows(each, results))


def _rows(headline: Headline, results: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    path = results / f'{headline.file}.json'
    where = 'HEADLINES of benchmarks/headlines.py'
    if not path.is_file():
        raise InputError(f'{path}: is missing; restore it, or remove it from {where}')
    content = json.loads(path.read_text(encoding='utf-8'))
    hardware = ', '.join(filter(None, (content['hardware'], headline.note)))
    for baseline in headline.baselines:
        name = (headline.what, baseline)
        found = [row for row in content['rows'] if (row['what'], row.get('baseline')) == name]
        if len(found) != 1:
            raise InputError(
                f'{path}: has {len(found)} rows {headline.what!r} with the baseline {baseline!r} '
                f'instead of one; name a row of the file in {where}'
            )
        yield hardware, found[0]
