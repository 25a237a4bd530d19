"""Loading checkpoints: safely, and with one clear message when that fails.

Faults of mmengine 0.10.7 that this mends, through the registry that its `CheckpointLoader`
offers for the purpose:

- A file that `torch.load` refuses ends in a page of advice on how to switch the safety off.
- A downloaded checkpoint is unpickled without any safety, because `torch.utils.model_zoo` asks
  `torch.load` for `weights_only=False`.
- Without a network the run ends in a traceback of `urllib`; in a distributed run, only the first
  process fails and the others wait for it.

This can go when mmengine loads safely from every source and names the file that is missing.
"""

import re
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import broadcast_object_list, get_dist_info
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from isic_mmdet.errors import InputError

_DIGEST = re.compile(r'-([0-9a-f]{8,})\.pth$')
# Random weights learn nothing behind frozen stages and fixed batch norm.
_START_WITHOUT = (
    '--cfg-options load_from=None model.backbone.init_cfg=None model.backbone.frozen_stages=-1 '
    'model.backbone.norm_eval=False'
)


def load_from_local(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint without running any code that it may hold.

    Args:
        filename: path of the file; `~` is the home folder.
        map_location: as in `torch.load`.

    Returns:
        What was saved, of tensors, plain Python values and the classes of `safe_globals`.

    Raises:
        InputError: if the file is missing, damaged, or holds anything else.
    """
    path = Path(filename).expanduser()
    if not path.is_file():
        raise InputError(
            f'the checkpoint {path} does not exist; check the path, or train without it: '
            f'{_START_WITHOUT}'
        )
    try:
        return torch.load(path, map_location=map_location, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # The pickle parser is plain Python and trusts its input, so a damaged file can end in
        # any exception.
        raise InputError(_fault(path, str(error))) from error


def load_from_http(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint by its address, from torch's cache if it is there.

    One process downloads while the others wait; if it fails, all fail with its message.

    Raises:
        InputError: if it cannot be downloaded or is not fit to be loaded.
    """
    rank, _ = get_dist_info()
    fault: list[str | None] = [None]
    if rank == 0:
        try:
            _fetch(filename)
        except InputError as error:
            fault = [str(error)]
    broadcast_object_list(fault)
    if fault[0] is not None:
        raise InputError(fault[0])
    # A process on another machine does not see the first one's cache and fetches its own.
    return load_from_local(str(_fetch(filename)), map_location)


def install_loaders() -> None:
    """Make mmengine load local and downloaded checkpoints with the functions above."""
    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), load_from_http, force=True)
    # `torchvision://`, `open-mmlab://` and `mmcls://` look an address up and then call this by
    # its name, past the registry.
    mmengine_checkpoint.load_from_http = load_from_http


def _fetch(address: str) -> Path:
    """Return the file in torch's cache for `address`, downloaded if need be."""
    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(urlparse(address).path).name
    if path.is_file():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Published names end in the first digits of the file's SHA-256: a download that was cut
        # short does not match it, and is not kept.
        digest = _DIGEST.search(path.name)
        torch.hub.download_url_to_file(address, str(path), digest[1] if digest else None)
    except (OSError, HTTPException, RuntimeError) as error:
        raise InputError(
            f'the checkpoint {address} is not on this machine and cannot be downloaded ({error}). '
            f'Download it elsewhere and put it at {path}, or anywhere and name it: --cfg-options '
            'load_from=FILE (backbone weights: model.backbone.init_cfg.checkpoint=FILE). '
            f'To start without it: {_START_WITHOUT}'
        ) from error
    return path


def _fault(path: Path, reason: str) -> str:
    """Return the message for a file that torch could not or would not read."""
    refused = re.search(r'GLOBAL (.+?) (?:was not an allowed|whose module)', reason)
    if refused:
        return (
            f'the checkpoint {path} holds {refused[1]}, which might run code when it is loaded, '
            'and was refused. If you trust the file, save only its weights with the program that '
            "wrote it: torch.save({'state_dict': model.state_dict()}, 'weights.pth')"
        )
    # Of torch's page of advice, only what follows this mark is about the file.
    _, _, after_mark = reason.partition('WeightsUnpickler error:')
    lines = (after_mark or reason).strip().splitlines()
    return (
        f'the checkpoint {path} cannot be read ({lines[0] if lines else "it ends too early"}). '
        'It may be damaged, or something else than a checkpoint: put a good copy in its place'
    )
