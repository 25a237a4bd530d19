"""The COCO files of a prepared data set."""

from collections.abc import Mapping, Sequence
from typing import Any

from isic_mmdet.prepare.plan import Plan
from isic_mmdet.prepare.record import Record, image_path, mask_path


def coco_split(info: Mapping[str, Any], records: Sequence[Record], plan: Plan) -> dict[str, Any]:
    """Build one annotation file; the same records in any order give the same bytes."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    category_ids = {name: number for number, name in enumerate(plan.classes, 1)}
    for number, record in enumerate(sorted(records, key=lambda record: record.isic_id), 1):
        label = plan.labels.get(record.official_id, {})
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
        for lesion, name in zip(record.lesions, plan.lesion_classes(record), strict=True):
            annotations.append(
                {
                    'id': len(annotations) + 1,
                    'image_id': number,
                    'category_id': category_ids[name],
                    'bbox': lesion.bbox,
                    'area': lesion.area,
                    'iscrowd': 0,
                    'segmentation': {
                        'size': [record.height, record.width],
                        'counts': lesion.counts,
                    },
                }
            )
    categories = [{'id': number, 'name': name} for name, number in category_ids.items()]
    return {
        'info': dict(info),
        'images': images,
        'annotations': annotations,
        'categories': categories,
    }
