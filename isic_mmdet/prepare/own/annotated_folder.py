"""From own images and an export of an annotation tool to a prepared data set."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError
from isic_mmdet.prepare.own.annotated import annotated_images
from isic_mmdet.prepare.own.choices import Choices, own_plan
from isic_mmdet.prepare.own.coco_file import read_coco
from isic_mmdet.prepare.own.image_files import find_images
from isic_mmdet.prepare.own.labelme import read_labelme
from isic_mmdet.prepare.own.outlines import Export
from isic_mmdet.prepare.own.via import read_via
from isic_mmdet.prepare.run import Options, option_errors, prepare_plan


@dataclass(frozen=True)
class AnnotationSource:
    """Images and one export of their outlines; see `tools/prepare_folder.py`.

    Attributes:
        images: folder or zip of the images; None if they lie among the files of LabelMe.
        coco: COCO file.
        labelme: folder with the files of LabelMe.
        via: file of the VGG Image Annotator.
        class_attribute: of the regions of VIA, which is their class; None for the only one.
        one_lesion: all outlines of an image are one lesion, instead of one each.
    """

    images: Path | None = None
    coco: Path | None = None
    labelme: Path | None = None
    via: Path | None = None
    class_attribute: str | None = None
    one_lesion: bool = False

    def read(self) -> tuple[Export, Path]:
        """Return the content of the export and its path."""
        if self.coco is not None:
            return read_coco(self.coco), self.coco
        if self.labelme is not None:
            return read_labelme(self.labelme), self.labelme
        if self.via is not None:
            return read_via(self.via, self.class_attribute), self.via
        raise InputError('name an export with --coco, --labelme or --via')


def prepare_annotations(
    source: AnnotationSource, out: Path, choices: Choices, options: Options
) -> dict[str, Any]:
    """Prepare images with the outlines of an export, see `prepare_plan`.

    Raises:
        InputError: nothing usable is found, or, with `strict`, there is any error.
    """
    if errors := option_errors(options):
        raise InputError('some settings do not fit', errors)
    export, path = source.read()
    folder = source.images or source.labelme
    if folder is None:
        raise InputError('name the images with --images')
    images = find_images(folder, '--images')
    if not images.files:
        errors_of_files = list(map(str, images.errors))
        raise InputError(
            f'{folder} holds no image; name the folder of the images: --images', errors_of_files
        )
    found = annotated_images(export, str(path), images.files, source.one_lesion)
    plan = own_plan(
        'own images',
        found.samples,
        choices,
        found.categories,
        [*images.errors, *found.errors],
        found.notes,
    )
    plan.sources = list(map(str, dict.fromkeys((folder, path))))
    plan.settings |= {'resize': str(options.resize), 'one_lesion': source.one_lesion}
    return prepare_plan(plan, out, options)
