import torch

from benchmarks import networks
from benchmarks.images import pictures


def test_the_floor_is_backbone_and_fpn_and_nothing_more():
    model = networks.stock_mmdet().eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        maps = networks.bare(model, 'float32')(images)
        expected = model.extract_feat(images)
    assert [each.shape[-1] for each in maps] == [16, 8, 4, 2, 1]
    for got, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-3, atol=1e-3)


def test_the_peer_keeps_the_budgets_of_mmdet():
    model = networks.stock_mmdet()
    assert type(model).__name__ == 'MaskRCNN'
    assert model.train_cfg.rpn_proposal.max_per_img == 1000
    assert model.test_cfg.rcnn.max_per_img == 100
    assert networks.stock_mmdet(detections=7).test_cfg.rcnn.max_per_img == 7


def test_pictures_are_square_and_show_a_lesion():
    for picture in pictures(3, 96):
        assert picture.image.shape == (96, 96, 3)
        assert picture.lesion.shape == (96, 96)
        assert picture.lesion.any()
