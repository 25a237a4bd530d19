#!/usr/bin/env python
"""Turn your own images, and their masks or outlines, into a data set to train on."""

import argparse
from pathlib import Path

from isic_mmdet.cli import make_parser, run


def parse_args() -> argparse.Namespace:
    from isic_mmdet.masks.mask_names import MASK_SUFFIXES
    from isic_mmdet.prepare.arguments import add_common_arguments, parse_with_resize
    from isic_mmdet.prepare.own.layouts import LAYOUTS

    parser = make_parser(
        f'{__doc__}\nA mask belongs to the image of the same name. What tools append to the name,'
        '\nand what counts as lesion in a mask, is detected and printed.',
        'python tools/prepare_folder.py --images photos --masks masks --out data/mine\n'
        '  python tools/prepare_folder.py --images photos --coco instances.json --out data/mine\n'
        '  python tools/prepare_folder.py --layout ph2 PH2Dataset.zip --out data/ph2',
    )
    parser.add_argument(
        '--images',
        type=Path,
        metavar='DIR_OR_ZIP',
        help='images, also in nested folders and zips; their path without the ending is their id',
    )
    parser.add_argument(
        '--masks',
        type=Path,
        metavar='DIR_OR_ZIP',
        help='their masks (default: among the images, recognized by their suffix)',
    )
    parser.add_argument(
        '--layout',
        nargs=2,
        metavar=('NAME', 'SRC'),
        help=f'a published data set, {" or ".join(LAYOUTS)}, and its folder or zip',
    )
    _add_exports(parser)
    parser.add_argument('--out', type=Path, required=True, help='folder of the prepared data set')
    known = ', '.join(filter(None, MASK_SUFFIXES))
    parser.add_argument(
        '--mask-suffix',
        metavar='TEXT',
        help=f'what masks have behind the name of their image (default: found among {known} and'
        ' nothing)',
    )
    parser.add_argument(
        '--mask-threshold',
        type=int,
        metavar='GRAY',
        help='mask pixels of this value (1 to 255) or more are lesion (default: found in each mask:'
        ' 0 and 255, 0 and 1, two colors, or two groups of grays as in a JPEG)',
    )
    _add_choices(parser)
    add_common_arguments(parser)
    args = parse_with_resize(parser)
    _check_sources(parser, args)
    if args.layout:
        name, source = args.layout
        if name not in LAYOUTS:
            parser.error(f'--layout {name}: choose from {", ".join(LAYOUTS)}')
        args.layout = name, Path(source)
    return args


def _add_exports(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `isic_mmdet.prepare.own.annotated_folder.AnnotationSource`."""
    parser.add_argument(
        '--coco', type=Path, metavar='FILE', help='COCO file of CVAT, Label Studio, Roboflow, ...'
    )
    parser.add_argument(
        '--labelme',
        type=Path,
        metavar='DIR',
        help='folder with the JSON files of LabelMe (and the images, without --images)',
    )
    parser.add_argument(
        '--via',
        type=Path,
        metavar='FILE',
        help='project or annotations (JSON) of the VGG Image Annotator, version 1 to 3',
    )
    parser.add_argument(
        '--class-attribute',
        metavar='NAME',
        help='with --via: attribute of the regions that is the class (default: the only one)',
    )
    parser.add_argument(
        '--one-lesion',
        action='store_true',
        help='all outlines of an image are one lesion (default: one lesion each)',
    )


def _add_choices(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `isic_mmdet.prepare.own.choices.Choices`."""
    from isic_mmdet.prepare.own.assign import DEFAULT_SPLIT

    parser.add_argument(
        '--labels', type=Path, metavar='FILE', help='CSV file with labels or groups of the images'
    )
    parser.add_argument(
        '--id-column',
        default='image_id',
        metavar='NAME',
        help='its column of image ids or file names (default: image_id)',
    )
    parser.add_argument(
        '--label-column',
        metavar='NAME',
        help='its column of labels, which replace the categories of outlines',
    )
    parser.add_argument(
        '--group-column',
        metavar='NAME',
        help='its column of groups, such as patient_id: a group is on one side of every split',
    )
    parser.add_argument(
        '--classes',
        metavar='RULES',
        help='classes of the labels, categories or published diagnoses, such as'
        ' "mel=melanoma,*=benign" (default: each label or category is a class)',
    )
    parser.add_argument(
        '--split',
        default=DEFAULT_SPLIT,
        help='percent of train/val/test or train/val, with the same share of every class, or a'
        ' folder that holds train.txt, val.txt and test.txt with one id a line'
        f' (default: {DEFAULT_SPLIT})',
    )
    parser.add_argument('--seed', type=int, default=0, help='of what is drawn (default: 0)')
    parser.add_argument(
        '--folds',
        type=int,
        metavar='N',
        help='also write N folds of the training and validation images, for --fold of'
        ' tools/train.py',
    )


def _check_sources(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """End with a message if arguments name no source of the truth, or several."""
    exports = [name for name in ('coco', 'labelme', 'via') if getattr(args, name) is not None]
    ways = [*exports, *(['layout'] if args.layout else [])]
    if len(ways) > 1:
        parser.error(f'--{ways[0]} and --{ways[1]} both hold the truth; name one of them')
    if args.images is None and ways not in (['layout'], ['labelme']):
        parser.error('name the images with --images, or a published data set with --layout')
    if args.images is not None and args.layout:
        parser.error('--layout finds the images itself; remove --images')
    for name in ('masks', 'mask_suffix', 'mask_threshold'):
        if exports and getattr(args, name) is not None:
            option = name.replace('_', '-')
            parser.error(f'--{option} does not belong to --{exports[0]}; remove one of them')
    if args.masks and args.layout:
        parser.error('--layout finds the masks itself; remove --masks')
    if args.one_lesion and not exports:
        parser.error('--one-lesion belongs to --coco, --labelme or --via')
    if args.class_attribute is not None and args.via is None:
        parser.error('--class-attribute belongs to --via')


def main() -> None:
    args = parse_args()

    from isic_mmdet.prepare.pool import start_server

    if args.workers != 1:
        start_server('isic_mmdet.prepare.convert')  # imports while this process plans

    from isic_mmdet.masks.resize import parse_rule
    from isic_mmdet.prepare.own.annotated_folder import AnnotationSource, prepare_annotations
    from isic_mmdet.prepare.own.choices import Choices
    from isic_mmdet.prepare.own.mask_folder import MaskSource, prepare_masks
    from isic_mmdet.prepare.report import format_report
    from isic_mmdet.prepare.run import Options

    options = Options(parse_rule(args.resize), args.workers, args.strict, args.duplicate_distance)
    choices = Choices(
        labels=args.labels,
        id_column=args.id_column,
        label_column=args.label_column,
        group_column=args.group_column,
        classes=args.classes,
        split=args.split,
        seed=args.seed,
        folds=args.folds,
    )
    if args.coco or args.labelme or args.via:
        outlines = AnnotationSource(
            args.images, args.coco, args.labelme, args.via, args.class_attribute, args.one_lesion
        )
        report = prepare_annotations(outlines, args.out, choices, options)
    else:
        masks = MaskSource(
            args.images, args.masks, args.layout, args.mask_suffix, args.mask_threshold
        )
        report = prepare_masks(masks, args.out, choices, options)
    print(format_report(report))


if __name__ == '__main__':
    run(main)
