# SPDX-License-Identifier: Apache-2.0
"""Writes golden.h: small picture files made by Pillow, and the RGB pixels Pillow reads from them.

usage: golden.py > golden.h   (python with numpy and pillow)
"""
import io
import struct
import zlib

import numpy as np
from PIL import Image

rows = []
print("""// SPDX-License-Identifier: Apache-2.0
// Written by golden.py: do not edit.
// clang-format off
#ifndef MOPT_TESTS_UNIT_IMAGE_GOLDEN_H
#define MOPT_TESTS_UNIT_IMAGE_GOLDEN_H

#include "tests.h"
""")


def smooth(width, height, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return ((x * 11 + y * 7 + c * 53) % 256).astype(np.uint8)


def array(name, data):
    print(f"static const uint8_t {name}[] = {{")
    for i in range(0, len(data), 16):
        print("    " + " ".join(f"{b}," for b in data[i:i + 16]))
    print("};")


def file(name, form, data, expected=None):
    array("FILE_" + name, data)
    if expected is None:
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    h, w, c = expected.shape
    crc = zlib.crc32(np.ascontiguousarray(expected).tobytes())
    rows.append(f'    {{"{name}", MOPT_IMAGE_{form}, FILE_{name}, sizeof FILE_{name}, {w}, {h}, 0x{crc:08x}}},')


def save(name, form, image, kind=None, **options):
    out = io.BytesIO()
    image.save(out, kind or form, **options)
    file(name, form, out.getvalue())


def bmp(width, height, bits, body, coding=0, extra=b"", colours=0):
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, coding, len(body), 0, 0, colours, 0)
    at = 14 + len(header) + len(extra)
    return b"BM" + struct.pack("<IHHI", at + len(body), 0, 0, at) + header + extra + body


rgb = smooth(13, 9, 3)
pic = Image.fromarray(rgb)
grey = Image.fromarray(smooth(13, 9, 1)[:, :, 0])
bits = grey.point(lambda v: 255 * (v > 99)).convert("1")
rgba = Image.fromarray(np.concatenate([rgb, smooth(13, 9, 1)[:, ::-1]], axis=2))

save("BMP_24", "BMP", pic)
save("BMP_8", "BMP", pic.quantize(11))
save("BMP_1", "BMP", bits)
save("BMP_GREY", "BMP", grey)
save("BMP_32", "BMP", rgba)
nibbles = bytes(range(16)) * 8
file("BMP_4", "BMP", bmp(13, 9, 4, nibbles[:9 * 8], extra=bytes(v for i in range(5) for v in (i * 9, i * 20, i * 40, 0)),
                         colours=5), np.array([[[40 * v, 20 * v, 9 * v] if v < 5 else [0, 0, 0] for v in
                         [nibbles[(8 - y) * 8 + x // 2] >> (4, 0)[x % 2] & 15 for x in range(13)]] for y in range(9)], np.uint8))
word = np.arange(9 * 14, dtype=np.uint16).reshape(9, 14) * 517
file("BMP_555_TOP", "BMP", bmp(13, -9, 16, word.astype("<u2").tobytes()))
mask = struct.pack("<III", 0xf800, 0x7e0, 0x1f)
file("BMP_565", "BMP", bmp(13, 9, 16, word.astype("<u2").tobytes(), coding=3, extra=mask))
core = b"BM" + struct.pack("<IHHI", 0, 0, 0, 26) + struct.pack("<IHHHH", 12, 13, 9, 1, 24) + b"".join(
    rgb[8 - y, :, ::-1].tobytes() + b"\0" for y in range(9))
file("BMP_CORE", "BMP", core, rgb)

save("PPM", "PNM", pic, "ppm")
save("PGM", "PNM", grey, "ppm")
save("PBM", "PNM", bits, "ppm")
text = " ".join(str(v) for v in rgb[:3].reshape(-1) % 32)
file("PPM_TEXT", "PNM", f"P3 # text\n13 3\n31\n{text}\n".encode())
file("PGM_TEXT", "PNM", ("P2\n#x\n 13 9 255 " + " ".join(str(v) for v in np.asarray(grey).reshape(-1))).encode())
file("PBM_TEXT", "PNM", b"P1 5 2\n10110\n0 1 0 1 1", np.repeat(np.array(
    [[0, 255, 0, 0, 255], [255, 0, 255, 0, 0]], np.uint8)[:, :, None], 3, 2))
wide = (np.arange(9 * 13 * 3, dtype=np.uint32) * 183 % 65536).astype(">u2")
file("PPM_16", "PNM", b"P6 13 9 65535\n" + wide.tobytes(),
     np.floor(wide.astype(np.float64) / 65535 * 255 + 0.5).astype(np.uint8).reshape(9, 13, 3))
file("PAM", "PNM", b"P7\nWIDTH 13\nHEIGHT 9\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n"
     + np.asarray(rgba).tobytes(), rgb)
two = np.concatenate([np.asarray(grey)[:, :, None], rgb[:, :, :1]], axis=2)
file("PAM_GREY_ALPHA", "PNM", b"P7\n# c\nWIDTH 13\nHEIGHT 9\nDEPTH 2\nMAXVAL 255\nENDHDR\n" + two.tobytes(),
     np.repeat(np.asarray(grey)[:, :, None], 3, 2))

save("WEBP", "WEBP", Image.fromarray(smooth(29, 17, 3)), quality=80)
save("WEBP_LOSSLESS", "WEBP", pic, lossless=True)
save("WEBP_ALPHA", "WEBP", rgba, lossless=True, exact=True)
save("TIFF", "TIFF", pic)
save("TIFF_LZW", "TIFF", pic, compression="tiff_lzw")
save("TIFF_ZIP", "TIFF", grey, compression="tiff_adobe_deflate")
save("TIFF_BITS", "TIFF", bits, compression="group4")
save("TIFF_PALETTE", "TIFF", pic.quantize(11))
save("JP2", "JPEG2000", pic)
save("JP2_GREY", "JPEG2000", grey)
save("JP2_ALPHA", "JPEG2000", rgba)
save("J2K", "JPEG2000", pic, no_jp2=True)
save("JPEG", "JPEG", Image.fromarray(smooth(29, 17, 3)), quality=85)
save("PNG", "PNG", pic)
print("static const struct golden GOLDEN[] = {")
print("\n".join(rows))
print("};")
print("\n#endif")
