"""The embedded data set: images that look like dermoscopy, with exact masks.

Nothing here is medical data. The images exist so that every step from files to a tested model
can be run, tested and shown without a download. `sample.make_sample` draws one image,
`dataset.write_dataset` writes many in the layout of the ISIC 2017 challenge.

Shorthand of this package: `(H, W)` is the size of the image, lengths are in pixels, and a
`unit` is 1/256 of the shorter side, so that an image looks the same at every size.
"""

from isic_mmdet.synthetic.dataset import write_dataset
from isic_mmdet.synthetic.sample import Sample, make_sample

__all__ = ['Sample', 'make_sample', 'write_dataset']
