from mmengine.runner import BaseLoop

STOPPING = {
    'type': 'ResumableEarlyStoppingHook',
    'monitor': 'lesion/iou',
    'rule': 'greater',
    'patience': 1,
}


def test_early_stopping_needs_no_training_data_in_a_test(make_runner):
    runner = make_runner([STOPPING])
    runner.test()
    assert not isinstance(runner._train_loop, BaseLoop)


def test_early_stopping_ends_a_training_without_progress(make_runner):
    lr = {'optimizer': {'type': 'SGD', 'lr': 0.0}}
    runner = make_runner([STOPPING], epochs=9, optim_wrapper=lr)
    runner.train()
    assert runner.epoch == 2
