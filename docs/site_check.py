"""Stops mkdocs if the built site would ask another server for something (`hooks` of mkdocs.yml)."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

# Attributes whose addresses a browser loads. Those of <a> are followed by people only.
LOADED = {'src', 'href', 'srcset', 'poster', 'data', 'action'}
EXTERNAL = re.compile(r'\s*(?!data:)([a-z][a-z0-9+.-]*:|//)', re.IGNORECASE)
CSS_ADDRESS = re.compile(r'(?:@import\s+(?!url)|url\(\s*)["\']?([^"\')\s;]+)')


def on_post_build(config: MkDocsConfig) -> None:
    """Stop the build if a page or a style sheet would ask another server for something."""
    site = Path(config.site_dir)
    found = []
    for path in sorted(site.rglob('*')):
        if path.suffix in ('.html', '.css'):
            text = path.read_text(encoding='utf-8')
            addresses = (
                addresses_of_html(text) if path.suffix == '.html' else CSS_ADDRESS.findall(text)
            )
            found += [
                f'{path.relative_to(site)}: {each}' for each in addresses if EXTERNAL.match(each)
            ]
    if found:
        raise PluginError('\n  '.join(['the site asks other servers for:', *found]))


def addresses_of_html(text: str) -> Iterator[str]:
    """Yield every address that a browser loads when it shows a page."""
    reader = _Reader()
    reader.feed(text)
    yield from reader.addresses
    yield from (each for style in reader.styles for each in CSS_ADDRESS.findall(style))


class _Reader(HTMLParser):
    """Collects addresses and styles of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.styles: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_style = tag == 'style'
        for name, value in attrs:
            if value and name == 'style':
                self.styles.append(value)
            elif value and name == 'class' and 'mermaid' in value.split():
                # The theme would fetch the program that draws it.
                self.addresses.append('https://unpkg.com/mermaid')
            elif value and name in LOADED and tag != 'a':
                self.addresses += [each.split()[0] for each in value.split(',') if each.strip()]

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.styles.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False
