import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.evaluation.groups import by_group
from isic_mmdet.evaluation.summary import summarize


def row(iou=0.5, height=512, width=512, **known):
    scores = dict.fromkeys(
        ('iou', 'iou_max', 'dice', 'pixel_accuracy', 'sensitivity', 'specificity'), iou
    )
    return scores | {'detections': 1, 'height': height, 'width': width} | known


def names(rows, key):
    return {group['group']: group['images'] for group in by_group(rows, [key])[key]}


def test_groups_have_the_metrics_of_their_images():
    rows = [row(0.1 * n, diagnosis='nevus' if n % 3 else 'melanoma') for n in range(10)]
    (melanoma, nevus) = by_group(rows, ['diagnosis'])['diagnosis']
    assert (melanoma['group'], melanoma['images']) == ('melanoma', 4)
    assert melanoma['metrics'] == summarize([r for r in rows if r['diagnosis'] == 'melanoma'])
    assert (nevus['group'], nevus['images']) == ('nevus', 6)
    assert nevus['metrics'] == summarize([r for r in rows if r['diagnosis'] == 'nevus'])


@pytest.mark.parametrize(
    ('key', 'known', 'group'),
    [
        ('size', {'height': 999, 'width': 1000}, 'below 1 MP'),
        ('size', {'height': 1000, 'width': 1000}, '1 to 4 MP'),
        ('size', {'height': 4000, 'width': 1999}, '4 to 8 MP'),
        ('size', {'height': 4499, 'width': 6748}, '8 MP and more'),
        ('share', {'lesion_share': 0.0}, 'below 5 %'),
        ('share', {'lesion_share': 0.05}, '5 to 20 %'),
        ('share', {'lesion_share': 0.2}, '20 to 50 %'),
        ('share', {'lesion_share': 1.0}, '50 % and more'),
        ('border', {'touches_border': False}, 'inside the image'),
        ('border', {'touches_border': True}, 'touches the border'),
        ('sex', {'sex': 'female'}, 'female'),
        ('age', {'age': 0}, 'below 30'),
        ('age', {'age': 30}, '30 to 49'),
        ('age', {'age': 69.5}, '50 to 69'),
        ('age', {'age': 70}, '70 and more'),
    ],
)
def test_an_image_is_in_its_group(key, known, group):
    assert names([row(**known)], key) == {group: 1}


def test_groups_stand_in_their_natural_order_with_the_unknown_last():
    rows = [row(age=age) for age in (None, 80, 40, 80, 10)] + [row()]
    assert list(names(rows, 'age').items()) == [
        ('below 30', 1),
        ('30 to 49', 1),
        ('70 and more', 2),
        ('unknown', 2),
    ]
    sexes = [row(sex=sex) for sex in ('male', None, 'female')]
    assert list(names(sexes, 'sex')) == ['female', 'male', 'unknown']


def test_without_keys_all_that_is_known_is_taken():
    assert list(by_group([row(), row()])) == ['size']
    of_masks = row(diagnosis='nevus', lesion_share=0.1, touches_border=True, sex='male', age=50)
    everything = {**of_masks, 'hair': 0.1, 'skin_tone': 'light'}
    keys = ['diagnosis', 'size', 'share', 'border', 'sex', 'age', 'hair', 'skin_tone']
    assert list(by_group([everything, row()])) == keys


def test_hair_and_skin_tones_have_their_natural_order():
    rows = [row(hair=hair) for hair in (0.2, None, 0.0, 0.01, 0.001)]
    assert names(rows, 'hair') == {
        'no or few hairs': 2,
        'some hair': 1,
        'much hair': 1,
        'unknown': 1,
    }
    tones = [row(skin_tone=tone) for tone in ('light', 'dark', 'very light', None, 'brown')]
    assert list(names(tones, 'skin_tone')) == ['dark', 'brown', 'light', 'very light', 'unknown']


def test_requesting_an_unknown_grouping_is_an_error():
    with pytest.raises(InputError, match=r'nothing is known of sex, age; .*annotation file'):
        by_group([row(), row(diagnosis='nevus')], ['sex', 'diagnosis', 'age'])
