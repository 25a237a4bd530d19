"""All variants, and the process that tries them.

Every variant is tried in a forked process, under a limit of time and with its memory watched, so
that one which hangs, crashes or uses too much memory is reported and the others are still tried.
"""

import gc
import multiprocessing
import os
import resource
import shutil
import signal
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from isic_mmdet.errors import InputError
from isic_mmdet.synthetic.sample import make_sample
from tests.e2e.fuzz import (
    fuzz_judge,
    fuzz_load,
    fuzz_own,
    fuzz_predict,
    fuzz_prepare,
    fuzz_report,
    fuzz_score,
)
from tests.e2e.fuzz.hostile_annotations import ANNOTATIONS
from tests.e2e.fuzz.hostile_images import HEAVY, IMAGES, MASKS, Pair, encode
from tests.e2e.fuzz.hostile_places import NAMES, NEED_RIGHTS, PLACES
from tests.e2e.fuzz.hostile_tables import TABLES
from tests.e2e.fuzz.hostile_zips import UNSAFE, ZIPS

#: Seconds after which a variant counts as hanging.
TIME_LIMIT_S = 120
#: What a process may take on top of what it had before the variant.
MEMORY_LIMIT_MB = 2048
# Beyond it allocations fail, so that an error in the package does not end the machine.
_HARD_LIMIT_MB = 6144
_NOBODY = 65534

Stage = Callable[[fuzz_judge.Scene, Any], str]


@dataclass(frozen=True)
class Variant:
    """One hostile thing.

    Attributes:
        kind: name of the kind.
        number: of the variant among its kind.
        stages: in which it is tried.
        make: what the stages are given, drawn from a generator and a sound pair.
    """

    kind: str
    number: int
    stages: tuple[Stage, ...]
    make: Callable[[np.random.Generator, Pair], Any]

    def rng(self) -> np.random.Generator:
        return np.random.default_rng([zlib.crc32(self.kind.encode()), self.number])


@dataclass(frozen=True)
class Result:
    """What became of a variant in one stage: `right`, `refused`, or what is wrong."""

    kind: str
    number: int
    stage: str
    outcome: str
    seconds: float
    megabytes: float


def variants(times: int, heavy: bool = True) -> list[Variant]:
    """Return all variants; those of kinds that are drawn at random `times` as many."""
    image_stages = (
        fuzz_prepare.prepare_image,
        fuzz_own.own_image,
        fuzz_load.load_image,
        fuzz_predict.predict_image,
    )
    mask_stages = (
        fuzz_prepare.prepare_mask,
        fuzz_own.own_mask,
        fuzz_load.load_mask,
        fuzz_score.score_mask,
    )
    zip_stages = (
        fuzz_prepare.prepare_zip,
        fuzz_own.own_zip,
        fuzz_predict.predict_zip,
        fuzz_score.score_zip,
    )
    table_stages = (
        fuzz_prepare.prepare_labels,
        fuzz_score.score_table,
        fuzz_score.score_score_table,
        fuzz_report.report_table,
    )
    list_stages = (fuzz_prepare.prepare_lists, fuzz_predict.predict_list)
    annotation_stages = (
        fuzz_load.load_annotations,
        fuzz_score.score_annotations,
        fuzz_report.report_annotations,
    )
    name_stages = (fuzz_prepare.prepare_names, fuzz_predict.predict_names, fuzz_score.score_names)
    found: list[Variant] = []
    for kinds, tried, to_make in (
        (IMAGES, image_stages, _writer),
        (MASKS, mask_stages, _writer),
        (HEAVY if heavy else {}, image_stages, _writer),
        (ZIPS, zip_stages, _maker),
        (TABLES, table_stages, _maker),
        (ANNOTATIONS, annotation_stages, _maker),
    ):
        for kind, (number, make) in kinds.items():
            total = number if kinds is HEAVY else number * times
            found += [Variant(kind, n, tried, partial(to_make, make)) for n in range(total)]
    for kind in ('CSV of another encoding', 'no CSV', 'bit-flipped CSV', 'CSV with an id twice'):
        number, make = TABLES[kind]
        name = f'list of ids: {kind}'
        found += [Variant(name, n, list_stages, partial(_maker, make)) for n in range(number)]
    for kind, put in PLACES.items():
        found += [
            Variant(f'{kind}, for an image', 0, image_stages, partial(_placer, put)),
            Variant(f'{kind}, for a mask', 0, mask_stages, partial(_placer, put)),
            Variant(f'{kind}, for a mask', 1, mask_stages, partial(_placer, put)),
        ]
    for kind, names in NAMES.items():
        for number, pair in enumerate(names * 3):
            found.append(Variant(kind, number, name_stages, partial(_named, pair)))
    return found


def few(all_variants: Sequence[Variant], total: int) -> list[Variant]:
    """Return about `total` variants, some of each kind."""
    kinds: dict[str, list[Variant]] = {}
    for variant in all_variants:
        kinds.setdefault(variant.kind, []).append(variant)
    share = total / len(all_variants)
    return [
        variant
        for members in kinds.values()
        for variant in members[: max(1, round(len(members) * share))]
    ]


def _writer(make: Callable, rng: np.random.Generator, pair: Pair) -> fuzz_judge.Put:
    data = make(rng, pair)
    return lambda path: path.write_bytes(data)


def _maker(make: Callable, rng: np.random.Generator, pair: Pair) -> Callable[[Any], bytes]:
    state = rng.bit_generator.state

    def again(sound: Any) -> bytes:
        rng.bit_generator.state = state
        return make(rng, sound)

    return again


def _placer(put: Callable, rng: np.random.Generator, pair: Pair) -> fuzz_judge.Put:
    return lambda path: put(path, pair)


def _named(names: tuple[str, str], rng: np.random.Generator, pair: Pair) -> tuple[str, str]:
    return names


@cache
def sound_pairs(shared: Path) -> list[tuple[Pair, Pair]]:
    """Return pairs of pairs: synthetic ones, and real ones where they are."""
    drawn = [make_sample(5, index, 64) for index in range(6)]
    found = [_pair(sample.image, sample.mask) for sample in drawn]
    real = shared / 'isic2018'
    if real.is_dir():
        for image in sorted((real / 'ISIC2018_Task1-2_Training_Input').glob('*.jpg'))[:200:50]:
            mask = real / 'ISIC2018_Task1_Training_GroundTruth' / f'{image.stem}_segmentation.png'
            jpeg, png = image.read_bytes(), mask.read_bytes()
            pixels = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
            lesion = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_UNCHANGED)
            pair = Pair(np.ascontiguousarray(pixels), lesion, jpeg, png)
            found.append(pair if len(found) >= 8 else _small(pair))
    return list(zip(found[::2], found[1::2], strict=True))


def _small(pair: Pair) -> Pair:
    """Return a pair of a fifth of the width: full-size pairs take most of the time."""
    size = pair.image.shape[1] // 5, pair.image.shape[0] // 5
    image = cv2.resize(pair.image, size, interpolation=cv2.INTER_AREA)
    return _pair(image, cv2.resize(pair.mask, size, interpolation=cv2.INTER_NEAREST))


def _pair(image: np.ndarray, mask: np.ndarray) -> Pair:
    return Pair(image, mask, encode(image, 'JPEG', quality=92), encode(mask, 'PNG'))


def try_all(chosen: Sequence[Variant], scratch: Path, shared: Path) -> Iterator[Result]:
    """Try variants one after the other, each in all its stages."""
    pairs = sound_pairs(shared)
    context = multiprocessing.get_context('fork')
    place = 0
    while place < len(chosen):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_serve, args=(chosen[place:], scratch, pairs, theirs))
        process.start()
        theirs.close()
        stage = 0
        try:
            while place < len(chosen):
                variant = chosen[place]
                reason = 'the process ended'
                if not ours.poll(2 * TIME_LIMIT_S):
                    reason = f'hangs for more than {2 * TIME_LIMIT_S} s'
                    raise EOFError
                result: Result = ours.recv()
                yield result
                stage += 1
                if stage == len(variant.stages):
                    place, stage = place + 1, 0
        except EOFError:
            name = variant.stages[stage].__name__
            yield Result(variant.kind, variant.number, name, reason, 0.0, 0.0)
            place += 1
        finally:
            process.kill()
            process.join()
            ours.close()


def _serve(chosen: Sequence[Variant], scratch: Path, pairs: list, results: Any) -> None:
    # Objects of the parent wait for their threads when they are collected, such as a session of
    # ONNX Runtime, and threads do not survive the fork.
    gc.freeze()
    import torch

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    log = os.open(scratch / 'log.txt', os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = sys.stderr = open(log, 'w', closefd=False)  # noqa: SIM115
    resource.setrlimit(
        resource.RLIMIT_AS, (fuzz_judge.memory('VmSize') * 2**20 + _HARD_LIMIT_MB * 2**20,) * 2
    )
    signal.signal(signal.SIGALRM, _too_late)
    for variant in chosen:
        for stage in variant.stages:
            results.send(_try(variant, stage, scratch, pairs))
    results.close()


def _try(variant: Variant, stage: Stage, scratch: Path, pairs: list) -> Result:
    rng = variant.rng()
    # Enough of each sort: real pairs are fewer and larger.
    pair = pairs[int(rng.integers(len(pairs)))]
    folder = scratch / 'scene'
    shutil.rmtree(folder, ignore_errors=True)  # of a variant that was killed
    folder.mkdir()
    scene = fuzz_judge.Scene(folder, pair, int(rng.integers(6)))
    given = variant.make(rng, pair[1])
    fuzz_judge.watched.__init__()
    try:
        signal.setitimer(signal.ITIMER_REAL, TIME_LIMIT_S)
        with _without_rights(variant.kind, folder):
            outcome = stage(scene, given)
        if variant.kind in UNSAFE and outcome != 'refused':
            outcome = f'{outcome}, and should have been refused'
    except InputError as error:
        outcome = 'refused'
        try:
            fuzz_judge.check_message(str(error))
            fuzz_judge.check_complete(folder / 'out')
        except fuzz_judge.Wrong as wrong:
            outcome = f'wrong: {wrong}'
    except fuzz_judge.Wrong as wrong:
        outcome = f'wrong: {wrong}'
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-6:]
        lines = ' < '.join(f'{Path(f.filename).name}:{f.lineno}' for f in reversed(where))
        outcome = f'{type(error).__name__}: {str(error)[:200]} ({lines})'
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    shutil.rmtree(folder)
    meter = fuzz_judge.watched
    return Result(
        variant.kind, variant.number, stage.__name__, outcome, meter.seconds, meter.megabytes
    )


class _without_rights:  # noqa: N801 - reads like the function that it stands for
    """Do without the superuser's rights, for which no file is forbidden."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._needed = any(kind.startswith(name) for name in NEED_RIGHTS) and os.geteuid() == 0
        self._folder = folder

    def __enter__(self) -> None:
        if self._needed:
            for place in (self._folder, *self._folder.parents):
                if place.stat().st_uid == 0 and place.is_relative_to('/tmp'):
                    place.chmod(place.stat().st_mode | 0o711)
            os.chown(self._folder, _NOBODY, _NOBODY)
            os.seteuid(_NOBODY)

    def __exit__(self, *_: object) -> None:
        if self._needed:
            os.seteuid(0)


def _too_late(*_: object) -> None:
    raise TimeoutError(f'hangs for more than {TIME_LIMIT_S} s')


def summary(results: Sequence[Result]) -> dict[str, Any]:
    """Return counts by kind and in all, as `fuzz.json` holds them."""
    kinds: dict[str, dict[str, Any]] = {}
    for result in results:
        kind = kinds.setdefault(
            result.kind,
            {'variants': set(), 'right': 0, 'refused': 0, 'wrong': 0, 'peak_mb': 0, 'seconds': 0.0},
        )
        kind['variants'].add(result.number)
        word = result.outcome if result.outcome in ('right', 'refused') else 'wrong'
        kind[word] += 1
        kind['peak_mb'] = max(kind['peak_mb'], round(result.megabytes))
        kind['seconds'] = round(kind['seconds'] + result.seconds, 3)
    for kind in kinds.values():
        kind['variants'] = len(kind['variants'])
    total = {
        'variants': sum(kind['variants'] for kind in kinds.values()),
        'calls': len(results),
        **{word: sum(k[word] for k in kinds.values()) for word in ('right', 'refused', 'wrong')},
        'peak_mb': max(kind['peak_mb'] for kind in kinds.values()),
        'memory_limit_mb': MEMORY_LIMIT_MB,
        'slowest_s': round(max(result.seconds for result in results), 2),
        'time_limit_s': TIME_LIMIT_S,
        'seconds': round(sum(result.seconds for result in results), 1),
    }
    stages_tried: dict[str, dict[str, int]] = {}
    for result in results:
        stage = stages_tried.setdefault(result.stage, {'right': 0, 'refused': 0, 'wrong': 0})
        stage[result.outcome if result.outcome in ('right', 'refused') else 'wrong'] += 1
    return {'all': total, 'stages': stages_tried, 'kinds': kinds}
