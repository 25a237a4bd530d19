"""Results of a test, which do not replace those of something else."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from isic_mmdet.engine.config.data_sets import leaf_datasets
from isic_mmdet.engine.config.recorded_config import settings_of
from isic_mmdet.errors import InputError
from isic_mmdet.utils.files import require_not_read, sha256, sha256_together
from isic_mmdet.utils.run_record import require_same_run

# Where the data are, and what replaces or loads the weights: recorded by their own digests.
_RECORDED_APART = ('ann_file', 'data_prefix', 'data_root', 'init_cfg', 'precision')


def evaluation_settings(cfg: Config) -> dict[str, Any]:
    """Return which settings of a config an evaluation depends on, for `metrics.json`.

    `settings_digest` is the SHA-256 of model, test pipeline and evaluator; `outputs` are files and
    folders that the evaluation writes, relative to the work dir.
    """
    settings = settings_of(cfg)
    model = settings.get('model') or {}
    parts = {
        'model': model,
        'dataset': settings.get('test_dataloader', {}).get('dataset'),
        'evaluator': settings.get('test_evaluator'),
    }
    text = json.dumps(_deciding(parts), sort_keys=True, default=str)
    return {
        'tta': 'module' in model,
        'amp': (model.get('module') or model).get('precision') is not None,
        'settings_digest': hashlib.sha256(text.encode()).hexdigest(),
        'outputs': [os.path.relpath(path, cfg.get('work_dir')) for path in _outputs(cfg)],
    }


def _deciding(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {
            key: _deciding(value)
            for key, value in node.items()
            if key not in (*_RECORDED_APART, 'out_file')
        }
    return [_deciding(item) for item in node] if isinstance(node, list) else node


def _outputs(cfg: Config) -> Iterator[Path]:
    evaluators = cfg.get('test_evaluator') or []
    for evaluator in evaluators if isinstance(evaluators, list) else [evaluators]:
        if evaluator.get('out_file'):
            yield Path(evaluator.out_file)
    drawing = (cfg.get('default_hooks') or {}).get('draw_lesions')
    if drawing:
        yield Path(drawing.show_dir)


def check_results_folder(cfg: Config, overwrite: bool) -> None:
    """Refuse to write the results of a test over its inputs, or over those of something else.

    The same test may be repeated. The weights, the annotation file, `--tta`, `--amp`, and the
    settings of model, test pipeline and evaluator are compared.
    """
    annotations = [
        Path(dataset.get('data_root') or '', dataset.ann_file)
        for dataset in leaf_datasets(cfg, 'test_dataloader')
    ]
    for path in _outputs(cfg):
        require_not_read(path, [*annotations, cfg.load_from, cfg.filename])
    if overwrite:
        return
    folder = Path(cfg.work_dir)
    now = {'checkpoint_sha256': sha256(cfg.load_from), **evaluation_settings(cfg)}
    if all(path.is_file() for path in annotations):  # `preflight` names those that are missing
        now['data_digest'] = sha256_together(annotations)
    outputs = now.pop('outputs')
    known = require_same_run(
        folder / 'metrics.json',
        now,
        'the results of something else',
        'name another --work-dir, or add --overwrite',
        {
            'checkpoint_sha256': ('checkpoint', Path(cfg.load_from).name),
            'settings_digest': ('config', Path(cfg.filename).stem),
        },
    )
    for name in outputs:
        path = Path(os.path.normpath(folder / name))
        is_inside = folder.resolve() in path.resolve().parents
        is_used = any(path.iterdir()) if path.is_dir() else path.exists()
        if is_used and not is_inside and name not in (known.get('outputs') or ()):
            raise InputError(
                f'{Path(os.path.relpath(path))} exists, and {folder} does not record that this '
                'test wrote it; name another --out or --show-dir, or add --overwrite'
            )
