# SPDX-License-Identifier: Apache-2.0
"""Holds mopt against the ONNX checker and ONNX Runtime.

oracle.py optimize   optimized models are valid and compute the same in ONNX Runtime
oracle.py run        our executor computes what ONNX Runtime and recorded outputs say
oracle.py quantize   quantized models are valid; both executors agree on them (see quantized.py)
oracle.py half       copies in float16 run as ONNX Runtime runs them
oracle.py save       loading and saving without passes gives the same bytes

--only TEXT keeps models whose name or group contains it. Exit code 77: no peers here.
"""
import argparse
import os
import pathlib
import sys
import tempfile
import time

try:
    import onnx
    import onnx.helper
    import onnx.numpy_helper
    import numpy as np

    import catalog
    import half
    import judge
    import quantized
except ImportError as problem:
    print(f"no peers: {problem}")
    sys.exit(1 if os.environ.get("CI") else 77)

# Models that end in TopK over scores most of which are nearly zero: the rows that say something are
# compared as a set, because the order of the others hangs on the last bit.
ROWS = {"best"}


def valid(path):
    try:
        onnx.checker.check_model(str(path))
        return None
    except Exception as problem:
        return str(problem).strip().splitlines()[0][:300]


class Skip(Exception):
    pass


def reference(model):
    try:
        return judge.session(model.path)
    except Exception as problem:
        raise Skip(f"the reference cannot load it: {str(problem)[:80]}")


def expect(session, inputs):
    try:
        return session.run(None, inputs)
    except Exception as problem:
        raise Skip(f"the reference cannot run it: {str(problem)[:80]}")


def compare(model, expected, got, names):
    if model.name not in ROWS:
        return judge.differences(expected, got, names)
    for name, u, v in zip(names, expected, got):
        share = judge.unmatched_rows(u, v)
        if share > 0.01:
            return f"output '{name}': {share:.1%} of the rows have no equal"
    return None


def names_of(session):
    return [o.name for o in session.get_outputs()]


def tensors_only(session):
    return all(v.type in catalog.TYPES for v in session.get_inputs()) and all(
        v.type.startswith("tensor(") and v.type != "tensor(string)" for v in session.get_outputs())


def test_optimize(model, work, options):
    """Level 3; outputs on four kinds of inputs."""
    out = work / "opt.onnx"
    judge.mopt("optimize", model.path, "-O", "3", "-o", out, "--force")
    problem = valid(out)
    if problem and not valid(model.path):
        return f"checker: {problem}"
    if out.stat().st_size > model.path.stat().st_size + 65536:
        return f"grew from {model.path.stat().st_size} to {out.stat().st_size} bytes"
    before = reference(model)
    if not tensors_only(before):
        raise Skip("containers or text")
    try:
        after = judge.session(out)
    except Exception as problem:
        return f"ONNX Runtime refuses the optimized model: {str(problem)[:300]}"
    for kind in catalog.KINDS:
        inputs = model.inputs(before, kind)
        expected = expect(before, inputs)
        text = compare(model, expected, after.run(None, inputs), names_of(before))
        if text:
            return f"{kind}: {text}"
    return None


def test_run(model, work, options):
    """Our executor on the original."""
    session = reference(model)
    if not tensors_only(session):
        raise Skip("containers or text")
    names = names_of(session)
    kinds = ("normal",) if model.group in ("light", "suite") else ("normal", "large")
    for kind in kinds:
        inputs = model.inputs(session, kind)
        expected = expect(session, inputs)
        got = judge.run_mopt(model.path, inputs, names, work)
        text = compare(model, expected, got, names)
        if text:
            return f"{kind}: {text}"
        recorded = model.recorded()
        if recorded and kind == "normal" and model.group == "exported":
            text = judge.differences(recorded[1], got, names)
            if text:
                return f"recorded: {text}"
    return None


# Both compute in float between Casts and round to float16 where the model says so, ONNX Runtime in a
# few operators of 16 bits, too: a few roundings of the largest output.
HALF_STEPS = 4


def test_half(model, work, options):
    """Our executor on a copy in float16."""
    path = work / f"{model.name}.onnx"
    half.convert(model.path, path)
    session = reference(catalog.Model(path, model.group))
    if not tensors_only(session):
        raise Skip("containers or text")
    names = names_of(session)
    types = {v.name: catalog.TYPES[v.type] for v in session.get_inputs()}
    inputs = {n: x.astype(types[n]) for n, x in model.inputs(session, "normal").items()}
    expected = expect(session, inputs)
    got = judge.run_mopt(path, inputs, names, work)
    for name, u, v in zip(names, expected, got):
        if u.dtype != v.dtype or u.shape != v.shape:
            return f"output '{name}': {v.dtype}{list(v.shape)} instead of {u.dtype}{list(u.shape)}"
        if u.dtype.kind != "f" or u.size == 0:
            continue
        u, v = u.astype(np.float64), v.astype(np.float64)
        steps = float(np.abs(u - v).max() / (np.abs(u).max() + 1e-6)) * 2**11
        if not steps <= HALF_STEPS:
            return f"output '{name}': {steps:.1f} roundings apart"
        if options.verbose:
            print(f"        {name}: {steps:.2f} roundings apart")
    return None


def test_save(model, work, options):
    """Canonical files come back byte by byte."""
    out = work / "same.onnx"
    judge.mopt("optimize", model.path, "-O", "0", "-o", out, "--force")
    before, after = model.path.read_bytes(), out.read_bytes()
    if before == after:
        return None
    first, second = onnx.load_from_string(before), onnx.load_from_string(after)
    if first.SerializeToString(deterministic=True) == before:
        return "canonical, but the bytes differ"
    if first.SerializeToString(deterministic=True) == second.SerializeToString(deterministic=True):
        raise Skip("not canonical; the same model came back")
    return "another model came back"


def test_quantize(model, work, options):
    """Static and dynamic, and both executors on the result."""
    session = reference(model)
    if not tensors_only(session):
        raise Skip("containers or text")
    expect(session, model.inputs(session, "normal"))
    if model.group == "light":
        if catalog.parameters_of(model) > options.largest * 1e6:
            raise Skip(f"more than {options.largest} million weights, see --largest")
        model = catalog.with_weights(model, work / f"{model.name}.onnx")
        session = reference(model)
    rows = 4 if model.name in ROWS else None
    return quantized.check(model, session, work, valid, rows)


TESTS = {"optimize": test_optimize, "run": test_run, "half": test_half, "save": test_save, "quantize": test_quantize}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("test", choices=TESTS)
    parser.add_argument("--only", default="")
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--groups", default="trained,exported,wheel,light,suite")
    parser.add_argument("--largest", type=float, default=30,
                        help="quantize: millions of weights of light models")
    options = parser.parse_args()
    counts = {"ok": 0, "skipped": 0, "FAILED": 0}
    groups = options.groups.split(",")
    for model in catalog.models():
        if model.group not in groups or options.only not in f"{model.group}/{model.name}":
            continue
        start = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="mopt-oracle-") as work:
            try:
                text = TESTS[options.test](model, pathlib.Path(work), options)
                outcome = "FAILED" if text else "ok"
            except Skip as reason:
                # Only the old models of the suite may be beyond the reference.
                may = model.group == "suite" or options.test == "save" or model.group == "light"
                outcome = "skipped" if may else "FAILED"
                text = str(reason)
            except judge.Failed as problem:
                outcome, text = "FAILED", str(problem)
        counts[outcome] += 1
        if outcome != "ok" or options.verbose:
            seconds = time.monotonic() - start
            print(f"{outcome:7} {model.group}/{model.name} ({seconds:.1f} s): {text or ''}", flush=True)
    print(f"{options.test}: {counts['ok']} ok, {counts['skipped']} skipped, {counts['FAILED']} failed")
    if counts["ok"] == 0:
        print("nothing was tested")
    return 1 if counts["FAILED"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
