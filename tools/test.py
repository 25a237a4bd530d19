#!/usr/bin/env python
"""Score a checkpoint on a split, and draw what it predicts."""

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from isic_mmdet.cli import make_parser, run
from isic_mmdet.engine.config.option_text import add_run_arguments
from isic_mmdet.engine.config.paths import require_checkpoint, require_config
from isic_mmdet.utils.files import require_writable

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Score a checkpoint on the test or validation split. metrics.json, per_image.csv and '
        'plots go to the work dir.',
        'python tools/test.py configs/isic2018_maskrcnn.py \\\n'
        '    work_dirs/isic2018_maskrcnn/best_lesion_iou_epoch_20.pth --show-dir drawings',
    )
    parser.add_argument('config', help='Python config, see configs/')
    parser.add_argument('checkpoint', help='a .pth file that tools/train.py wrote')
    parser.add_argument(
        '--split', choices=['val', 'test'], default='test', help='images to score (default: test)'
    )
    parser.add_argument(
        '--work-dir',
        help='default: work_dirs/<config name>/<split>, with --tta <split>_tta, with --fold '
        'fold_K/<split>',
    )
    parser.add_argument(
        '--overwrite',
        action='store_true',
        help='replace results of another checkpoint, data set or setting in the work dir',
    )
    parser.add_argument(
        '--show-dir', help='write one drawing per image: truth and prediction, side by side'
    )
    parser.add_argument(
        '--out',
        help='COCO result file for all detections (default: detections.json in the work dir)',
    )
    parser.add_argument(
        '--tta', action='store_true', help='average the masks over the flips of the image'
    )
    parser.add_argument(
        '--calibrate',
        metavar='NEW.pth',
        help='with --split val: write a copy of the checkpoint with the calibration of the '
        'expected IoU, for a checkpoint that has none',
    )
    add_run_arguments(parser, 'test_dataloader.batch_size=8')
    args = parser.parse_args()
    if args.calibrate and (args.split != 'val' or args.tta):
        parser.error('--calibrate needs --split val, without --tta')
    return args


def score(cfg: 'Config', checkpoint: str) -> dict[str, float]:
    from isic_mmdet.engine.checks.preflight import load_weights
    from isic_mmdet.engine.console_runner import ConsoleRunner

    runner = ConsoleRunner.from_cfg(cfg)
    load_weights(runner, checkpoint)
    metrics: dict[str, float] = runner.test()
    return metrics


def test(args: argparse.Namespace) -> 'Config':
    """Score the checkpoint, print the scores on the first process, and return the config."""
    from mmengine.dist import is_main_process

    from isic_mmdet.engine.checks.other_config import warn_of_other_settings
    from isic_mmdet.engine.checks.preflight import preflight
    from isic_mmdet.engine.config import run_options
    from isic_mmdet.engine.config.folds import select_fold
    from isic_mmdet.engine.config.load import load_config
    from isic_mmdet.engine.config.refused_options import refused_in_test
    from isic_mmdet.engine.config.run_state import set_checkpoint, set_work_dir
    from isic_mmdet.engine.console import open_console
    from isic_mmdet.engine.distributed import launched
    from isic_mmdet.engine.results_folder import check_results_folder
    from isic_mmdet.engine.train.checkpoints import write_calibrated
    from isic_mmdet.engine.train.evaluation import use_same_shape_batches
    from isic_mmdet.evaluation.per_image import read_per_image
    from isic_mmdet.evaluation.score_table import score_table
    from isic_mmdet.utils.files import require_not_read
    from isic_mmdet.utils.run_lock import is_first_process, run_lock

    is_first = is_first_process(args.launcher)
    open_console(is_first)
    refused = refused_in_test(args.work_dir, args.split, args.amp, args.show_dir)
    cfg = load_config(args.config, args.cfg_options, args.data_root, refused)
    subfolder = f'{args.split}_tta' if args.tta else args.split
    if args.fold is not None:
        select_fold(cfg, args.fold)
        subfolder = f'fold_{args.fold}/{subfolder}'
    set_work_dir(cfg, args.work_dir, args.config, subfolder)
    run_options.select_split(cfg, args.split)
    set_checkpoint(cfg, args.checkpoint)
    warn_of_other_settings(cfg, args.checkpoint)
    if args.show_dir:
        run_options.enable_drawing(cfg, args.show_dir)
    run_options.enable_result_dump(cfg, args.out or str(Path(cfg.work_dir, 'detections.json')))
    if args.amp:
        run_options.use_amp(cfg)
    if args.tta:
        run_options.use_tta(cfg)
    with run_lock(cfg.work_dir, 'name another --work-dir', is_first):
        if args.calibrate:
            require_not_read(args.calibrate, [args.checkpoint])
        if is_first:
            check_results_folder(cfg, args.overwrite)
        use_same_shape_batches(cfg)
        preflight(cfg, ('test_dataloader',))
        with launched(cfg, args.launcher):
            metrics = score(cfg, args.checkpoint)
            if is_main_process():
                print(score_table(metrics, Path(cfg.work_dir), args.show_dir))
                if args.calibrate:
                    rows = read_per_image(Path(cfg.work_dir, 'per_image.csv'))
                    write_calibrated(args.checkpoint, rows, args.calibrate)
                    print(f'calibrated: {args.calibrate}')
    return cfg


def main() -> None:
    args = parse_args()
    require_config(args.config)
    require_checkpoint(args.checkpoint)
    os.environ.setdefault('LOCAL_RANK', str(args.local_rank or 0))

    from isic_mmdet.engine.distributed import exit_after_gloo

    require_writable(args.out, args.calibrate, args.show_dir and Path(args.show_dir, 'image'))
    exit_after_gloo(test(args))


if __name__ == '__main__':
    run(main)
