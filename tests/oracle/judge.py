# SPDX-License-Identifier: Apache-2.0
"""How outputs are held against each other, and how mopt and ONNX Runtime are run."""
import os
import pathlib
import subprocess

import numpy as np
import onnxruntime

RTOL = 1e-4
ATOL = 1e-5
onnxruntime.set_default_logger_severity(4)


class Failed(Exception):
    """A command of mopt that did not work."""


def session(path, optimize=False):
    """ONNX Runtime on a model as it is, without its own optimizations (or with all of them)."""
    levels = onnxruntime.GraphOptimizationLevel
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = levels.ORT_ENABLE_ALL if optimize else levels.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def mopt(*arguments):
    command = [os.environ["MOPT_TEST_BIN"], *map(str, arguments), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"mopt {arguments[0]}: exit code {done.returncode}: {done.stderr.strip()[:400]}")
    return done.stdout


def run_mopt(path, inputs, names, work):
    """Outputs of our executor, in the order of names."""
    arguments = []
    for i, (name, array) in enumerate(inputs.items()):
        file = pathlib.Path(work) / f"in{i}.npy"
        np.save(file, array)
        arguments += ["--input", f"{name}={file}"]
    result = pathlib.Path(work) / "out.npz"
    mopt("run", path, *arguments, "--save", result, "--force")
    with np.load(result) as data:
        return [data[name] for name in names]


def tolerance_of(expected):
    """(atol, rtol): float32 as promised, other types by their precision."""
    if expected.dtype == np.float16:
        return 2e-2, 2e-2
    finite = np.abs(expected[np.isfinite(expected)].astype(np.float64))
    return ATOL * max(1.0, float(finite.max(initial=0.0))), RTOL


def difference(expected, got):
    """None when equal within tolerance, else a text."""
    if expected.shape != got.shape or expected.dtype != got.dtype:
        return f"{got.dtype}{list(got.shape)} instead of {expected.dtype}{list(expected.shape)}"
    if expected.dtype.kind not in "fc":
        if np.array_equal(expected, got):
            return None
        if expected.dtype.itemsize == 1 and expected.dtype.kind in "iu":
            steps = np.abs(expected.astype(int) - got.astype(int))
            return None if steps.max() <= 1 and (steps > 0).mean() <= 0.01 else "integers differ"
        return f"{(expected != got).sum()} of {expected.size} elements differ"
    if not np.array_equal(np.isnan(expected), np.isnan(got)):
        return "NaN in other places"
    finite = np.isfinite(expected)
    if not np.array_equal(expected[~finite & ~np.isnan(expected)], got[~finite & ~np.isnan(expected)]):
        return "infinities differ"
    if not finite.any():
        return None
    atol, rtol = tolerance_of(expected)
    u = expected[finite].astype(np.float64)
    off = np.abs(u - got[finite]) - (atol + rtol * np.abs(u))
    worst = int(off.argmax())
    if off[worst] <= 0:
        return None
    return f"{got[finite][worst]!r} instead of {expected[finite][worst]!r}"


def differences(expected, got, names):
    for name, u, v in zip(names, expected, got):
        text = difference(np.asarray(u), np.asarray(v))
        if text:
            return f"output '{name}': {text}"
    return None


def far_elements(expected, got, step):
    """How many elements are more than two steps apart."""
    if expected.shape != got.shape:
        return expected.size + 1
    if expected.size == 0:
        return 0
    u = expected.astype(np.float64)
    v = got.astype(np.float64)
    both = np.isfinite(u) & np.isfinite(v)
    same = (u == v) | (np.isnan(u) & np.isnan(v))
    if step is None:
        # What eight bits could tell apart in this output; zero belongs to the range.
        step = float(np.ptp(np.append(u[both], 0.0))) / 255
    far = np.abs(u[both] - v[both]) > 2 * step + 1e-12
    return int(far.sum() + (~both & ~same).sum())


def unmatched_rows(expected, got):
    """Share of rows (last axis: box, score, class) without an equal in the other, in any order.

    Rows with next to no score are left out: which of thousands of zeros a TopK takes is chance.
    """
    if expected.shape != got.shape:
        return 1.0
    u = expected.reshape(-1, expected.shape[-1]).astype(np.float64)
    v = got.reshape(-1, got.shape[-1]).astype(np.float64)
    atol, rtol = tolerance_of(expected)
    match = (np.abs(u[:, None] - v[None]) <= atol + 10 * rtol * np.abs(u)[:, None]).all(axis=2)
    top = 0.05 * u[:, 4].max()
    missing = ~match.any(axis=1) & (u[:, 4] > top)
    extra = ~match.any(axis=0) & (v[:, 4] > top)
    return float(missing.sum() + extra.sum()) / max(1, int((u[:, 4] > top).sum()))
