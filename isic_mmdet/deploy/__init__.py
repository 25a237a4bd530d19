"""From images to masks: with PyTorch, or with an exported model and neither torch nor mmdet.

`segmenter` runs a checkpoint, `onnx_segmenter` an exported file. `export` writes such files, and
`predict` applies either of them to folders of images.
"""
