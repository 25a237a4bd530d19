from benchmarks.scale_table import scale_table

MEMORY = {'rows': 1_000_000, 'join_mb': 25.4, 'files': 200_000, 'list_mb': 120.0}
TIMES = {
    **{'image_s': 0.036, 'start_s': 0.36, 'lost_s': 2.0, 'join_s': 30.0, 'list_s': 4.0},
    **{'shard': 200, 'predict_mb': 240.0, 'cores': 2, 'hashes_s': {'20000': 4.0, '40000': 18.0}},
}
PREPARE = {'details': {'number': 460, 'seconds': {'max-side=1024': {'ours': [4.6, 9.0, 2.0]}}}}


def test_the_plan_multiplies_the_measured_rates():
    table = scale_table({'details': MEMORY | TIMES}, PREPARE)
    assert '600 MB in one process, 0.6 MB in a shard of 1,000 | 600 bytes per image' in table
    assert '| 20 core-hours, 1.3 hours on 16 cores |' in table  # (36,000 + 360) s x 2 cores
    assert '| 3.1 hours on one core |' in table  # 18 s x 25²
    assert '| 2.8 hours on 2 cores | 100 images per second' in table


def test_a_busy_machine_gives_a_plan_without_times():
    table = scale_table({'details': MEMORY}, PREPARE)
    assert '| 25 MB | measured with 1,000,000 rows |' in table
    assert 'hours' not in table and ' s ' not in table
