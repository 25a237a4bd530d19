"""The documentation site builds without warnings, and asks no other server for anything."""

import importlib.util
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest
from mkdocs.exceptions import PluginError


@pytest.fixture(scope='module')
def site(root, tmp_path_factory):
    """The built site."""
    folder = tmp_path_factory.mktemp('site')
    command = [sys.executable, '-m', 'mkdocs', 'build', '--strict', '--site-dir', folder]
    done = subprocess.run(list(map(str, command)), cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope='module')
def site_check(root) -> ModuleType:
    """The module `docs/site_check.py`, which is in no package."""
    spec = importlib.util.spec_from_file_location('site_check', root / 'docs/site_check.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_inside_and_outside_of_docs_link_to_each_other(site):
    text = (site / 'index.html').read_text()
    assert 'href="docs/own_images.html"' in text and 'src="docs/images/predictions.jpg"' in text
    assert 'href="../models/index.html"' in (site / 'docs/finetune.html').read_text()
    assert (site / 'docs/images/predictions.jpg').is_file() and (site / 'data/index.html').is_file()


def test_a_link_shows_the_title_of_its_page(site):
    text = (site / 'docs/results.html').read_text()
    assert '<a href="metrics.html">Metrics</a>' in text and '>metrics.md<' not in text


def test_of_a_link_to_a_file_that_is_not_on_the_site_the_text_remains(site, root):
    link = '[`expected_iou.py`](../isic_mmdet/evaluation/expected_iou.py)'
    assert link in (root / 'docs/report.md').read_text()
    text = (site / 'docs/report.html').read_text()
    assert '(<code>expected_iou.py</code>)' in text


def test_docstrings_are_on_the_site(site):
    text = (site / 'docs/api.html').read_text()
    assert 'Return a model that finds the lesion in images' in text
    assert 'id="isic_mmdet.evaluation.lesion_metric.LesionMetric"' in text


def test_no_code_of_the_build_is_published(site):
    assert list(site.rglob('*.py')) == []


@pytest.mark.parametrize(
    ('name', 'text'),
    [
        ('a.html', '<script src="https://cdn.example/a.js"></script>'),
        ('a.html', '<link rel="stylesheet" href="//cdn.example/a.css">'),
        ('a.html', '<img src="a.png" srcset="b.png 1x, http://cdn.example/c.png 2x">'),
        ('a.html', '<style>@import "https://cdn.example/a.css";</style>'),
        ('a.html', '<p style="background: url(https://cdn.example/a.png)">'),
        ('a.html', '<pre class="mermaid">'),
        ('a.css', '@import url("https://cdn.example/a.css");'),
        ('a.css', "@font-face { src: url('//cdn.example/a.woff2') }"),
    ],
)
def test_a_request_to_another_server_stops_the_build(site_check, tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(PluginError, match=f'{name}: '):
        site_check.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))


def test_links_and_files_of_the_site_are_allowed(site_check, tmp_path):
    page = (
        '<a href="https://example.org">x</a><img src="data:image/png;base64,AA=="><img src="a.png">'
    )
    (tmp_path / 'a.html').write_text(page)
    (tmp_path / 'a.css').write_text(
        'p { background: url(data:image/svg+xml;AA) } b { src: url(a.svg) }'
    )
    site_check.on_post_build(SimpleNamespace(site_dir=str(tmp_path)))
