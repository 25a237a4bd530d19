from isic_mmdet.images.frame import Frame, reduction, shrunk


def test_boxes_of_a_reduced_image_are_moved_to_the_whole_one():
    box = (1.5, 0.0, 20.0, 31.25)
    reduced = Frame((250, 161), step=8, left=-7, top=-6)
    assert reduced.to_full(box) == (5.0, -6.0, 153.0, 244.0)
    assert Frame((250, 161)).to_full(box) == box


def test_a_box_is_cut_at_the_border():
    frame = Frame((100, 200))
    assert frame.inside((-5.0, -6.0, 20.0, 30.0)) == (0.0, 0.0, 20.0, 30.0)
    assert frame.inside((150.0, 80.0, 230.0, 130.0)) == (150.0, 80.0, 50.0, 20.0)
    assert frame.inside((1.0, 2.0, 3.0, 5.0)) == (1.0, 2.0, 2.0, 3.0)


def test_an_image_is_reduced_to_four_times_what_the_model_sees():
    # As large as fits: 4499 x 6748 becomes 800 x 1200 in a square of 1200.
    assert shrunk(4499, 6748, (1200, 1200), keep_ratio=True) == 6748 / 1200
    for sides in ((1333, 800), (800, 1333)):
        for shape in ((6748, 4499), (4499, 6748)):
            assert shrunk(*shape, sides, keep_ratio=True) == 4499 / 800
    assert reduction(shrunk(4499, 6748, (256, 256), keep_ratio=True)) == 6
    # A square leaves the shorter side more pixels.
    assert reduction(shrunk(4499, 6748, (256, 256), keep_ratio=False)) == 4
    assert reduction(7.99) == 1
    assert reduction(0.1) == 1
