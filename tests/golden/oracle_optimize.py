# SPDX-License-Identifier: Apache-2.0
"""Optimizes real models with every pass: the result must pass onnx.checker, keep its interface, have no more nodes, no more
than 64 KiB more bytes, and give the outputs of the original in ONNX Runtime on inputs with negatives, zeros and large
values. Usage: oracle_optimize.py FOLDER... (searched for *.onnx; FILE.npz beside a model holds its inputs)"""

import glob
import os
import sys

import numpy as np
import onnx
from oracle_common import OUT, difference, finish, mopt, session

GROWTH_MAX = 64 * 1024
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
         "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(bool)": np.bool_, "tensor(uint8)": np.uint8}
# Shapes of models whose inputs are dynamic.
SHAPES = {"_cls_infer": {"x": (2, 3, 48, 192)}, "_rec_infer": {"x": (2, 3, 48, 96)}, "_det_infer": {"x": (1, 3, 96, 128)},
          "silero_vad": {"input": (2, 576), "state": (2, 2, 128)}, "best.onnx": {"images": (1, 3, 320, 320)},
          "unet": {"x": (2, 3, 32, 32), "image": (2, 3, 32, 32)}}


def count_nodes(graph):
    total = len(graph.node)
    for node in graph.node:
        for attribute in node.attribute:
            total += sum(count_nodes(g) for g in [attribute.g, *attribute.graphs] if g.node)
    return total


def known(path, name):
    values = path[:-5] + ".npz"
    if not os.path.exists(values):
        return None
    data = np.load(values)
    return next((data[k] for k in data.files if k in (name, "in_" + name, "input_" + name, "in/" + name)), None)


def make_input(path, info, dims, seed):
    rng = np.random.default_rng(seed)
    dtype = TYPES[info.type]
    stored = known(path, info.name)
    if stored is not None and (seed == 0 or not np.issubdtype(dtype, np.floating)):
        return stored
    shapes = next((v for k, v in SHAPES.items() if k in path), {})
    if stored is not None:
        shape = stored.shape
    else:
        wanted = shapes.get(info.name) or [dims.setdefault(str(d), 2 + len(dims) % 2) for d in info.shape]
        shape = [d if isinstance(d, int) else w for d, w in zip(info.shape, wanted)]
    if info.name == "sr":
        return np.array(16000, dtype)
    if not np.issubdtype(dtype, np.floating):
        return rng.integers(0, 2, shape).astype(dtype)
    values = (rng.standard_normal(shape) * (1, 3, 1)[seed % 3]).astype(dtype)
    values[rng.random(shape) < 0.1] = 0
    if seed == 2:
        values[rng.random(shape) < 0.02] *= 50
    return values


def interface(model):
    return [[(v.name, v.type) for v in values] for values in (model.get_inputs(), model.get_outputs())]


def reference_of(path):
    """The original's session, with inputs and outputs of three runs; None when ONNX Runtime does not take it as it is."""
    try:
        before = session(path)
        runs = []
        for seed in range(3):
            dims = {}
            feeds = {i.name: make_input(path, i, dims, seed) for i in before.get_inputs()}
            runs.append((feeds, before.run(None, feeds)))
        return before, runs
    except Exception:  # an operator, a type or a locale that ONNX Runtime lacks, values that are no tensors
        return None


def failure_of(path, before, runs):
    refusal = mopt(path, "-O3")
    if refusal is not None:
        return refusal
    onnx.checker.check_model(OUT)
    after = session(OUT)
    nodes = [count_nodes(onnx.load(p, load_external_data=False).graph) for p in (path, OUT)]
    growth = os.path.getsize(OUT) - os.path.getsize(path)
    print(f"{os.path.basename(path):40} nodes {nodes[0]:5} -> {nodes[1]:5}   bytes {growth:+9}", flush=True)
    if nodes[1] > nodes[0] or growth > GROWTH_MAX:
        return "grows"
    if interface(before) != interface(after):
        return "the interface changes"
    for seed, (feeds, wanted) in enumerate(runs):
        why = difference(after.run(None, feeds), wanted)
        if why is not None:
            return f"seed {seed}: {why}"
    return None


def main():
    passed, failures, foreign = 0, [], 0
    for path in sorted(p for folder in sys.argv[1:] for p in glob.glob(f"{folder}/**/*.onnx", recursive=True)):
        reference = reference_of(path)
        if reference is None:
            foreign += 1
            continue
        try:
            why = failure_of(path, *reference)
        except Exception as error:
            why = str(error)[:300]
        if why is None:
            passed += 1
        else:
            failures.append(f"{path}: {why}")
    print(f"{foreign} models that ONNX Runtime does not run as they are were left out")
    if passed < 10:
        failures.append(f"only {passed} models compared")
    finish(passed, failures)


main()
