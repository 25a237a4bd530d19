"""The embedded data set: pictures that look like dermoscopy, with exact masks.

Nothing here is medical data. The pictures exist so that the whole way from files to a tested
model can be walked, tested and shown without downloading anything. `sample.make_sample` draws
one picture, `dataset.write_dataset` writes many in the layout of the ISIC 2017 challenge.

Shorthand of this package: `(H, W)` is the size of the picture, lengths are in pixels, and a
`unit` is 1/256 of the shorter side, so that a picture looks the same at every size.
"""

from isic_mmdet.synthetic.dataset import write_dataset
from isic_mmdet.synthetic.sample import Sample, make_sample

__all__ = ['Sample', 'make_sample', 'write_dataset']
