"""The config and the checkpoint that a command names.

The tools check them first: the imports that follow take several seconds.
"""

from pathlib import Path

from isic_mmdet.errors import InputError


def require_config(path: str | Path) -> None:
    """Raise an `InputError` if a path is not that of a config file."""
    path = Path(path)
    if '::' in str(path):
        raise InputError(
            f"{path}: a config of a package has no path; write a config with _base_ = '{path}' "
            'and the settings that differ for your data'
        )
    if path.is_dir():
        raise InputError(f'{path} is a folder; name a config in it, such as {path}/NAME.py')
    if not path.exists():
        raise InputError(f'{path}: no such config; see configs/ for those of this project')
    if path.suffix not in ('.py', '.json', '.yaml', '.yml'):
        raise InputError(
            f'{path} is not a config; the first argument is a config, see configs/. A checkpoint '
            'comes after it'
        )


def require_checkpoint(path: str | Path, to_resume: bool = False) -> None:
    """Raise an `InputError` if there is no such checkpoint.

    For a folder it names the best checkpoint in it, or the newest one `to_resume`.
    """
    path = Path(path)
    if path.is_dir():
        # Imports torch.
        from isic_mmdet.engine.train.checkpoints import newest_checkpoint

        best = [] if to_resume else list(path.glob('best_*.pth'))
        newest = max(best, key=lambda each: each.stat().st_mtime, default=None)
        newest = newest or newest_checkpoint(path)[0]
        hint = f': {newest}' if newest else ''
        raise InputError(f'{path} is a folder; name a checkpoint in it{hint}')
    if not path.is_file():
        raise InputError(f'{path}: no such checkpoint; tools/train.py writes them to its work dir')
