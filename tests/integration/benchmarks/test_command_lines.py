import re

from benchmarks import command_lines


def test_every_tool_is_described(root):
    tools = {path.name for path in (root / 'tools').iterdir() if path.suffix in ('.py', '.sh')}
    text = command_lines.command_lines()
    assert set(re.findall(r'^### (\S+)$', text, re.MULTILINE)) == tools - command_lines.NO_COMMAND
    assert re.search(r'^usage: train.py ', text, re.MULTILINE)
    assert 'bash tools/quickstart.sh' in text


def test_the_text_does_not_depend_on_the_terminal(root, monkeypatch):
    first = command_lines.help_of(root / 'tools/predict.py')
    monkeypatch.setenv('COLUMNS', '40')
    assert command_lines.help_of(root / 'tools/predict.py') == first
