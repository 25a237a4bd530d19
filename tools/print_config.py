#!/usr/bin/env python
"""Print a config with all its base files and overrides, as a training would use it."""

import argparse

from isic_mmdet.cli import make_parser, run
from isic_mmdet.engine.config.option_text import add_cfg_options
from isic_mmdet.engine.config.paths import require_config


def parse_args() -> argparse.Namespace:
    parser = make_parser(
        'Print the resolved config: base files merged, options applied, hooks that are None\n'
        'removed. The output is Python and is itself a config.',
        'python tools/print_config.py configs/isic2018_maskrcnn.py --cfg-options '
        'train_cfg.max_epochs=12',
    )
    parser.add_argument('config', help='Python config, see configs/')
    add_cfg_options(parser, 'train_cfg.max_epochs=2 train_dataloader.batch_size=4')
    return parser.parse_args()


def main() -> None:
    args = parse_args()
    require_config(args.config)

    from isic_mmdet.engine.config.load import load_config

    print(load_config(args.config, args.cfg_options).pretty_text)


if __name__ == '__main__':
    run(main)
