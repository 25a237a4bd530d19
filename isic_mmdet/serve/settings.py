"""What a server is told."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """Where a server listens, and what it takes.

    Attributes:
        host: name or address of the interface; the default is reachable from this computer alone.
        port: 0 lets the system choose a free one.
        max_bytes: of an uploaded file.
        max_pixels: of an image.
        max_waiting: requests that are received, wait or are in work at the same time.
        model: name of the model, for people.
    """

    host: str = '127.0.0.1'
    port: int = 7860
    max_bytes: int = 64 * 2**20
    max_pixels: int = 64_000_000
    max_waiting: int = 32
    model: str = 'model'
