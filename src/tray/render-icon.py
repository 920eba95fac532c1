#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Renders a symbolic icon for hosts that get pictures instead of a name.

Usage: render-icon.py RSVG-CONVERT ICON.svg OUTPUT SIZE...

The output holds the sizes one after the other: squares of 4 bytes a pixel, alpha, red, green,
blue, not premultiplied. Nobody recolours a picture, so it is of a gray that stands out as much
from a white panel as from a dark one (4 : 1).
"""

import struct
import subprocess
import sys
import zlib

GRAY = 0x80


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
    """The alpha channel of an 8-bit RGBA picture, row by row."""
    parts = list(chunks(png))
    header = dict(parts)[b"IHDR"]
    if header != struct.pack(">IIBBBBB", size, size, 8, 6, 0, 0, 0):
        sys.exit(f"not an RGBA picture of {size} pixels")

    data = zlib.decompress(b"".join(body for name, body in parts if name == b"IDAT"))
    stride = 4 * size
    above = bytearray(stride)
    alpha = bytearray()
    for y in range(size):
        start = y * (stride + 1)
        row = bytearray(data[start + 1:start + 1 + stride])
        unfilter(data[start], row, above)
        alpha += row[3::4]
        above = row
    return alpha


def main():
    rsvg, icon, output, *sizes = sys.argv[1:]
    with open(output, "wb") as file:
        for size in sizes:
            png = subprocess.run([rsvg, "--width", size, "--height", size, icon],
                                 check=True, stdout=subprocess.PIPE).stdout
            for alpha in alpha_of(png, int(size)):
                file.write(bytes((alpha, GRAY, GRAY, GRAY)))


if __name__ == "__main__":
    main()
