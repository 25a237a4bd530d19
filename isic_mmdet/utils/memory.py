"""How the C library's allocator treats the memory of arrays."""

import numpy as np

#: In bytes; glibc adapts to freed blocks of up to 32 MiB.
_LARGE = 31 * 2**20


def keep_freed_memory() -> None:
    """Keep the memory of freed arrays for the next ones, up to some 60 MB in this process.

    By default glibc gives blocks of 128 KiB or more back to the kernel, which clears every page
    again for the next array: a third of the time of a pipeline that makes a dozen arrays an image.
    It leaves off with blocks of a size once one of that size was freed (mallopt(3), "dynamic mmap
    threshold"). Forked processes inherit this; under other C libraries nothing changes.
    """
    np.empty(_LARGE, np.uint8)
