"""Markdown tables and generated blocks."""

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.report.markdown import markdown_table, with_block

BEGIN, END = '<!-- results:begin -->', '<!-- results:end -->'


def test_a_pipe_does_not_end_a_cell():
    table = markdown_table(('a', 'b'), [('1', '2|3')])
    assert table == '| a | b |\n| --- | --- |\n| 1 | 2\\|3 |'


def test_only_the_text_between_the_markers_is_replaced(tmp_path):
    readme = tmp_path / 'README.md'
    readme.write_text(f'# Title\n\n{BEGIN}\nold\n{END}\n\nthe end — é\n', encoding='utf-8')
    for _ in range(2):  # the second run changes nothing
        text = with_block(readme, BEGIN, END, 'new')
        assert text == f'# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nthe end — é\n'
        readme.write_text(text, encoding='utf-8')
    with pytest.raises(InputError, match='ABSENT'):
        with_block(tmp_path / 'ABSENT.md', BEGIN, END, 'new')


@pytest.mark.parametrize(
    'text', ['no markers', BEGIN, END, f'{END}\n{BEGIN}', f'{BEGIN}{END}{BEGIN}{END}']
)
def test_a_page_without_its_markers_is_refused(tmp_path, text):
    (tmp_path / 'README.md').write_text(text)
    with pytest.raises(InputError, match='results:begin'):
        with_block(tmp_path / 'README.md', BEGIN, END, 'new')
