"""Building parts of a config, with a message about arguments that their classes do not take."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config

from isic_mmdet.errors import InputError


@contextmanager
def explained(cfg: Config, *names: str) -> Iterator[None]:
    """Run a block that builds parts of a config, and say which arguments made it fail.

    Args:
        cfg: a whole experiment.
        names: of the top-level settings that are built.

    Raises:
        InputError: the block failed, and the config gives classes what they do not take.
    """
    before = copy.deepcopy(cfg)
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        # Imported here, for it takes longer than to build a model.
        from isic_mmdet.engine.config.parts import argument_errors

        errors = argument_errors(before, names)
        if not errors:
            raise
        raise InputError(f'{cfg.filename} cannot be built:', errors) from error
