from pathlib import Path

from isic_mmdet.evaluation.score_table import score_table


def test_scores_of_several_data_sets_have_a_column_each():
    scores = {'lesion/iou': 0.5, 'lesion/dice': 0.6}
    parts = {
        f'{name}/{key}': value / 2 for name in ('a_val', 'b_val') for key, value in scores.items()
    }
    lines = score_table(scores | parts, Path('work'), None).splitlines()
    assert [line.split() for line in lines[:3]] == [
        ['all', 'a_val', 'b_val'],
        ['lesion/iou', '0.5000', '0.2500', '0.2500'],
        ['lesion/dice', '0.6000', '0.3000', '0.3000'],
    ]
    text = score_table(scores, Path('work'), 'drawn')
    assert text.startswith('  lesion/iou   0.5000\n')
    assert text.endswith('plot:      work/plots/iou_box.png\ndrawings:  drawn')
