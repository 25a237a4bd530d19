"""A test with another config than that of the training, whose weights fit all the same."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from isic_mmdet.engine.config.recorded_config import changes, parse_config, settings_of
from isic_mmdet.engine.train.checkpoints import TRAINING, open_checkpoint


def warn_of_other_settings(cfg: Config, checkpoint: str) -> None:
    """Warn if images are prepared, or detections chosen, in another way than in the training.

    Args:
        cfg: of the test, before `--tta` changes it.
        checkpoint: path of the weights. Without a recorded config there is no comparison.
    """
    content = open_checkpoint(Path(checkpoint))
    meta = (content.get('meta') if isinstance(content, Mapping) else None) or {}
    try:
        recorded = parse_config(meta['cfg'])
    except (KeyError, TypeError, ValueError):
        return
    found = list(changes(_of_a_test(recorded), _of_a_test(settings_of(cfg))))
    if found:
        config = (meta.get(TRAINING) or {}).get('config', 'another config')
        MMLogger.get_current_instance().warning(
            f'{checkpoint} was trained with {config}, which has other settings for a test, so the '
            f'scores may be lower than with that config: {"; ".join(map(str, found))}'
        )


def _of_a_test(settings: Mapping[str, Any]) -> dict[str, Any]:
    model = settings.get('model') or {}
    dataset = (settings.get('test_dataloader') or {}).get('dataset') or {}
    return {
        'model': {key: model.get(key) for key in ('data_preprocessor', 'test_cfg')},
        'test_dataloader': {'dataset': {'pipeline': dataset.get('pipeline')}},
    }
