"""Every test here runs with the stand-ins in place."""

from isic_mmdet.compat import install

install()
