import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn

Tool = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tool(root: Path) -> Tool:
    def call(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(root / 'tools/convert_torchvision_weights.py')]
        environment = {**os.environ, 'PYTHONPATH': str(root)}
        return subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, env=environment
        )

    return call


def test_converts_replaces_and_prints_the_next_step(tool: Tool, tmp_path: Path) -> None:
    source, out = tmp_path / 'in.pth', tmp_path / 'out.pth'
    model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=4)
    torch.save(model.state_dict(), source)
    out.write_text('an older one')
    result = tool(source, out)
    assert result.returncode == 0, result.stderr
    assert f'{out}: written, 3 classes' in result.stdout
    assert f'configs/student_projects/student2017.py --cfg-options load_from={out}' in result.stdout
    assert torch.load(out, weights_only=True)['meta']['source'] == 'in.pth'


def test_an_error_is_one_message_and_status_1(tool: Tool, tmp_path: Path) -> None:
    truncated = tmp_path / 'truncated.pth'
    torch.save({'a': torch.zeros(10_000)}, truncated)
    truncated.write_bytes(truncated.read_bytes()[:20_000])
    result = tool(truncated, tmp_path / 'out.pth')
    assert result.returncode == 1
    assert result.stderr.count('error: ') == 1 and str(truncated) in result.stderr
    assert 'Traceback' not in result.stderr
    assert not (tmp_path / 'out.pth').exists()


def test_help_and_wrong_arguments(tool: Tool, tmp_path: Path) -> None:
    assert tool(tmp_path / 'in.pth').returncode == 2
    result = tool('--help')
    assert result.returncode == 0
    assert 'maskrcnn_resnet50_fpn_coco-bf2d0c1e.pth' in result.stdout
    last = result.stdout.rstrip().splitlines()[-1]
    assert last.lstrip().startswith('python tools/convert_torchvision_weights.py')
