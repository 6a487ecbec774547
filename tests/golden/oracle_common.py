# SPDX-License-Identifier: Apache-2.0
"""What the oracle tests of passes share: run mopt, run ONNX Runtime, compare outputs."""

import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

MOPT = os.environ.get("MOPT_TEST_BIN", "mopt")
OUT = os.path.join(tempfile.mkdtemp(prefix="mopt-oracle-"), "out.onnx")
ort.set_default_logger_severity(4)


def mopt(path, *arguments):
    """Runs `mopt optimize path` with the arguments; the message of a failure, else None."""
    command = [MOPT, "optimize", path, *arguments, "-o", OUT, "--force", "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return None if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip()[-300:]}"


def session(path):
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run(path, feeds):
    model = session(path)
    names = {i.name for i in model.get_inputs()}
    return model.run(None, {k: v for k, v in feeds.items() if k in names})


def difference(got, expected, rtol=1e-4, atol=1e-5):
    """Why two lists of outputs differ, else None. atol is relative to the largest magnitude, if that is above 1."""
    for index, (a, b) in enumerate(zip(got, expected)):
        a, b = np.asarray(a), np.asarray(b)
        if a.shape != b.shape:
            return f"output {index} has shape {a.shape}, must have {b.shape}"
        if a.dtype.kind not in "fiub":
            if not (a == b).all():
                return f"output {index} differs"
            continue
        a, b = a.astype(np.float64), b.astype(np.float64)
        finite = np.isfinite(b)
        if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
            return f"output {index}: infinities or NaN differ"
        largest = max(1.0, np.abs(b[finite]).max(initial=0))
        apart = np.abs(a[finite] - b[finite])
        if (apart > rtol * np.abs(b[finite]) + atol * largest).any():
            return f"output {index} differs by {apart.max():g}"
    return None


def tensor(path):
    with open(path, "rb") as file:
        return numpy_helper.to_array(onnx.TensorProto.FromString(file.read()))


def finish(passed, failures):
    for failure in failures:
        print("FAILED", failure)
    print(f"{passed} passed, {len(failures)} failed")
    sys.exit(1 if failures or passed == 0 else 0)
