"""The COCO files of a prepared data set."""

from collections.abc import Sequence
from typing import Any

from isic_mmdet.isic.labels import Label, category_of
from isic_mmdet.isic.names import CATEGORIES
from isic_mmdet.isic.prepare.pairs import Record, image_path, mask_path


def coco_split(
    info: dict[str, Any], records: Sequence[Record], labels: dict[str, Label], classes: str
) -> dict[str, Any]:
    """Build one annotation file; the same records in any order give the same bytes."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, record in enumerate(sorted(records, key=lambda record: record.isic_id), 1):
        label = labels.get(record.official_id, {})
        images.append(
            {
                'id': number,
                'file_name': image_path(record.isic_id).removeprefix('images/'),
                'isic_id': record.isic_id,
                'height': record.height,
                'width': record.width,
                'original_height': record.original_height,
                'original_width': record.original_width,
                'original_mask': mask_path(record.isic_id),
                'image_bytes': record.image_bytes,
                **{key: label[key] for key in ('diagnosis', 'age', 'sex') if key in label},
            }
        )
        annotations.append(
            {
                'id': number,
                'image_id': number,
                'category_id': category_of(classes, label),
                'bbox': record.bbox,
                'area': record.area,
                'iscrowd': 0,
                'segmentation': {'size': [record.height, record.width], 'counts': record.counts},
            }
        )
    categories = [{'id': i, 'name': name} for i, name in enumerate(CATEGORIES[classes], 1)]
    return {'info': info, 'images': images, 'annotations': annotations, 'categories': categories}
