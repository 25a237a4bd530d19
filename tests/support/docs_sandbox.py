"""A folder in which the commands of the documentation run as they are printed, at small size.

The configs have their names and a small network. What a command reads is made when a command
first names it, such as `photos` or `data/mine`.
"""

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from isic_mmdet.synthetic import write_dataset
from tests.support.official_files import FOLDERS

ROOT = Path(__file__).resolve().parents[2]
#: What the pages leave to the reader.
WORDS = {
    'runtime/bin/python': 'python',
    'CONFIG': 'configs/quickstart.py',
    'CHECKPOINT': 'work_dirs/quickstart/epoch_1.pth',
}
#: Options that name what a command writes.
OUT = ('--out', '--work-dir', '--show-dir')
_SMALL = """
_base_ = '{root}/tests/support/narrow_r18.py'
train_cfg = dict(max_epochs=1, val_interval=100)  # the last epoch is validated anyway
data = '{folder}/data/{data}/'
train_dataloader = dict(dataset=dict(data_root=data))
val_dataloader = dict(dataset=dict(data_root=data))
test_dataloader = dict(dataset=dict(data_root=data))
"""
_FINE_TUNING = """
_base_ = '{root}/configs/finetune.py'
epochs_by_images = dict(images=12, power=0.4)
train_cfg = dict(max_epochs=1, val_interval=1)
"""
_DATA = {'quickstart': 'synthetic', 'isic2018_maskrcnn': 'isic2018'}
_DATA |= {'isic2018_maskrcnn_lite': 'isic2018'}


class Sandbox:
    """A folder for the commands of one example.

    Args:
        folder: empty.
        data: a prepared data set, see the fixture `tiny_data`.
        checkpoint: of the small network.
        exported: the same as an ONNX file.
    """

    def __init__(self, folder: Path, data: Path, checkpoint: Path, exported: Path) -> None:
        self.folder, self.data, self.checkpoint = folder, data, checkpoint
        for name in ('tools', 'benchmarks', 'models', 'tests', 'isic_mmdet'):
            (folder / name).symlink_to(ROOT / name)
        (folder / 'configs').mkdir()
        for name, of in _DATA.items():
            text = _SMALL.format(root=ROOT, folder=folder, data=of)
            (folder / f'configs/{name}.py').write_text(text)
        (folder / 'configs/finetune.py').write_text(_FINE_TUNING.format(root=ROOT))
        masks = data / 'original_masks'
        self.makers: dict[str, Callable[[Path], object]] = {
            **dict.fromkeys(('photos', 'new_photos', 'rest', 'corrections/images'), self._photos),
            **dict.fromkeys(
                ('masks', 'corrections/masks', 'TRUTH', 'PREDICTIONS', 'A', 'B'),
                lambda path: shutil.copytree(masks, path),
            ),
            **dict.fromkeys(
                ('DIR', 'data/isic2018', 'data/synthetic'), lambda path: shutil.copytree(data, path)
            ),
            'data/mine': lambda path: self.run(
                'tools/prepare_folder.py --images photos --masks TRUTH --out data/mine --folds 2'
            ),
            'photo.jpg': lambda path: shutil.copy(next(data.glob('images/*.jpg')), path),
            'model.onnx': lambda path: shutil.copy(exported, path),
            'mine.onnx': lambda path: shutil.copy(exported, path),
            'instances.json': self._coco,
            'patients.csv': self._labels,
            'part_017.txt': self._list,
            'data/official/isic2017': self._official,
            'data/official/isic2018': self._official,
            **dict.fromkeys(
                ('masks/predictions.csv', 'masks/000/predictions.csv'),
                lambda path: self.run(f'tools/predict.py photos --out {path.parent}'),
            ),
            **dict.fromkeys(
                ('work_dirs/isic2018_maskrcnn/test', 'work_dirs/*/test/metrics.json'),
                lambda path: self.run(
                    'tools/test.py configs/isic2018_maskrcnn.py '
                    'work_dirs/isic2018_maskrcnn/best_lesion_iou_epoch_1.pth'
                ),
            ),
        }

    def run(self, command: str) -> str:
        """Make what a command reads, run it, and return what it printed. It must succeed."""
        for word, meaning in WORDS.items():
            command = re.sub(rf'(?<![\w/]){word}\b', meaning, command)
        self._provide(re.split(r'[\s=]+', command))
        folders = [str(Path(sys.executable).parent), os.environ['PATH']]
        environment = {**os.environ, 'PATH': os.pathsep.join(folders), 'OMP_NUM_THREADS': '1'}
        environment |= {'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': '', 'MASTER_PORT': ''}
        if command.startswith('tools/'):
            command = f'python {command}'
        done = subprocess.run(
            ['bash', '-c', command],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
        )
        printed = done.stdout + done.stderr
        assert done.returncode == 0, f'{command}\n{printed[-3000:]}'
        return printed

    def _provide(self, words: Sequence[str]) -> None:
        """Make what the words of a command name and nothing has written yet."""
        read = [
            word for before, word in zip(['', *words], words, strict=False) if before not in OUT
        ]
        read += [f'data/{data}' for name, data in _DATA.items() if f'configs/{name}.py' in read]
        # A file in a folder comes before the folder, which may be made with it.
        for word in sorted(read, key=len, reverse=True):
            path = self.folder / word
            if path.exists():
                continue
            if path.suffix == '.pth':
                self._checkpoint(path)
            elif word in self.makers:
                self.makers[word](path)
            elif parent := next((name for name in self.makers if word.startswith(f'{name}/')), ''):
                self._provide([parent])

    def _checkpoint(self, path: Path) -> None:
        """Copy the newest checkpoint of the run, or one of another run of the same model."""
        path.parent.mkdir(parents=True, exist_ok=True)
        own = sorted(path.parent.glob('*.pth'), key=lambda each: each.stat().st_mtime)
        tuned = path.parent.name in ('finetune', 'mine')
        other = ROOT / 'models/lesion_lite.pth' if tuned else self.checkpoint
        shutil.copy(own[-1] if own else other, path)

    def _photos(self, path: Path) -> None:
        shutil.copytree(self.data / 'images', path)

    def _official(self, path: Path) -> None:
        year = int(path.name[-4:])
        write_dataset(path, images=18, seed=0, size=96)
        for (of, split), names in FOLDERS.items():
            if of == year:
                for name, drawn in zip(names, FOLDERS[2017, split], strict=True):
                    (path / drawn).rename(path / name)

    def _coco(self, path: Path) -> None:
        shutil.copy(self.data / 'annotations/train.json', path)
        names = {image['file_name'] for image in json.loads(path.read_text())['images']}
        self._photos(self.folder / 'photos')
        for photo in (self.folder / 'photos').iterdir():
            if photo.name not in names:
                photo.unlink()

    def _labels(self, path: Path) -> None:
        with path.open('w', newline='') as stream:
            table = csv.writer(stream)
            table.writerow(['image_id', 'dx'])
            for number, image in enumerate(sorted(self.data.glob('images/*.jpg'))):
                table.writerow([image.stem, 'nv' if number % 2 else 'mel'])

    def _list(self, path: Path) -> None:
        self._photos(self.folder / 'photos')
        path.write_text('\n'.join(f'photos/{p.name}' for p in (self.folder / 'photos').iterdir()))
