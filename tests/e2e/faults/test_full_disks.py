"""Full disks: one message, no truncated file, and the same result once there is room."""

import re
from pathlib import Path

import pytest

from tests.support.disk_faults import Disk, Ended, content

# What a second run writes anew.
REPLACED = {'scores.json', 'per_image.csv', 'sent.zip', 'report.html', 'iou_box.png'}


def assert_reported(ended: Ended, reason: str) -> str:
    """Check that a run ended with one message about one of its files; return the kind of file."""
    assert ended.status == 1, ended.printed
    assert 'Traceback' not in ended.printed
    messages = re.findall(r'^error: (\S+) cannot be written \((.*?)\)', ended.printed, re.M)
    assert len(messages) == ended.printed.count('error: ') == 1, ended.printed
    assert messages[0][1] == reason
    return re.sub(r'\d+', 'N', Path(messages[0][0]).name)


def refuse(job, out: Path, reason: str, **disk: int) -> str:
    """Run a job on a bad disk in a new folder, then on a good one; return what was refused."""
    job.set_up(out)
    ended = job.tool(*job.arguments(out), before=Disk(out, **disk))
    name = assert_reported(ended, reason)
    assert job.truncated_in(out) == []
    assert not list(out.rglob('*.part'))
    job.finish(out)
    return name


def written(job, tmp_path: Path) -> dict[str, bytes]:
    """Return what a job leaves next to what it was given."""
    job.set_up(tmp_path / 'given')
    given = content(tmp_path / 'given')
    return {name: data for name, data in job.expected.items() if name not in given}


def sizes(job, tmp_path: Path) -> list[int]:
    return sorted({len(data) for data in written(job, tmp_path).values()})


def test_what_finds_no_room_is_reported(job, generator, tmp_path):
    room = generator.randrange(job.size)
    refuse(job, tmp_path / 'out', 'No space left on device', room=room)


def test_what_the_system_refuses_is_reported(job, generator, tmp_path):
    largest = generator.choice(sizes(job, tmp_path)) - 1
    refuse(job, tmp_path / 'out', 'File too large', largest=largest)


@pytest.mark.slow
def test_whatever_finds_no_room_is_reported(job, generator, figure, tmp_path):
    reason = 'No space left on device'
    rooms = generator.sample(range(job.size), 20)
    names = [refuse(job, tmp_path / f'{room}', reason, room=room) for room in rooms]
    report(figure, job, f'finds no room (ENOSPC, at {len(rooms)} random bytes)', names)


@pytest.mark.slow
def test_whatever_the_system_refuses_is_reported(job, figure, tmp_path):
    limits = [size - 1 for size in sizes(job, tmp_path)]
    names = [refuse(job, tmp_path / f'{n}', 'File too large', largest=n) for n in limits]
    report(figure, job, f'may not write a file that large (EFBIG, {len(limits)} limits)', names)


def report(figure, job, what: str, names: list[str]) -> None:
    figure(
        f'`{job.tool.name}` {what}, then has room',
        f'{len(names)} times one message and status 1, nothing truncated; all files equal after '
        f'that. Refused: {", ".join(f"`{name}`" for name in sorted(set(names)))}',
    )


def test_a_full_disk_leaves_earlier_results(score_job, predict_job, report_job, tmp_path):
    """Each file is what it was."""
    for job in (score_job, predict_job, report_job):
        out = tmp_path / job.tool.name
        job.set_up(out)
        job.finish(out)
        earlier = {}
        for name in written(job, tmp_path / f'for {job.tool.name}'):
            if name.rpartition('/')[2] in REPLACED:
                earlier[name] = (out / name).read_bytes() + b' '
                (out / name).write_bytes(earlier[name])
        assert earlier
        ended = job.tool(*job.arguments(out), *job.again, before=Disk(out, room=50))
        assert_reported(ended, 'No space left on device')
        for name, data in earlier.items():
            assert (out / name).read_bytes() == data
        assert not list(out.rglob('*.part'))
        job.finish(out)
