"""The recorded commit is that of the project, or none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import isic_mmdet
from isic_mmdet.engine.provenance import code_version, commit_of

pytestmark = pytest.mark.skipif(shutil.which('git') is None, reason='needs git')


def git(folder: Path, *arguments: str) -> str:
    identity = ('-c', 'user.name=a', '-c', 'user.email=a@b', '-c', 'commit.gpgsign=false')
    environment = {k: v for k, v in os.environ.items() if not k.startswith('GIT_')}
    return subprocess.run(
        ['git', '-C', str(folder), *identity, '-c', 'protocol.file.allow=always', *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    ).stdout.strip()


def repository(folder: Path, file: str = 'isic_mmdet/__init__.py') -> Path:
    """Make a repository with one commit of one file, and return that file."""
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('')
    git(folder, 'init', '-q')
    git(folder, 'add', '.')
    git(folder, 'commit', '-q', '-m', 'first')
    return path


def head(folder: Path) -> str:
    return git(folder, 'describe', '--always', '--dirty')


@pytest.fixture
def package(tmp_path) -> Path:
    return repository(tmp_path / 'project')


def test_a_checkout_names_its_commit_and_whether_it_was_changed(package, tmp_path):
    assert commit_of(package) == head(tmp_path / 'project')
    package.write_text('changed = True')
    assert commit_of(package).endswith('-dirty')
    assert code_version().startswith(isic_mmdet.__version__)


def test_an_installation_or_a_copy_in_another_repository_names_none(package, tmp_path):
    other = tmp_path / 'other'
    repository(other, 'README')
    places = ('.venv/lib/python3.11/site-packages', 'vendor/project', '.')
    for place in places:  # the last one is the root itself
        copied = other / place / 'isic_mmdet' / '__init__.py'
        copied.parent.mkdir(parents=True)
        shutil.copy(package, copied)
        assert commit_of(copied) is None
    git(other, 'add', '-A')
    git(other, 'commit', '-q', '-m', 'copied in')
    assert commit_of(other / places[1] / 'isic_mmdet' / '__init__.py') is None


def test_a_submodule_and_a_worktree_name_their_own_commit(package, tmp_path):
    project, outer = tmp_path / 'project', tmp_path / 'outer'
    repository(outer, 'README')
    git(outer, 'submodule', 'add', '-q', str(project), 'sub')
    git(outer, 'commit', '-q', '-m', 'with submodule')
    assert commit_of(outer / 'sub' / 'isic_mmdet' / '__init__.py') == head(project) != head(outer)
    git(project, 'worktree', 'add', '-q', str(tmp_path / 'tree'))
    assert commit_of(tmp_path / 'tree' / 'isic_mmdet' / '__init__.py') == head(project)


def test_git_dir_of_the_environment_is_ignored(package, tmp_path, monkeypatch):
    repository(tmp_path / 'other', 'README')
    monkeypatch.setenv('GIT_DIR', str(tmp_path / 'other' / '.git'))
    monkeypatch.setenv('GIT_WORK_TREE', str(tmp_path / 'other'))
    assert commit_of(package) == head(tmp_path / 'project')


@pytest.mark.parametrize('script', [None, '#!/bin/sh\necho 1a2b3c4\nexit 128\n'])
def test_no_git_or_a_repository_of_another_user_names_none(package, tmp_path, monkeypatch, script):
    # git exits with status 128 where another user owns the folder ("dubious ownership").
    folder = tmp_path / 'bin'
    folder.mkdir()
    if script:
        (folder / 'git').write_text(script)
        (folder / 'git').chmod(0o755)
    monkeypatch.setenv('PATH', str(folder))
    assert commit_of(package) is None
