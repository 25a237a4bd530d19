import numpy as np
import torch

from benchmarks import networks
from benchmarks.images import pictures


def test_the_lower_bound_is_backbone_and_fpn():
    model = networks.stock_mmdet(detections=7).eval()
    assert model.test_cfg.rcnn.max_per_img == 7
    assert model.train_cfg.rpn_proposal.max_per_img == 1000
    image = torch.from_numpy(pictures(1, 64)[0].image.transpose(2, 0, 1)[None] / np.float32(255))
    with torch.no_grad():
        maps, expected = networks.bare(model)(image), model.extract_feat(image)
    for got, wanted in zip(maps, expected, strict=True):
        torch.testing.assert_close(got.float(), wanted, rtol=0.1, atol=0.1)
