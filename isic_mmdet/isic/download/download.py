"""Get the official ISIC challenge files and make sure that they are what they should be.

The challenge publishes no checksums. So the SHA-256 of every file is noted when it first arrives,
in `SHA256SUMS` next to it, and whatever has another one later is refused. Who has the digests from
elsewhere states them, and nothing else is taken then.
"""

import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.isic.archives import ARCHIVES, BASE_URL, PAGE_URL, PARTS, Archive, find_problem
from isic_mmdet.isic.download.partial import PartialFile, Remote
from isic_mmdet.isic.download.transfer import TransferError, ask, fetch
from isic_mmdet.utils.checksums import read_checksums, write_checksums
from isic_mmdet.utils.files import sha256

#: Next to the files: their digests, as `sha256sum --check` takes them.
CHECKSUMS = 'SHA256SUMS'


@dataclass(frozen=True)
class _Job:
    """One file to fetch."""

    archive: Archive
    part: PartialFile
    remote: Remote

    @property
    def size(self) -> int:
        """Bytes, by the server's word, or about as the page says where it does not tell."""
        return self.archive.about if self.remote.size is None else self.remote.size

    @property
    def held(self) -> int:
        """Bytes that need not be fetched again."""
        return self.part.held(self.remote)


class _Digests:
    """The SHA-256 that each file has to have.

    Args:
        path: list of the files that are here; grows with what is new.
        stated: another list, which alone counts if it is given.

    Raises:
        InputError: one of the two is damaged.
    """

    def __init__(self, path: Path, stated: Path | None) -> None:
        self._path = path
        self._stated = stated
        source = stated if stated is not None else path
        is_there = stated is not None or path.is_file()
        self._known = read_checksums(source) if is_there else {}

    def check_names(self, archives: Sequence[Archive]) -> None:
        """Raise an `InputError` where digests were stated, but not of all files."""
        absent = [
            a.name for a in archives if self._stated is not None and a.name not in self._known
        ]
        if absent:
            raise InputError(
                f'{self._stated} has to state the SHA-256 of every file; it lacks:', absent
            )

    def find_problem(self, path: Path, archive: Archive) -> str | None:
        """Say whether a file has another digest than it should; note that of a new one."""
        found = sha256(path)
        wanted = self._known.get(archive.name)
        if wanted is None:
            self._known[archive.name] = found
            write_checksums(self._path, self._known)
        elif found != wanted:
            return f'has the SHA-256 {found} instead of {wanted}'
        return None


def download(
    year: int,
    out: Path,
    parts: Sequence[str] | None = None,
    base_url: str = BASE_URL,
    checksums: Path | None = None,
) -> list[Path]:
    """Get the official files of one year's segmentation task into `out`.

    Files that lie there complete are left as they are; unfinished ones are continued. A file
    gets its name only after its size, contents (see `archives.find_problem`) and SHA-256 were
    checked.

    Args:
        year: 2016, 2017 or 2018.
        out: the folder, made where it does not exist.
        parts: of `training`, `validation` and `test`; None for all that the year has.
        base_url: address above the years' folders.
        checksums: list of the digests that the files have to have. None takes those that
            `SHA256SUMS` in `out` holds, and notes there the digests of files that are new.

    Returns:
        The files, in the order of the challenge's page.

    Raises:
        InputError: the year has no such part, the disk does not hold the files, or some of them
            cannot be had or have another digest; in the last case the others were fetched.
    """
    _check_address(base_url)
    archives = _select(year, parts)
    digests = _Digests(out / CHECKSUMS, checksums)
    digests.check_names(archives)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f'{out}: cannot be made ({error.strerror}): choose another folder'
        ) from error

    print(f'ISIC {year} from {base_url} into {out}')
    errors: list[str] = []
    missing = _report_present(archives, out, digests, errors)
    jobs = _ask_all(missing, out, base_url, errors)
    _check_disk(jobs, out)
    for number, job in enumerate(jobs, 1):
        try:
            _get(job, out, digests, f'[{number}/{len(jobs)}] {job.archive.name}')
        except TransferError as error:
            errors.append(f'{job.part.url}: {error}')
    if errors:
        raise InputError(
            f'{len(errors)} of {len(archives)} files of ISIC {year} could not be downloaded. Run '
            'this again to continue where it stopped. What the server refuses, download by hand '
            f'from {PAGE_URL}#{year} and put into {out}',
            errors,
        )
    return [out / archive.name for archive in archives]


def _check_address(base_url: str) -> None:
    address = urlsplit(base_url)
    if address.scheme not in ('http', 'https') or not address.hostname:
        raise InputError(f'{base_url}: not a web address: start it with https:// or http://')
    if address.scheme == 'http' and address.hostname == urlsplit(BASE_URL).hostname:
        raise InputError(f'{base_url}: the official files come encrypted only: use https://')


def _select(year: int, parts: Sequence[str] | None) -> list[Archive]:
    archives = [archive for archive in ARCHIVES if archive.year == year]
    had = [part for part in PARTS if any(archive.part == part for archive in archives)]
    if absent := [part for part in parts or [] if part not in had]:
        raise InputError(
            f'ISIC {year} has no part {", ".join(absent)}: choose from {", ".join(had)}'
        )
    return [archive for archive in archives if archive.part in (parts or had)]


def _report_present(
    archives: list[Archive], out: Path, digests: _Digests, errors: list[str]
) -> list[Archive]:
    """Return the files that are not there yet; those that are there and wrong become errors."""
    missing = []
    for archive in archives:
        path = out / archive.name
        if not path.exists():
            missing.append(archive)
        elif problem := find_problem(path, archive) or digests.find_problem(path, archive):
            errors.append(f'{path} {problem}: move it away to fetch it anew')
        else:
            print(f'  {archive.name:<44} complete, left as it is')
    return missing


def _ask_all(archives: list[Archive], out: Path, base_url: str, errors: list[str]) -> list[_Job]:
    """Ask for all files at once, so that no answer that hangs delays the others."""

    def ask_one(part: PartialFile) -> Remote | TransferError:
        try:
            return ask(part.url)
        except TransferError as error:
            return error

    base = base_url.rstrip('/')
    parts = [PartialFile(out / f'{a.name}.part', f'{base}/{a.year}/{a.name}') for a in archives]
    jobs = []
    with ThreadPoolExecutor(max_workers=len(ARCHIVES)) as pool:
        answers = list(pool.map(ask_one, parts))
    for archive, part, answer in zip(archives, parts, answers, strict=True):
        if isinstance(answer, TransferError):
            errors.append(f'{part.url}: {answer}')
            continue
        job = _Job(archive, part, answer)
        about = 'about ' if answer.size is None else ''
        held = f', {_amount(job.held)} of it already here' if job.held else ''
        print(f'  {archive.name:<44} {about}{_amount(job.size)}{held}')
        jobs.append(job)
    return jobs


def _check_disk(jobs: list[_Job], out: Path) -> None:
    if not jobs:
        return
    free = shutil.disk_usage(out).free
    total = sum(job.size for job in jobs)
    # An unfinished file has its place on the disk already, whether it can be continued or not.
    needed = total - sum(job.part.on_disk for job in jobs)
    about = 'about ' if any(job.remote.size is None for job in jobs) else ''
    fetched = f'{about}{_amount(total - sum(job.held for job in jobs))}'
    print(f'to fetch: {fetched}; free on the disk: {_amount(free)}', flush=True)
    if needed > free:
        raise InputError(
            f'{out}: the files need {about}{_amount(needed)} more and the disk has '
            f'{_amount(free)} free: free some, choose another --out, or fetch fewer --parts'
        )


def _get(job: _Job, out: Path, digests: _Digests, title: str) -> None:
    """Fetch, check and name one file."""
    with tqdm(
        desc=title, total=job.size, initial=job.held, unit='B', unit_scale=True, unit_divisor=1024
    ) as bar:

        def progress(held: int, size: int | None) -> None:
            if size is not None:
                bar.total = size
            bar.update(held - bar.n)  # negative where a file starts again

        fetch(job.part, job.remote, progress, lambda text: tqdm.write(text, sys.stderr))
    problem = find_problem(job.part.path, job.archive)
    if problem := problem or digests.find_problem(job.part.path, job.archive):
        size = job.part.on_disk
        rejected = out / f'{job.archive.name}.rejected'
        job.part.finish(rejected)
        raise TransferError(
            f'the server sent {size:,} bytes as promised, but the file {problem}; it is kept as '
            f'{rejected}'
        )
    job.part.finish(out / job.archive.name)


def _amount(size: float) -> str:
    for unit in ('bytes', 'KiB', 'MiB'):
        if size < 1024:
            return f'{size:.0f} {unit}'
        size /= 1024
    return f'{size:.1f} GiB'
