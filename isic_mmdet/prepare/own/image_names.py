"""Which image a name in an export, a table or an id list means.

Tools write names with or without folders and endings, with backslashes, and in another letter case.
"""

from collections import defaultdict
from collections.abc import Iterable

from isic_mmdet.images.formats import SUFFIXES, UNREAD


def stem_parts(name: str) -> tuple[str, ...]:
    """Return folders and name of a file in lower case, without the ending of an image."""
    text = name.strip().replace('\\', '/').lower()
    stem, dot, ending = text.rpartition('.')
    if stem and f'{dot}{ending}' in SUFFIXES | UNREAD.keys():
        text = stem
    return tuple(part for part in text.split('/') if part not in ('', '.', '..'))


class ImageNames:
    """Finds ids of images by the names that others use for them.

    Args:
        ids: of the images, such as `ISIC_0000000` or `clinic/0001`.
    """

    def __init__(self, ids: Iterable[str]) -> None:
        self._by_name: defaultdict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        for image_id in ids:
            parts = tuple(image_id.lower().split('/'))
            self._by_name[parts[-1]].append((parts, image_id))

    def find(self, name: str) -> list[str]:
        """Return the ids that a name may mean: none, one, or several if it is ambiguous.

        The folders of one of both have to be the last folders of the other; the id that shares most
        folders is meant.
        """
        wanted = stem_parts(name)
        if not wanted:
            return []
        shared: defaultdict[int, list[str]] = defaultdict(list)
        for parts, image_id in self._by_name.get(wanted[-1], ()):
            count = min(len(parts), len(wanted))
            if parts[-count:] == wanted[-count:]:
                shared[count].append(image_id)
        return sorted(shared[max(shared)]) if shared else []
