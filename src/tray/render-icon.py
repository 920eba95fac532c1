#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a symbolic icon for hosts that get pictures instead of a name.

Usage: render-icon.py RSVG-CONVERT ICON.svg OUTPUT SIZE...

The output holds the sizes one after the other: squares of 4 bytes a pixel, alpha, red, green,
blue, not premultiplied. Nobody recolours a picture, so the shape is light with a dark rim: to be
seen on a panel of any colour.
"""

import struct
import subprocess
import sys
import zlib

LIGHT = 0xF6
DARK = 0x24
RIM = 0.6


def chunks(png):
    position = 8
    while position < len(png):
        (length,) = struct.unpack_from(">I", png, position)
        yield png[position + 4:position + 8], png[position + 8:position + 8 + length]
        position += length + 12


def paeth(a, b, c):
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def unfilter(kind, row, above):
    """Undoes a PNG row's filter in place; 4 bytes a pixel."""
    for i, value in enumerate(row):
        a = row[i - 4] if i >= 4 else 0
        b = above[i]
        c = above[i - 4] if i >= 4 else 0
        guess = (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]
        row[i] = (value + guess) & 0xFF


def alpha_of(png, size):
    """The alpha channel of an 8-bit RGBA picture, as rows."""
    parts = list(chunks(png))
    header = dict(parts)[b"IHDR"]
    if header != struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0):
        sys.exit(f"not an RGBA picture of {size} pixels")

    data = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    stride = 4 * size
    above = bytearray(stride)
    rows = []
    for y in range(size):
        start = y * (stride + 1)
        row = bytearray(data[start + 1:start + 1 + stride])
        unfilter(data[start], row, above)
        rows.append([value / 255 for value in row[3::4]])
        above = row
    return rows


def widest(rows, x, y):
    return max(value for row in rows[max(y - 1, 0):y + 2] for value in row[max(x - 1, 0):x + 2])


def argb(rows):
    out = bytearray()
    for y, row in enumerate(rows):
        for x, shape in enumerate(row):
            rim = RIM * widest(rows, x, y) * (1 - shape)
            alpha = shape + rim
            gray = round((LIGHT * shape + DARK * rim) / alpha) if alpha > 0 else 0
            out += bytes((round(255 * alpha), gray, gray, gray))
    return out


def main():
    rsvg, icon, output, *sizes = sys.argv[1:]
    with open(output, "wb") as file:
        for size in sizes:
            png = subprocess.run([rsvg, "--width", size, "--height", size, icon],
                                 check=True, stdout=subprocess.PIPE).stdout
            file.write(argb(alpha_of(png, int(size))))


if __name__ == "__main__":
    main()
