# SPDX-License-Identifier: Apache-2.0
"""Holds quantized models against ONNX Runtime: the same file in both executors.

At most 1 % of the elements of every output may be more than two steps apart, over all samples. Two
things stand beside that rule, because one sum that falls on the other side of a rounding boundary
goes on as a whole step, and a net can make many steps of it:
- An output with few elements cannot show 1 %: there, a quarter of the samples may deviate.
- Nets with random weights (timm_mobilenetv3 among them) are chaotic: ONNX Runtime is more than
  three steps off itself when only the order of its sums changes with its optimization level. What
  it differs from itself on the same inputs is allowed to us too.
"""
import json

import numpy as np
import onnx
import onnx.numpy_helper

import judge

SAMPLES = {"suite": 3, "light": 2}  # runs per quantized model, else:
SAMPLES_ELSE = 9
CALIBRATION = {"light": 2}  # samples, else:
CALIBRATION_ELSE = 4
FEW = 400  # elements of an output over all samples that are too few for a share of 1 %


def step_of(graph, name):
    """Scale of the DequantizeLinear that makes an output, None when there is none."""
    for node in graph.node:
        if name in node.output and node.op_type == "DequantizeLinear":
            for weight in graph.initializer:
                if weight.name == node.input[1]:
                    return float(onnx.numpy_helper.to_array(weight).max())
    return None


def write_samples(model, session, folder):
    """Calibration data in the form of the backend suite."""
    for sample in range(CALIBRATION.get(model.group, CALIBRATION_ELSE)):
        inputs = model.inputs(session, "normal", seed=sample)
        place = folder / f"test_data_set_{sample}"
        place.mkdir(parents=True)
        for i, (name, array) in enumerate(inputs.items()):
            tensor = onnx.numpy_helper.from_array(array, name)
            (place / f"input_{i}.pb").write_bytes(tensor.SerializeToString())


def random_arguments(model, session):
    """Random data by explicit request, with the sizes of what the model leaves open."""
    arguments = ["--data", "random", "--samples", 2]
    inputs = model.inputs(session, "normal")
    if model.name == "silero_vad":  # a random sample rate is none of 16000: chunks of 8000 then
        inputs["input"] = inputs["input"][:, :256]
    for value in session.get_inputs():
        for axis, dim in enumerate(value.shape):
            if not isinstance(dim, int):
                arguments += ["--dim", f"{value.name}:{axis}={inputs[value.name].shape[axis]}"]
    return arguments


def quantize(model, mode, session, work):
    """(file, how many nodes became integer)."""
    out = work / f"{mode}.onnx"
    arguments = ["--dynamic"]
    if mode == "static":
        write_samples(model, session, work / "samples")
        arguments = ["--static", "--data", work / "samples"]
    elif mode == "random":
        arguments = ["--static", *random_arguments(model, session)]
    text = judge.mopt("quantize", model.path, "-o", out, "--json", *arguments)
    return out, json.loads(text)["result"]["quantized_nodes"]


def chosen(array, rows):
    """All of an output, or of rows that may come in any order the one with the best score."""
    array = np.asarray(array)
    if rows is None:
        return array
    lines = array.reshape(-1, array.shape[-1])
    return lines[lines[:, rows].argmax()]


class Tally:
    """What deviates, per output."""

    def __init__(self, path, names, rows):
        graph = onnx.load(path).graph
        self.names, self.rows = names, rows
        self.steps = [step_of(graph, name) for name in names]
        self.far = np.zeros(len(names))
        self.total = np.zeros(len(names))
        self.off = np.zeros(len(names))  # samples with a deviation
        self.samples = 0

    def add(self, expected, got):
        self.samples += 1
        for i, (u, v) in enumerate(zip(expected, got)):
            u, v = chosen(u, self.rows), chosen(v, self.rows)
            far = judge.far_elements(u, v, self.steps[i])
            self.far[i] += far
            self.total[i] += u.size
            self.off[i] += far > 0

    def beyond(self):
        """None, or which output has too many of them."""
        for i, name in enumerate(self.names):
            few = self.total[i] < FEW
            if few and self.off[i] > max(1, self.samples // 4):
                return i, f"'{name}': {self.off[i]:.0f} of {self.samples} samples"
            if not few and self.far[i] > 0.01 * self.total[i]:
                return i, f"'{name}': {self.far[i] / self.total[i]:.2%} of the elements"
        return None

    def worst(self):
        return float((self.far / np.maximum(self.total, 1)).max(initial=0))


def agree(model, out, session, work, rows):
    """None when both executors give the same on the file, else a text."""
    names = [o.name for o in session.get_outputs()]
    theirs = judge.session(out)
    samples = [model.inputs(session, "normal", seed=seed + 100)
               for seed in range(SAMPLES.get(model.group, SAMPLES_ELSE))]
    expected = [theirs.run(None, inputs) for inputs in samples]
    ours = Tally(out, names, rows)
    for inputs, outputs in zip(samples, expected):
        ours.add(outputs, judge.run_mopt(out, inputs, names, work))
    found = ours.beyond()
    if found is None:
        return None
    other = judge.session(out, optimize=True)
    spread = Tally(out, names, rows)
    for inputs, outputs in zip(samples, expected):
        spread.add(outputs, other.run(None, inputs))
    i, text = found
    if ours.far[i] <= spread.far[i]:
        return None
    return f"more than two steps off: {text}; ONNX Runtime from itself: {spread.far[i]:.0f} " \
           f"of {spread.total[i]:.0f} elements, we {ours.far[i]:.0f}"


def check(model, session, work, valid, rows):
    """Static on samples, static on random data, dynamic; valid(path) gives a text or None."""
    for mode in ("static", "random", "dynamic"):
        if mode == "random" and model.group not in ("wheel", "exported"):
            continue
        try:
            out, count = quantize(model, mode, session, work)
            problem = valid(out)
            if problem and not valid(model.path):
                return f"{mode}: checker: {problem}"
            if count == 0 and model.group != "suite":
                return f"{mode}: no node became integer"
            problem = agree(model, out, session, work, rows) if mode != "random" else None
        except judge.Failed as failure:
            return f"{mode}: {failure}"
        except Exception as failure:
            return f"{mode}: ONNX Runtime refuses it: {str(failure)[:300]}"
        if problem:
            return f"{mode}: {problem}"
    return None
