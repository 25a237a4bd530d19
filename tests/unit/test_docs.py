"""The pages name files that exist, are on the site, and show files as the tools write them."""

import json
import re

import pytest

from isic_mmdet.deploy.predict.table import COLUMNS
from isic_mmdet.evaluation.classification import class_metrics
from isic_mmdet.evaluation.per_image import PER_IMAGE_COLUMNS, UNCERTAINTY_COLUMNS
from isic_mmdet.evaluation.summary import SCORES, full_name
from tests.support.docs_pages import NOT_RUN, examples, pages


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


def test_the_site_has_all_pages_and_at_most_twenty(root):
    listed = re.findall(r'^ +- .+: (\S+\.md)$', (root / 'mkdocs.yml').read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(str(page.relative_to(root)) for page in pages(root))
    assert len(listed) <= 20, 'merge pages instead of adding one'


def blocks(root, page, language):
    return re.findall(rf'^```{language}\n(.*?)^```', (root / page).read_text(), re.M | re.S)


def test_examples_of_tables_have_the_columns_that_are_written(root):
    tables = [block.splitlines() for block in blocks(root, 'docs/files.md', 'csv')]
    headers = [lines[0] for lines in tables]
    assert ','.join(COLUMNS) in headers
    assert ','.join((*PER_IMAGE_COLUMNS, *UNCERTAINTY_COLUMNS)) in headers
    for lines in tables:
        assert len({line.count(',') for line in lines}) == 1, lines[0]


def test_examples_of_json_can_be_read(root):
    for block in blocks(root, 'docs/files.md', 'json'):
        json.loads(block)


def test_every_metric_is_defined(root):
    text = (root / 'docs/metrics.md').read_text()
    rows = [
        {
            'label': label,
            'predicted_label': label,
            'benign_score': score,
            'melanoma_score': 1 - score,
        }
        for label, score in (('benign', 0.9), ('melanoma', 0.2))
    ]
    names = {name.replace('auc/benign', 'auc/<class>') for name in class_metrics(rows, 'melanoma')}
    names -= {'classes/auc/melanoma'}
    for name in (*map(full_name, SCORES), *names):
        assert f'| `{name}` |' in text, name


def test_every_option_of_a_command_exists(root):
    reference = (root / 'docs/tools.md').read_text()
    helps = dict(re.findall(r'^### (\S+)\n\n```text\n(.*?)^```', reference, re.M | re.S))
    for example in examples(root):
        for command in example.commands:
            if found := re.search(r'python tools/(\w+\.py)(.*)', command.partition('#')[0]):
                tool, arguments = found.groups()
                for option in re.findall(r'(?<!\S)--[\w-]+', arguments):
                    known = rf'(?<![\w-]){option}(?![\w-])'
                    assert re.search(known, helps[tool]), f'{example.page}: {command}'


def test_tests_that_run_a_command_instead_exist(root):
    reasons = [*NOT_RUN.values(), *(example.not_run for example in examples(root))]
    names = [
        name for reason in reasons for name in re.findall(r'\S+\.(?:py|sh)\b|\.ci/run', reason)
    ]
    assert len(names) > 10
    for name in names:
        assert (root / name).is_file(), name


def test_no_path_leads_out_of_the_project(root):
    """Neither to a neighbor of the checkout nor to a folder of the machine of an author."""
    outside = re.compile(
        r'(?:^|(?<=[\s"\'`=(:]))(?:/(?:work|home|root|tmp|mnt|data|Users)/|(?:\.\./)+shared/)[^\s"\'`]*'
    )
    kinds = {'.md', '.py', '.sh', '.txt', '.json', '.yml', '.toml'}
    places = ('configs', 'tools', 'data/splits', 'benchmarks', 'isic_mmdet')
    files = [path for place in places for path in (root / place).rglob('*')]
    for path in [*pages(root), *files, root / 'mkdocs.yml', root / 'pyproject.toml']:
        if path.suffix in kinds:
            found = outside.findall(path.read_text())
            assert not found, f'{path.relative_to(root)}: {found[0]}; give a path in the project'
