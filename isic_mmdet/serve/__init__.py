"""A local web page that outlines the lesions of images: what `tools/serve.py` runs.

Needs neither torch nor mmdet. The way of a request: `server` (sockets and connections), `hosts`
(refuses other sites), `app` (routes), `receive` (uploads in bounded memory), `work_queue` (one
worker), `answers` (what is computed, from `uploads` and `lesion`). The page itself is in `assets`.

The server stores nothing: a result goes to the page in full, and the page sends it back when it
needs a file made of it.
"""

from isic_mmdet.serve.app import Settings
from isic_mmdet.serve.server import LesionServer

__all__ = ['LesionServer', 'Settings']
