"""COCO weights of Mask R-CNN R50-FPN, from the first of two servers that answers.

The address `coco://mask-rcnn_r50_fpn` stands for MMDetection's checkpoint. If its server cannot be
reached, it stands for torchvision's, converted to MMDetection's names.
"""

from pathlib import Path
from typing import Any
from urllib.parse import urlparse

from mmengine.logging import MMLogger
from mmengine.runner import CheckpointLoader

from isic_mmdet.compat.checkpoint import (
    START_WITHOUT,
    DownloadError,
    cached_path,
    load_from_http,
)
from isic_mmdet.errors import InputError
from isic_mmdet.models.torchvision import weights as torchvision_weights

ADDRESS = 'coco://mask-rcnn_r50_fpn'
MMDET_URL = 'https://download.openmmlab.com/mmdetection/v2.0/mask_rcnn/mask_rcnn_r50_fpn_2x_coco/mask_rcnn_r50_fpn_2x_coco_bbox_mAP-0.392__segm_mAP-0.354_20200505_003907-3e542a40.pth'


@CheckpointLoader.register_scheme(prefixes='coco://')
def load_coco_weights(address: str, map_location: Any = None) -> dict[str, Any]:
    """Return a checkpoint of MMDetection's Mask R-CNN R50-FPN with COCO weights.

    Args:
        address: `ADDRESS`.
        map_location: see `torch.load`.

    Returns:
        The checkpoint; `source` in its `meta` is the name of the file that it came from.

    Raises:
        InputError: the address is another one, or neither server sent its file.
    """
    if address != ADDRESS:
        raise InputError(f'{address}: there are no such weights; write {ADDRESS}')
    first, second = MMDET_URL, torchvision_weights.WEIGHTS_URL
    try:
        checkpoint = load_from_http(first, map_location)
        checkpoint['meta'] = {**checkpoint.get('meta', {}), 'source': _name(first)}
        return checkpoint
    except DownloadError as error:
        reason = error.reason
    try:
        weights = load_from_http(second, map_location)
    except DownloadError as error:
        raise InputError(
            'the COCO weights are not on this machine and cannot be downloaded. Download one of '
            f'the two files elsewhere and put it into {cached_path(first).parent}, or name the '
            f'first: --cfg-options load_from=FILE. To start without them: {START_WITHOUT}',
            [f'{first}: {reason}', f'{second}: {error.reason}'],
        ) from error
    MMLogger.get_current_instance().warning(
        f"the training starts from torchvision's COCO weights ({second}), because MMDetection's "
        f'({first}) cannot be downloaded: {reason}'
    )
    converted = torchvision_weights.convert_torchvision(weights)
    return {'state_dict': converted, 'meta': {'source': _name(second)}}


def _name(url: str) -> str:
    return Path(urlparse(url).path).name
