"""Makes samples and notes each at once, so that a stopped run continues."""

import json
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import close_zips
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.prepare.convert import Job
from isic_mmdet.prepare.plan import Plan
from isic_mmdet.prepare.pool import run_calls
from isic_mmdet.prepare.record import Record
from isic_mmdet.utils.append_log import LineFile
from isic_mmdet.utils.files import write_atomically, write_json
from isic_mmdet.utils.schema import TEXT, read_checked_json

_FOLDER = '.prepare'


class Progress:
    """The records of finished samples in `OUT/.prepare/records.jsonl`, one a line.

    Args:
        out: folder of the prepared data set.
        dataset: name of the data set, such as `ISIC 2018`; a folder holds only one.

    Raises:
        InputError: `out` holds another data set or something that this program did not write.
    """

    def __init__(self, out: Path, dataset: str) -> None:
        self._out = out
        self._path = out / _FOLDER / 'records.jsonl'
        settings = out / _FOLDER / 'settings.json'
        if settings.is_file():
            remedy = 'choose another --out, or delete the folder'
            earlier = read_checked_json(settings, {'dataset': TEXT}, remedy)['dataset']
            if earlier != dataset:
                raise InputError(f'{out} holds prepared images of {earlier}; {remedy}')
        elif out.exists() and any(path.name != _FOLDER for path in out.iterdir()):
            raise InputError(
                f'{out} is not empty and was not made by this program; choose another --out'
            )
        write_json(settings, {'dataset': dataset})
        self.records: dict[str, Record] = {}
        for line in self._path.read_bytes().splitlines() if self._path.is_file() else ():
            try:
                record = Record.from_json(json.loads(line))
            except (ValueError, RecursionError):
                continue  # cut off: that sample is made again
            if record is not None:
                self.records[record.isic_id] = record

    def finish(self, jobs: Sequence[Job], noun: str, plan: Plan, workers: int) -> dict[str, Record]:
        """Do the jobs that no earlier run has done, and add errors and notes to the plan.

        `noun` names the samples in the plural. Returns the records of all samples without an error,
        in the order of their jobs.
        """
        todo = [job for job in jobs if not self._is_done(job)]
        done = len(jobs) - len(todo)
        redone = sum(job.isic_id in self.records for job in todo)
        if done:
            plan.notes.append(f'{done} {noun} were finished by an earlier run and kept')
        if redone:
            plan.notes.append(
                f'{redone} {noun} of an earlier run had another rule, foreground or source: redone'
            )
        results = run_calls([job.call for job in todo], workers)
        failed = set()
        with LineFile(self._path) as lines:
            try:
                for result in tqdm(results, noun, len(jobs), initial=done, unit='image'):
                    if isinstance(result, PairError):
                        failed.add(result.isic_id)
                        plan.errors.append(result)
                    else:
                        lines.add(json.dumps(result.as_json()) + '\n')
                        self.records[result.isic_id] = result
            finally:
                results.close()
                close_zips()
        # Lines of earlier runs that this one has done again are no longer needed.
        ordered = (json.dumps(record.as_json()) for _, record in sorted(self.records.items()))
        write_atomically(self._path, ''.join(f'{line}\n' for line in ordered).encode())
        return {job.isic_id: self.records[job.isic_id] for job in jobs if job.isic_id not in failed}

    def _is_done(self, job: Job) -> bool:
        record = self.records.get(job.isic_id)
        return record is not None and record.key == job.key and record.files_are_there(self._out)
