"""Every command of the documentation runs as it is printed, with small data and a small network."""

import re
from contextlib import suppress
from pathlib import Path

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.utils.system import check_bfloat16
from tests.support.docs_pages import Example, examples
from tests.support.docs_sandbox import Sandbox

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
# The same commands on several pages run once.
EXAMPLES = {example.runnable(): example for example in examples(ROOT) if example.runnable()}


def has_bfloat16() -> bool:
    with suppress(InputError):
        check_bfloat16()
        return True
    return False


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    'example',
    [pytest.param(each, id=f'{each.page}: {each.runnable()[0]}') for each in EXAMPLES.values()],
)
def test_the_commands_run(example: Example, tmp_path, tiny_data, checkpoint, exported):
    if '--amp' in ' '.join(example.runnable()) and not has_bfloat16():
        pytest.skip('this processor has no bfloat16')
    sandbox = Sandbox(tmp_path, tiny_data, checkpoint, exported)
    for command in example.runnable():
        sandbox.run(command)


@pytest.mark.parametrize('page', ['README.md', 'docs/deploy.md'])
def test_the_example_in_python_runs(page, tmp_path, tiny_data, checkpoint, exported):
    sandbox = Sandbox(tmp_path, tiny_data, checkpoint, exported)
    (block,) = re.findall(
        r'^```python\n(from isic_mmdet .*?)^```',
        (ROOT / page).read_text(),
        re.MULTILINE | re.DOTALL,
    )
    (tmp_path / 'example.py').write_text(f'{block}\nprint(lesion.mask.shape)')
    assert '(96, ' in sandbox.run('python example.py photo.jpg')
