"""Labels and groups of images, such as their patients, from a CSV file."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.image_names import ImageNames
from isic_mmdet.utils.csv_file import read_csv

_SHOWN = 3


@dataclass
class LabelTable:
    """What a CSV file says about some images.

    Attributes:
        label_of: label by image id; empty without a label column.
        group_of: group by image id; empty without a group column.
        errors: by image id, why an image has no label or group.
        notes: what the user should know and may be intended.
    """

    label_of: Mapping[str, str] = field(default_factory=dict)
    group_of: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def read_label_table(
    path: Path,
    ids: Iterable[str],
    *,
    id_column: str,
    label_column: str | None = None,
    group_column: str | None = None,
) -> LabelTable:
    """Read the rows of some images; rows of other images are counted in a note.

    Ids in the table may have folders and endings of files. An image may have several rows that say
    the same.

    Args:
        path: CSV file, see `csv_file`.
        ids: of the images.
        id_column: name of the column of ids.
        label_column: name of the column of labels.
        group_column: name of the column of groups, such as `patient_id`.

    Raises:
        InputError: the file cannot be read, a column is missing, a row has no id or may mean
            several images, or no row belongs to an image.
    """
    ids = list(ids)
    wanted = [column for column in (id_column, label_column, group_column) if column is not None]
    table = read_csv(path, wanted, 'correct --labels')
    missing = [column for column in wanted if column not in table.header.columns]
    if missing:
        raise InputError(
            f'{path}: no column {" or ".join(missing)}; it has {table.header}; correct '
            '--id-column, --label-column or --group-column'
        )
    values: dict[str, dict[str, tuple[str, int]]] = {c: {} for c in wanted[1:]}
    names, wrong, unknown = ImageNames(ids), [], []
    errors: dict[str, str] = {}
    for line, row in table.rows:
        place, name = f'{path}, line {line}', row[id_column]
        found = names.find(name)
        if not name:
            wrong.append(f'{place}: {id_column} is empty')
        elif len(found) > 1:
            wrong.append(f'{place}: {name!r:.60} may be {" or ".join(found[:4])}')
        elif not found:
            unknown.append(name)
        for column in wanted[1:] if len(found) == 1 else ():
            if not (value := row[column]):
                continue
            first, before = values[column].setdefault(found[0], (value, line))
            if first != value:
                errors[found[0]] = (
                    f'{path}: {column} {first!r:.40} in line {before}, {value!r:.40} in line '
                    f'{line}; correct one of them'
                )
    if wrong:
        raise InputError(f'{path}: some rows belong to no single image; correct them:', wrong)
    if not any(values.values()):
        examples = f'such as {unknown[0]!r:.60}' if unknown else 'which has no row'
        raise InputError(
            f'{path}: no row belongs to an image, the ids of {id_column} ({examples}) are not '
            f'those of the images (such as {ids[0] if ids else "none"}); correct --id-column'
        )
    notes = []
    if unknown:
        listed = ', '.join(unknown[:_SHOWN])
        notes.append(
            f'{len(unknown)} rows of {path} belong to no image with a mask or outline (such as '
            f'{listed})'
        )
    if label_column is not None:
        for image_id in ids:
            if image_id not in values[label_column]:
                detail = f'{path} has no {label_column} for it; add it, or remove the image'
                errors.setdefault(image_id, detail)
    if group_column is not None:
        alone = [image_id for image_id in ids if image_id not in values[group_column]]
        if alone:
            listed = ', '.join(alone[:_SHOWN])
            notes.append(
                f'{len(alone)} images have no {group_column} (such as {listed}): each is a group '
                'of its own'
            )

    def of(column: str | None) -> dict[str, str]:
        known = values.get(column or '', {})
        return {i: known[i][0] for i in ids if i in known and i not in errors}

    return LabelTable(of(label_column), of(group_column), errors, notes)
