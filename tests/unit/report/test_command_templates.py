"""Commands as templates: rows that differ only in what their columns hold share one."""

from isic_mmdet.report.command_templates import command_templates

TRAIN = (
    'python tools/train.py configs/a.py --amp --work-dir work_dirs/s{seed} '
    '--cfg-options randomness.seed={seed} train_cfg.max_epochs=60 load_from=old.pth '
    'model.backbone.init_cfg.checkpoint=../../somewhere/resnet18.pth'
)
TEST = 'python tools/test.py configs/a.py work_dirs/s{seed}/best_{seed}.pth --work-dir work_dirs/x'


def report(seed: int, options: str = '', config: str = 'a') -> dict:
    training = {'weights': 'resnet18.pth', 'command': TRAIN.format(seed=seed)}
    return {'config': config, 'command': TEST.format(seed=seed) + options, 'training': training}


def test_rows_share_the_commands_that_differ_in_their_columns():
    rows = [
        [report(0), report(1), report(0, ' --tta')],
        [report(0, ' --split val --out work_dirs/x/detections.json')],
        [report(0, ' --cfg-options model.test_cfg.rcnn.score_thr=0.1')],
    ]
    assert command_templates(rows) == [
        '- 1, 2, 3: `python tools/train.py CONFIG --amp --cfg-options randomness.seed=SEED '
        'train_cfg.max_epochs=60 load_from=old.pth model.backbone.init_cfg.checkpoint=WEIGHTS`',
        '- 1, 2: `python tools/test.py CONFIG CHECKPOINT`',
        '- 3: `python tools/test.py CONFIG CHECKPOINT --cfg-options '
        'model.test_cfg.rcnn.score_thr=0.1`',
    ]


def test_a_validation_has_the_command_of_its_training():
    command = 'python tools/train.py configs/ablations/a.py'
    rows = [[{'config': 'a', 'command': command, 'training': {'command': command}}], [{}]]
    assert command_templates(rows) == ['- 1: `python tools/train.py CONFIG`']


def test_a_command_names_no_folder_outside_the_checkout():
    command = 'python tools/test.py configs/a.py /home/me/best.pth --cfg-options w=../../x/w.pth'
    (line,) = command_templates([[{'command': command}]])
    assert line == '- 1: `python tools/test.py configs/a.py CHECKPOINT --cfg-options w=w.pth`'
