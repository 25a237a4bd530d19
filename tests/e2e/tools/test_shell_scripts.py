"""What the shell scripts start, seen by stand-ins for the programs that they start."""

import os
import runpy
import shutil
import subprocess
from pathlib import Path

import pytest


def bash(root: Path, *command: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        ['bash', *command],
        cwd=root,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def stub(tmp_path) -> Path:
    """A program that prints its arguments, one a line."""
    path = tmp_path / 'bin' / 'srun'
    path.parent.mkdir()
    path.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    'script', ['cross_validate.sh', 'dist_train.sh', 'dist_test.sh', 'slurm_train.sh']
)
def test_usage(root, script):
    done = bash(root, f'tools/{script}', 'only-one')
    assert done.returncode == 2
    assert done.stderr.startswith(f'bash tools/{script} ')
    done = bash(root, f'tools/{script}', '--help')
    assert done.returncode == 0
    assert 'example:\n' in done.stdout
    assert 'set -e' not in done.stdout


@pytest.mark.parametrize(
    ('command', 'environment', 'started'),
    [
        pytest.param(
            'dist_train.sh a.py 3 --amp',
            {},
            '-m torch.distributed.run --standalone --max-restarts 0 --nproc-per-node 3 '
            'tools/train.py a.py --launcher pytorch --amp',
            id='one machine meets on a free port',
        ),
        pytest.param(
            'dist_test.sh a.py b.pth 8',
            {'NNODES': '2', 'NODE_RANK': '1', 'MASTER_ADDR': '10.0.0.1'},
            '-m torch.distributed.run --nnodes 2 --node-rank 1 --master-addr 10.0.0.1 '
            '--master-port 29500 --nproc-per-node 8 '
            'tools/test.py a.py b.pth --launcher pytorch',
            id='several machines meet at the first',
        ),
        pytest.param(
            'dist_train.sh a.py 8 --resume',
            {'NNODES': '1:4', 'MAX_RESTARTS': '3', 'RDZV_ENDPOINT': 'node1:29400'},
            '-m torch.distributed.run --nnodes 1:4 --rdzv-backend c10d --rdzv-endpoint node1:29400 '
            '--rdzv-id lesions --max-restarts 3 --nproc-per-node 8 '
            'tools/train.py a.py --launcher pytorch --resume',
            id='machines that come and go meet at one that stays',
        ),
        pytest.param(
            'slurm_train.sh gpu lesions a.py --resume',
            {'PYTHON': 'python', 'GPUS': '16', 'SRUN_ARGS': '--time 60'},
            '--partition gpu --job-name lesions --gres gpu:8 --ntasks 16 --ntasks-per-node 8 '
            '--cpus-per-task 4 --kill-on-bad-exit=1 --signal TERM@60 --time 60 '
            'python -u tools/train.py a.py --launcher slurm --resume',
            id='Slurm gets one task per GPU',
        ),
    ],
)
def test_what_is_started(root, stub, command, environment, started):
    script, *arguments = command.split()
    programs = {'PYTHON': str(stub), 'PATH': f'{stub.parent}:{os.environ["PATH"]}'}
    done = bash(root, f'tools/{script}', *arguments, **(programs | environment))
    assert done.stdout.split() == started.split()


def test_machines_that_come_and_go_need_a_meeting_point(root, stub):
    elastic = dict(NNODES='1:4', MAX_RESTARTS='3', PYTHON=str(stub))
    done = bash(root, 'tools/dist_train.sh', 'a.py', '8', **elastic)
    assert done.returncode == 2
    assert 'needs RDZV_ENDPOINT' in done.stderr


@pytest.fixture
def slurm(root, tmp_path):
    """Return a function that runs slurm_train.sh in a job of a scheduler that writes down all."""
    log = tmp_path / 'log'
    (tmp_path / 'bin').mkdir()
    for name, end in (('srun', 'exit $SRUN_STATUS'), ('scontrol', 'exit $SCONTROL_STATUS')):
        path = tmp_path / 'bin' / name
        path.write_text(
            f'#!/bin/sh\nprintf "%s\\n" "{name} $*" "port ${{MASTER_PORT:-none}}" >> {log}\n{end}\n'
        )
        path.chmod(0o755)

    def run(*arguments: str, srun: int, scontrol: int = 0, **environment: str):
        log.write_text('')
        done = bash(
            root,
            *('tools/slurm_train.sh', 'gpu', 'lesions', 'a.py', *arguments),
            PATH=f'{tmp_path / "bin"}:{os.environ["PATH"]}',
            PYTHON='python',
            SRUN_STATUS=str(srun),
            SCONTROL_STATUS=str(scontrol),
            **environment,
        )
        return done, log.read_text().splitlines()

    return run


SRUN = (
    'srun --partition gpu --job-name lesions --gres gpu:1 --ntasks 1 --ntasks-per-node 1 '
    '--cpus-per-task 4 --kill-on-bad-exit=1'
)


def test_a_batch_job_that_was_asked_to_end_is_started_again(slurm):
    done, called = slurm('--amp', srun=75, SLURM_JOB_ID='123456')
    assert done.returncode == 0
    assert called == [
        f'{SRUN} python -u tools/train.py a.py --launcher slurm --amp',
        'port 23456',
        'scontrol requeue 123456',
        'port 23456',
    ]
    assert 'restarts job 123456' in done.stderr


def test_a_job_that_was_started_again_goes_on(slurm):
    more = ('--resume', 'epoch_3.pth', '--cfg-options', 'a=1')
    done, called = slurm(
        *more, srun=0, SLURM_JOB_ID='7', SLURM_RESTART_COUNT='2', MASTER_PORT='1234'
    )
    assert done.returncode == 0
    given = '--resume epoch_3.pth --cfg-options a=1 --resume'
    assert called == [
        f'{SRUN} python -u tools/train.py a.py --launcher slurm {given}',
        'port 1234',
    ]


def test_the_newest_checkpoint_wins_when_a_job_is_started_again(root, monkeypatch):
    """What the script adds behind the user's own arguments, as train.py reads it."""
    given = ['a.py', '--resume', 'epoch_3.pth', '--cfg-options', 'a=1', '--resume']
    monkeypatch.setattr('sys.argv', ['train.py', *given])
    args = runpy.run_path(str(root / 'tools/train.py'))['parse_args']()
    assert (args.resume, args.resume_start) == ('auto', 'epoch_3.pth')
    assert args.cfg_options == {'a': 1}


@pytest.mark.parametrize('status', [0, 1, 75, 137])
def test_all_else_keeps_its_exit_status(slurm, status):
    done, called = slurm(srun=status)
    assert done.returncode == status
    assert called == [
        f'{SRUN} --signal TERM@60 python -u tools/train.py a.py --launcher slurm',
        'port none',
    ]
    done, called = slurm(srun=status, scontrol=1, SLURM_JOB_ID='9')
    assert done.returncode == status
    assert ('scontrol requeue 9' in called) == (status == 75)
    assert ('start it yourself with --resume' in done.stderr) == (status == 75)


def test_setting_up_without_a_fitting_python_says_what_is_needed(root, tmp_path):
    done = bash(
        root, '-c', f'cd {tmp_path}; touch r.txt pyproject.toml; '
        f'source {root}/tools/setup_env.sh r.txt', PYTHON='/bin/false',
    )  # fmt: skip
    assert done.returncode == 1
    assert 'no Python 3.10 to 3.12 with venv found' in done.stderr
    assert not (tmp_path / '.venv' / 'installed' / 'r.txt.sha256').exists()


@pytest.fixture
def bare_project(root, tmp_path) -> Path:
    """A project of which only the environment can be made; its pip is a stand-in."""
    (tmp_path / 'tools').mkdir()
    shutil.copy(root / 'tools/setup_env.sh', tmp_path / 'tools')
    for name in ('requirements.txt', 'more.txt', 'pyproject.toml'):
        (tmp_path / name).touch()
    python = tmp_path / '.venv/bin/python'
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\necho "$@" >> calls\n')
    python.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize('files', [[], ['requirements.txt', 'more.txt']])
def test_setting_up_installs_the_named_files_or_the_requirements(bare_project, files):
    done = bash(bare_project / 'tools', 'setup_env.sh', *files)
    assert done.returncode == 0, done.stderr
    assert 'source .venv/bin/activate' in done.stdout
    calls = (bare_project / 'calls').read_text().splitlines()
    installed = [call.split()[-1] for call in calls if ' install ' in call]
    assert installed == (files or ['requirements.txt'])
    for file in installed:
        assert (bare_project / f'.venv/installed/{file}.sha256').exists()


def test_setting_up_shows_its_usage_and_refuses_what_is_no_file(bare_project):
    done = bash(bare_project, 'tools/setup_env.sh', '--help')
    assert done.returncode == 0
    assert 'bash tools/setup_env.sh [requirement files]\n' in done.stdout
    assert 'is_sourced' not in done.stdout
    done = bash(bare_project, 'tools/setup_env.sh', 'requirement.txt')
    assert done.returncode == 1
    assert 'error: requirement.txt: no such requirement file' in done.stderr
    assert not (bare_project / 'calls').exists()


def test_setting_up_on_a_disk_that_is_too_full_is_refused_at_once(root, tmp_path):
    programs = tmp_path / 'bin'
    programs.mkdir()
    (programs / 'df').write_text(
        '#!/bin/sh\necho device blocks used free\necho /dev/a 9000000 6000000 3000000\n'
    )
    (programs / 'df').chmod(0o755)
    done = bash(
        root, '-c', f'cd {tmp_path}; touch r.txt pyproject.toml; '
        f'PATH={programs}:$PATH; source {root}/tools/setup_env.sh r.txt',
    )  # fmt: skip
    assert done.returncode == 1
    assert '.venv needs 6 GB, mostly PyTorch, and there are 3 GB free' in done.stderr
    assert not (tmp_path / '.venv').exists()


@pytest.mark.parametrize(
    ('arguments', 'source', 'weights'),
    [
        ([], 'data/official/isic2018', ''),
        (['--data', 'images'], '{project}/images', ''),
        (
            ['--weights', 'b.pth', '--data', 'images'],
            '{project}/images',
            ' --cfg-options model.backbone.init_cfg.checkpoint={project}/b.pth',
        ),
    ],
)
def test_a_number_is_made_from_the_files_on(root, tmp_path, arguments, source, weights):
    """Every command is seen, and the run's folder is handed from one to the next."""
    programs = tmp_path / 'bin'
    programs.mkdir()
    seen = tmp_path / 'seen'
    python = programs / 'python'
    python.write_text(f'#!/bin/sh\necho "$@" >> {seen}\n')
    python.chmod(0o755)
    work = tmp_path / 'work'
    work.mkdir()
    (work / 'best_lesion_iou_epoch_3.pth').touch()
    project = tmp_path / 'project'
    for folder in ('tools', 'images'):
        (project / folder).mkdir(parents=True)
    (project / 'b.pth').touch()
    shutil.copy(root / 'tools/reproduce.sh', project / 'tools')
    done = bash(
        project,
        'tools/reproduce.sh',
        *arguments,
        PATH=f'{programs}:{os.environ["PATH"]}',
        WORK_DIR=str(work),
    )
    assert done.returncode == 0, done.stderr
    _, prepare, train, test, table = seen.read_text().splitlines()
    config = 'configs/isic2018_maskrcnn_lite.py'
    source, weights = (text.format(project=project) for text in (source, weights))
    assert prepare == (
        f'tools/prepare_isic.py 2018 --src {source} --out data/isic2018 '
        '--split data/splits/isic2018 --resize center-crop 512 --strict'
    )
    assert train == (
        f'tools/train.py {config} --data-root data/isic2018 --work-dir {work} --resume --amp'
        + weights
    )
    assert test == (
        f'tools/test.py {config} {work}/best_lesion_iou_epoch_3.pth --data-root data/isic2018 '
        f'--work-dir {work}/test --overwrite'
    )
    assert table == f'tools/results_table.py {work}/test/metrics.json'


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        (['images'], 'usage: bash tools/reproduce.sh [--data DIR] [--weights FILE]'),
        (['--data'], 'usage: bash tools/reproduce.sh [--data DIR] [--weights FILE]'),
        (['--weights', 'no.pth'], 'error: --weights no.pth: it does not exist; correct the path'),
        (['--data', 'no/x'], 'error: --data no/x: it does not exist; correct the path'),
    ],
)
def test_nothing_is_reproduced_from_wrong_arguments(root, arguments, message):
    done = bash(root, 'tools/reproduce.sh', *arguments)
    assert (done.returncode, done.stderr.strip()) == (2, message)


FOLD_PYTHON = """#!/bin/bash
tool=$(basename "$1"); shift
echo "$tool $*" >>"$CALLS.full"
while [ $# -gt 0 ]; do
    case $1 in --work-dir) dir=$2 ;; --fold) fold=$2 ;; --split) split=$2 ;; esac
    [ "$tool" = results_table.py ] && echo "row of $1"
    shift
done
echo "$tool fold $fold $split on ${CUDA_VISIBLE_DEVICES-cpu}" >>"$CALLS"
[ "$tool fold $fold" = "train.py fold $FAILING" ] && echo 'out of memory' && exit 1
mkdir -p "${dir:-.}"
[ $tool = train.py ] && touch "$dir/best_lesion_iou_epoch_3.pth"
[ $tool = test.py ] && touch "$dir/metrics.json"
exit 0
"""


@pytest.fixture
def folds(root, tmp_path):
    """Return a function that cross-validates three folds, whose programs are stand-ins."""
    python, data, calls = tmp_path / 'python', tmp_path / 'data', tmp_path / 'calls'
    python.write_text(FOLD_PYTHON)
    python.chmod(0o755)
    for k in range(3):
        (data / f'annotations/fold{k}').mkdir(parents=True)
    (data / 'annotations/test.json').touch()

    def run(*arguments: str, **environment: str) -> tuple[subprocess.CompletedProcess, list[str]]:
        calls.write_text('')
        work = {'WORK_DIR': str(tmp_path / 'runs'), 'CALLS': str(calls), 'PYTHON': str(python)}
        command = ('tools/cross_validate.sh', 'configs/quickstart.py', str(data), *arguments)
        done = bash(root, *command, **{'CUDA_VISIBLE_DEVICES': '', **work, **environment})
        return done, calls.read_text().splitlines()

    return run


def test_all_folds_are_trained_and_scored_one_after_the_other(folds, tmp_path):
    done, calls = folds()
    assert done.returncode == 0, done.stderr
    assert [call.rpartition(' on')[0] for call in calls[:9]] == [
        f'{step}'
        for k in range(3)
        for step in (f'train.py fold {k} ', f'test.py fold {k} val', f'test.py fold {k} test')
    ]
    rows = [
        f'row of {tmp_path / "runs"}/fold_{k}/{s}/metrics.json'
        for s in ('val', 'test')
        for k in range(3)
    ]
    assert [line for line in done.stdout.splitlines() if line.startswith('row')] == rows


@pytest.mark.parametrize(
    ('arguments', 'of_test'),
    [
        ('', ''),
        ('--amp --skip-bad-batches', ' --amp'),
        (
            '--cfg-options model.backbone.init_cfg=None train_cfg.max_epochs=2 '
            'model.test_cfg.rcnn.score_thr=0.1 model.a=b --amp',
            ' --amp --cfg-options model.test_cfg.rcnn.score_thr=0.1 model.a=b',
        ),
    ],
)
def test_scores_have_the_precision_and_the_model_of_the_training(
    folds, tmp_path, arguments, of_test
):
    done, _ = folds(*arguments.split())
    assert done.returncode == 0, done.stderr
    calls = (tmp_path / 'calls.full').read_text().splitlines()
    given = {tool: [c for c in calls if c.startswith(f'{tool}.py ')] for tool in ('train', 'test')}
    assert len(given['train']) == 3 and len(given['test']) == 6
    assert all(call.endswith(f'--resume {arguments}'.rstrip()) for call in given['train'])
    assert all(call.endswith(f'--overwrite{of_test}') for call in given['test'])


def test_every_device_has_one_fold_at_a_time(folds):
    done, calls = folds(CUDA_VISIBLE_DEVICES='4,7')
    assert done.returncode == 0, done.stderr
    devices = {call.split()[2]: call.split()[-1] for call in calls if call.startswith('train')}
    assert devices == {'0': '4', '1': '7', '2': '4'}


def test_a_failed_fold_is_named_and_the_others_are_finished(folds):
    done, calls = folds(FAILING='1')
    assert done.returncode == 1
    assert 'fold 1 failed' in done.stderr
    assert 'out of memory' in done.stderr
    assert 'test.py fold 2 val' in '\n'.join(calls)
    assert 'row of' not in done.stdout
    done, _ = folds()
    assert done.returncode == 0, 'a second call resumes'


def test_data_without_folds_are_not_cross_validated(root, tmp_path):
    done = bash(root, 'tools/cross_validate.sh', 'configs/quickstart.py', str(tmp_path))
    assert done.returncode == 1
    assert 'has no folds' in done.stderr
