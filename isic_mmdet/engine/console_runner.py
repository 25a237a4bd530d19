"""The Runner of a training and of a test, with a short console."""

from contextlib import closing
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import nn

from isic_mmdet.engine.console import shorten_console
from isic_mmdet.engine.hooks.console_hook import ConsoleHook


class ConsoleRunner(Runner):
    """mmengine's Runner, whose config and environment go to the log file only.

    A hook cannot do this, because the Runner logs both before it has hooks.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.console = ConsoleHook()
        if is_main_process():
            self.register_hook(self.console)

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Return the logger of the run."""
        logger = super().build_logger(*args, **kwargs)
        shorten_console(logger)
        return logger

    def train(self) -> nn.Module:
        """Train; an error leaves no bar on the terminal, and Ctrl-C says what is kept."""
        with closing(self.console):
            try:
                return super().train()
            except KeyboardInterrupt as end:
                saved = self.message_hub.runtime_info.get('last_ckpt')
                kept = f'{Path(saved).name} is kept' if saved else 'no epoch was saved yet'
                raise KeyboardInterrupt(f'interrupted; {kept}; continue with --resume') from end

    def test(self) -> dict[str, float]:
        """Test; an error leaves no bar on the terminal."""
        with closing(self.console):
            return super().test()
