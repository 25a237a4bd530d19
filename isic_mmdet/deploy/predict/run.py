"""What `tools/predict.py` does: check, share out, predict, join."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from isic_mmdet.deploy.predict.folder import FolderSettings, in_groups, predict_groups, still_to_do
from isic_mmdet.deploy.predict.group import Group
from isic_mmdet.deploy.predict.inputs import find_images
from isic_mmdet.deploy.predict.predictor import Predictor
from isic_mmdet.deploy.predict.table import is_begun, join_parts
from isic_mmdet.errors import InputError
from isic_mmdet.images.sources import close_zips
from isic_mmdet.isic.submission import check_ids, check_zip_name, write_submission
from isic_mmdet.utils.files import sha256, write_json
from isic_mmdet.utils.json_file import read_json
from isic_mmdet.utils.run_lock import run_lock

# Which model a folder of predictions is of, so that two never mix in one.
_FACTS = 'predictions.json'


class Choice(Protocol):
    """Which model predicts, and how."""

    def load(self) -> Predictor:
        """Return the model."""

    def facts(self) -> dict[str, Any]:
        """Return what tells its predictions from those of another model."""


@dataclass(frozen=True)
class ModelChoice:
    """A checkpoint, with torch and mmdet.

    Attributes:
        config: path of its config.
        checkpoint: path of its weights.
        tta: whether it averages over flips.
        device: such as 'cuda:1'; None takes the process's own GPU where there is one.
        amp: whether it computes in bfloat16.
    """

    config: str
    checkpoint: str
    tta: bool = False
    device: str | None = None
    amp: bool = False

    def load(self) -> Predictor:
        """Return the model."""
        # Imported here, for an exported file does without torch.
        from isic_mmdet.deploy.predict.processes import own_device
        from isic_mmdet.deploy.segmenter import LesionSegmenter

        device = self.device or own_device()
        return LesionSegmenter(self.config, self.checkpoint, device, self.tta, self.amp)

    def facts(self) -> dict[str, Any]:
        """Return what tells its predictions from those of another model."""
        return {
            'config': Path(self.config).name,
            'checkpoint': Path(self.checkpoint).name,
            'checkpoint_sha256': sha256(self.checkpoint),
            'tta': self.tta,
            'amp': self.amp,
        }


@dataclass(frozen=True)
class OnnxChoice:
    """A file that `tools/export_onnx.py` wrote, with ONNX Runtime.

    Attributes:
        path: of the file.
    """

    path: str

    def load(self) -> Predictor:
        """Return the model."""
        # Imported here, for a checkpoint does without ONNX Runtime.
        from isic_mmdet.deploy.onnx_segmenter import OnnxSegmenter

        return OnnxSegmenter(self.path)

    def facts(self) -> dict[str, Any]:
        """Return what tells its predictions from those of another model."""
        return {'onnx': Path(self.path).name, 'onnx_sha256': sha256(self.path)}


def predict(
    model: Choice,
    inputs: Sequence[str],
    settings: FolderSettings,
    resume: bool = False,
    submission: str | None = None,
    group: Group = Group(),  # noqa: B008 - it cannot be changed
) -> str:
    """Predict images into a folder, alone or as one of several processes.

    Args:
        model: that predicts.
        inputs: see `isic_mmdet.deploy.predict.inputs.find_images`.
        settings: of the folder.
        resume: go on in a folder that was begun, and leave what is done there.
        submission: path of the challenge's zip, to be made of all `inputs`.
        group: the processes that share the images.

    Returns:
        What was written, for people; empty on all processes but the first.

    Raises:
        InputError: wrong arguments or another process that predicts into the same folder, before
            any work; or, after it, images that could not be read or a submission that the challenge
            would refuse.
    """
    with run_lock(settings.out, 'name another --out', needed=group.rank == 0):
        return _predict(model, inputs, settings, resume, submission, group)


def _predict(
    model: Choice,
    inputs: Sequence[str],
    settings: FolderSettings,
    resume: bool,
    submission: str | None,
    group: Group,
) -> str:
    if submission is not None:
        check_zip_name(submission)
    close_zips()  # one that an earlier call has read may have changed
    files, skipped = find_images(inputs, settings.out)
    if submission is not None:
        check_ids(submission, files)
    with ThreadPoolExecutor(1) as thread:
        # The files are read for their checksums while the model is made.
        pending = thread.submit(model.facts)
        predictor = model.load()
        facts = pending.result()
    _check_folder(settings.out, facts, resume)
    # Shared out before looking at what is done, on which the processes might not agree.
    share = in_groups(files, settings.batch_size)[group.rank :: group.size]
    todo = still_to_do({name: file for part in share for name, file in part.items()}, settings)
    group.wait()
    if group.rank == 0:
        write_json(settings.out / _FACTS, facts, indent=2)
    unfinished = [part for part in share if not todo.keys().isdisjoint(part)]
    faults = predict_groups(predictor, unfinished, todo.keys(), settings, group.rank)
    all_faults = [fault for of_process in group.gather(faults) for fault in of_process]
    if group.rank != 0:
        return ''
    rows = join_parts(settings.out)
    if all_faults:
        raise InputError(
            f'{len(all_faults)} of {len(files)} images could not be read; the others are in '
            f'{settings.out}. Repair or remove these and run the command again with --resume'
            + (f' ({submission} was not written)' if submission else '')
            + (f'; also skipped: {skipped}:' if skipped.count else ':'),
            all_faults,
            shown=len(all_faults),
        )
    if submission is not None:
        write_submission(submission, settings.out, files)
    summary = _summary([rows[name] for name in files], settings, submission)
    return f'{summary}\nskipped:    {skipped}' if skipped.count else summary


def _check_folder(out: Path, facts: Mapping[str, Any], resume: bool) -> None:
    if not is_begun(out):
        return
    if not resume:
        raise InputError(
            f'{out} already holds predictions; add --resume to go on with them, name another '
            '--out, or remove the folder'
        )
    path = out / _FACTS
    remedy = 'name another --out, or remove the folder'
    earlier = read_json(path, remedy) if path.is_file() else facts
    if not isinstance(earlier, dict):
        raise InputError(f'{path}: does not tell which model it is of; {remedy}')
    changed = [
        f'{key}: {earlier.get(key)}, now {value}'
        for key, value in facts.items()
        if earlier.get(key) != value
    ]
    if changed:
        raise InputError(
            f'{out} holds the predictions of another model; name another --out:', changed
        )


def _summary(
    rows: Sequence[Mapping[str, str]], settings: FolderSettings, submission: str | None
) -> str:
    missed = sum(not row['label'] for row in rows)
    lines = [
        f'{len(rows)} images, {missed} without a detection',
        f'masks:      {settings.out}',
        f'table:      {settings.out / "predictions.csv"}',
    ]
    if settings.overlay:
        lines.append(f'pictures:   {settings.out / "overlays"}')
    if submission is not None:
        lines.append(f'submission: {submission}')
    return '\n'.join(lines)
