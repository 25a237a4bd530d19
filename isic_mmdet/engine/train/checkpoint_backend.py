"""Checkpoints that are there whole or not at all."""

from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from isic_mmdet.utils.files import write_atomically


class AtomicBackend(LocalBackend):
    """mmengine's local storage, with files that a killed run never leaves torn.

    Configs name it as `backend_args=dict(backend='atomic')`.
    """

    def put(self, obj: bytes, filepath: str | Path) -> None:
        """Write a file under another name, onto the disk, and move it to its place.

        Raises:
            InputError: it cannot be written; what was there before still is.
        """
        write_atomically(filepath, obj, durable=True)


register_backend('atomic', AtomicBackend, force=True)
