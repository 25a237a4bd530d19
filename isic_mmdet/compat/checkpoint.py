"""Loading checkpoints: safely, and with one clear message when that fails.

Faults of mmengine 0.10.7 that this mends, through the registry that its `CheckpointLoader`
offers for the purpose:

- A file that `torch.load` refuses ends in a page of advice on how to switch the safety off.
- A downloaded checkpoint is unpickled without any safety, because `torch.utils.model_zoo` asks
  `torch.load` for `weights_only=False`.
- Without a network the run ends in a traceback of `urllib`; in a distributed run, only the first
  process fails and the others wait for it.
- What lies in the cache under the right name is taken for the file, whatever it holds; and so is
  whatever a server sends under a name without a digest.

This can go when mmengine loads safely from every source and names the file that is missing.
"""

import re
from collections.abc import Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from mmengine.dist import broadcast_object_list, get_dist_info
from mmengine.runner import CheckpointLoader
from mmengine.runner import checkpoint as mmengine_checkpoint

from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import sha256

# Published names end in the first digits of the file's SHA-256; an address may also state all.
_DIGEST_IN_NAME = re.compile(r'-([0-9a-f]{8,64})\.pth')
_DIGEST_BEHIND = re.compile(r'sha256=([0-9a-f]{64})', re.IGNORECASE)
# Patterns of the addresses of object stores, as mmengine has them.
_UNTOLD = ('pavi://', r'(\S+\:)?s3://', r'(\S+\:)?petrel://')
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
        loaded = torch.load(path, map_location=map_location, weights_only=True)
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        # The pickle parser is plain Python and trusts its input, so a damaged file can end in
        # any exception.
        raise InputError(_fault(path, str(error))) from error
    if not isinstance(loaded, Mapping):
        raise InputError(
            f'{path}: a {type(loaded).__name__} is not a state dict; save one with '
            'torch.save(model.state_dict(), FILE)'
        )
    return loaded


def load_from_http(filename: str, map_location: Any = None) -> Any:
    """Load a checkpoint by its address, from torch's cache if it is there.

    One process downloads while the others wait; if it fails, all fail with its message.

    Args:
        filename: the address. It has to state the SHA-256 of the file, or its first digits: in
            the name, as published ones do (`...-3e542a40.pth`), or behind it (`#sha256=` and 64
            hexadecimal digits).
        map_location: as in `torch.load`.

    Raises:
        InputError: if the address states no digest, the file has another one, cannot be
            downloaded or is not fit to be loaded.
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


def refuse(filename: str, map_location: Any = None) -> Any:
    """Refuse an address that mmengine would fetch from without a digest.

    Raises:
        InputError: always.
    """
    raise InputError(
        f'the checkpoint {filename} was not fetched, because nothing would tell whether it is the '
        'right one; download it yourself and name the file'
    )


def install_loaders() -> None:
    """Make mmengine load local and downloaded checkpoints with the functions above."""
    CheckpointLoader.register_scheme('', load_from_local, force=True)
    CheckpointLoader.register_scheme(('http://', 'https://'), load_from_http, force=True)
    CheckpointLoader.register_scheme(_UNTOLD, refuse, force=True)
    # `torchvision://`, `open-mmlab://` and `mmcls://` look an address up and then call this by
    # its name, past the registry.
    mmengine_checkpoint.load_from_http = load_from_http


def _fetch(address: str) -> Path:
    """Return the file in torch's cache for `address`, downloaded if need be, and of its digest."""
    parts = urlparse(address)
    path = Path(torch.hub.get_dir()) / 'checkpoints' / Path(parts.path).name
    digest = _stated_digest(address)
    if not path.is_file():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # A download that was cut short, or is another file, is not kept.
            torch.hub.download_url_to_file(parts._replace(fragment='').geturl(), str(path), digest)
        except (OSError, HTTPException, RuntimeError) as error:
            raise InputError(
                f'the checkpoint {address} is not on this machine and cannot be downloaded '
                f'({error}). Download it elsewhere and put it at {path}, or anywhere and name it: '
                '--cfg-options load_from=FILE (backbone weights: '
                f'model.backbone.init_cfg.checkpoint=FILE). To start without it: {_START_WITHOUT}'
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
    behind = _DIGEST_BEHIND.fullmatch(parts.fragment)
    if behind:
        return behind[1].lower()
    in_name = _DIGEST_IN_NAME.search(Path(parts.path).name)
    if in_name and in_name.end() == len(Path(parts.path).name) and not parts.fragment:
        return in_name[1]
    raise InputError(
        f'the checkpoint {address} was not fetched, because the address does not say which file it '
        'has to be: name one whose name ends in its digest (...-3e542a40.pth), write '
        '#sha256= and the 64 hexadecimal digits of its SHA-256 behind the address, or download it '
        'yourself and name the file'
    )


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
