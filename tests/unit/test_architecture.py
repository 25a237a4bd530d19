"""docs/architecture.md shows the packages as the code and the import contract have them."""

import ast
import re
from pathlib import Path

TOP_LEVEL = ('cli', 'errors', 'register')


def contract_layers(root: Path) -> list[str]:
    """Return the layers of the import contract, the highest first."""
    (layers,) = re.findall(
        r'^layers = \[(.*?)\]', (root / 'pyproject.toml').read_text(), re.M | re.S
    )
    return re.findall(r'"isic_mmdet\.(\w+)"', layers)


def imported_packages(root: Path, package: str) -> set[str]:
    """Return the other packages of the project that a package imports."""
    found = set()
    for path in (root / 'isic_mmdet' / package).rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            names = []
            if isinstance(node, ast.ImportFrom) and node.module:
                names = [f'{node.module}.{alias.name}' for alias in node.names]
            elif isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            found |= {name.split('.')[1] for name in names if name.startswith('isic_mmdet.')}
    return found & set(packages(root)) - {package}


def packages(root: Path) -> list[str]:
    return sorted(path.parent.name for path in (root / 'isic_mmdet').glob('*/__init__.py'))


def reduced(edges: dict[str, set[str]]) -> set[tuple[str, str]]:
    """Return the edges of an acyclic graph without those that a longer path implies."""

    def reach(start: str) -> set[str]:
        return set().union(*({end} | reach(end) for end in edges[start]))

    return {
        (start, end)
        for start, ends in edges.items()
        for end in ends
        if not any(end in reach(other) for other in ends - {end})
    }


def test_there_are_at_most_fourteen_packages_and_all_are_in_the_contract(root):
    assert len(packages(root)) <= 14
    assert sorted(contract_layers(root)) == sorted([*packages(root), 'errors', 'register'])


def test_the_diagram_shows_the_imports_of_the_code(root):
    text = (root / 'docs' / 'architecture.md').read_text()
    drawn = set(re.findall(r'^    (\w+) --> (\w+)$', text, re.MULTILINE))
    wanted = reduced({package: imported_packages(root, package) for package in packages(root)})
    lines = '\n'.join(f'    {start} --> {end}' for start, end in sorted(wanted))
    assert drawn == wanted, f'the diagram of docs/architecture.md should have these lines:\n{lines}'


def test_every_package_is_explained_in_one_line_in_the_order_of_the_contract(root):
    text = (root / 'docs' / 'architecture.md').read_text()
    rows = re.findall(r'^\| `(\w+)` \|', text, re.MULTILINE)
    assert rows == [layer for layer in reversed(contract_layers(root)) if layer not in TOP_LEVEL]


def test_a_mask_and_an_image_pass_through_at_most_26_files(root):
    text = (root / 'docs' / 'architecture.md').read_text()
    for heading in ('## An official mask becomes a score', '## An image becomes a mask'):
        section = text.split(heading, 1)[1].split('\n## ', 1)[0]
        assert 5 < len(set(re.findall(r'`(?:isic_mmdet|tools)/[\w./-]+\.py`', section))) <= 26
