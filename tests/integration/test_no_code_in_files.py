"""No file but a config can run code: how the package reads files, looked up in its own source."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# Modules that build any object, or run any code, that the file they read asks for.
UNSAFE_MODULES = {'pickle', 'cPickle', '_pickle', 'dill', 'cloudpickle', 'joblib', 'shelve'}
UNSAFE_MODULES |= {'marshal', 'yaml', 'runpy', 'imp'}
# A class of errors is no way of reading.
HARMLESS = {('pickle', 'UnpicklingError')}
# Calls that have to say how they read, and the word they have to say.
HAVE_TO_SAY = {
    'torch.load': ('weights_only', True),
    'np.load': ('allow_pickle', False),
    'numpy.load': ('allow_pickle', False),
}
UNSAFE_CALLS = {
    'eval',
    'exec',
    'compile',
    '__import__',
    'os.system',
    'torch.hub.load',
    'torch.hub.load_state_dict_from_url',
    'torch.jit.load',
    'torch.utils.model_zoo.load_url',
    'pd.read_pickle',
    'mmengine.load',
    'mmengine.fileio.load',
}


def errors_in(tree: ast.AST, name: str) -> Iterator[str]:
    """Yield each way in which a module could run what a file holds."""
    for node in ast.walk(tree):
        line = f'{name}, line {getattr(node, "lineno", 0)}'
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split('.')[0] in UNSAFE_MODULES:
                    yield f'{line}: import {alias.name}'
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                is_harmless = (node.module, alias.name) in HARMLESS
                if node.module.split('.')[0] in UNSAFE_MODULES and not is_harmless:
                    yield f'{line}: from {node.module} import {alias.name}'
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            said = {word.arg: ast.literal_eval(word.value) for word in constants(node)}
            if called in UNSAFE_CALLS:
                yield f'{line}: {called}(...)'
            if called in HAVE_TO_SAY:
                word, value = HAVE_TO_SAY[called]
                if said.get(word) is not value:
                    yield f'{line}: {called} without {word}={value}'
            if said.get('shell') is True or said.get('allow_pickle') is True:
                yield f'{line}: {ast.unparse(node)}'


def constants(call: ast.Call) -> list[ast.keyword]:
    return [word for word in call.keywords if word.arg and isinstance(word.value, ast.Constant)]


def test_no_module_of_the_package_or_the_tools_runs_what_a_file_holds(root: Path) -> None:
    paths = [*(root / 'isic_mmdet').rglob('*.py'), *(root / 'tools').glob('*.py')]
    assert len(paths) > 100
    errors = []
    for path in paths:
        name = path.relative_to(root / path.relative_to(root).parts[0]).as_posix()
        errors += errors_in(ast.parse(path.read_text(encoding='utf-8')), name)
    assert errors == []


@pytest.mark.parametrize(
    'code',
    [
        'import pickle',
        'import yaml.loader',
        'from pickle import loads',
        'torch.load(path)',
        'torch.load(path, weights_only=False)',
        'torch.load(path, weights_only=safe)',
        'np.load(path)',
        'np.load(path, allow_pickle=True)',
        'reader(path, allow_pickle=True)',
        'eval(text)',
        'subprocess.run(text, shell=True)',
    ],
)
def test_what_could_is_found(code: str) -> None:
    assert list(errors_in(ast.parse(code), 'module.py'))


def test_what_could_not_is_not(root: Path) -> None:
    code = 'from pickle import UnpicklingError\nmodel.eval()\nre.compile(text)\n'
    code += 'torch.load(path, weights_only=True)\nnp.load(path, allow_pickle=False)\n'
    assert list(errors_in(ast.parse(code), 'module.py')) == []
