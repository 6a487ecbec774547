# SPDX-License-Identifier: Apache-2.0
"""The two sides of the benchmark behind one interface: `run()` computes once on bound inputs.

Both live in this process: ONNX Runtime through its Python package with bound inputs and outputs,
mopt through the C interface of libmopt.so by ctypes.
"""
import ctypes as c

import numpy as np
import onnxruntime as ort

RANK_MAX = 16
NUMPY_TYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32,
               7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32,
               13: np.uint64}
MOPT_TYPES = {np.dtype(t): number for number, t in NUMPY_TYPES.items()}


class Refused(Exception):
    """The engine cannot run this file."""


# ---- ONNX Runtime -------------------------------------------------------------------------------


class OnnxRuntime:
    name = "ONNX Runtime"
    version = ort.__version__
    levels = {
        "none": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
        "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
        "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
        "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
    }
    choices = ("basic", "extended", "all")

    def __init__(self, path, threads, level, feed):
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = self.levels[level]
        options.log_severity_level = 3
        try:
            self.session = ort.InferenceSession(str(path), options,
                                                providers=["CPUExecutionProvider"])
        except Exception as error:
            raise Refused(str(error).splitlines()[0]) from error
        self.binding = self.session.io_binding()
        self.keep = [(v.name, ort.OrtValue.ortvalue_from_numpy(feed[v.name]))
                     for v in self.session.get_inputs()]
        for name, value in self.keep:
            self.binding.bind_ortvalue_input(name, value)
        for output in self.session.get_outputs():
            self.binding.bind_output(output.name, "cpu")
        self.run()  # the first run: allocates, and tells the shapes
        for output, found in zip(self.session.get_outputs(), self.binding.get_outputs()):
            place = ort.OrtValue.ortvalue_from_shape_and_type(
                found.shape(), found.numpy().dtype, "cpu")
            self.keep.append((output.name, place))
            self.binding.bind_ortvalue_output(output.name, place)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def outputs(self):
        self.run()
        return [value.numpy().copy() for value in self.binding.get_outputs()]

    def close(self):
        self.keep = self.binding = self.session = None


# ---- mopt ---------------------------------------------------------------------------------------


class Error(c.Structure):
    _fields_ = [("status", c.c_int), ("offset", c.c_int64), ("text", c.c_char * 1024)]


class View(c.Structure):
    _fields_ = [("dtype", c.c_int), ("rank", c.c_int), ("dims", c.c_int64 * RANK_MAX),
                ("data", c.c_void_p), ("bytes", c.c_size_t)]


class Info(c.Structure):
    _fields_ = [("node_count", c.c_size_t), ("parameter_count", c.c_size_t),
                ("weight_bytes", c.c_uint64), ("ir_version", c.c_int64), ("opset", c.c_int64),
                ("input_count", c.c_size_t), ("output_count", c.c_size_t)]


class Options(c.Structure):
    _fields_ = [("threads", c.c_int), ("strict_fp", c.c_bool), ("bf16", c.c_bool)]


class Library:
    """libmopt.so with the functions that are needed here."""

    def __init__(self, path):
        self.so = so = c.CDLL(str(path))
        handle, out, err = c.c_void_p, c.POINTER(c.c_void_p), c.POINTER(Error)
        rows = {
            "mopt_context_new": [handle, handle, c.c_int, out, err],
            "mopt_context_free": [handle],
            "mopt_model_load": [handle, c.c_char_p, out, err],
            "mopt_model_free": [handle],
            "mopt_model_info": [handle, c.POINTER(Info)],
            "mopt_model_input_name": [handle, c.c_size_t],
            "mopt_model_optimize": [handle, out, c.c_int, c.c_char_p, handle, err],
            "mopt_runner_open": [handle, c.POINTER(Options), out, err],
            "mopt_runner_free": [handle],
            "mopt_runner_run": [handle, c.POINTER(View), c.c_size_t, c.POINTER(View), c.c_size_t,
                                err],
        }
        for name, types in rows.items():
            function = getattr(so, name)
            function.argtypes = types
            function.restype = None if name.endswith(("_free", "_info")) else c.c_int
        so.mopt_model_input_name.restype = c.c_char_p


def view_of(array):
    view = View(dtype=MOPT_TYPES[array.dtype], rank=array.ndim, data=array.ctypes.data,
                bytes=array.nbytes)
    for axis, size in enumerate(array.shape):
        view.dims[axis] = size
    return view


def array_of(view):
    dtype = np.dtype(NUMPY_TYPES[view.dtype])
    raw = c.string_at(view.data, view.bytes) if view.bytes else b""
    return np.frombuffer(raw, dtype).reshape(list(view.dims[:view.rank])).copy()


class Mopt:
    name = "mopt"
    choices = ("O2", "O0")
    library = None  # set by the script

    def __init__(self, path, threads, level, feed, bf16=False):
        self.so = self.library.so
        self.options = Options(threads=threads, bf16=bf16)
        self.error = Error()
        self.context, self.model, self.runner = c.c_void_p(), c.c_void_p(), c.c_void_p()
        try:
            self.prepare(str(path).encode(), int(level[1:]), feed)
        except Refused:
            self.close()
            raise

    def prepare(self, path, level, feed):
        so, err = self.so, c.byref(self.error)
        self.check(so.mopt_context_new(None, None, 0, c.byref(self.context), err))
        self.check(so.mopt_model_load(self.context, path, c.byref(self.model), err))
        if level > 0:
            self.check(so.mopt_model_optimize(self.context, c.byref(self.model), level, None,
                                              None, err))
        self.check(so.mopt_runner_open(self.model, c.byref(self.options), c.byref(self.runner),
                                       err))
        info = Info()
        so.mopt_model_info(self.model, c.byref(info))
        names = [so.mopt_model_input_name(self.model, i).decode() for i in range(info.input_count)]
        self.keep = [np.ascontiguousarray(feed[name]) if feed[name].ndim else feed[name]
                     for name in names]
        self.inputs = (View * len(names))(*[view_of(array) for array in self.keep])
        self.found = (View * info.output_count)()
        self.arguments = (self.runner, self.inputs, len(names), self.found, info.output_count, err)
        self.function = so.mopt_runner_run
        self.run()

    def check(self, status):
        if status != 0:
            raise Refused(self.error.text.decode(errors="replace"))

    def run(self):
        if self.function(*self.arguments) != 0:
            raise Refused(self.error.text.decode(errors="replace"))

    def outputs(self):
        self.run()
        return [array_of(view) for view in self.found]

    def close(self):
        self.so.mopt_runner_free(self.runner)
        self.so.mopt_model_free(self.model)
        self.so.mopt_context_free(self.context)
        self.runner = self.model = self.context = None
