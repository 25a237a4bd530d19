import cv2

from benchmarks.full_size import draw_pairs, find_pairs, lay_out
from isic_mmdet.isic.layouts import find_pairs as find_official
from isic_mmdet.isic.layouts import scan


def test_pairs_are_drawn_and_laid_out_under_new_ids(tmp_path):
    shapes = [(60, 90), (48, 64)]
    drawn = draw_pairs(tmp_path / 'drawn', shapes)
    for (image, mask), shape in zip(drawn, shapes, strict=True):
        assert cv2.imread(str(image)).shape == (*shape, 3)
        lesion = cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)
        assert lesion.shape == shape
        assert set(lesion.ravel()) == {0, 255}
    root = lay_out(drawn, 5, tmp_path / 'set')
    found = find_pairs(root)
    assert [image.stem for image, _ in found] == [f'ISIC_{number:07d}' for number in range(5)]
    assert [image.read_bytes() for image, _ in found] == [
        drawn[number % 2][0].read_bytes() for number in range(5)
    ]
    official, errors = find_official(scan(2017, [root]))
    assert not errors
    assert len(official) == 5
