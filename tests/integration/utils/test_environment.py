"""What is in the environment of a tool before torch and matplotlib are imported."""

import ast
import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from isic_mmdet.utils import environment

# Runs a tool, and prints how its threads would wait when it imports torch.
SPYING = """
import os, runpy, sys
from importlib.abc import MetaPathFinder

class Spy(MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == 'torch':
            settings = [os.environ.get(key) for key in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')]
            print('torch under', *settings, flush=True)
            os._exit(0)

sys.meta_path.insert(0, Spy())
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name='__main__')
"""
ROOT = Path(__file__).resolve().parents[3]
CONFIG = str(ROOT / 'configs/quickstart.py')
IMAGE = str(ROOT / 'docs/images/iou_box.png')
# Enough for each tool that uses torch to import it: a config, and any file as checkpoint.
CALLS = {
    'train.py': [CONFIG],
    'test.py': [CONFIG, IMAGE],
    'browse_dataset.py': [CONFIG, '--out', 'nowhere'],
    'predict.py': [IMAGE, '--config', CONFIG, '--checkpoint', IMAGE, '--out', 'nowhere'],
    'export_onnx.py': [CONFIG, IMAGE, '--out', 'nowhere.onnx'],
    'quantize_onnx.py': ['nowhere.onnx', 'nowhere.py', '--out', 'nowhere.onnx'],
    'convert_torchvision_weights.py': ['nowhere.pth', 'nowhere'],
}


def settings_of(script: Path, arguments: list[str], folder: Path, **variables: str) -> str:
    kept = {k: v for k, v in os.environ.items() if k not in ('GOMP_SPINCOUNT', 'OMP_WAIT_POLICY')}
    done = subprocess.run(
        [sys.executable, '-c', SPYING, str(script), *arguments],
        cwd=folder,
        env={**kept, **variables},
        capture_output=True,
        text=True,
    )
    return done.stdout.rpartition('torch under ')[2].strip() or done.stderr


@pytest.mark.skipif(sys.platform != 'linux', reason='GNU OpenMP is what torch brings on Linux')
@pytest.mark.parametrize('tool', CALLS)
def test_threads_soon_sleep_while_they_wait(root, tmp_path, tool):
    assert settings_of(root / 'tools' / tool, CALLS[tool], tmp_path) == '1000 None'


@pytest.mark.parametrize(
    ('variables', 'expected'),
    [
        ({'OMP_WAIT_POLICY': 'ACTIVE'}, 'None ACTIVE'),
        ({'GOMP_SPINCOUNT': '7'}, '7 None'),
    ],
)
def test_the_users_own_setting_is_kept(root, tmp_path, variables, expected):
    tool = root / 'tools/train.py'
    assert settings_of(tool, CALLS['train.py'], tmp_path, **variables) == expected


def test_every_tool_imports_the_package_before_anything_else_that_is_installed(root):
    tools = sorted((root / 'tools').glob('*.py'))
    assert len(tools) > 10
    for tool in tools:
        body = ast.parse(tool.read_text()).body
        imports = [each for each in body if isinstance(each, ast.Import | ast.ImportFrom)]
        names = [
            alias.name if isinstance(each, ast.Import) else each.module
            for each in imports
            for alias in each.names
        ]
        installed = [name for name in names if name.split('.')[0] not in sys.stdlib_module_names]
        assert all(name.split('.')[0] == 'isic_mmdet' for name in installed), tool


@pytest.mark.parametrize(
    'backend', ['module://matplotlib_inline.backend_inline', 'TkAgg', 'no-such-backend']
)
def test_tools_draw_under_any_backend_of_the_user(root, backend):
    script = """
from isic_mmdet import cli

def main():
    import matplotlib.pyplot
    matplotlib.pyplot.figure()

cli.run(main)
"""
    environment = {**os.environ, 'MPLBACKEND': backend, 'DISPLAY': ':77'}
    done = subprocess.run([sys.executable, '-c', script], cwd=root, env=environment)
    assert done.returncode == 0


def test_a_user_id_without_a_name_gets_one_and_a_home(monkeypatch):
    for name in ('LOGNAME', 'USER', 'LNAME', 'USERNAME'):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, 'getuid', lambda: 54321)  # in no list of users
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    monkeypatch.delenv('HOME')
    environment.prepare_for_tool()
    assert getpass.getuser() == 'uid54321'
    assert Path.home() == Path('/nonexistent')
