"""What lets the pinned stack run without compiling anything.

`install` is called once, before `mmdet` is imported; `isic_mmdet.register` does so.
"""

from isic_mmdet.compat.light import light_imports

with light_imports():
    from isic_mmdet.compat.checkpoint import install_loaders
    from isic_mmdet.compat.config_bases import install_config_bases
    from isic_mmdet.compat.mmcv_ops import install_operators
    from isic_mmdet.compat.safe_globals import allow_mmengine_classes

__all__ = ['install']


def install() -> None:
    """Mend what the pinned versions of torch, mmcv and mmengine cannot do together.

    Calling it again changes nothing.
    """
    install_config_bases()
    install_operators()
    allow_mmengine_classes()
    install_loaders()
