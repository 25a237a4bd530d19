"""Fixes for the pinned versions of torch, mmcv, mmengine and mmdet, so that nothing is compiled.

Each module names the upstream bug that it works around and says when it can be removed.
"""

__all__ = ['install']


def install() -> None:
    """Install all fixes. A second call changes nothing.

    `isic_mmdet.register` calls it, and so does the first import of mmcv's operators.
    """
    # Imported here, so that the package itself needs no torch.
    from isic_mmdet.compat.checkpoint import install_loaders
    from isic_mmdet.compat.config_folders import install_config_folders
    from isic_mmdet.compat.config_text import install_config_text
    from isic_mmdet.compat.safe_globals import allow_mmengine_classes
    from isic_mmdet.compat.unsent_batches import install_sending_of_errors

    install_config_folders()
    install_config_text()
    allow_mmengine_classes()
    install_loaders()
    install_sending_of_errors()
