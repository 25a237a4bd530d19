"""Data sets that are made of others: what they are made of, and one that keeps the seeds."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmdet.registry import DATASETS
from mmengine.dataset import ClassBalancedDataset as BalancedDataset

from isic_mmdet.datasets.seeded import SeededIndex


@DATASETS.register_module()
class ClassBalancedDataset(BalancedDataset):
    """mmengine's data set of that name, whose samples keep the seed of their index.

    mmengine looks the index up in a list and loses what a `SeededIndex` carries, so augmentation
    would depend on the worker, and a resumed run would differ.
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
    """Return the leaves by short names that tell them apart.

    That is the name of the annotation file (`val`), with the name of the data folder where two
    files share theirs (`isic2017_val`), and with a number where two folders do, too.
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
