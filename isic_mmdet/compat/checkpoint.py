"""Safe loading of checkpoints, with one clear message for each failure.

Upstream bugs of mmengine 0.10.7, fixed through the registry of its `CheckpointLoader`:

- A file that `torch.load` refuses ends in a page of advice on how to switch off the safety.
- A downloaded checkpoint is unpickled without any safety: `torch.utils.model_zoo` calls
  `torch.load` with `weights_only=False`.
- Without a network the run ends with a traceback of `urllib`. In a distributed run only the first
  process fails, and the others wait for it.
- Without a logger, `Loads checkpoint by ...` is printed, although the Runner logs the same file.
- A file in the cache with the right name is loaded, whatever it contains. So is any file that a
  server sends for a name without a digest.

This can be removed when mmengine loads safely from every source and names the missing file.
"""

import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256

_load = CheckpointLoader.load_checkpoint
# Published names end in the first digits of the file's SHA-256. `#sha256=` may give all digits.
_DIGEST_IN_NAME = re.compile(r'.*-([0-9a-f]{8,64})\.pth')
_DIGEST_IN_FRAGMENT = re.compile(r'sha256=([0-9a-f]{64})', re.IGNORECASE)
# Random weights learn nothing if the stages are frozen and batch norm is fixed.
START_WITHOUT = (
    '--cfg-options load_from=None model.backbone.init_cfg=None model.backbone.frozen_stages=-1 '
    'model.backbone.norm_eval=False'
)


class DownloadError(InputError):
    """A checkpoint is not on this machine, and its server did not send it.

    Attributes:
        reason: what the server or the network reported.
    """

    def __init__(self, message: str, reason: str = '') -> None:
        super().__init__(message)
        self.reason = reason


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint without running any code in it.

    It may contain tensors, plain Python values and the classes of `safe_globals`.

    Raises:
        InputError: the file is missing or damaged, or contains anything else.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise InputError(
            f'the checkpoint {path} does not exist; check the path, or train without it: '
            f'{START_WITHOUT}'
        )
    try:
        loaded = torch.load(path, map_location=map_location, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # The pickle parser trusts its input, so a damaged file can raise any exception.
        raise InputError(_explain(path, str(error))) from error
    if not isinstance(loaded, Mapping):
        raise InputError(
            f'{path}: a {type(loaded).__name__} is not a state dict; save one with '
            'torch.save(model.state_dict(), FILE)'
        )
    return loaded


def load_from_http(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint from torch's cache, or download it.

    One process downloads while the others wait. If it fails, all processes raise its error.

    Args:
        filename: an address that states the SHA-256 of the file: its first digits in the name, as
            published files do (`...-3e542a40.pth`), or all 64 in the fragment (`#sha256=...`).
        map_location: as in `torch.load`.

    Raises:
        DownloadError: the server did not send the file.
        InputError: the address states no digest, or the file does not match it or cannot be
            loaded.
    """
    problem: list[InputError | None] = [None]
    if is_main_process():
        try:
            _fetch(filename)
        except InputError as error:
            problem = [error]
    broadcast_object_list(problem)
    if problem[0] is not None:
        raise problem[0]
    # A process on another machine has a cache of its own and downloads the file too.
    return load_from_local(str(_fetch(filename)), map_location)


def install_loaders() -> None:
    """Make mmengine load local and downloaded checkpoints with the functions above."""
    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), load_from_http, force=True)
    # `torchvision://`, `open-mmlab://` and `mmcls://` call this function without the registry.
    mmengine_checkpoint.load_from_http = load_from_http
    CheckpointLoader.load_checkpoint = classmethod(_load_without_printing)


def _load_without_printing(
    cls: type[CheckpointLoader], filename: str, map_location: Any = None, logger: Any = 'current'
) -> Any:
    """Load a checkpoint as mmengine does, but print nothing if there is no logger."""
    return _load(filename, map_location, 'silent' if logger is None else logger)


def cached_path(address: str) -> Path:
    """Return where torch's cache keeps the file of an address."""
    return Path(torch.hub.get_dir()) / 'checkpoints' / Path(urlparse(address).path).name


def _fetch(address: str) -> Path:
    """Return the file of `address` in torch's cache, after a download if necessary."""
    parts = urlparse(address)
    path = cached_path(address)
    digest = _stated_digest(address)
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # This keeps no truncated download and no file of another digest.
            torch.hub.download_url_to_file(parts._replace(fragment='').geturl(), str(path), digest)
        except (OSError, HTTPException, RuntimeError) as error:
            raise DownloadError(
                f'the checkpoint {address} is not on this machine and cannot be downloaded '
                f'({error}). Download it elsewhere, and put it at {path} or name it: '
                '--cfg-options load_from=FILE (backbone weights: '
                f'model.backbone.init_cfg.checkpoint=FILE). To start without it: {START_WITHOUT}',
                str(error),
            ) from error
    found = sha256(path)
    if not found.startswith(digest):
        raise InputError(
            f'{path} is not the checkpoint {address}: its SHA-256 is {found} and should begin with '
            f'{digest}; remove it, and it will be downloaded again'
        )
    return path


def _stated_digest(address: str) -> str:
    """Return the SHA-256 that an address states, or the first digits of it, in lower case."""
    parts = urlparse(address)
    if parts.fragment:
        found = _DIGEST_IN_FRAGMENT.fullmatch(parts.fragment)
    else:
        found = _DIGEST_IN_NAME.fullmatch(Path(parts.path).name)
    if found is None:
        raise InputError(
            f'the checkpoint {address} was not fetched, because the address states no digest: '
            'choose a file whose name ends in its digest (...-3e542a40.pth), write #sha256= and '
            'the 64 hexadecimal digits of its SHA-256 after the address, or download it yourself '
            'and name the file'
        )
    return found[1].lower()


def _explain(path: Path, reason: str) -> str:
    """Return the message for a file that torch did not read."""
    refused = re.search(r'GLOBAL (.+?) (?:was not an allowed|whose module)', reason)
    if refused:
        return (
            f'the checkpoint {path} contains {refused[1]}, which might run code when it is loaded, '
            'and was refused. If you trust the file, save only its weights with the program that '
            "wrote it: torch.save({'state_dict': model.state_dict()}, 'weights.pth')"
        )
    # Only the part of torch's message after this mark is about the file.
    _, _, after_mark = reason.partition('WeightsUnpickler error:')
    lines = (after_mark or reason).strip().splitlines()
    return (
        f'the checkpoint {path} cannot be read ({lines[0] if lines else "it ends too early"}). '
        'It may be damaged, or not a checkpoint at all: replace it by a good copy'
    )
