import unicodedata

import pytest

from isic_mmdet.errors import InputError
from isic_mmdet.masks.mask_names import (
    MASK_SUFFIXES,
    find_masks,
    has_suffix,
    match_names,
    suffix_among,
    suffix_of,
)

IMAGES = ['a/1', 'a/2', 'b/3']


@pytest.mark.parametrize('suffix', MASK_SUFFIXES)
def test_every_suffix_is_found(suffix: str) -> None:
    masks = [f'{image}{suffix}' for image in IMAGES]
    named = find_masks(IMAGES, masks)
    assert named.suffix == suffix
    assert named.of_image == {image: [f'{image}{suffix}'] for image in IMAGES}
    assert named.unused == []


def test_the_suffix_is_printed() -> None:
    assert str(find_masks(['1'], ['1_lesion'])) == '1 pairs: mask = image name + `_lesion`'
    assert str(find_masks(['1'], ['1'])) == '1 pairs: mask = image name'


def test_the_suffix_of_most_images_is_taken() -> None:
    named = find_masks(['1', '2', '3'], ['1_mask', '2_mask', '3_lesion', '9_mask'])
    assert (named.suffix, sorted(named.of_image), named.unused) == ('_mask', ['1', '2'], ['9_mask'])


def test_two_suffixes_that_fit_equally_well() -> None:
    masks = ['1_mask', '1_contour']
    with pytest.raises(InputError, match=r"'_mask' and '_contour' fit equally well, 1 images each"):
        find_masks(['1'], masks)
    assert find_masks(['1'], masks, '_contour').of_image == {'1': ['1_contour']}


def test_no_suffix_fits() -> None:
    with pytest.raises(InputError, match=r"such as 'x', masks such as 'y_gt'; .*--mask-suffix"):
        find_masks(['x'], ['y_gt'])
    with pytest.raises(InputError, match='no mask belongs to an image'):
        find_masks(['x'], [])
    assert find_masks(['x'], ['x_gt'], '_gt').of_image == {'x': ['x_gt']}


def test_letter_case_and_accents_make_no_difference() -> None:
    decomposed = unicodedata.normalize('NFD', 'Ärm')
    assert find_masks(['Ärm'], [f'{decomposed}_MASK']).of_image == {'Ärm': [f'{decomposed}_MASK']}


def test_folders_count_only_where_names_repeat() -> None:
    assert find_masks(['x/1', 'x/2'], ['1_mask', 'y/z/2_mask']).of_image == {
        'x/1': ['1_mask'],
        'x/2': ['y/z/2_mask'],
    }
    named = match_names(['x/1', 'y/1'], ['x/1', 'z/1'], '')
    assert (named.of_image, named.unused) == ({'x/1': ['x/1']}, ['z/1'])
    assert match_names(['1'], ['x/1', 'y/1'], '').of_image == {'1': ['x/1', 'y/1']}


def test_masks_among_their_images() -> None:
    assert suffix_among(['1', '1_mask', '2', '2_mask', '3_contour']) == '_mask'
    assert suffix_among(['p/1', 'm/1-mask']) == '-mask'
    assert suffix_among(['1', '1_gt'], '_gt') == '_gt'
    with pytest.raises(InputError, match='fit equally well'):
        suffix_among(['1', '1_mask', '1_lesion'])
    with pytest.raises(InputError, match='name the masks with --masks'):
        suffix_among(['1', '2'])


def test_the_suffix_of_masks_alone() -> None:
    assert suffix_of(['1_mask', '2_Mask', '3']) == '_mask'
    assert suffix_of(['1_mask', '2']) == suffix_of([]) == ''
    assert has_suffix('1_MASK', '_mask')
