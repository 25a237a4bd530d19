"""A local page that outlines the lesions of images: what `tools/serve.py` does.

Needs neither torch nor mmdet, and nothing beyond the standard library that predicting does not
need. The way of a request: `server` (connections, told by `settings`), `handler` (HTTP), `hosts`
(who may ask), `line` (one after the other), `uploads` (from bytes to pixels), `answers` (what is
computed), `lesion` (what goes to the page and comes back). The page itself is in `assets`, and
`page` sends it out.

The server keeps nothing: what it found goes to the page whole, and comes back from there when a
file is to be made of it.
"""

from isic_mmdet.serve.server import LesionServer
from isic_mmdet.serve.settings import Settings

__all__ = ['LesionServer', 'Settings']
