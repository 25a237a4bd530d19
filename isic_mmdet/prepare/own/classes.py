"""The class of every image: from a table of labels, or from the categories of its outlines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from isic_mmdet.errors import InputError
from isic_mmdet.isic.layouts import PairError
from isic_mmdet.isic.names import CATEGORIES
from isic_mmdet.prepare.own.class_rules import class_rules
from isic_mmdet.prepare.own.label_table import LabelTable


@dataclass
class ImageClasses:
    """The classes of a data set, in the order of their numbers, and that of every image by id."""

    classes: tuple[str, ...]
    class_of: Mapping[str, str]
    errors: list[PairError] = field(default_factory=list)


def image_classes(
    ids: Sequence[str],
    table: LabelTable,
    categories: Mapping[str, Sequence[str]],
    rules: str | None,
) -> ImageClasses:
    """Return the class of every image that has one.

    A label of the table counts; without labels, the categories of the outlines; without these, all
    images show the one class lesion.

    Args:
        ids: of the images.
        table: its labels, if it has any, are those of all images.
        categories: of the outlines by image id.
        rules: see `class_rules`.

    Raises:
        InputError: the rules do not fit, or there is nothing to apply them to.
    """
    errors = [PairError(i, 'bad label', table.errors[i]) for i in ids if i in table.errors]
    labels: dict[str, Sequence[str]] = {i: [label] for i, label in table.label_of.items()}
    labels = labels or {i: names for i, names in categories.items() if i not in table.errors}
    if not labels:
        if rules is not None:
            raise InputError(
                f'--classes {rules}: there are no labels; name a table with --labels and '
                '--label-column'
            )
        (lesion,) = CATEGORIES['lesion']
        return ImageClasses((lesion,), {i: lesion for i in ids if i not in table.errors}, errors)
    errors += [
        PairError(i, 'label missing', 'it has no diagnosis; name a table with --labels')
        for i in ids
        if i not in labels and i not in table.errors
    ]
    known = class_rules((label for names in labels.values() for label in names), rules)
    class_of = {}
    for image_id, names in sorted(labels.items()):
        found = sorted({known.class_of[name] for name in names})
        if len(found) == 1:
            class_of[image_id] = found[0]
        else:
            detail = (
                f'its outlines are of the classes {found}, and an image has one class; give it a '
                'label with --labels, or join classes with --classes'
            )
            errors.append(PairError(image_id, 'two classes', detail))
    return ImageClasses(known.classes, class_of, errors)
