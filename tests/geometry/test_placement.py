import numpy as np

from isic_mmdet.geometry.paste import BoxCells
from isic_mmdet.geometry.placement import Placement


def test_boxes_of_a_reduced_image_are_moved_to_the_whole_one():
    cells = np.ones((28, 28), np.float32)
    view = BoxCells(cells, (1.5, 0.0, 20.0, 31.25))
    whole = Placement((250, 161), step=8, left=-7, top=-6).in_whole(view)
    assert whole.box == (5.0, -6.0, 153.0, 244.0)
    assert whole.cells is cells
    assert Placement((250, 161)).in_whole(view).box == view.box
