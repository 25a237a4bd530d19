"""What lets the pinned stack run without compiling anything.

`install` is called once, before `mmdet` is imported; `isic_mmdet.register` does so.
"""

from isic_mmdet.compat.mmcv_ops import install_operators

__all__ = ['install']


def install() -> None:
    """Mend what the pinned versions of mmcv and mmengine cannot do by themselves.

    Calling it again changes nothing.
    """
    install_operators()
