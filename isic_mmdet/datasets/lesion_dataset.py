"""The ISIC lesion data sets for MMDetection."""

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from mmdet.datasets import CocoDataset
from mmdet.registry import DATASETS

from isic_mmdet.datasets.checks import AnnotationFile, annotation_errors, truth_errors
from isic_mmdet.datasets.samplers import SeededIndex
from isic_mmdet.errors import InputError
from isic_mmdet.isic.names import CATEGORIES
from isic_mmdet.utils.shown_path import shown_path
from isic_mmdet.utils.system import keep_freed_memory

# Data sets that this process has checked: each is built once for the checks before a run, and again
# for the training.
_WITH_SOUND_TRUTH: set[tuple[str, int, str, str]] = set()


@DATASETS.register_module()
class LesionDataset(CocoDataset):
    """One skin lesion per image, in the layout that `tools/prepare_isic.py` writes.

    It differs from `CocoDataset` in three ways:

    - Samples have the metadata that the scores need: `isic_id` (str), `original_mask` (path of the
      official mask) and `gt_label` (int, index into the classes).
    - If the index of a sample is a `SeededIndex`, its transforms use that seed.
    - Wrong data raise one `InputError` before the first iteration, with every missing or unknown
      category, every missing file, every image without a usable lesion, and every truth mask that
      the pipeline loses. mmdet would train on them.

    Subclasses change only the classes.

    Args:
        *args: of `CocoDataset`.
        subset: `dict(size=100, seed=0)` takes so many images at random, the same ones for the
            same seed and annotation file. None takes all.
        **kwargs: of `CocoDataset`.
    """

    METAINFO: ClassVar[dict[str, Any]] = {'classes': ('lesion',), 'palette': [(230, 159, 0)]}

    def __init__(self, *args: Any, subset: dict[str, int] | None = None, **kwargs: Any) -> None:
        if subset is not None and set(subset) != {'size', 'seed'}:
            raise InputError(
                f'{type(self).__name__}: subset={dict(subset)}; write subset=dict(size=100, seed=0)'
            )
        self.subset = subset
        super().__init__(*args, **kwargs)

    @property
    def annotation_file(self) -> AnnotationFile:
        """The annotation file and its folders."""
        return AnnotationFile(
            Path(self.ann_file),
            Path(self.data_root or ''),
            Path(self.data_prefix.get('img', '')),
            self.metainfo['classes'],
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """Return one record per image, after the checks of the annotation file."""
        errors = annotation_errors(self.annotation_file)
        if errors:
            raise InputError(
                f'{shown_path(self.ann_file)} does not fit {type(self).__name__}; fix it, or '
                'prepare the data again:',
                errors,
            )
        with redirect_stdout(io.StringIO()):  # pycocotools prints four lines about each file
            return super().load_data_list()

    def parse_data_info(self, raw_data_info: dict[str, Any]) -> dict[str, Any]:
        """Return mmdet's record of one image with the metadata of the lesion."""
        record = super().parse_data_info(raw_data_info)
        image = raw_data_info['raw_img_info']
        record['isic_id'] = image['isic_id']
        record['original_mask'] = str(Path(self.data_root or '') / image['original_mask'])
        if record['instances']:
            record['gt_label'] = record['instances'][0]['bbox_label']
        return record

    def filter_data(self) -> list[dict[str, Any]]:
        """Return the records that `filter_cfg` and `subset` keep, at least one."""
        kept = super().filter_data()
        if self.subset is not None:
            kept = self._drawn(kept, **self.subset)
        if not kept:
            raise InputError(
                f'{self.ann_file}: no image is left for {type(self).__name__} after filtering '
                f'with filter_cfg={self.filter_cfg}; loosen it or prepare the data again'
            )
        return kept

    def _drawn(self, records: list[dict[str, Any]], size: int, seed: int) -> list[dict[str, Any]]:
        if not 1 <= size <= len(records):
            raise InputError(
                f'{self.ann_file}: a subset of {size} of its {len(records)} images; give a size '
                f'from 1 to {len(records)}'
            )
        chosen = np.random.default_rng(seed).choice(len(records), size, replace=False)
        return [records[index] for index in sorted(chosen)]

    def prepare_data(self, idx: int) -> dict[str, Any] | None:
        """Return the output of the pipeline, with the seed of a `SeededIndex`."""
        if isinstance(idx, SeededIndex):
            idx.seed()
        return super().prepare_data(idx)

    def full_init(self) -> None:
        """Load, filter and check; the class lists the errors."""
        if self._fully_initialized:
            return
        super().full_init()
        keep_freed_memory()  # loaders are forked from here
        changed = Path(self.ann_file).stat().st_mtime_ns
        version = (self.ann_file, changed, repr(self.pipeline), repr(self.subset))
        if self.test_mode or version in _WITH_SOUND_TRUTH:
            return
        errors = truth_errors(self)
        if errors:
            raise InputError(
                f'{self.ann_file}: the truth of {len(errors)} of {len(self)} images does not '
                'survive the training pipeline; fix it, or prepare the data again:',
                errors,
            )
        _WITH_SOUND_TRUTH.add(version)


@DATASETS.register_module()
class LesionDiagnosisDataset(LesionDataset):
    """Lesions with a diagnosis as in ISIC 2017: benign or melanoma.

    Seborrheic keratosis counts as benign.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': CATEGORIES['diagnosis'],
        'palette': [(0, 158, 115), (213, 94, 0)],
    }
