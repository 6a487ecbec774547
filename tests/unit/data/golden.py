#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Writes what Pillow, NumPy and OpenCV make of small inputs. Run by hand when a table must grow:
#   python golden.py pil|cv|pictures|numbers > golden_PART.h
import io, sys, zlib

import numpy as np

SIZES = [(37, 23, 1, 16, 16), (37, 23, 3, 64, 48), (50, 40, 3, 7, 31), (8, 8, 3, 8, 20), (8, 8, 3, 20, 8),
         (1, 9, 1, 5, 4), (120, 90, 3, 64, 48), (5, 4, 1, 1, 1), (333, 200, 1, 31, 19), (64, 64, 3, 32, 32)]


def noise(width, height, channels):  # the same generator stands in support.c
    x, out = 12345, bytearray()
    for i in range(width * height * channels):
        x = (x * 1664525 + 1013904223) & 0xFFFFFFFF
        out.append(x >> 24)
    return np.frombuffer(bytes(out), np.uint8).reshape(height, width, channels)


def smooth(width, height, channels):
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    return ((x * 7 + y * 5 + c * 90 + x * y // 3) % 256).astype(np.uint8)


def picture(array):
    from PIL import Image
    return Image.fromarray(array[:, :, 0] if array.shape[2] == 1 else array)


def row(w, h, c, ow, oh, kernel, out):
    print(f"    {{{w}, {h}, {c}, {ow}, {oh}, MOPT_KERNEL_{kernel}, 0x{zlib.crc32(out.tobytes()):08x}}},")


def resizes(name, rows):
    print(f"static const struct golden_resize {name}[] = {{")
    rows()
    print("};\n")


def pil():
    from PIL import Image
    kinds = Image.Resampling
    for w, h, c, ow, oh in SIZES:
        for kind in (kinds.NEAREST, kinds.BILINEAR, kinds.BICUBIC, kinds.BOX, kinds.HAMMING, kinds.LANCZOS):
            row(w, h, c, ow, oh, "PIL_" + kind.name, np.asarray(picture(noise(w, h, c)).resize((ow, oh), kind)))


def cv():
    import cv2
    for w, h, c, ow, oh in SIZES:
        row(w, h, c, ow, oh, "CV_LINEAR", cv2.resize(noise(w, h, c), (ow, oh), interpolation=cv2.INTER_LINEAR))


def array(name, data):
    print(f"static const uint8_t {name}[] = {{")
    for i in range(0, len(data), 16):
        print("    " + " ".join(f"{b}," for b in data[i:i + 16]))
    print("};")


def pictures():
    from PIL import Image
    rows = []

    def add(name, image, form, expected, **options):
        file = io.BytesIO()
        image.save(file, form, **options)
        array("FILE_" + name, file.getvalue())
        if expected is None:
            expected = np.asarray(Image.open(io.BytesIO(file.getvalue())))
        elif isinstance(expected, str):
            expected = np.asarray(Image.open(io.BytesIO(file.getvalue())).convert(expected))
        expected = expected.reshape(expected.shape[0], expected.shape[1], -1)
        h, w, c = expected.shape
        rows.append((name, w, h, c, zlib.crc32(np.ascontiguousarray(expected).tobytes())))

    grey, rgb = smooth(13, 9, 1), smooth(13, 9, 3)
    rgba = np.concatenate([rgb, smooth(13, 9, 1)[:, ::-1]], axis=2)
    add("PNG_GREY", picture(grey), "PNG", None)
    add("PNG_RGB", picture(rgb), "PNG", None)
    add("PNG_RGBA", Image.fromarray(rgba), "PNG", None)
    add("PNG_GREY_ALPHA", Image.merge("LA", [picture(grey), picture(grey[::-1])]), "PNG", grey)
    palette = picture(rgb).quantize(11)
    add("PNG_PALETTE", palette, "PNG", "RGB")
    add("PNG_PALETTE_ALPHA", palette, "PNG", "RGBA", transparency=3)
    add("PNG_BITS", picture(grey).point(lambda v: 255 * (v > 99)).convert("1"), "PNG", "L")
    wide = (smooth(13, 9, 1).astype(np.uint16) * 257 + 3).astype(np.uint16)
    wide[0, 0, 0] = 0x1234
    add("PNG_GREY16", Image.fromarray(wide[:, :, 0]), "PNG", (wide >> 8).astype(np.uint8))
    add("JPEG_GREY", picture(grey), "JPEG", None)
    add("JPEG_RGB", picture(rgb), "JPEG", None, quality=90, subsampling=0)
    add("JPEG_420", picture(smooth(29, 17, 3)), "JPEG", None, quality=85, subsampling=2)
    add("JPEG_PROGRESSIVE", picture(rgb), "JPEG", None, progressive=True)
    add("JPEG_CMYK", picture(rgb).convert("CMYK"), "JPEG", "RGB")
    print("static const struct golden_picture GOLDEN_PICTURES[] = {")
    for name, w, h, c, crc in rows:
        print(f'    {{"{name}", FILE_{name}, sizeof FILE_{name}, {w}, {h}, {c}, 0x{crc:08x}}},')
    print("};\n")


def numbers():
    def npy(name, value):
        file = io.BytesIO()
        np.save(file, value)
        array("NPY_" + name, file.getvalue())

    base = np.arange(6).reshape(2, 3)
    npy("FORTRAN", np.asfortranarray(base.astype("<i4")))
    npy("BIG", base.astype(">f8"))
    npy("HALF", (base / 4).astype("<f2"))
    npy("BOOL", base % 2 == 1)
    npy("TEXT", np.array(["a", "äß", "日本"]))
    npy("BYTES", np.array([b"xy", b"z"]))
    npy("SCALAR", np.float32(2.5))
    npy("BIG_COMPLEX", np.array([1 + 2j, -3.5j]).astype(">c8"))
    for name, save in (("STORED", np.savez), ("PACKED", np.savez_compressed)):
        file = io.BytesIO()
        save(file, x=np.arange(40, dtype=np.float32).reshape(4, 10), ids=np.arange(4, dtype=np.int64) * 3)
        array("NPZ_" + name, file.getvalue())


part = sys.argv[1]
guard = f"MOPT_TESTS_UNIT_DATA_GOLDEN_{part.upper()}_H"
print(f"// SPDX-License-Identifier: Apache-2.0\n// Written by golden.py: do not edit.\n// clang-format off\n"
      f"#ifndef {guard}\n#define {guard}\n\n#include \"golden.h\"\n")
{"pil": lambda: resizes("GOLDEN_PIL", pil), "cv": lambda: resizes("GOLDEN_CV", cv),
 "pictures": pictures, "numbers": numbers}[part]()
print("#endif")
