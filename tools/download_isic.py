#!/usr/bin/env python
"""Get the official files of an ISIC segmentation challenge."""

from pathlib import Path

from isic_mmdet.cli import make_parser, run


def main() -> None:
    from isic_mmdet.isic.archives import BASE_URL, PARTS, YEARS
    from isic_mmdet.isic.download.download import download

    parser = make_parser(
        'Download the official images, masks and (2017) diagnoses of an ISIC challenge.\n'
        'Prints about how much it fetches before it starts. A stopped download continues.',
        'python tools/download_isic.py 2018 --out data/official/isic2018',
    )
    parser.add_argument('year', type=int, choices=YEARS, help='the challenge')
    parser.add_argument('--out', type=Path, required=True, help='folder for the files')
    parser.add_argument(
        '--parts', nargs='+', choices=PARTS, help='fetch only these (default: all of the year)'
    )
    parser.add_argument('--base-url', default=BASE_URL, help='a mirror (default: %(default)s)')
    parser.add_argument(
        '--checksums',
        type=Path,
        metavar='FILE',
        help='SHA-256 of all files, as sha256sum writes them; what differs is refused (default: '
        'OUT/SHA256SUMS, which notes what arrived first)',
    )
    args = parser.parse_args()
    files = download(args.year, args.out, args.parts, args.base_url, args.checksums)
    print(
        f'{len(files)} files are complete in {args.out}. To prepare them for training:\n'
        f'  python tools/prepare_isic.py {args.year} --src {args.out} --out data/isic{args.year}'
    )


if __name__ == '__main__':
    run(main)
