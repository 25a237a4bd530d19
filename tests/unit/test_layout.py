"""Rules for the test files themselves."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
CODE = ('isic_mmdet', 'benchmarks')
# Test files of several modules, or of something that is no module.
OTHER_SUBJECTS = {
    'unit/test_architecture.py',
    'unit/test_docs.py',
    'unit/test_layout.py',
    'unit/test_contributing.py',
    'integration/test_contributing.py',
    'integration/test_docs_site.py',
    'integration/test_figures.py',
    'integration/test_no_code_in_files.py',
    'integration/configs/test_configs.py',
    'integration/configs/test_configs_page.py',
    'integration/configs/test_same_masks.py',
    'integration/deploy/predict/test_scale.py',
    'integration/deploy/test_without_torch.py',
    'integration/engine/hooks/test_averaged_weights.py',
    'integration/serve/test_correcting.py',
    'integration/serve/test_javascript.py',
    'integration/serve/test_page.py',
}
FILES = sorted(TESTS.rglob('*.py'))


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the module and the name of each import of a file; the name is '' for a module."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.asname or '') for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def is_private(name: str) -> bool:
    return name.startswith('_') and not name.endswith('__')


def test_a_test_file_has_the_name_of_its_module():
    for folder in ('unit', 'integration'):
        for path in (TESTS / folder).rglob('test_*.py'):
            name = path.relative_to(TESTS / folder)
            module = name.with_name(path.stem.removeprefix('test_'))
            of = TESTS.parent if name.parts[0] == 'benchmarks' else TESTS.parent / 'isic_mmdet'
            exists = (of / module).is_dir() or (of / module).with_suffix('.py').is_file()
            main = name.stem == 'test_main' and (of / name.parent / '__main__.py').is_file()
            assert exists or main or f'{folder}/{name}' in OTHER_SUBJECTS, f'{folder}/{name}'
    for name in OTHER_SUBJECTS:
        assert (TESTS / name).is_file(), name


def private_names(path: Path) -> Iterator[str]:
    """Yield what a file uses of the package's private names."""
    ours = {name or module for module, name in imports(path) if module.split('.')[0] in CODE}
    yield from filter(is_private, ours)
    for node in nodes(path):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            if ast.unparse(node.value) in ours:
                yield ast.unparse(node)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith('setattr'):
            where, what = (ast.unparse(argument).strip("'") for argument in node.args[:2])
            if (where in ours and is_private(what)) or (where.startswith(CODE) and '._' in where):
                yield ast.unparse(node)


def test_no_private_name_of_the_package_is_used():
    used = {str(path): list(private_names(path)) for path in FILES}
    assert {path: names for path, names in used.items() if names} == {}


def test_no_test_sleeps():
    """A wait for an event is `tests.support.waiting.wait_until`."""
    assert [
        f'{path}, line {node.lineno}'
        for path in FILES
        for node in nodes(path)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == 'time.sleep'
    ] == []
