from benchmarks.zoo_table import zoo_table


def report(config: str, iou: float, amp: bool) -> dict:
    command = f'python tools/train.py configs/zoo/{config}.py --data-root /data/isic2018'
    return {
        'metrics': {'lesion/iou': iou, 'lesion/iou_thr65': iou - 0.05},
        'config': config,
        'amp': amp,
        'training': {'command': command},
    }


def test_scores_and_speed_share_a_row_and_the_best_is_first():
    reports = [report('slow', 0.8, False), report('best', 0.825, True), report('new', 0.7, False)]
    speed = {
        'command': 'python -m benchmarks zoo',
        'hardware': '2 CPU cores',
        'date': '2026-11-28T10:00:00+00:00',
        'details': {
            'models': {
                name: {
                    'training step of 4 images': 0.5,
                    'prediction of an image': 0.0123,
                    'parameters': 7_700_000,
                }
                for name in ('slow', 'best', 'best, --amp')
            }
        },
    }
    speed['details']['models']['best, --amp']['training step of 4 images'] = 0.25
    _, _, *rows = zoo_table(reports, speed).splitlines()
    first = '| 1 | best, --amp | — | 0.825 | — | — | 0.775 | — | 0.250 s | 0.012 s | 7.7 M |'
    assert rows[0] == first
    assert rows[1].startswith('| 2 | slow |') and '| 0.500 s | 0.012 s | 7.7 M |' in rows[1]
    assert rows[2].endswith('| — | — | — |'), 'its speed is not measured yet'
    assert '- 1, 2, 3: `python tools/train.py CONFIG --data-root isic2018`' in rows
    assert rows[-1].endswith('`python -m benchmarks zoo`, 2 CPU cores, 2026-11-28')


def test_without_speed_the_scores_are_shown():
    text = zoo_table([report('slow', 0.8, False)], None)
    assert '| slow |' in text and 'benchmarks' not in text
