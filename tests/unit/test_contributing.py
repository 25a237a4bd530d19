"""Workflows, citation file and templates say what the project does."""

import re
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

import isic_mmdet

PAGES = ('CONTRIBUTING.md', 'CODE_OF_CONDUCT.md', 'SECURITY.md', 'CHANGELOG.md')
WORKFLOWS = ('tests.yml', 'nightly.yml')


def project(root: Path, key: str) -> str:
    """Return a text of the project's table; tomllib needs Python 3.11."""
    return re.search(rf'^{key} = .*?"(.+?)"', (root / 'pyproject.toml').read_text(), re.M)[1]


def workflow(root: Path, name: str) -> dict:
    return yaml.safe_load((root / '.github/workflows' / name).read_text())


def commands(root: Path, name: str) -> list[str]:
    """Return every line that a workflow runs."""
    return [
        line
        for job in workflow(root, name)['jobs'].values()
        for step in job['steps']
        for line in step.get('run', '').splitlines()
    ]


@pytest.mark.parametrize('name', WORKFLOWS)
def test_workflows_run_scripts_that_exist(root, name):
    assert commands(root, name)
    for line in commands(root, name):
        _, script, *options = line.split()
        assert (root / script).is_file(), line
        text = (root / script).read_text()
        for option in options:
            # The pytest option is that of tests/conftest.py; requirements are files.
            known = option in text or (root / option).is_file()
            assert known, f'{script} does not know {option}'


def test_hosted_tests_include_every_script_of_ci(root):
    hosted = '\n'.join(line for name in WORKFLOWS for line in commands(root, name))
    scripts = re.findall(r'(?:tools|\.ci)/\w+\.(?:sh|py)', (root / '.ci/run').read_text())
    assert scripts
    assert [script for script in scripts if script not in hosted] == []


def test_unit_tests_run_on_every_python_that_the_project_allows(root):
    allowed = SpecifierSet(project(root, 'requires-python'))
    wanted = [f'3.{minor}' for minor in range(30) if f'3.{minor}' in allowed]
    assert workflow(root, 'tests.yml')['jobs']['unit']['strategy']['matrix']['python'] == wanted


def test_hooks_run_what_is_installed(root):
    hooks = yaml.safe_load((root / '.pre-commit-config.yaml').read_text())
    (local,) = hooks['repos']
    assert local['repo'] == 'local'
    pinned = (root / 'requirements-dev.txt').read_text()
    for hook in local['hooks']:
        assert hook['language'] == 'system'
        assert f'\n{hook["entry"].split()[0]}==' in pinned


def test_the_version_is_the_same_everywhere(root):
    version = project(root, 'version')
    newest = re.search(r'^## (\S+)', (root / 'CHANGELOG.md').read_text(), re.MULTILINE)[1]
    citation = yaml.safe_load((root / 'CITATION.cff').read_text())
    assert isic_mmdet.__version__ == newest == citation['version'] == version


def test_the_citation_file_has_what_its_format_requires(root):
    citation = yaml.safe_load((root / 'CITATION.cff').read_text())
    assert citation['cff-version'] == '1.2.0' and citation['type'] == 'software'
    assert citation['message'] and citation['title']
    assert citation['authors'] == [{'name': 'The isic_mmdet authors'}]
    assert re.fullmatch(r'\d{4}-\d\d-\d\d', citation['date-released'])
    assert citation['license'] == project(root, 'license')


@pytest.mark.parametrize('page', PAGES)
def test_links_and_named_scripts_exist(root, page):
    text = (root / page).read_text()
    names = re.findall(r'\]\((?!https?:|#)([^)#]+)', text)
    names += re.findall(
        r'(?<![\w/.-])((?:tools|tests/unit/evaluation|\.ci)/\w+\.(?:py|sh))\b', text
    )
    assert [name for name in names if not (root / name).exists()] == []


def test_the_page_for_contributors_is_short(root):
    text = (root / 'CONTRIBUTING.md').read_text()
    assert len(re.sub(r'^```diff\n.*?^```$', '', text, flags=re.M | re.S).splitlines()) < 150


def test_templates_of_issues_have_a_name_and_a_purpose(root):
    templates = sorted((root / '.github/ISSUE_TEMPLATE').glob('*.md'))
    assert [path.stem for path in templates] == ['bug', 'question']
    for path in templates:
        head = yaml.safe_load(path.read_text().split('---')[1])
        assert head['name'] and head['about']
