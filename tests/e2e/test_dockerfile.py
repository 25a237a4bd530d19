"""The Dockerfile, read: there is no Docker where the tests run."""

import re
from fnmatch import fnmatch

import pytest


@pytest.fixture
def stages(root) -> dict[str, list[list[str]]]:
    """The instructions of each stage, as words, by its name."""
    text = (root / 'Dockerfile').read_text().replace('\\\n', ' ')
    found: dict[str, list[list[str]]] = {}
    for line in text.splitlines():
        words = line.split()
        if not words or words[0] == '#':
            continue
        if words[0] == 'FROM':
            assert words[2] == 'AS'
            current = found.setdefault(words[3], [])
        else:
            current.append(words)
    return found


def test_there_are_two_targets_of_the_same_base(root, stages):
    assert list(stages) == ['base', 'train', 'runtime']
    assert re.findall(r'^FROM base AS (\w+)', (root / 'Dockerfile').read_text(), re.M) == [
        'train',
        'runtime',
    ]


@pytest.mark.parametrize('target', ['train', 'runtime'])
def test_what_runs_is_not_root(stages, target):
    kinds = [words[0] for words in stages[target]]
    (user,) = (words[1] for words in stages[target] if words[0] == 'USER')
    assert user == 'app'
    assert 'RUN' not in kinds[kinds.index('USER') :]
    assert any('useradd' in words for words in stages['base'])


@pytest.mark.parametrize('target', ['train', 'runtime'])
def test_what_is_copied_exists_and_reaches_the_builder(root, stages, target):
    lines = (root / '.dockerignore').read_text().splitlines()
    allowed = [line.removeprefix('!') for line in lines if line.startswith('!')]
    assert '*' in lines
    copies = [words[1:] for words in stages[target] if words[0] == 'COPY']
    sources = [each for words in copies for each in words[:-1] if not each.startswith('--')]
    assert sources
    for source in sources:
        assert (root / source).exists(), source
        assert any(fnmatch(source.split('/')[0], pattern) for pattern in allowed), source
    assert not {'data', 'work_dirs', '.git', '.venv', 'tests'} & set(allowed)


@pytest.mark.parametrize(
    ('target', 'requirements'),
    [('train', 'requirements.txt'), ('runtime', 'requirements-runtime.txt')],
)
def test_packages_come_from_one_list_after_what_it_names(root, stages, target, requirements):
    order = [' '.join(words) for words in stages[target]]
    install = next(i for i, line in enumerate(order) if 'pip install' in line)
    assert order[install].endswith(f'-r {requirements}')
    copied = ' '.join(order[:install])
    assert requirements in copied
    # Both lists end with the package itself.
    assert 'pyproject.toml' in copied
    assert 'isic_mmdet isic_mmdet' in copied


def test_no_secret_is_named(root):
    text = (root / 'Dockerfile').read_text()
    assert re.findall(r'(?i)password|secret|token|api_?key|^ARG', text, re.MULTILINE) == []


def test_the_page_is_served_with_options_that_exist(root, stages):
    (command,) = (words[1:] for words in stages['runtime'] if words[0] == 'CMD')
    help_text = (root / 'docs' / 'tools.md').read_text()
    for option in re.findall(r'--[\w-]+', ' '.join(command)):
        assert option in help_text
    assert '/serve.py' in ' '.join(command)
