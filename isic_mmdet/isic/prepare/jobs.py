"""Doing what no earlier run has finished and noting it at once, so that a stopped run continues."""

from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from isic_mmdet.images.sources import close_zips
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.isic.prepare.pairs import Record
from isic_mmdet.isic.prepare.plan import Plan
from isic_mmdet.isic.prepare.pool import Job, run_jobs
from isic_mmdet.isic.prepare.progress import Progress


def finish_jobs(
    plan: Plan,
    progress: Progress,
    out: Path,
    workers: int,
    show_progress: bool,
    jobs: Sequence[Job],
    noun: str,
) -> dict[str, Record]:
    """Do the jobs that no earlier run has done; return the records of all, in their order.

    Args:
        plan: gets the jobs that failed as errors, and a note of what was kept or redone.
        progress: what earlier runs have done; each finished job is added.
        out: folder of the prepared data set.
        workers: number of processes.
        show_progress: show a progress bar on stderr.
        jobs: what has to be there at the end.
        noun: what the jobs make, in the plural.
    """
    todo = _unfinished(plan, progress.records, out, jobs, noun)
    failed: list[PairError] = []
    results = run_jobs(todo, workers)
    total, done = len(jobs), len(jobs) - len(todo)
    try:
        for result in tqdm(
            results, noun, total, initial=done, unit='image', disable=not show_progress
        ):
            if isinstance(result, PairError):
                failed.append(result)
            else:
                progress.add(result)
    finally:
        results.close()
        close_zips()
    plan.errors += failed
    left_out = {problem.isic_id for problem in failed}
    return {j.isic_id: progress.records[j.isic_id] for j in jobs if j.isic_id not in left_out}


def _unfinished(
    plan: Plan, earlier: dict[str, Record], out: Path, jobs: Sequence[Job], noun: str
) -> list[Job]:
    todo, redone = [], 0
    for job in jobs:
        record = earlier.get(job.isic_id)
        if record is None:
            todo.append(job)
        elif record.key != job.key or not record.files_are_there(out):
            todo.append(job)
            redone += 1
    if len(todo) < len(jobs):
        finished = len(jobs) - len(todo)
        plan.notes.append(f'{finished} {noun} were finished by an earlier run and kept')
    if redone:
        plan.notes.append(
            f'{redone} {noun} of an earlier run had another rule, foreground or source: redone'
        )
    return todo
