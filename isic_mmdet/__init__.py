"""Mask R-CNN on dermoscopic skin lesions of the ISIC challenges, with MMDetection.

Importing this package costs nothing and pulls in neither torch nor mmdet, so that the parts
that need neither (`isic`, `evaluation`, `synthetic`) start fast and run anywhere. It lets
mmdet be imported without compiled operators (`from mmdet.apis import init_detector` works after
it), and sets how long torch's threads wait; for both it has to be imported before mmdet and torch.
`import isic_mmdet.register` makes the data sets, metrics, hooks and models known to
MMDetection's registries; the project's configs do that themselves through `custom_imports`.
"""

from isic_mmdet.compat.operator_finder import install_finder
from isic_mmdet.utils.environment import set_waiting_time

__version__ = '0.1.0'

set_waiting_time()
install_finder()
