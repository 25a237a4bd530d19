"""The commit that numbers are said to come from is the project's own, or none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import isic_mmdet
from isic_mmdet.engine.provenance import code_version, commit_of


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


def make_repository(folder: Path) -> Path:
    """Make a repository with one commit of one package file."""
    package = folder / 'isic_mmdet' / '__init__.py'
    package.parent.mkdir(parents=True)
    package.write_text('')
    git(folder, 'init', '-q')
    git(folder, 'add', '.')
    git(folder, 'commit', '-q', '-m', 'first')
    return package


def head(folder: Path) -> str:
    return git(folder, 'describe', '--always', '--dirty')


def test_a_checkout_names_its_commit_and_whether_it_was_changed(tmp_path):
    package = make_repository(tmp_path / 'project')
    assert commit_of(package) == head(tmp_path / 'project')
    package.write_text('changed = True')
    assert commit_of(package).endswith('-dirty')


def test_an_installation_or_a_copy_in_another_repository_names_none(tmp_path):
    project, other = tmp_path / 'project', tmp_path / 'other'
    package = make_repository(project)
    make_repository(other)
    for place in ('.venv/lib/python3.11/site-packages', 'vendor/project'):
        copied = other / place / 'isic_mmdet' / '__init__.py'
        copied.parent.mkdir(parents=True)
        shutil.copy(package, copied)
        assert commit_of(copied) is None
    git(other, 'add', '-A')
    git(other, 'commit', '-q', '-m', 'copied in')
    assert commit_of(copied) is None


def test_an_untracked_copy_at_the_root_of_another_repository_names_none(tmp_path):
    git(tmp_path, 'init', '-q')
    (tmp_path / 'README').write_text('')
    git(tmp_path, 'add', '.')
    git(tmp_path, 'commit', '-q', '-m', 'other')
    package = tmp_path / 'isic_mmdet' / '__init__.py'
    package.parent.mkdir()
    package.write_text('')
    assert commit_of(package) is None


def test_a_submodule_and_a_worktree_name_their_owncommit_of(tmp_path):
    project, outer = tmp_path / 'project', tmp_path / 'outer'
    make_repository(project)
    make_repository(outer)
    git(outer, 'submodule', 'add', '-q', str(project), 'sub')
    git(outer, 'commit', '-q', '-m', 'with submodule')
    assert commit_of(outer / 'sub' / 'isic_mmdet' / '__init__.py') == head(project) != head(outer)
    git(project, 'worktree', 'add', '-q', str(tmp_path / 'tree'))
    assert commit_of(tmp_path / 'tree' / 'isic_mmdet' / '__init__.py') == head(project)


def test_git_dir_of_the_environment_is_not_asked(tmp_path, monkeypatch):
    package = make_repository(tmp_path / 'project')
    other = tmp_path / 'other'
    other_package = make_repository(other)
    other_package.write_text('x = 1')
    git(other, 'commit', '-q', '-a', '-m', 'second')
    monkeypatch.setenv('GIT_DIR', str(other / '.git'))
    monkeypatch.setenv('GIT_WORK_TREE', str(other))
    assert commit_of(package) == head(tmp_path / 'project')


def test_a_repository_of_somebody_else_or_no_git_names_none(tmp_path, monkeypatch):
    package = make_repository(tmp_path / 'project')
    with monkeypatch.context() as patch:
        patch.setenv('PATH', str(tmp_path))
        assert commit_of(package) is None
    # As git does where another user owns the folder ("dubious ownership").
    fake = tmp_path / 'bin' / 'git'
    fake.parent.mkdir()
    fake.write_text('#!/bin/sh\necho 1a2b3c4\nexit 128\n')
    fake.chmod(0o755)
    monkeypatch.setenv('PATH', str(fake.parent))
    assert commit_of(package) is None


@pytest.mark.skipif(shutil.which('git') is None, reason='needs git')
def test_this_checkout_names_its_version(root):
    assert code_version().startswith(isic_mmdet.__version__)
