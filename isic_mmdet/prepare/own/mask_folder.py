"""From own images and mask files to a prepared data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.choices import Choices, own_plan
from isic_mmdet.prepare.own.layouts import read_layout
from isic_mmdet.prepare.own.mask_pairs import pair_files, pairs_of_folders
from isic_mmdet.prepare.own.patients import Patient
from isic_mmdet.prepare.run import Options, option_errors, prepare_plan


@dataclass(frozen=True)
class MaskSource:
    """Images and their masks; see `tools/prepare_folder.py`.

    Attributes:
        images: folder or zip of the images; None with a layout.
        masks: folder or zip of the masks; None if they lie among the images.
        layout: name of a published data set, one of `layouts.LAYOUTS`, and its folder or zip.
        suffix: what masks have behind the name of their image; None detects it.
        threshold: lowest gray value of a lesion, 1 to 255; None detects it.
    """

    images: Path | None = None
    masks: Path | None = None
    layout: tuple[str, Path] | None = None
    suffix: str | None = None
    threshold: int | None = None


def prepare_masks(
    source: MaskSource, out: Path, choices: Choices, options: Options
) -> dict[str, Any]:
    """Prepare images with their masks, see `prepare_plan`.

    Raises:
        InputError: nothing usable is found, or, with `strict`, there is any error.
    """
    errors = option_errors(options)
    if source.threshold is not None and not 1 <= source.threshold <= 255:
        errors.append(f'--mask-threshold {source.threshold}: give a gray value from 1 to 255')
    if errors:
        raise InputError('some settings do not fit', errors)
    if source.layout is not None:
        name, folder = source.layout
        laid_out = read_layout(name, folder)
        suffix = laid_out.suffix if source.suffix is None else source.suffix
        found = pair_files(laid_out.images, laid_out.masks, suffix, source.threshold)
        dataset, sources, patients = f'{name} images', [folder], laid_out.patients
    elif source.images is not None:
        found = pairs_of_folders(source.images, source.masks, source.suffix, source.threshold)
        sources = [source.images, *([source.masks] if source.masks else [])]
        dataset, patients = 'own images', {}
    else:
        raise InputError('name the images with --images, or a published data set with --layout')
    if not found.samples:
        raise InputError('no pair remains; correct the errors:', list(map(str, found.errors)))
    plan = own_plan(
        dataset,
        found.samples,
        choices,
        _diagnoses(patients) if choices.classes else {},
        errors=found.errors,
        notes=found.notes,
        group_of={i: patient.group for i, patient in patients.items() if patient.group},
    )
    plan.labels = {i: patients[i].label for i in plan.samples if i in patients}
    plan.sources = list(map(str, sources))
    plan.settings |= {'resize': str(options.resize), 'mask_threshold': source.threshold}
    return prepare_plan(plan, out, options)


def _diagnoses(patients: Mapping[str, Patient]) -> dict[str, list[str]]:
    """Return the diagnoses of a published data set as categories, for `--classes`."""
    found = {i: patient.label.get('diagnosis') for i, patient in patients.items()}
    return {i: [diagnosis] for i, diagnosis in found.items() if diagnosis}
