"""tools/print_config.py as a user runs it."""

from tests.support.tool_runs import succeed


def test_what_is_printed_is_a_config_of_the_same_settings(tmp_path):
    options = ('--cfg-options', 'train_cfg.max_epochs=3')
    text = succeed('print_config', 'configs/quickstart.py', *options)
    assert 'early_stopping' not in text and 'max_epochs=3' in text
    path = tmp_path / 'printed.py'
    path.write_text(text)
    assert succeed('print_config', path) == text
