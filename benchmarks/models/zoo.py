# SPDX-License-Identifier: Apache-2.0
"""The networks of the side-by-side benchmark: files, fixed shapes, inputs, what int8 means for them.

Every network is measured at the shapes that stand here; dimensions that a file leaves open are
written into a copy of it, and both sides get that copy.
"""
import dataclasses

import numpy as np
import onnx
from onnx import numpy_helper

SEED = 7


@dataclasses.dataclass(frozen=True)
class Network:
    name: str
    file: str  # found anywhere below the folders given to the script
    shapes: dict  # input: dims
    group: str  # "net": seconds per run; "small": tiny, overhead per step is all
    ints: dict = dataclasses.field(default_factory=dict)  # input: largest value (exclusive) or constant
    int8: tuple = ("static",)  # static, dynamic: which quantized forms make sense
    rtol: float = 1e-3
    atol: float = 1e-4  # times the largest magnitude of the output
    spread: float = 1.0  # of random floats
    scores: int = -1  # boxes in order of score: only this column of the last axis is compared
    picture: str = "noise"  # or "text": dark strokes in lines on light ground, within [-1, 1]


def image(name, shape=(1, 3, 224, 224), file=None, group="net", of="image", **more):
    return Network(name, file or name + ".onnx", {of: shape}, group, **more)


def text(name, length, **more):
    names = ("input_ids", "attention_mask", "token_type_ids")
    names = names if name != "gpt2" else names[:2]
    limits = {"input_ids": 30000, "attention_mask": "ones", "token_type_ids": 2}
    return Network(name, name + ".onnx", {n: (1, length) for n in names}, "net",
                   {n: limits[n] for n in names}, int8=("dynamic",), **more)


def small(name):
    return image(name, (1, 1, 28, 28), group="small", int8=("static", "dynamic"))


NETWORKS = [
    image("resnet50"),
    image("resnet18"),
    image("vgg16"),
    image("mobilenet_v2", int8=("static", "odd")),
    image("efficientnet_b0"),
    text("bert_base", 128),
    text("minilm", 128),
    text("gpt2", 64),
    image("ppocr_det", (1, 3, 480, 640), "ch_PP-OCRv4_det_infer.onnx", of="x",
          picture="text"),
    image("ppocr_rec", (1, 3, 48, 320), "ch_PP-OCRv4_rec_infer.onnx", of="x",
          picture="text"),
    image("isbnx_yolo", (1, 3, 640, 640), "best.onnx", of="images", int8=("static",),
          spread=0.3, scores=4),
    Network("silero_vad", "silero_vad_op18_ifless.onnx",
            {"input": (1, 576), "sr": (), "state": (2, 1, 128)}, "net", {"sr": "16000"},
            int8=("dynamic",), spread=0.1),
    small("fm_mlp"),
    small("fm_cnn"),
    small("fm_resnet"),
    small("fm_mobilenet"),
    small("fm_mobilenet_se"),
    small("fm_vit"),
]


def text_picture(shape, rng):
    """Something like a page: lines of glyphs made of upright and level strokes."""
    _, _, height, width = shape
    page = np.full((height, width), 0.8, np.float32)
    line = 36
    for top in range(6, max(height - line, 7), line + 12):
        left = 8
        while left + 24 < width:
            for _ in range(rng.integers(2, 5)):
                x, y = left + rng.integers(0, 18), top + rng.integers(0, 26)
                upright = rng.random() < 0.5
                page[y:y + (10 if upright else 3), x:x + (3 if upright else 10)] = -0.8
            left += 24 if rng.random() < 0.85 else 48
    noise = rng.standard_normal(shape).astype(np.float32) * 0.02
    return np.broadcast_to(page, shape) + noise


def values(network, name, dtype, rng):
    """One array of fixed-seed numbers, never all zero."""
    shape = network.shapes[name]
    if name in network.ints:
        limit = network.ints[name]
        if limit == "ones":
            return np.ones(shape, dtype)
        if isinstance(limit, str):
            return np.full(shape, int(limit), dtype)
        return rng.integers(0, limit, shape).astype(dtype)
    if network.picture == "text":
        return text_picture(shape, rng).astype(dtype)
    return (rng.standard_normal(shape) * network.spread).astype(dtype)


def feeds(network, model, count, seed=SEED):
    """`count` dictionaries input name -> array for the graph inputs of an onnx.ModelProto."""
    rng = np.random.default_rng(seed)
    inputs = real_inputs(model)
    types = {v.name: onnx.helper.tensor_dtype_to_np_dtype(v.type.tensor_type.elem_type)
             for v in inputs}
    return [{v.name: values(network, v.name, types[v.name], rng) for v in inputs}
            for _ in range(count)]


def real_inputs(model):
    constants = {t.name for t in model.graph.initializer}
    return [v for v in model.graph.input if v.name not in constants]


def fix_shapes(network, source, target):
    """Writes a copy of the file whose inputs have exactly the shapes of the network."""
    model = onnx.load(source)
    for value in real_inputs(model):
        dims = network.shapes[value.name]
        shape = value.type.tensor_type.shape
        del shape.dim[:]
        for size in dims:
            shape.dim.add().dim_value = size
    del model.graph.value_info[:]
    for value in model.graph.output:  # names of open dimensions mean nothing any more
        value.type.tensor_type.ClearField("shape")
    onnx.save(model, target)


def odd_bias_scales(source, target, factor=1.37):
    """A legal but unusual QDQ file: biases quantized with a scale that is not x_scale * w_scale."""
    model = onnx.load(source)
    tensors = {t.name: t for t in model.graph.initializer}
    changed = 0
    for node in model.graph.node:
        if node.op_type != "DequantizeLinear":
            continue
        bias, scale = tensors.get(node.input[0]), tensors.get(node.input[1])
        if bias is None or scale is None or bias.data_type != onnx.TensorProto.INT32:
            continue
        steps = numpy_helper.to_array(scale)
        codes = np.rint(numpy_helper.to_array(bias) / factor).astype(np.int32)
        fresh = numpy_helper.from_array((steps * np.float32(factor)).astype(np.float32),
                                        scale.name + f"_odd{changed}")
        model.graph.initializer.append(fresh)
        node.input[1] = fresh.name
        bias.CopyFrom(numpy_helper.from_array(codes, bias.name))
        changed += 1
    if changed == 0:
        raise ValueError("no quantized bias found")
    onnx.save(model, target)
