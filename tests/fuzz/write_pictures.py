# SPDX-License-Identifier: Apache-2.0
"""Writes small pictures, archives and arrays of many kinds as seeds.

usage: write_pictures.py FOLDER   (python with numpy and pillow)
"""
import gzip
import os
import sys

import numpy
from PIL import Image


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    pixels = numpy.arange(8 * 9 * 4, dtype=numpy.uint8).reshape(8, 9, 4) * 7
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK"):
        image = Image.fromarray(pixels, "RGBA").convert("RGB").convert(mode)
        if mode not in ("CMYK",):
            image.save(os.path.join(folder, f"{mode}.png"))
        if mode in ("L", "RGB", "CMYK"):
            image.save(os.path.join(folder, f"{mode}.jpg"), quality=60)
            image.save(os.path.join(folder, f"{mode}-progressive.jpg"), progressive=True, subsampling=0)
    Image.fromarray(pixels[:, :, 0].astype(numpy.uint16) * 257).save(os.path.join(folder, "I16.png"))
    for name in ("float16", "float64", "int8", "bool", "uint64", "complex64", ">f4", "S3", "U2"):
        array = numpy.arange(12).reshape(3, 2, 2).astype(name)
        file = name.replace(">", "big-")
        numpy.save(os.path.join(folder, f"{file}.npy"), numpy.asfortranarray(array))
        numpy.savez_compressed(os.path.join(folder, f"{file}.npz"), x=array, label=array[:, 0, 0])
    with open(os.path.join(folder, "float64.npy"), "rb") as file:
        data = file.read()
    with gzip.open(os.path.join(folder, "float64.npy.gz"), "wb") as out:
        out.write(data)
    with open(os.path.join(folder, "labels.idx.gz"), "wb") as out:
        out.write(gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 4, 1, 2, 3, 0])))
    with open(os.path.join(folder, "rows.csv"), "w", encoding="ascii") as out:
        out.write("a,b,c,label\n1,2.5,-3e4,0\n4,5,nan,1\n")


main()
