import pytest

from isic_mmdet.prepare.own.image_names import ImageNames

IDS = ['ISIC_0000001', 'clinic/a/0001', 'clinic/b/0001', 'photo.2', 'b/x']


@pytest.mark.parametrize(
    ('name', 'found'),
    [
        ('ISIC_0000001', ['ISIC_0000001']),
        ('isic_0000001.JPG', ['ISIC_0000001']),
        ('data\\train\\ISIC_0000001.png', ['ISIC_0000001']),
        ('a/0001.jpg', ['clinic/a/0001']),
        ('clinic/b/0001', ['clinic/b/0001']),
        ('0001', ['clinic/a/0001', 'clinic/b/0001']),
        ('c/0001', []),
        ('photo.2', ['photo.2']),
        ('photo.2.jpeg', ['photo.2']),
        ('./b/x.tif', ['b/x']),
        ('', []),
        ('/', []),
        ('.jpg', []),
    ],
)
def test_names_with_folders_and_endings_are_found(name, found):
    assert ImageNames(IDS).find(name) == found
