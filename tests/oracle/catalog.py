# SPDX-License-Identifier: Apache-2.0
"""The models that the oracle tests look at, and inputs for them.

Models come from tests/models and examples/models (the tree), from the wheels that tests/run.sh
unpacks (MOPT_TEST_MODELS), from the backend data of the onnx package, and from the folder
MOPT_TEST_EXTRA, else ../shared/data/models where that is (models with recorded data beside them as
NAME.npz).
"""
import os
import pathlib
import tarfile
import tempfile

import numpy as np
import onnx
import onnx.numpy_helper
from PIL import Image, ImageDraw, ImageFont

KINDS = ("normal", "zero", "negative", "large")
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
# Sizes of dims that a model leaves open, by a part of the file's name: input -> shape.
SHAPES = {
    "v4_det_infer": {"x": (1, 3, 96, 160)},
    "v4_rec_infer": {"x": (1, 3, 48, 160)},
    "cls_infer": {"x": (1, 3, 48, 192)},
    "sequence": {"input": (4, 576), "h": (1, 1, 128), "c": (1, 1, 128)},
    "openvino": {"input": (1, 576), "state": (2, 1, 128)},
    "silero": {"input": (1, 512), "state": (2, 1, 128), "x": (1, 512), "h": (2, 1, 64),
               "c": (2, 1, 64)},
    "best": {"images": (1, 3, 160, 192)},
    "model": {"bytes": (1, 2048)},
}
SIZE_OF_OPEN_DIM = 2


class Model:
    """One model file; recorded inputs and outputs when there are any."""

    def __init__(self, path, group):
        self.path = pathlib.Path(path)
        self.group = group
        self.name = self.path.stem
        if self.name == "model":
            self.name = self.path.parent.name
        self.megabytes = self.path.stat().st_size / 1e6

    def recorded(self):
        """(inputs by name, outputs in order) recorded with the model, or None."""
        npz = self.path.with_suffix(".npz")
        if npz.exists():
            data = np.load(npz)
            inputs = {k.split("_", 2)[2]: data[k] for k in data.files if k.startswith("in_")}
            outputs = [data[f"out_{i}"] for i in range(len(data.files)) if f"out_{i}" in data.files]
            return inputs, outputs
        folder = self.path.parent / "test_data_set_0"
        if not folder.is_dir():
            return None
        try:
            model = onnx.load(self.path)
            weights = {w.name for w in model.graph.initializer}
            names = [i.name for i in model.graph.input if i.name not in weights]
            inputs = {n: load_tensor(folder / f"input_{i}.pb") for i, n in enumerate(names)}
            count = len(list(folder.glob("output_*.pb")))
            return inputs, [load_tensor(folder / f"output_{i}.pb") for i in range(count)]
        except Exception:  # sequences, optionals: not for these tests
            return None

    def inputs(self, session, kind, seed=0):
        """Inputs of one kind for the inputs of an ORT session; None when a type is not ours."""
        rng = np.random.default_rng(seed)
        recorded = self.recorded()
        out = {}
        for value in session.get_inputs():
            if value.type not in TYPES:
                return None
            if recorded and value.name in recorded[0]:
                base = recorded[0][value.name]
                if seed and base.dtype.kind == "f":
                    base = rng.standard_normal(base.shape).astype(base.dtype)
            else:
                base = self._fresh(rng, value, kind)
            out[value.name] = of_kind(base, kind)
        return out

    def _fresh(self, rng, value, kind):
        dtype = TYPES[value.type]
        shapes = next((s for k, s in SHAPES.items() if k in self.path.stem), {})
        shape = shapes.get(value.name)
        if shape is None or len(shape) != len(value.shape):
            shape = [d if isinstance(d, int) else SIZE_OF_OPEN_DIM for d in value.shape]
        if value.name == "images":
            return barcode(rng, shape)
        if value.name == "x" and "_infer" in self.path.stem and kind == "normal":
            return text(rng, shape)  # ten times that is beyond what ONNX Runtime itself computes well
        if value.name == "sr":
            return np.array(16000, dtype)
        if dtype == np.bool_:
            return rng.integers(0, 2, shape).astype(dtype)
        if np.dtype(dtype).kind in "iu":
            top = 256 if value.name == "bytes" else 3
            return rng.integers(0, top, shape).astype(dtype)
        return np.asarray(rng.standard_normal(shape), dtype)


def barcode(rng, shape):
    """White paper with a bar code: the detector among the models finds it (score 0.96)."""
    _, _, height, width = shape
    image = np.ones(shape, np.float32)
    at = width // 5
    while at < 4 * width // 5:
        bar = int(rng.integers(1, 4))
        image[:, :, height // 4:3 * height // 4, at:at + bar] = 0
        at += bar + int(rng.integers(1, 4))
    return image


def text(rng, shape):
    """Lines of black capitals on white paper, -1..1: what the readers of text among the models want."""
    _, _, height, width = shape
    size = min(height - 8, 24)
    image = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size)
    for top in range(4, height - size + 1, size + 10):
        letters = "".join(chr(c) for c in rng.integers(65, 91, width // size))
        draw.text((6, top), letters, fill=0, font=font)
    pixels = np.asarray(image, np.float32) / 127.5 - 1
    return np.broadcast_to(pixels, shape).copy()


def of_kind(array, kind):
    """Floats only; token numbers and switches stay as they are."""
    if array.dtype.kind != "f" or kind == "normal":
        return array
    factor = {"zero": 0, "negative": -1, "large": 10}[kind]
    out = np.abs(array) if kind == "negative" else array
    return np.asarray(out * factor, array.dtype)


def load_tensor(path):
    tensor = onnx.TensorProto()
    tensor.ParseFromString(path.read_bytes())
    return onnx.numpy_helper.to_array(tensor)


def weights_of(rng, node, index, shape):
    """Random weights as a fresh net has them, for input `index` of a node."""
    if len(shape) > 1:
        inputs = shape[1:] if node.op_type == "Conv" else shape[-1:]
        return rng.standard_normal(shape) * np.sqrt(2 / np.prod(inputs))
    around_one = node.op_type == "Mul" or (node.op_type == "BatchNormalization" and index in (1, 4))
    return rng.uniform(0.8, 1.2, shape) if around_one else 0.1 * rng.standard_normal(shape)


def with_weights(model, path):
    """Writes a light model, whose weights are all one number made by ConstantOfShape, with real ones."""
    rng = np.random.default_rng(0)
    proto = onnx.load(model.path)
    graph = proto.graph
    sizes = {w.name: onnx.numpy_helper.to_array(w) for w in graph.initializer}
    readers = {}
    for node in graph.node:
        for index, name in enumerate(node.input):
            readers.setdefault(name, (node, index))
    makers = [n for n in graph.node if n.op_type == "ConstantOfShape"]
    for maker in makers:
        name = maker.output[0]
        reader, index = readers[name]
        if reader.op_type == "Unsqueeze":
            reader, index = readers[reader.output[0]]
        weights = weights_of(rng, reader, index, [int(d) for d in sizes[maker.input[0]]])
        graph.initializer.append(onnx.numpy_helper.from_array(weights.astype(np.float32), name))
        graph.node.remove(maker)
    proto.ir_version = max(proto.ir_version, 4)  # initializers that are no inputs
    onnx.save(proto, path)
    return Model(path, model.group)


def parameters_of(model):
    """How many weights a light model would have."""
    graph = onnx.load(model.path).graph
    sizes = {w.name: w for w in graph.initializer}
    return sum(int(np.prod(onnx.numpy_helper.to_array(sizes[n.input[0]])))
               for n in graph.node if n.op_type == "ConstantOfShape")


_unpacked = None


def unpacked(source):
    """Folder with the contents of tests/models/*.tar.xz."""
    global _unpacked
    if _unpacked is None:
        _unpacked = tempfile.TemporaryDirectory(prefix="mopt-models-")
        for archive in sorted((source / "tests" / "models").glob("*.tar.xz")):
            with tarfile.open(archive) as tar:
                tar.extractall(_unpacked.name)
    return pathlib.Path(_unpacked.name)


def models():
    """All models there are, each name once."""
    source = pathlib.Path(os.environ["MOPT_TEST_SOURCE"])
    wheels = pathlib.Path(os.environ.get("MOPT_TEST_MODELS", "/nowhere"))
    backend = pathlib.Path(onnx.__path__[0]) / "backend" / "test" / "data"
    extra = pathlib.Path(os.environ.get("MOPT_TEST_EXTRA") or
                         source.parent / "shared" / "data" / "models")
    found = []
    for folder in (source / "examples" / "models", source / "tests" / "models"):
        found += [Model(p, "trained") for p in sorted(folder.glob("*.onnx"))]
    found += [Model(p, "exported") for p in sorted(unpacked(source).glob("*.onnx"))]
    found += [Model(p, "exported" if p.with_suffix(".npz").exists() else "trained")
              for p in sorted(extra.rglob("*.onnx"))]
    if wheels.is_dir():
        for folder in sorted(wheels.iterdir()):
            if folder.name != "onnx" and folder.is_dir():
                found += [Model(p, "wheel") for p in sorted(folder.rglob("*.onnx"))]
    found += [Model(p, "light") for p in sorted((backend / "light").glob("*.onnx"))]
    for kind in ("simple", "pytorch-converted", "pytorch-operator"):
        found += [Model(p, "suite") for p in sorted((backend / kind).glob("*/model.onnx"))]
    seen = set()
    return [m for m in found if not (m.name in seen or seen.add(m.name))]
