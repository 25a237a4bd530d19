"""An exported model behind one call: arrays in, lesions out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from isic_mmdet.datasets.same_size_batches import batches_of_one_shape
from isic_mmdet.deploy.metadata import ModelMetadata, NoMetadataError
from isic_mmdet.deploy.pixels import NetworkImage, network_image
from isic_mmdet.deploy.segmentation import Segmentation
from isic_mmdet.errors import InputError
from isic_mmdet.images.frame import Frame, reduction, shrunk_into


class OnnxSegmenter:
    """Finds the lesion in images of any size, on the CPU.

    Three lines in a notebook::

        net = OnnxSegmenter('model.onnx')
        lesion = net(np.asarray(Image.open('mole.jpg').convert('RGB')))
        plt.imshow(lesion.mask)

    Images are (H, W, 3) uint8, RGB; turn those of `cv2.imread` with `image[..., ::-1]`. It finds
    what `isic_mmdet.deploy.LesionSegmenter` does with the checkpoint. Several threads may use
    one net at the same time.

    Args:
        path: of a file that `tools/export_onnx.py` wrote.
        threads: that compute; None for one a processor core.

    Attributes:
        classes: names that `Segmentation.label` can have.
        card: what the file says of itself.

    Raises:
        InputError: no such file, or not one that this version can read.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self._session = _session(Path(path), threads)
        try:
            self.card = ModelMetadata.from_metadata(
                self._session.get_modelmeta().custom_metadata_map
            )
        except NoMetadataError as error:
            raise InputError(
                f'{path} cannot be used: {error}; write it anew with tools/export_onnx.py'
            ) from error
        self.classes: tuple[str, ...] = self.card.classes

    def __call__(self, image: NDArray[np.uint8]) -> Segmentation:
        """Return the lesion of one image, (H, W, 3) uint8, RGB.

        Raises:
            ValueError: see `prepare`.
        """
        (lesion,) = self.batch([image])
        return lesion

    def batch(self, images: Sequence[NDArray[np.uint8]]) -> list[Segmentation]:
        """Return the lesions of images, in their order.

        Args:
            images: each (H, W, 3) uint8, RGB; the sizes may differ.

        Raises:
            ValueError: see `prepare`.
        """
        return self.predict([self.prepare(image) for image in images])

    def reduction(self, height: int, width: int) -> int:
        """Return how many pixels along each side may be read as one without loss for the model.

        Args:
            height: of an image in pixels, upright or on its side.
            width: likewise.

        Returns:
            At least 1.
        """
        return reduction(shrunk_into(height, width, self.card.scale))

    def prepare(self, image: NDArray[np.uint8], frame: Frame | None = None) -> NetworkImage:
        """Return one image as the model wants it; may be called from several threads.

        Args:
            image: (h, w, 3) uint8, RGB.
            frame: where its pixels lie in the image that the lesion is wanted of; None where
                it is that image.

        Raises:
            ValueError: the array is of another type or shape, or has a side so short that nothing
                is left of it at the size the model wants.
        """
        return network_image(image, self.card.scale, self.card.divisor, frame)

    def predict(self, prepared: Sequence[NetworkImage]) -> list[Segmentation]:
        """Return the lesions of images from `prepare`, in their order.

        Images of one padded size go through the graph together, so none depends on the others.
        """
        found: dict[int, Segmentation] = {}
        for batch in batches_of_one_shape(
            range(len(prepared)), lambda index: prepared[index].shape, self.card.batch
        ):
            lesions = self._run([prepared[index] for index in batch])
            found |= dict(zip(batch, lesions, strict=True))
        return [found[index] for index in range(len(prepared))]

    def feeds(self, images: Sequence[NetworkImage]) -> dict[str, NDArray[Any]]:
        """Return the inputs of the graph for images of one padded size, as many as it takes.

        A graph for a fixed number gets the last image several times.
        """
        filled = [*images, *[images[-1]] * ((self.card.batch or len(images)) - len(images))]
        return {
            'image': np.stack([image.pixels for image in filled]),
            'size': np.array([image.size for image in filled], np.int64),
        }

    def _run(self, images: Sequence[NetworkImage]) -> list[Segmentation]:
        """Return the lesions of images of one padded size, as many as the graph takes."""
        outputs = self._session.run(['score', 'label', 'box', 'mask'], self.feeds(images))
        return [
            self._segmentation(image, *values)
            for image, *values in zip(
                images, *(output[: len(images)] for output in outputs), strict=True
            )
        ]

    def _segmentation(
        self, image: NetworkImage, score: Any, label: Any, box: Any, cells: Any
    ) -> Segmentation:
        shape, threshold = image.frame.shape, self.card.mask_threshold
        if score <= self.card.score_threshold:
            return Segmentation(shape, (), 1, threshold, 0.0, None, None)
        view = image.in_whole(cells, box)
        name, place = self.classes[int(label)], image.frame.inside(view.box)
        return Segmentation(shape, (view,), 1, threshold, float(score), name, place)


def _session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """Load a file.

    Raises:
        InputError: there is none, or ONNX Runtime cannot read it.
    """
    if not path.is_file():
        raise InputError(f'{path}: no such model; write one with tools/export_onnx.py')
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or 0
    options.log_severity_level = 3  # errors only: they are raised, too
    # Blocked layouts of the weights, the last level of optimization, would take as much memory
    # again as the weights, and a pattern of the memory is of one size of images; with a ResNet-50
    # at 512 px, 325 MB become 460, and not a tenth of the time is won.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.enable_mem_pattern = False
    try:
        return onnxruntime.InferenceSession(path, options, providers=['CPUExecutionProvider'])
    except Exception as error:
        # ONNX Runtime's own exceptions have no common class, and its messages span many lines.
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f'{path} is not a model that can be run ({reason}); write it anew with '
            'tools/export_onnx.py'
        ) from error
