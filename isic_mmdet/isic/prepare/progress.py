"""What an earlier run in the same folder has finished, so that a stopped one continues."""

import json
from pathlib import Path
from types import TracebackType

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import SPLITS
from isic_mmdet.isic.prepare.pairs import Record
from isic_mmdet.utils.append_log import LineFile
from isic_mmdet.utils.files import write_atomically, write_json
from isic_mmdet.utils.schema import COUNT, read_checked_json

_FOLDER = '.prepare'


class Progress:
    """The records in `OUT/.prepare/records.jsonl`, one line for each finished pair or copy.

    Lines are appended as pairs are finished, so a killed run loses at most those in work; a last
    line that was cut off is passed over.

    Args:
        out: folder of the prepared data set.
        year: challenge year; a folder holds one year only.

    Raises:
        InputError: `out` holds another year or something that this program did not write.
    """

    def __init__(self, out: Path, year: int) -> None:
        self._path = out / _FOLDER / 'records.jsonl'
        settings = out / _FOLDER / 'settings.json'
        if settings.is_file():
            remedy = 'choose another --out, or delete the folder'
            earlier = read_checked_json(settings, {'year': COUNT}, remedy)['year']
            if earlier != year:
                raise InputError(
                    f'{out} holds prepared images of ISIC {earlier}; choose another --out for'
                    f' {year}, or delete the folder'
                )
        elif out.exists() and any(path.name != _FOLDER for path in out.iterdir()):
            raise InputError(
                f'{out} is not empty and was not made by prepare_isic.py; choose another --out'
            )
        write_json(settings, {'year': year})
        self.records = {record.isic_id: record for record in self._read()}

    def _read(self) -> list[Record]:
        if not self._path.is_file():
            return []
        records = []
        for line in self._path.read_bytes().splitlines():
            try:
                record = Record(**json.loads(line))
            except (ValueError, TypeError, RecursionError):
                continue  # cut off, or written by another version: that pair is done again
            if record.is_sound():
                records.append(record)
        return records

    def __enter__(self) -> 'Progress':
        self._lines = LineFile(self._path)
        self._lines.__enter__()
        return self

    def add(self, record: Record) -> None:
        """Note that a pair or copy is finished.

        Raises:
            InputError: the note cannot be written.
        """
        self._lines.add(json.dumps(record.as_dict()) + '\n')
        self.records[record.isic_id] = record

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.__exit__(kind, error, trace)
        if error is not None:
            return
        # Lines of earlier runs that this one has done again are no longer needed.
        lines = (json.dumps(record.as_dict()) for _, record in sorted(self.records.items()))
        write_atomically(self._path, ''.join(f'{line}\n' for line in lines).encode())


def remove_results(out: Path) -> None:
    """Delete annotations and report of an earlier run, so that none outlives its images."""
    for split in SPLITS:
        (out / 'annotations' / f'{split}.json').unlink(missing_ok=True)
    (out / 'prepare_report.json').unlink(missing_ok=True)
