"""A sound data set, prepared once, of which every stage gets a copy to spoil."""

import json
import shutil
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import isic_mmdet.register  # noqa: F401 - before mmdet's own
from isic_mmdet.prepare.official import prepare
from tests.e2e.fuzz.fuzz_judge import Scene
from tests.e2e.fuzz.hostile_images import Pair


def annotations(out: Path, split: str = 'train') -> dict[str, Any]:
    return json.loads((out / 'annotations' / f'{split}.json').read_text())


@cache
def _prepared_once(folder: Path, key: tuple[bytes, ...]) -> Path:
    pairs = [Pair(np.empty(0), np.empty(0), key[i], key[i + 1]) for i in (0, 2)]
    out = folder / f'prepared-{zlib.crc32(b"".join(key))}'
    scene = Scene(out / 'work', pairs, 0)
    scene.official()
    data = out / 'data'
    prepare(2018, [scene.folder / 'source'], data, workers=1)
    return data


def prepared_copy(scene: Scene) -> Path:
    """Return a prepared data set of both pairs that may be spoilt."""
    key = tuple(data for pair in scene.pairs for data in (pair.jpeg, pair.png))
    once = _prepared_once(scene.folder.parent / 'once', key)
    return Path(shutil.copytree(once, scene.folder / 'data'))
