"""Which label is which class: `mel=melanoma,*=benign`."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from isic_mmdet.errors import InputError

#: The label of a rule for all labels without a rule of their own.
ANY = '*'


@dataclass(frozen=True)
class ClassRules:
    """The classes of a data set.

    Attributes:
        class_of: label to class.
        classes: names of the classes, in the order of their ids.
    """

    class_of: Mapping[str, str]
    classes: tuple[str, ...]


def class_rules(labels: Iterable[str], rules: str | None) -> ClassRules:
    """Return the class of every label.

    Args:
        labels: all labels of a data set.
        rules: such as `mel=melanoma,*=benign`; the classes are in the order of the rules. None
            makes every label a class, in alphabetical order.

    Raises:
        InputError: a rule cannot be read or matches no label, a label has no rule, or labels differ
            only in letter case.
    """
    found = sorted(set(labels))
    folded: dict[str, str] = {}
    errors = [
        f'{other!r} and {label!r} differ only in letter case; write them alike'
        for label in found
        if (other := folded.setdefault(label.casefold(), label)) != label
    ]
    class_of = {label: label for label in found}
    classes = tuple(found)
    if rules is not None:
        parsed, problems = _parsed(rules)
        errors += problems
        given = [label for label in found if label not in parsed]
        if ANY not in parsed:
            errors += [f'the label {label!r} has no rule; add {label}=CLASS' for label in given]
        unused = parsed.keys() - set(found) - ({ANY} if given else set())
        errors += [f'{label}={parsed[label]} matches no label' for label in sorted(unused)]
        class_of = {label: parsed.get(label, parsed.get(ANY, '')) for label in found}
        classes = tuple(dict.fromkeys(parsed.values()))
    if errors:
        listed = ', '.join(found[:20]) or 'none'
        raise InputError(
            f'the labels do not make classes; correct --classes. Labels: {listed}', errors
        )
    return ClassRules(class_of, classes)


def _parsed(rules: str) -> tuple[dict[str, str], list[str]]:
    parsed: dict[str, str] = {}
    errors = []
    for rule in rules.split(','):
        label, equals, name = (part.strip() for part in rule.partition('='))
        if not (label and equals and name) or '=' in name or not name.isprintable():
            errors.append(f'{rule.strip()!r} is no rule; write LABEL=CLASS')
        elif parsed.setdefault(label, name) != name:
            errors.append(f'{label} has two classes, {parsed[label]} and {name}')
    return parsed, errors
