"""Hostile tables: labels of ISIC 2017, scores per image, lists of ids."""

from collections.abc import Callable

from tests.e2e.fuzz.hostile_images import (
    Random,
    pick,
    truncated,
    with_flipped_bits,
    with_other_bytes,
)

Make = Callable[[Random, str], bytes]
CELLS = [
    *('', 'nan', 'NaN', 'inf', '-inf', '-1', '2', '1e400', '0x1', '1,0', '½', '١', 'melanoma'),
    *('"', "'; DROP TABLE", '=1+1', '\x00', '1_0', ' 1.0 ', 'None', 'true', '9' * 400),
]


def rows_of(text: str) -> list[list[str]]:
    return [line.split(',') for line in text.splitlines()]


def joined(rows: list[list[str]], comma: str = ',', end: str = '\n') -> bytes:
    return end.join(comma.join(row) for row in rows).encode() + end.encode()


def other_cell(rng: Random, text: str) -> bytes:
    rows = rows_of(text)
    row = rows[int(rng.integers(1, len(rows)))]
    row[int(rng.integers(len(row)))] = pick(rng, CELLS)
    return joined(rows)


def missing_column(rng: Random, text: str) -> bytes:
    rows = rows_of(text)
    column = int(rng.integers(len(rows[0])))
    return joined([row[:column] + row[column + 1 :] for row in rows])


def other_header(rng: Random, text: str) -> bytes:
    rows = rows_of(text)
    column = int(rng.integers(len(rows[0])))
    name = rows[0][column]
    rows[0][column] = pick(rng, [rows[0][0], 'x', '', name.upper(), f' {name}'])
    return joined(rows)


def row_twice(rng: Random, text: str) -> bytes:
    rows = rows_of(text)
    row = list(rows[int(rng.integers(1, len(rows)))])
    if rng.random() < 0.5 and len(row) > 1:
        row[1] = '1.0' if row[1] == '0.0' else '0.0'
    return joined([*rows, row])


def other_shape(rng: Random, text: str) -> bytes:
    rows = rows_of(text)
    place = int(rng.integers(len(rows)))
    before, row, after = rows[:place], rows[place], rows[place + 1 :]
    choices: list[Callable[[], bytes]] = [
        lambda: joined([*before, row[:-1], *after]),
        lambda: joined([*before, [*row, 'more', ''], *after]),
        lambda: joined([*before, [], row, *after]),
        lambda: joined(rows, ';'),
        lambda: joined(rows, end='\r'),
        lambda: joined(rows[:1]),
    ]
    return pick(rng, choices)()


def encoded(rng: Random, text: str) -> bytes:
    names = ['utf-16', 'utf-16-be', 'utf-32', 'utf-8-sig', 'cp037', 'utf-16-le']
    name = pick(rng, [*names, None])
    return text.encode(name) if name else text.replace('\n', ',Läsion\n').encode('latin-1')


def no_table(rng: Random, text: str) -> bytes:
    contents = [
        b'',
        b'\n' * 100,
        b'\x00' * 100,
        b'"' + text.encode(),
        text.encode().replace(b',', b',"', 1),
        text.encode() + b'"' + b'x' * 200_000,
        b'PK\x03\x04' + rng.bytes(100),
        rng.bytes(500),
        b','.join([b'a'] * 5000),
        text.encode() * 3,
        b'\xef\xbb\xbf\xef\xbb\xbf' + text.encode(),
    ]
    return pick(rng, contents)


#: Name of the kind, how many of a hundred variants, how to make one.
TABLES: dict[str, tuple[int, Make]] = {
    'CSV with another value, NaN': (24, other_cell),
    'CSV that lacks a column': (4, missing_column),
    'CSV with another header': (6, other_header),
    'CSV with an id twice': (6, row_twice),
    'CSV of another shape': (8, other_shape),
    'CSV of another encoding': (8, encoded),
    'no CSV': (11, no_table),
    'truncated CSV': (6, lambda rng, text: truncated(text.encode(), rng)),
    'bit-flipped CSV': (10, lambda rng, text: with_flipped_bits(text.encode(), rng)),
    'overwritten CSV': (6, lambda rng, text: with_other_bytes(text.encode(), rng)),
}
