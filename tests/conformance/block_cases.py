# SPDX-License-Identifier: Apache-2.0
"""Cases of GatherBlockQuantized and of images with channels last (NhwcMaxPool, QLinearConv) for write_contrib_cases.py. Tables are initializers: ONNX Runtime
takes types of less than 8 bits only so."""
import os

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper as h
from onnx import numpy_helper as nh

T = onnx.TensorProto
rng = np.random.default_rng(5)


def floats(*s):
    return rng.standard_normal(s).astype(np.float32)


def codes(kind, *s):
    low, high = {T.INT4: (-8, 8), T.UINT4: (0, 16), T.UINT8: (0, 256)}[kind]
    return h.make_tensor("", kind, s, rng.integers(low, high, s).reshape(-1).tolist())


def gather(out, name, data, indices, scales, zeros=None, **attrs):
    tensors = {"d": data, "s": nh.from_array(scales)}
    if zeros is not None:
        tensors["z"] = zeros
    for key, tensor in tensors.items():
        tensor.name = key
    node = h.make_node("GatherBlockQuantized", ["d", "i", "s"] + (["z"] if zeros is not None else []), ["y"],
                       domain="com.microsoft", **attrs)
    kind = h.np_dtype_to_tensor_dtype(scales.dtype)
    graph = h.make_graph([node], "g",
                         [h.make_tensor_value_info("i", h.np_dtype_to_tensor_dtype(indices.dtype), indices.shape)],
                         [h.make_tensor_value_info("y", kind, None)], list(tensors.values()))
    model = h.make_model(graph, opset_imports=[h.make_opsetid("", 21), h.make_opsetid("com.microsoft", 1)],
                         ir_version=10)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        result = ort.InferenceSession(model.SerializeToString(), options).run(None, {"i": indices})[0]
    except Exception as error:
        print("ORT refuses", name, str(error)[:200])
        return 0
    folder = f"{out}/ms_{name}/test_data_set_0"
    os.makedirs(folder, exist_ok=True)
    onnx.save(model, f"{out}/ms_{name}/model.onnx")
    for file, array in (("input_0", indices), ("output_0", result)):
        with open(f"{folder}/{file}.pb", "wb") as to:
            to.write(nh.from_array(np.asarray(array)).SerializeToString())
    return 1


def add(case, out):
    """Writes all cases; the number of those made without `case`."""
    made = 0
    at = np.array([[3, 0, -1], [1, 1, -5]], np.int64)
    made += gather(out, "gbq_uint4", codes(T.UINT4, 5, 48), at, floats(5, 3), codes(T.UINT4, 5, 3), block_size=16)
    made += gather(out, "gbq_uint4_nozero", codes(T.UINT4, 5, 48), at, floats(5, 3), block_size=16)
    made += gather(out, "gbq_int4", codes(T.INT4, 5, 40), at.astype(np.int32), floats(5, 3), codes(T.INT4, 5, 3),
                   block_size=16)
    made += gather(out, "gbq_int4_axis1", codes(T.INT4, 5, 7, 32), np.array([6, -7], np.int64), floats(5, 7, 1),
                   codes(T.INT4, 5, 7, 1), block_size=32, gather_axis=1, quantize_axis=2)
    made += gather(out, "gbq_int4_first", codes(T.INT4, 40, 5), np.array(4, np.int64), floats(3, 5),
                   codes(T.INT4, 3, 5), block_size=16, gather_axis=1, quantize_axis=0)
    made += gather(out, "gbq_int4_half", codes(T.INT4, 5, 48), at, floats(5, 3).astype(np.float16), block_size=16,
                   quantize_axis=-1)
    made += gather(out, "gbq_bytes4", codes(T.UINT8, 5, 24), at, floats(5, 3), codes(T.UINT8, 5, 2), block_size=16)
    made += gather(out, "gbq_bytes4_nozero", codes(T.UINT8, 5, 24), at, floats(5, 3), block_size=16)
    made += gather(out, "gbq_bytes8", codes(T.UINT8, 5, 48), at, floats(5, 3), codes(T.UINT8, 5, 3), block_size=16,
                   bits=8)
    made += gather(out, "gbq_bytes8_nozero", codes(T.UINT8, 5, 48), at, floats(5, 3), block_size=16, bits=8)
    made += gather(out, "gbq_bytes2", codes(T.UINT8, 5, 12), at, floats(5, 3), codes(T.UINT8, 5, 1), block_size=16,
                   bits=2)
    made += gather(out, "gbq_outside", codes(T.UINT8, 5, 48), np.array([4, 5, -6], np.int64), floats(5, 3),
                   block_size=16, bits=8)
    x = rng.integers(0, 256, (2, 9, 7, 5)).astype(np.uint8)
    s = rng.integers(-128, 128, (1, 9, 7, 3)).astype(np.int8)
    case("nhwcmax", "NhwcMaxPool", [x], kernel_shape=[3, 2])
    case("nhwcmax_pads", "NhwcMaxPool", [s], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    case("nhwcmax_ceil", "NhwcMaxPool", [x], kernel_shape=[2, 2], strides=[2, 3], ceil_mode=1)
    case("nhwcmax_dilated", "NhwcMaxPool", [s], kernel_shape=[3, 2], dilations=[2, 3])
    case("nhwcmax_same", "NhwcMaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER")
    case("nhwcmax_1d", "NhwcMaxPool", [x[:, :, 0]], kernel_shape=[4])
    case("nhwcmax_3d", "NhwcMaxPool", [x.reshape(2, 3, 3, 7, 5)], kernel_shape=[2, 2, 2], pads=[0, 1, 0, 1, 0, 1])
    conv_cases(case)
    return made


def conv_cases(case):
    """QLinearConv of com.microsoft: channels last, and second."""
    def conv(name, x, w, w_scale=0.02, w_zero=0, bias=False, **attrs):
        filters = w.shape[0]
        last = x if attrs.get("channels_last") else None
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1)) if last is None else x
        number = lambda value, kind=np.float32: np.asarray(value, kind)
        ins = [x, number(0.05), number(3, x.dtype), w, number(w_scale), number(w_zero, w.dtype), number(0.3),
               number(7, x.dtype)]
        ins += [rng.integers(-900, 900, filters).astype(np.int32)] if bias else []
        case("qlconv_" + name, "QLinearConv", ins, **attrs)
    x = rng.integers(0, 256, (2, 9, 7, 4)).astype(np.uint8)
    s = rng.integers(-128, 128, (1, 9, 7, 4)).astype(np.int8)
    w = rng.integers(-128, 128, (6, 4, 3, 2)).astype(np.int8)
    many = (0.01 + rng.random(6) / 50).astype(np.float32)
    conv("last", x, w, channels_last=1)
    conv("second", x, w, channels_last=0)
    conv("last_bias", x, w, many, np.zeros(6), True, channels_last=1, pads=[1, 0, 1, 1], strides=[2, 1])
    conv("last_signed", s, w, many, np.zeros(6), True, channels_last=1, dilations=[2, 3])
    conv("last_group", x, w[:, :2], channels_last=1, group=2, kernel_shape=[3, 2])
    conv("last_depth", x, w[:4, :1], channels_last=1, group=4, pads=[1, 1, 1, 1])
    conv("last_same", x, w, channels_last=1, auto_pad="SAME_LOWER")
    conv("last_1d", x[:, :, 0], w[..., 0], channels_last=1)
    conv("last_3d", x.reshape(2, 3, 3, 7, 4), w.reshape(6, 4, 3, 2, 1), channels_last=1)
