"""The pages name files that exist."""

import re

import pytest

PAGES = ('README.md', 'data/README.md', 'docs')


def pages(root):
    for name in PAGES:
        path = root / name
        yield from sorted(path.glob('*.md')) if path.is_dir() else [path]


def test_every_link_leads_to_a_file(root):
    for page in pages(root):
        for link in re.findall(r'\]\((?!https?:|#)([^)#]+)', page.read_text()):
            assert (page.parent / link).exists(), f'{page}: {link}'


@pytest.mark.parametrize('folder', ['isic_mmdet', 'tools', 'configs', 'tests', 'benchmarks'])
def test_every_path_of_the_project_exists(root, folder):
    for page in pages(root):
        for name in re.findall(rf'(?<![\w/.-])({folder}/[\w./-]+\.(?:py|sh))\b', page.read_text()):
            assert (root / name).exists(), f'{page}: {name}'


def test_the_tests_of_the_reliability_page_exist(root):
    text = (root / 'docs' / 'reliability.md').read_text()
    for name in set(re.findall(r'\b((?:unit|integration|e2e)/[\w/]+\.py)', text)):
        assert (root / 'tests' / name).exists(), name
