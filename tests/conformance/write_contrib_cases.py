# SPDX-License-Identifier: Apache-2.0
"""Writes cases of com.microsoft operators, with the results of ONNX Runtime, as folders of the backend suite's form.

usage: write_contrib_cases.py FOLDER   (python with onnx and onnxruntime; then: mopt_node_tests FOLDER)
"""
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
from onnx import helper as h
from onnx import numpy_helper as nh

import attention_cases
import block_cases

ort.set_default_logger_severity(4)
out = sys.argv[1]
MS = "com.microsoft"
rng = np.random.default_rng(0)
def floats(*s):
    return rng.standard_normal(s).astype(np.float32)
def bytes_u(*s):
    return rng.integers(0, 256, s).astype(np.uint8)

def bytes_s(*s):
    return rng.integers(-128, 128, s).astype(np.int8)

def scale(v):
    return np.array(v, np.float32)

def zero(v, t=np.uint8):
    return np.array(v, t)

n_ok = 0

def case(name, op, ins, nout=1, domain=MS, tol=None, kinds=None, fix=None, **attrs):
    global n_ok
    names = ['' if x is None else f'x{i}' for i, x in enumerate(ins)]
    node = h.make_node(op, names, [f'y{i}' for i in range(nout)], domain=domain, **attrs)
    vi = [h.make_tensor_value_info(n, h.np_dtype_to_tensor_dtype(x.dtype), x.shape) for n, x in zip(names, ins) if x is not None]
    g = h.make_graph([node], 'g', vi, [h.make_tensor_value_info(f'y{i}', kinds[i], None) if kinds and i in kinds else h.make_empty_tensor_value_info(f'y{i}') for i in range(nout)])
    m = h.make_model(g, opset_imports=[h.make_opsetid('', 17), h.make_opsetid(MS, 1)], ir_version=8)
    so = ort.SessionOptions()
    so.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    try:
        s = ort.InferenceSession(m.SerializeToString(), so)
        r = s.run(None, {n: x for n, x in zip(names, ins) if x is not None})
    except Exception as e:
        print('ORT refuses', name, str(e)[:200])
        return
    if fix:
        fix(r)
    for i, y in enumerate(r):
        m.graph.output[i].CopyFrom(h.make_tensor_value_info(f'y{i}', h.np_dtype_to_tensor_dtype(y.dtype), y.shape))
    d = f'{out}/ms_{name}'
    os.makedirs(d + '/test_data_set_0', exist_ok=True)
    onnx.save(m, d + '/model.onnx')
    for k, (i, x) in enumerate(((i, x) for i, x in enumerate(ins) if x is not None)):
        open(f'{d}/test_data_set_0/input_{k}.pb', 'wb').write(nh.from_array(x).SerializeToString())
    for i, x in enumerate(r):
        open(f'{d}/test_data_set_0/output_{i}.pb', 'wb').write(nh.from_array(np.asarray(x)).SerializeToString())
    n_ok += 1
case('fusedconv', 'FusedConv', [floats(2, 4, 9, 9), floats(6, 2, 3, 3), floats(6)], group=2, activation='Relu', pads=[1, 1, 1, 1])
case('fusedconv_z', 'FusedConv', [floats(2, 4, 9, 9), floats(6, 4, 3, 3), floats(6), floats(2, 6, 9, 9)], activation='Relu', pads=[1, 1, 1, 1])
case('fusedconv_leaky', 'FusedConv', [floats(2, 4, 9, 9), floats(6, 4, 3, 3), floats(6)], activation='LeakyRelu', activation_params=[0.1])
case('fusedconv_clip', 'FusedConv', [floats(2, 4, 9, 9), floats(6, 4, 3, 3), floats(6)], activation='Clip', activation_params=[-0.5, 0.7])
case('fusedconv_hs', 'FusedConv', [floats(2, 4, 9, 9), floats(6, 4, 3, 3), floats(6)], activation='HardSigmoid', activation_params=[0.2, 0.5])
for ta in (0, 1):
    for tb in (0, 1):
        case(f'fusedmatmul_{ta}{tb}', 'FusedMatMul', [floats(2, 3, *((5, 4) if ta else (4, 5))), floats(2, 3, *((6, 5) if tb else (5, 6)))], transA=ta, transB=tb, alpha=0.5)
        case(f'fusedmatmul_bb_{ta}{tb}', 'FusedMatMul', [floats(4, 2, 3, 5) if not ta else floats(5, 2, 3, 4), floats(5, 2, 3, 6) if not tb else floats(6, 2, 3, 5)], transA=ta, transB=tb, transBatchA=1, transBatchB=1)
case('fusedgemm', 'FusedGemm', [floats(4, 5), floats(6, 5), floats(6)], transB=1, activation='Relu', alpha=0.5)
case('fusedgemm_leaky', 'FusedGemm', [floats(4, 5), floats(6, 5), floats(6)], transB=1, activation='LeakyRelu', activation_alpha=0.2)
case('gelu', 'Gelu', [floats(3, 40)])
case('biasgelu', 'BiasGelu', [floats(3, 40), floats(40)])
case('fastgelu', 'FastGelu', [floats(3, 40), floats(40)])
case('fastgelu0', 'FastGelu', [floats(3, 40)])
case('quickgelu', 'QuickGelu', [floats(3, 40)], alpha=1.5)
case('quickgelu0', 'QuickGelu', [floats(3, 40)])
case('skipln', 'SkipLayerNormalization', [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8), floats(8)], epsilon=1e-05)
case('skipln_sum', 'SkipLayerNormalization', [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8)], nout=1)
case('skipln_b', 'SkipLayerNormalization', [floats(2, 3, 8), floats(1, 3, 8), floats(8), floats(8), floats(8)])
case('skipsln', 'SkipSimplifiedLayerNormalization', [floats(2, 3, 8), floats(2, 3, 8), floats(8), floats(8)], epsilon=1e-06)
case('sln', 'SimplifiedLayerNormalization', [floats(2, 3, 8), floats(8)], domain='', axis=-1, epsilon=1e-06)
case('qadd', 'QLinearAdd', [bytes_u(2, 3, 5), scale(0.02), zero(120), bytes_u(3, 1), scale(0.03), zero(3), scale(0.05), zero(100)])
case('qadd_s8', 'QLinearAdd', [bytes_s(2, 3, 5), scale(0.02), zero(-3, np.int8), bytes_s(2, 3, 5), scale(0.03), zero(3, np.int8), scale(0.05), zero(10, np.int8)])
case('qmul', 'QLinearMul', [bytes_u(2, 3, 5), scale(0.02), zero(120), bytes_u(5), scale(0.03), zero(3), scale(0.05), zero(100)])
case('qconcat', 'QLinearConcat', [scale(0.05), zero(100), bytes_u(2, 3), scale(0.02), zero(120), bytes_u(2, 4), scale(0.03), zero(3)], axis=1)
case('qsigmoid', 'QLinearSigmoid', [bytes_u(4, 64), scale(0.05), zero(120), scale(1 / 256), zero(0)])
case('qleaky', 'QLinearLeakyRelu', [bytes_u(4, 64), scale(0.05), zero(120), scale(0.04), zero(30)], alpha=0.1)
case('qavg', 'QLinearAveragePool', [bytes_u(2, 3, 8, 8), scale(0.05), zero(120), scale(0.03), zero(110)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
case('qavg_incl', 'QLinearAveragePool', [bytes_u(2, 3, 8, 8), scale(0.05), zero(120), scale(0.03), zero(110)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)
case('qgap', 'QLinearGlobalAveragePool', [bytes_u(2, 3, 7, 7), scale(0.05), zero(120), scale(0.01), zero(110)])
case('qgap_last', 'QLinearGlobalAveragePool', [bytes_u(2, 7, 7, 3), scale(0.05), zero(120), scale(0.01), zero(110)], channels_last=1)
case('qsoftmax', 'QLinearSoftmax', [bytes_u(3, 10), scale(0.05), zero(120), scale(1 / 256), zero(0)], axis=-1, opset=13)
case('qsoftmax_12', 'QLinearSoftmax', [bytes_u(3, 10, 4), scale(0.05), zero(120), scale(1 / 256), zero(0)], axis=1, opset=12)
case('qgemm', 'QGemm', [bytes_u(4, 7), scale(0.02), zero(120), bytes_s(5, 7), scale([0.1, 0.2, 0.3, 0.4, 0.5]), np.zeros(5, np.int8), rng.integers(-900, 900, 5).astype(np.int32), scale(2.0), zero(99)], transB=1)
case('qgemm_f', 'QGemm', [bytes_u(4, 7), scale(0.02), zero(120), bytes_s(7, 5), scale(0.1), zero(0, np.int8), rng.integers(-900, 900, 5).astype(np.int32)], alpha=0.5)
case('mmi2f', 'MatMulIntegerToFloat', [bytes_u(2, 4, 7), bytes_s(7, 5), scale(0.02), scale([0.1, 0.2, 0.3, 0.4, 0.5]), zero(120), np.array([1, 2, 3, 4, 5], np.int8), floats(5)])
case('dqmm', 'DynamicQuantizeMatMul', [floats(2, 4, 7), bytes_s(7, 5), scale([0.1, 0.2, 0.3, 0.4, 0.5]), np.array([1, 2, 3, 4, 5], np.int8), floats(5)])
K, N = (64, 6)
for bits in (4, 8):
    for bs in (16, 32):
        for zp in (0, 1):
            nb = K // bs
            B = bytes_u(N, nb, bs * bits // 8)
            sc = floats(N, nb).reshape(-1)
            ins = [floats(3, K), B, sc]
            if zp:
                ins.append(bytes_u(N * ((nb * bits + 7) // 8)))
            case(f'nbits_{bits}_{bs}_{zp}', 'MatMulNBits', ins, K=K, N=N, bits=bits, block_size=bs)
case('nbits_odd', 'MatMulNBits', [floats(3, 50), bytes_u(4, 4, 8), floats(16)], K=50, N=4, bits=4, block_size=16)
case('q_contrib', 'QuantizeLinear', [floats(3, 4) * 50, scale(0.5), zero(30000, np.uint16)])
case('dq_contrib', 'DequantizeLinear', [rng.integers(0, 65535, (3, 4)).astype(np.uint16), scale(0.5), zero(30000, np.uint16)])
case('rot', 'RotaryEmbedding', [floats(2, 3, 16), np.array([[0, 1, 2], [1, 2, 3]], np.int64), floats(5, 4), floats(5, 4)], num_heads=0)
case('rot4', 'RotaryEmbedding', [floats(2, 2, 3, 8), np.array([0], np.int64), floats(5, 4), floats(5, 4)], interleaved=1)
T, B, I, H = (5, 1, 6, 4)
case('dqlstm', 'DynamicQuantizeLSTM', [floats(T, B, I), bytes_s(1, I, 4 * H), bytes_s(1, H, 4 * H), floats(1, 8 * H), None, None, None, None, scale([0.01]), np.zeros(1, np.int8), scale([0.01]), np.zeros(1, np.int8)], nout=3, hidden_size=H)
case('dqlstm_bi', 'DynamicQuantizeLSTM', [floats(T, B, I), bytes_u(2, I, 4 * H), bytes_u(2, H, 4 * H), floats(2, 8 * H), None, None, None, None, scale([0.01, 0.02]), np.array([120, 130], np.uint8), scale([0.01, 0.01]), np.array([120, 130], np.uint8)], nout=3, hidden_size=H, direction='bidirectional')
attention_cases.add(case)
n_ok += block_cases.add(case, out)
case('qwhere', 'QLinearWhere', [rng.integers(0, 2, (2, 3, 5)).astype(bool), bytes_u(3, 1), scale(0.02), zero(120), bytes_u(2, 1, 5), scale(0.03), zero(3), scale(0.05), zero(100)])
case('qwhere_s8', 'QLinearWhere', [rng.integers(0, 2, (5,)).astype(bool), bytes_s(2, 3, 5), scale(0.02), zero(-3, np.int8), bytes_s(2, 3, 5), scale(0.05), zero(10, np.int8), scale(0.05), zero(10, np.int8)])
case('qwhere_all', 'QLinearWhere', [rng.integers(0, 2, (8, 64)).astype(bool), np.arange(512).astype(np.uint8).reshape(8, 64), scale(0.037), zero(7), np.arange(512).astype(np.uint8).reshape(8, 64), scale(0.0051), zero(200), scale(0.0123), zero(131)])
case('qwhere_scalar', 'QLinearWhere', [np.array(True), bytes_u(4), scale(0.02), zero(120), bytes_u(3, 4), scale(0.03), zero(3), scale(0.05), zero(100)])
print(n_ok, 'cases')
