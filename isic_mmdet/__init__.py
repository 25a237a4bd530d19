"""Mask R-CNN on dermoscopic skin lesions of the ISIC challenges, with MMDetection.

Importing this package costs nothing and pulls in neither torch nor mmdet, so that the parts
that need neither (`isic`, `evaluation`, `synthetic`) start fast and run anywhere. It lets
mmdet be imported without compiled operators (`from mmdet.apis import init_detector` works after
it), and sets how long torch's threads wait; for both it has to be imported before mmdet and torch.
`import isic_mmdet.register` makes the data sets, metrics, hooks and models known to
MMDetection's registries; the project's configs do that themselves through `custom_imports`.

`load_model` returns a model to segment images with, without torch::

    from isic_mmdet import load_model

    model = load_model()
    lesion = model('photo.jpg')
"""

from importlib import import_module
from typing import Any

from isic_mmdet.compat.operator_finder import install_finder
from isic_mmdet.utils.environment import set_waiting_time

__version__ = '0.2.0'

set_waiting_time()
install_finder()


def __getattr__(name: str) -> Any:
    if name != 'load_model':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    # By name, because the other packages below `deploy` import this one.
    return import_module('isic_mmdet.deploy.shipped_model').load_model
