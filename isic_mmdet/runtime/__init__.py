"""Find lesions with an exported model: NumPy, OpenCV and ONNX Runtime, neither torch nor mmdet.

`net` (the model behind one call) uses `card` (what the file says of itself) and `pixels` (from an
image to what the network is shown). `tools/export_onnx.py` writes such files.
"""

from isic_mmdet.runtime.net import LesionNet

__all__ = ['LesionNet']
