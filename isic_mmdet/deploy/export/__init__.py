"""From a config and a checkpoint to a file that runs without torch and mmdet.

`run` uses `model` (build, load, fold), `detector` (the graph in PyTorch), `operators` (custom
operators), `onnx_file` (the graph in ONNX), `images` and `check` (compare with PyTorch). `quantize`
converts a file to 8 bits.
"""
