# SPDX-License-Identifier: Apache-2.0
"""Upgrades the models of ONNX's own test data to opset 13 and 21: onnx.checker must accept the result and ONNX Runtime
must give the outputs stored with the model. Models that ONNX Runtime cannot run as they are do not count."""

import glob
import os

import onnx
from oracle_common import OUT, difference, finish, mopt, run, tensor

ROOTS = [os.path.join(os.path.dirname(onnx.__file__), "backend/test/data"), "/usr/share/libonnx-testdata/data"]


def number(path):
    return int(path.rsplit("_", 1)[1].split(".")[0])


def stored(folder, kind):
    return [tensor(p) for p in sorted(glob.glob(f"{folder}/{kind}_*.pb"), key=number)]


def opset(model):
    return max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0)


def failure_of(path, model, to):
    refusal = mopt(path, "--pass", f"upgrade-opset{{to={to}}}")
    if refusal is not None:
        return refusal
    onnx.checker.check_model(OUT)
    constants = {t.name for t in model.graph.initializer} if model.ir_version < 4 else set()
    names = [i.name for i in model.graph.input if i.name not in constants]
    for folder in sorted(glob.glob(os.path.join(os.path.dirname(path), "test_data_set_*"))):
        feeds = dict(zip(names, stored(folder, "input")))
        expected = stored(folder, "output")
        if difference(run(path, feeds), expected) is not None:
            continue  # ONNX Runtime itself is of another opinion
        why = difference(run(OUT, feeds), expected)
        if why is not None:
            return why
    return None


def runs_as_it_is(path, model):
    constants = {t.name for t in model.graph.initializer} if model.ir_version < 4 else set()
    names = [i.name for i in model.graph.input if i.name not in constants]
    folder = os.path.join(os.path.dirname(path), "test_data_set_0")
    try:
        run(path, dict(zip(names, stored(folder, "input"))))
        stored(folder, "output")
    except Exception:  # whatever ONNX Runtime does not take, or values that are no tensors
        return False
    return True


def main():
    passed, failures = 0, []
    for root in ROOTS:
        for path in sorted(glob.glob(f"{root}/*/*/model.onnx")):
            model = onnx.load(path, load_external_data=False)
            for to in (13, 21):
                if not 0 < opset(model) < to or not runs_as_it_is(path, model):
                    continue
                try:
                    why = failure_of(path, model, to)
                except Exception as error:
                    why = str(error)[:300]
                if why is None:
                    passed += 1
                else:
                    failures.append(f"{path} to {to}: {why}")
    finish(passed, failures)


main()
