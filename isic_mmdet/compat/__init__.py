"""What lets the pinned stack run without compiling anything."""

__all__ = ['install']


def install() -> None:
    """Mend what the pinned versions of torch, mmcv and mmengine cannot do together.

    `isic_mmdet.register` calls it before it imports mmdet, and so does whoever imports mmcv's
    operators first. Calling it again changes nothing.
    """
    # Imported here, so that the package itself needs no torch.
    from isic_mmdet.compat.light import light_imports

    with light_imports():
        from isic_mmdet.compat.checkpoint import install_loaders
        from isic_mmdet.compat.config_bases import install_config_bases
        from isic_mmdet.compat.config_folders import install_config_folders
        from isic_mmdet.compat.safe_globals import allow_mmengine_classes
        from isic_mmdet.compat.unsent_batches import install_sending_of_errors
    install_config_bases()
    install_config_folders()
    allow_mmengine_classes()
    install_loaders()
    install_sending_of_errors()
