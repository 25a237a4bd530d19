"""tools/convert_torchvision_weights.py as a user runs it."""

import torch
from torchvision.models.detection import maskrcnn_resnet50_fpn

from tests.support.tool_runs import fail, succeed


def test_converts_replaces_and_prints_the_next_step(tmp_path):
    source, out = tmp_path / 'in.pth', tmp_path / 'out.pth'
    model = maskrcnn_resnet50_fpn(weights=None, weights_backbone=None, num_classes=4)
    torch.save(model.state_dict(), source)
    out.write_text('an older one')
    printed = succeed('convert_torchvision_weights', source, out)
    assert f'{out}: written, 3 classes' in printed
    assert f'configs/student_projects/student2017.py --cfg-options load_from={out}' in printed
    assert torch.load(out, weights_only=True)['meta']['source'] == 'in.pth'


def test_a_truncated_file_is_refused(tmp_path):
    path = tmp_path / 'truncated.pth'
    torch.save({'a': torch.zeros(10_000)}, path)
    path.write_bytes(path.read_bytes()[:20_000])
    assert str(path) in fail('convert_torchvision_weights', path, tmp_path / 'out.pth')
    assert not (tmp_path / 'out.pth').exists()
