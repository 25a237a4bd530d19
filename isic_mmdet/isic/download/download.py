"""Downloads the official ISIC challenge files and checks that they are the official ones.

The challenge publishes no checksums. So the SHA-256 of every file is noted when it first arrives,
in `SHA256SUMS` next to it, and a later file with another one is refused. If the user states the
digests, only files that have them are accepted.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

from isic_mmdet.errors import InputError
from isic_mmdet.isic.archives import ARCHIVES, BASE_URL, PAGE_URL, Archive, find_problem
from isic_mmdet.isic.download.transfer import OfflineError, Transfer, TransferError
from isic_mmdet.utils.checksums import read_checksums, write_checksums
from isic_mmdet.utils.files import sha256, writing

#: Next to the files: their digests, as `sha256sum --check` takes them.
CHECKSUMS = 'SHA256SUMS'


def download(
    year: int,
    out: Path,
    parts: Sequence[str] | None = None,
    base_url: str = BASE_URL,
    checksums: Path | None = None,
) -> list[Path]:
    """Download the official files of one year's segmentation task into `out`.

    Complete files stay as they are; unfinished ones are continued. A file gets its name only after
    its size, contents (see `archives.find_problem`) and SHA-256 were checked.

    Args:
        year: 2016, 2017 or 2018.
        out: the folder, made if it does not exist.
        parts: of `training`, `validation` and `test`; None for all that the year has.
        base_url: address above the folders of the years.
        checksums: list of the digests that the files have to have. None takes those that
            `SHA256SUMS` in `out` holds, and notes there the digests of new files.

    Returns:
        The files, in the order of the challenge's page.

    Raises:
        InputError: the year has no such part, the disk is too small, or some files are not
            available or have another digest; in the last case the others were fetched.
    """
    _check_address(base_url)
    archives = [archive for archive in ARCHIVES if archive.year == year]
    existing = list(dict.fromkeys(archive.part for archive in archives))
    if absent := [part for part in parts or [] if part not in existing]:
        names = ', '.join(existing)
        raise InputError(f'ISIC {year} has no part {", ".join(absent)}: choose from {names}')
    archives = [archive for archive in archives if archive.part in (parts or existing)]
    digests = _read_digests(archives, out, checksums)
    with writing(out):
        out.mkdir(parents=True, exist_ok=True)

    print(f'ISIC {year} from {base_url} into {out}')
    errors: list[str] = []
    jobs = []
    complete = 0
    for archive in archives:
        path = out / archive.name
        if not path.exists():
            url = f'{base_url.rstrip("/")}/{year}/{archive.name}'
            jobs.append((archive, Transfer(out / f'{archive.name}.part', url)))
        elif problem := _find_problem(path, archive, out, digests):
            errors.append(f'{path} {problem}: move it to another folder to fetch it again')
        else:
            complete += 1
            print(f'  {archive.name:<44} complete, left as it is')
    _check_disk(jobs, out)
    for number, (archive, transfer) in enumerate(jobs, 1):
        try:
            _get(archive, transfer, out, digests, f'[{number}/{len(jobs)}] {archive.name}')
            complete += 1
        except TransferError as error:
            errors.append(f'{transfer.url}: {error}')
            if isinstance(error, OfflineError):
                break
    if errors:
        raise InputError(
            f'{len(archives) - complete} of {len(archives)} files of ISIC {year} could not be '
            'downloaded. Run this again to continue where it stopped. Download files that the '
            f'server refuses by hand from {PAGE_URL}#{year} and put into {out}',
            errors,
        )
    return [out / archive.name for archive in archives]


def _check_address(base_url: str) -> None:
    address = urlsplit(base_url)
    if address.scheme not in ('http', 'https') or not address.hostname:
        raise InputError(f'{base_url}: not a web address: start it with https:// or http://')
    if address.scheme == 'http' and address.hostname == urlsplit(BASE_URL).hostname:
        raise InputError(f'{base_url}: the official files come encrypted only: use https://')


def _read_digests(archives: list[Archive], out: Path, stated: Path | None) -> dict[str, str]:
    """Return the known digests by file name."""
    if stated is None:
        noted = out / CHECKSUMS
        return read_checksums(noted) if noted.is_file() else {}
    digests = read_checksums(stated)
    if absent := [archive.name for archive in archives if archive.name not in digests]:
        raise InputError(f'{stated} has to state the SHA-256 of every file; it lacks:', absent)
    return digests


def _find_problem(path: Path, archive: Archive, out: Path, digests: dict[str, str]) -> str | None:
    """Check contents and digest of a file. The digest of a new file is noted."""
    if problem := find_problem(path, archive):
        return problem
    found = sha256(path)
    if archive.name not in digests:
        digests[archive.name] = found
        write_checksums(out / CHECKSUMS, digests)
    wanted = digests[archive.name]
    return None if found == wanted else f'has the SHA-256 {found} instead of {wanted}'


def _check_disk(jobs: list[tuple[Archive, Transfer]], out: Path) -> None:
    """Print how much is fetched, and check that the disk holds it."""
    if not jobs:
        return
    for archive, transfer in jobs:
        already = f', {_amount(transfer.held)} of it already here' if transfer.held else ''
        print(f'  {archive.name:<44} about {_amount(archive.about)}{already}')
    free = shutil.disk_usage(out).free
    total = sum(archive.about for archive, _ in jobs)
    # An unfinished file has its place on the disk already, whether it can be continued or not.
    needed = total - sum(transfer.on_disk for _, transfer in jobs)
    fetched = _amount(total - sum(transfer.held for _, transfer in jobs))
    print(f'to fetch: about {fetched}; free on the disk: {_amount(free)}', flush=True)
    if needed > free:
        raise InputError(
            f'{out}: the files need about {_amount(needed)} more and the disk has '
            f'{_amount(free)} free: free some, choose another --out, or fetch fewer --parts'
        )


def _get(
    archive: Archive, transfer: Transfer, out: Path, digests: dict[str, str], title: str
) -> None:
    """Fetch, check and name one file."""
    settings = {'unit': 'B', 'unit_scale': True, 'unit_divisor': 1024}
    with tqdm(desc=title, total=archive.about, initial=transfer.held, **settings) as bar:

        def progress(held: int, size: int | None) -> None:
            if size is not None:
                bar.total = size
            bar.update(held - bar.n)  # negative where a file starts again

        transfer.fetch(progress)
    if problem := _find_problem(transfer.path, archive, out, digests):
        size = transfer.on_disk
        rejected = out / f'{archive.name}.rejected'
        transfer.finish(rejected)
        raise TransferError(
            f'the server sent {size:,} bytes as promised, but the file {problem}; it is kept as '
            f'{rejected}'
        )
    transfer.finish(out / archive.name)


def _amount(size: float) -> str:
    for unit in ('bytes', 'KiB', 'MiB'):
        if size < 1024:
            return f'{size:.0f} {unit}'
        size /= 1024
    return f'{size:.1f} GiB'
