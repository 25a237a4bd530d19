"""What differs in torchvision's Mask R-CNN: its anchors and the names of its weights."""
