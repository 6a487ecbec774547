# SPDX-License-Identifier: Apache-2.0
"""Makes the files that are measured: shapes fixed, and quantized by us and by ONNX Runtime.

Files are kept in the work folder and made again when their source is newer.
"""
import dataclasses
import logging
import pathlib
import subprocess

import numpy as np
import onnx

import zoo

CALIBRATION = 8  # samples


@dataclasses.dataclass(frozen=True)
class Variant:
    label: str  # "fp32", "int8 static, mopt" ...
    path: pathlib.Path
    reference: pathlib.Path  # file whose unoptimized outputs both sides are held against
    exact: bool  # rtol and atol of the network apply; else the signal-to-noise ratio
    bf16: bool = False  # mopt rounds weights to bfloat16; ONNX Runtime computes in floats


class Files:
    def __init__(self, folders, work, mopt):
        self.folders, self.work, self.mopt = folders, work, mopt
        work.mkdir(parents=True, exist_ok=True)

    def find(self, name):
        for folder in self.folders:
            found = sorted(folder.rglob(name))
            if found:
                return found[0]
        return None

    def make(self, name, source, action):
        """work/name, made by action(target) when it is older than source."""
        target = self.work / name
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            partial = target.with_name("partial." + target.name)
            partial.unlink(missing_ok=True)
            action(partial)
            partial.rename(target)
        return target

    def fixed(self, network, source):
        return self.make(network.name + ".onnx", source,
                         lambda target: zoo.fix_shapes(network, source, target))

    # ---- Quantizing ------------------------------------------------------------------------------

    def by_mopt(self, network, fixed, kind):
        def action(target):
            command = [str(self.mopt), "quantize", "--" + kind, str(fixed), "-o", str(target)]
            if kind == "static":
                samples = zoo.feeds(network, onnx.load(fixed), CALIBRATION, seed=11)
                data = self.work / (network.name + ".npz")
                np.savez(data, **{name: np.concatenate([s[name] for s in samples])
                                  for name in samples[0]})
                command += ["--data", str(data)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                lines = done.stderr.strip().splitlines()
                raise RuntimeError(" ".join(lines[-1:]))

        return self.make(f"{network.name}.{kind}.mopt.onnx", fixed, action)

    def by_peer(self, network, fixed, kind):
        from onnxruntime import quantization as q

        class Reader(q.CalibrationDataReader):
            def __init__(self):
                self.samples = iter(zoo.feeds(network, onnx.load(fixed), CALIBRATION, seed=11))

            def get_next(self):
                return next(self.samples, None)

        def action(target):
            from onnxruntime.quantization.shape_inference import quant_pre_process

            ready = self.work / "partial.ready.onnx"
            quant_pre_process(str(fixed), str(ready), skip_symbolic_shape=True)
            opset = max(s.version for s in onnx.load(ready).opset_import
                        if s.domain in ("", "ai.onnx"))
            if kind in ("static", "qoperator"):  # DequantizeLinear has no axis before opset 13
                form = q.QuantFormat.QDQ if kind == "static" else q.QuantFormat.QOperator
                q.quantize_static(str(ready), str(target), Reader(),
                                  quant_format=form, per_channel=opset >= 13,
                                  activation_type=q.QuantType.QUInt8,
                                  weight_type=q.QuantType.QInt8)
            else:
                q.quantize_dynamic(str(ready), str(target), weight_type=q.QuantType.QInt8)
            ready.unlink()

        logging.disable(logging.WARNING)
        return self.make(f"{network.name}.{kind}.ort.onnx", fixed, action)

    def odd(self, network, fixed):
        canonical = self.by_peer(network, fixed, "static")
        return self.make(network.name + ".odd.onnx", canonical,
                         lambda target: zoo.odd_bias_scales(canonical, target))

    def variants(self, network, wanted):
        """The variants of the network among wanted, and [(label, reason)] of those that failed."""
        source = self.find(network.file)
        if source is None:
            return [], [("fp32", f"no file {network.file}")]
        fixed = self.fixed(network, source)
        found = [Variant("fp32", fixed, fixed, True)] if "fp32" in wanted else []
        if "bf16" in wanted:
            found.append(Variant("bf16 against fp32", fixed, fixed, True, True))
        failed = []
        by_peer = ("ORT", lambda k: self.by_peer(network, fixed, k))
        more = ("qoperator",) if "static" in network.int8 else ()
        for kind in (*network.int8, *more):
            makers = {"odd": [("ORT", lambda k: self.odd(network, fixed))],
                      "qoperator": [by_peer]}.get(
                          kind, [("mopt", lambda k: self.by_mopt(network, fixed, k)), by_peer])
            for who, maker in makers:
                label = f"int8 {kind}, {who}"
                if "int8-" + kind not in wanted:
                    continue
                try:
                    path = maker(kind)
                    found.append(Variant(label, path, path, False))
                except Exception as error:  # a quantizer that cannot do it is a finding
                    failed.append((label, str(error).splitlines()[0]))
        return found, failed
