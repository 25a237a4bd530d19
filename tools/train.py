#!/usr/bin/env python
"""Train a model from a config, on one device or, through dist_train.sh, on many."""

import argparse
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from isic_mmdet.cli import make_parser, run
from isic_mmdet.engine.config.option_text import add_run_arguments, not_ending_in
from isic_mmdet.engine.config.paths import require_config

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Train a model. Checkpoints, scalars, metrics and plots go to the work dir.',
        'python tools/train.py configs/isic2018_maskrcnn.py --work-dir work_dirs/first',
    )
    parser.add_argument('config', help='Python config, see configs/')
    parser.add_argument(
        '--work-dir', help='default: work_dirs/<config name>, with --fold /fold_K below it'
    )
    parser.add_argument(
        '--resume',
        type=partial(not_ending_in, ('.py',)),
        nargs='?',
        const='auto',
        action='append',
        metavar='CKPT',
        help='continue from CKPT, or without CKPT from the newest checkpoint of the work dir; a '
        '--resume without CKPT may follow one with CKPT, to start the same command again',
    )
    parser.add_argument(
        '--partial-weights',
        action='store_true',
        help='train even if load_from or the pretrained backbone leaves parts of the model at '
        'random weights',
    )
    parser.add_argument(
        '--skip-bad-batches',
        action='store_true',
        help='skip and count batches that cannot be loaded or give no finite loss, instead of '
        'ending with a message',
    )
    add_run_arguments(parser, 'train_cfg.max_epochs=2 train_dataloader.batch_size=4')
    args = parser.parse_args()
    given = args.resume or [None]
    args.resume = given[-1]
    args.resume_start = next((path for path in given[::-1] if path != 'auto'), None)
    return args


def test_command(args: argparse.Namespace, cfg: 'Config') -> list[str]:
    """Return the words of the command that scores a checkpoint of this training, '{}'."""
    from isic_mmdet.engine.config.refused_options import reason_to_refuse, refused_in_test

    words = ['python', str(Path(sys.argv[0]).with_name('test.py')), args.config, '{}']
    if args.work_dir:
        words += ['--work-dir', str(Path(args.work_dir, 'test'))]
    if args.fold is not None:
        words += ['--fold', str(args.fold)]
    if args.data_root:
        words += ['--data-root', *map(str, args.data_root)]
    words += ['--amp'] * args.amp  # as in the validations that chose the checkpoint
    if Path(cfg.work_dir, 'test', 'metrics.json').is_file():  # of an earlier part of this run
        words.append('--overwrite')
    refused = refused_in_test(args.work_dir, 'test', args.amp, show_dir=None)
    options = {
        key: value
        for key, value in (args.cfg_options or {}).items()
        if not reason_to_refuse(cfg, key, value, refused)
    }
    texts = [word for word in sys.argv if word.partition('=')[0] in options]
    return [*words, '--cfg-options', *texts] if texts else words


def train(args: argparse.Namespace) -> 'Config | None':
    """Train and return the config; None if nothing is left to do."""
    import torch

    from isic_mmdet.engine.checks.preflight import preflight
    from isic_mmdet.engine.checks.resume_check import check_resume
    from isic_mmdet.engine.config.epochs import follow_images
    from isic_mmdet.engine.config.folds import select_fold
    from isic_mmdet.engine.config.load import load_config
    from isic_mmdet.engine.config.refused_options import refused_in_training
    from isic_mmdet.engine.config.run_options import use_amp, use_pinned_memory
    from isic_mmdet.engine.config.run_state import set_resume, set_work_dir
    from isic_mmdet.engine.console import open_console
    from isic_mmdet.engine.distributed import launched, process_count
    from isic_mmdet.engine.train.evaluation import use_same_shape_batches
    from isic_mmdet.engine.train.runner import build_runner, use_resumable_loop
    from isic_mmdet.utils.run_lock import is_first_process, is_restarted, run_lock

    is_first = is_first_process(args.launcher)
    open_console(is_first)
    resumed = args.resume_start or args.resume
    refused = refused_in_training(args.work_dir, resumed, args.amp, args.skip_bad_batches)
    cfg = load_config(args.config, args.cfg_options, args.data_root, refused)
    fold = '' if args.fold is None else f'fold_{args.fold}'
    if fold:
        select_fold(cfg, args.fold)
    follow_images(cfg, args.cfg_options or ())
    use_resumable_loop(cfg, process_count(args.launcher), args.cfg_options or ())
    use_same_shape_batches(cfg)
    set_work_dir(cfg, args.work_dir, args.config, fold)
    # Processes of an attempt that torchrun gave up may still be ending.
    patience = 60.0 if is_restarted() else 0.0
    with run_lock(cfg.work_dir, 'name another --work-dir', is_first, patience):
        set_resume(cfg, args.resume, args.resume_start)
        finished = check_resume(cfg, cfg.load_from) if cfg.resume else None
        if finished is not None:
            if is_first:
                print(finished)
            return None
        if args.amp:
            use_amp(cfg)
        if args.skip_bad_batches:
            cfg.train_cfg.skip_bad_batches = True
        if torch.cuda.is_available():
            use_pinned_memory(cfg)
        preflight(cfg, ('train_dataloader', 'val_dataloader'))
        with launched(cfg, args.launcher):
            build_runner(cfg, args.partial_weights, test_command(args, cfg)).train()
    return cfg


def main() -> None:
    args = parse_args()
    require_config(args.config)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank or 0))

    from isic_mmdet.engine.distributed import exit_after_gloo

    cfg = train(args)
    if cfg is not None:
        exit_after_gloo(cfg)


if __name__ == '__main__':
    run(main)
