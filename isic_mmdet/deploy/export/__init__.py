"""From a config and a checkpoint to a file that runs without torch and mmdet.

`run` is the whole of it, as `tools/export_onnx.py` calls it: `model` (build, load, fold),
`detector` (the graph in PyTorch), `operators` (what PyTorch has no operator for), `onnx_file` (the
graph in ONNX), `images` and `check` (does it find the same?). `quantize` brings a file to 8 bits.
`isic_mmdet.deploy` reads the files.
"""
