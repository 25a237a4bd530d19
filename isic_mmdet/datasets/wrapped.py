"""Data sets that are made of other data sets."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.dataset import ClassBalancedDataset as BalancedDataset

from isic_mmdet.datasets.samplers import SeededIndex


@DATASETS.register_module()
class ClassBalancedDataset(BalancedDataset):
    """mmengine's data set of that name, whose samples keep the seed of a `SeededIndex`.

    mmengine loses it, so the augmentation would depend on the worker, and a resumed run would
    differ.
    """

    def _get_ori_dataset_idx(self, idx: int) -> int:
        found = super()._get_ori_dataset_idx(idx)
        return SeededIndex(found, idx.entropy) if isinstance(idx, SeededIndex) else found


def leaves(dataset: Any) -> Iterator[Any]:
    """Yield the data sets that read an annotation file, inside any wrappers, in order."""
    if hasattr(dataset, 'datasets'):
        for part in dataset.datasets:
            yield from leaves(part)
    elif hasattr(dataset, 'dataset'):
        yield from leaves(dataset.dataset)
    else:
        yield dataset


def named_leaves(dataset: Any) -> dict[str, Any]:
    """Return the leaves by short, unique names.

    A name is that of the annotation file (`val`). If two are equal, the name of the data folder is
    added (`isic2017_val`), and if these are equal, a number.
    """
    found = list(leaves(dataset))
    names = [Path(leaf.ann_file).stem for leaf in found]
    if len(set(names)) < len(names):
        folders = [Path(leaf.data_root or '').name for leaf in found]
        names = [f'{folder}_{name}' for folder, name in zip(folders, names, strict=True)]
    counts = Counter(names)
    numbered = [
        f'{number}_{name}' if counts[name] > 1 else name for number, name in enumerate(names, 1)
    ]
    return dict(zip(numbered, found, strict=True))
