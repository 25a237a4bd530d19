import pytest

from benchmarks.ablations import ABLATIONS, Ablation, ablation_table


def test_the_difference_is_that_of_the_files():
    def report(iou: float, seconds: float) -> dict:
        training = {'seconds': seconds}
        return {'config': 'sgd', 'metrics': {'lesion/iou': iou}, 'training': training}

    reports = {'lr': report(0.8156, 540), 'sgd': report(0.7847, 480)}
    rows = [Ablation('Rate?', 'lr', 'sgd', 'Yes.', 'a=1 b=2'), Ablation('?', 'sgd', 'sgd', 'No.')]
    table = ablation_table(rows, reports).splitlines()
    assert table[2] == '| lr | Rate? | `sgd` `a=1` `b=2` | 0.816 | +0.031 to sgd | 9 | Yes. |'
    assert '| 0.785 | 0.000 to sgd | 8 |' in table[3]


@pytest.mark.parametrize('ablation', ABLATIONS, ids=lambda each: each.result)
def test_config_and_options_are_those_of_the_run(root, ablation):
    from benchmarks.docs_tables import RESULTS
    from isic_mmdet.evaluation.metrics_file import read_reports

    (report,) = read_reports([RESULTS / 'ablations' / f'{ablation.result}.json'])
    assert (root / 'configs' / 'ablations' / f'{report["config"]}.py').is_file()
    assert set(ablation.options.split()) <= set(report['training']['command'].split())
