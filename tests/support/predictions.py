"""The table of a folder with predictions."""

from pathlib import Path

from isic_mmdet.deploy.predict.table import read_rows


def rows_by_image(folder: Path) -> dict[str, dict[str, str]]:
    """Return the last row of every image in `folder`, by the name of its mask."""
    return {row['image']: row for row in read_rows(folder)}
