"""Hostile zips."""

import io
import struct
import warnings
import zipfile
from collections.abc import Callable

from tests.e2e.fuzz.hostile_images import (
    Random,
    pick,
    truncated,
    with_flipped_bits,
    with_other_bytes,
)

Members = dict[str, bytes]
Make = Callable[[Random, Members], bytes]


def zipped(members: Members, method: int = zipfile.ZIP_DEFLATED, **more: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', method) as archive:
        for name, data in (members | more).items():
            archive.writestr(name, data)
    return stream.getvalue()


def named(*names: str) -> Make:
    """Return the maker of zips in which the last member has one of the names."""

    def make(rng: Random, members: Members) -> bytes:
        *sound, last = members
        name = pick(rng, names).replace('NAME', last)
        return zipped({**{key: members[key] for key in sound}, name: members[last]})

    return make


def with_link(rng: Random, members: Members) -> bytes:
    *sound, last = members
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        for key in sound:
            archive.writestr(key, members[key])
        link = zipfile.ZipInfo(last)
        link.create_system = 3
        link.external_attr = 0o120777 << 16
        archive.writestr(link, pick(rng, ['/etc/passwd', '../../secret', sound[0]]))
    return stream.getvalue()


def expanding(rng: Random, members: Members) -> bytes:
    """Members that unpack to over a hundred times their size, from 1 to 64 megabytes."""
    size = int(rng.choice([2**20, 2**24, 2**26]))
    *sound, last = members
    method = pick(rng, [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    if size > 2**24:
        method = zipfile.ZIP_DEFLATED
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w', method) as archive:
        for key in sound:
            archive.writestr(key, members[key])
        with archive.open(last, 'w') as file:
            file.write(members[last])
            for _ in range(size // 2**20):
                file.write(bytes(2**20))
    return stream.getvalue()


def lying(rng: Random, members: Members) -> bytes:
    """A directory and headers that state other sizes than the members have."""
    data = bytearray(zipped(members, **{'z': bytes(300 * 2**20)} if rng.random() < 0.1 else {}))
    directory = data.rfind(b'PK\x01\x02')
    (local,) = struct.unpack_from('<I', data, directory + 42)
    field = int(rng.integers(3))
    value = int(rng.choice([0, 1, 100, 2**16, 2**31 - 1, 2**32 - 2]))
    if field != 1:
        struct.pack_into('<I', data, directory + 24, value)  # unpacked
        struct.pack_into('<I', data, local + 22, value)
    if field != 0:
        struct.pack_into('<I', data, directory + 20, value)  # packed
        struct.pack_into('<I', data, local + 18, value)
    return bytes(data)


def patched(rng: Random, members: Members) -> bytes:
    """Fields of the directory that ask for what no reader has: a method, a password, a version."""
    data = bytearray(zipped(members))
    directory = data.rfind(b'PK\x01\x02')
    (local,) = struct.unpack_from('<I', data, directory + 42)
    fields: list[tuple] = pick(
        rng,
        [
            [('<H', directory + 10, 99), ('<H', local + 8, 99)],
            [('<H', directory + 8, 1), ('<H', local + 6, 1)],
            [('<H', directory + 6, 6000)],
            [('<H', directory + 8, 0x0800), ('<B', directory + 46, 0xFF)],
            None,
            [('<HHH', len(data) - 14, 0xFFFF, 0xFFFF, 0xFFFF)],
        ],
    )
    for form, place, *values in fields or [('<I', directory + 42, int(rng.integers(2**31)))]:
        struct.pack_into(form, data, place, *values)
    return bytes(data)


def doubled(rng: Random, members: Members) -> bytes:
    *_, last = members
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, 'w') as archive:
        for key, data in members.items():
            archive.writestr(key, data)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            archive.writestr(last, b'another content')
    return stream.getvalue()


def no_zip(rng: Random, members: Members) -> bytes:
    contents = [
        b'',
        b'PK',
        b'PK\x05\x06' + bytes(18),
        b'PK\x05\x06' + b'\xff' * 18,
        b'<html>404</html>',
        b'Rar!\x1a\x07\x00',
        rng.bytes(2000),
        b'junk before it' * 30 + zipped(members),
        zipped(members) + b'junk behind it' * 30,
        zipped({'inner.zip': zipped(members)}),
        zipped({f'{name}/': b'' for name in members}),
    ]
    return pick(rng, contents)


#: Name of the kind, how many of a hundred variants, how to make one.
ZIPS: dict[str, tuple[int, Make]] = {
    'zip with ..': (
        6,
        named('../NAME', 'a/../../NAME', '..\\NAME', 'a/b/../NAME', '/../NAME', 'a\\..\\NAME'),
    ),
    'zip with an absolute path': (5, named('/NAME', '/etc/NAME', 'C:\\NAME', '\\NAME', '//h/NAME')),
    'zip with a link': (4, with_link),
    'zip that expands': (8, expanding),
    'zip that lies of sizes': (14, lying),
    'zip that asks for the impossible': (12, patched),
    'zip with a name twice': (2, doubled),
    'no zip': (11, no_zip),
    'truncated zip': (14, lambda rng, members: truncated(zipped(members), rng)),
    'bit-flipped zip': (20, lambda rng, members: with_flipped_bits(zipped(members), rng)),
    'overwritten zip': (10, lambda rng, members: with_other_bytes(zipped(members), rng)),
}
#: Kinds that have to be refused as a whole, whatever is in them.
UNSAFE = {
    'zip with ..',
    'zip with an absolute path',
    'zip with a link',
    'zip that expands',
}
