"""Making and writing a matplotlib figure.

Matplotlib is imported only when a figure is drawn, and used without pyplot, so that no window
system and no global state is involved.
"""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from isic_mmdet.utils.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DOTS_PER_INCH = 150


def new_figure(width: float, height: float) -> 'Figure':
    """Return an empty figure of this size in inches, which lays itself out without overlaps."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=DOTS_PER_INCH, layout='constrained')


def save_figure(figure: 'Figure', path: str | Path) -> None:
    """Write a figure as PNG, atomically."""
    png = io.BytesIO()
    figure.savefig(png, format='png')
    write_atomically(path, png.getvalue())
