"""Lets mkdocs build the pages where they lie in the repository (`hooks` of mkdocs.yml).

mkdocs reads one folder, and README.md, data/README.md and models/README.md lie outside of it. Here
every page gets its path in the repository, so that the links between pages hold in both places.
"""

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

OUTSIDE = ('README.md', 'data/README.md', 'models/README.md')
# [text](path) and [text](path#heading), without images and addresses.
LINK = re.compile(r'(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)([^)]*)\)')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Name every file by its path in the repository, and add the pages outside of docs/."""
    root = Path(config.config_file_path).parent
    own = [file for file in files if file.src_dir == config.docs_dir]
    for file in own:
        files.remove(file)
    paths = [f'docs/{file.src_uri}' for file in own if not file.src_uri.endswith('.py')]
    for path in (*OUTSIDE, *paths):
        files.append(File(path, str(root), config.site_dir, config.use_directory_urls))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fit links to the site.

    A page is named by its title instead of its file. Of a link to a file of the repository that is
    not on the site, only the text is kept.
    """
    root = Path(config.config_file_path).parent

    def replaced(link: re.Match[str]) -> str:
        text, target, anchor = link.groups()
        path = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), target))
        file = files.get_file_from_path(path)
        if file is None:
            return text if (root / path).exists() else link[0]
        if file.page is not None and text == posixpath.basename(path):
            text = file.page.title
        return f'[{text}]({target}{anchor})'

    return LINK.sub(replaced, markdown)
