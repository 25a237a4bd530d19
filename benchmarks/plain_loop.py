"""The loop that a preparation is compared with: read, resize, write, image by image.

    python -m benchmarks.plain_loop SRC OUT RULE [gray]

It does what anybody would write first, with OpenCV's own threads: every image of the official
folders in SRC is brought to the size that RULE asks for by averaging over area, and so is its mask.
With `gray`, masks are read with one channel; without, as OpenCV reads everything. It checks
nothing, hashes nothing and notes nothing.
"""

import sys
from pathlib import Path

import cv2

from isic_mmdet.masks.resize import ResizeRule, parse_rule


def shrink(image_path: Path, mask_path: Path, rule: ResizeRule, out: Path, gray: bool) -> None:
    """Write one pair under the names of its files into a folder that exists."""
    image = cv2.imread(str(image_path))
    mask = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE if gray else cv2.IMREAD_COLOR)
    assert image is not None and mask is not None  # the files are ours
    height, width = rule.size(*image.shape[:2])
    for path, pixels in ((image_path, image), (mask_path, mask)):
        small = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(out / path.name), small)


def main(source: str, out: str, rule: str, masks_as: str = '') -> None:
    """Write all pairs of the official folders in `source`."""
    Path(out).mkdir(parents=True)
    for image_path in sorted(Path(source).glob('*_Data/*.jpg')):
        masks = image_path.parent.with_name(
            image_path.parent.name.replace('_Data', '_Part1_GroundTruth')
        )
        mask_path = masks / f'{image_path.stem}_segmentation.png'
        shrink(image_path, mask_path, parse_rule(rule), Path(out), masks_as == 'gray')


if __name__ == '__main__':
    main(*sys.argv[1:])
