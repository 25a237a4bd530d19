from isic_mmdet.datasets.same_size_batches import batches_of_one_shape, padded_shape


def batches(text: str, size: int | None) -> list[str]:
    return [''.join(batch) for batch in batches_of_one_shape(text, str.lower, size)]


def test_a_batch_is_of_one_shape_and_comes_as_soon_as_it_is_full():
    assert batches('aBAbcbB', 2) == ['aA', 'Bb', 'bB', 'c']
    assert batches('aBAbcbB', None) == ['aA', 'BbbB', 'c']
    assert batches('abc', 1) == ['a', 'b', 'c']
    assert batches('', 3) == []


def test_items_are_taken_no_earlier_than_needed():
    taken = []
    items = (taken.append(item) or item for item in 'aab')
    assert next(batches_of_one_shape(items, str, 2)) == ['a', 'a']
    assert taken == ['a', 'a']


def test_sides_are_padded_to_multiples():
    assert padded_shape((1, 32), 32) == (32, 32)
    assert padded_shape((33, 64), 32) == (64, 64)
    assert padded_shape((33, 64), 1) == (33, 64)
