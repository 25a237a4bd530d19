"""Reading JSON that anybody may have written."""

import json
from pathlib import Path
from typing import Any

from isic_mmdet.errors import InputError


def read_json(path: Path, remedy: str) -> Any:
    """Return the content of a JSON file.

    Args:
        path: of the file.
        remedy: what to do where it cannot be read, for the message.

    Raises:
        InputError: the file is missing, not text, not JSON, or nested too deeply.
    """
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise InputError(f'{path}: cannot be read ({error.strerror}); {remedy}') from error
    except (ValueError, RecursionError) as error:
        raise InputError(f'{path}: not JSON ({error}); {remedy}') from error
