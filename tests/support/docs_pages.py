"""The commands that the documentation shows."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PAGES = ('README.md', 'data/README.md', 'models/README.md', 'docs')
#: What no test runs as the pages show it, and why. Where there can be another test, it is named.
NOT_RUN = {
    r'-m venv': 'installs packages; .ci/torch_free.sh',
    r'^source \.venv': 'chooses an environment',
    r'tools/download_isic\.py': 'fetches gigabytes; tests/integration/isic/test_download.py',
    r'--calibrate ': 'needs 20 validation images; tests/e2e/tools/test_train_and_test.py',
    r'tools/serve\.py': 'serves until it is stopped; tests/e2e/tools/test_serve.py',
    r'tools/quickstart\.sh': 'installs packages; .ci/short_run.sh',
    r'tools/quickstart\.py': 'trains for minutes; .ci/short_run.sh',
    r'^docker ': 'needs Docker; tests/e2e/test_dockerfile.py',
    r'tools/build_docs\.sh': 'writes the pages; tests/integration/test_docs_site.py',
    r'tools/run_tests\.sh': 'runs the tests; .ci/run',
    r'tools/slurm_train\.sh': 'needs Slurm; tests/e2e/tools/test_shell_scripts.py',
    r'tools/reproduce\.sh': 'trains for hours; tests/e2e/tools/test_shell_scripts.py',
    r'tools/convert_torchvision_weights\.py': (
        'needs a download; tests/e2e/tools/test_convert_torchvision_weights.py'
    ),
    r'-m benchmarks': 'measures for minutes; tests/integration/benchmarks/test_main.py',
    r'^labelme ': 'another project',
    r'^curl ': 'needs a server; tests/integration/serve/test_server.py',
}

_BLOCK = re.compile(r'(?:<!-- not run: (.+?) -->\n)?^```bash\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_ROW = re.compile(r'^\| .+ \| `((?:python|bash|GPUS=\d+ bash) .+)` \|$', re.MULTILINE)


class Example(NamedTuple):
    """The commands of a block, or the command of a row of a table.

    Attributes:
        page: with the example.
        commands: one a line.
        not_run: why no test runs the block; '' if one does.
    """

    page: str
    commands: tuple[str, ...]
    not_run: str

    def runnable(self) -> tuple[str, ...]:
        """Return the commands that a test runs."""
        if self.not_run:
            return ()
        return tuple(
            each for each in self.commands if not any(re.search(what, each) for what in NOT_RUN)
        )


def pages(root: Path) -> Iterator[Path]:
    """Yield all pages of the documentation."""
    for name in PAGES:
        path = root / name
        yield from sorted(path.glob('*.md')) if path.is_dir() else [path]


def examples(root: Path) -> Iterator[Example]:
    """Yield the examples of all pages."""
    for page in pages(root):
        text = page.read_text()
        for reason, lines in _BLOCK.findall(text):
            found = lines.replace('\\\n', ' ').strip().splitlines()
            commands = tuple(' '.join(line.split()) for line in found)
            yield Example(str(page.relative_to(root)), commands, reason)
        for command in _ROW.findall(text):
            yield Example(str(page.relative_to(root)), (command,), '')
