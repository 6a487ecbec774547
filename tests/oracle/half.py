# SPDX-License-Identifier: Apache-2.0
"""Copies of models in float16 (or bfloat16): weights, inputs, outputs and what lies between."""
import ml_dtypes
import numpy as np
import onnx
import onnx.defs
import onnx.helper
import onnx.numpy_helper

NUMPY = {onnx.TensorProto.FLOAT16: np.float16, onnx.TensorProto.BFLOAT16: ml_dtypes.bfloat16}
LARGEST = 65504.0


def narrow_tensor(tensor, kind):
    if tensor.data_type != onnx.TensorProto.FLOAT:
        return
    values = np.clip(onnx.numpy_helper.to_array(tensor), -LARGEST, LARGEST)
    tensor.CopyFrom(onnx.helper.make_tensor(tensor.name, kind, values.shape,
                                            values.astype(NUMPY[kind]).tobytes(), raw=True))


def takes(schema, index, kind):
    """May input `index` be of the kind, as far as its operator is concerned?"""
    formal = schema.inputs[min(index, len(schema.inputs) - 1)]
    name = "tensor(float16)" if kind == onnx.TensorProto.FLOAT16 else "tensor(bfloat16)"
    allowed = next((c.allowed_type_strs for c in schema.type_constraints
                    if c.type_param_str == formal.type_str), [formal.type_str])
    return name in allowed or "tensor(float)" not in allowed


class Converter:
    def __init__(self, model, kind):
        self.kind = kind
        self.opset = next(o.version for o in model.opset_import if o.domain in ("", "ai.onnx"))
        self.fresh = 0

    def cast(self, source, to):
        self.fresh += 1
        name = f"{source}_as_{self.fresh}"
        return name, onnx.helper.make_node("Cast", [source], [name], to=to)

    def node(self, node, floats):
        """The node with what has to stand around it."""
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                narrow_tensor(attribute.t, self.kind)
            elif attribute.type == onnx.AttributeProto.GRAPH:
                self.graph(attribute.g)
            elif attribute.name in ("to", "dtype") and attribute.i == onnx.TensorProto.FLOAT:
                attribute.i = self.kind
        if node.domain not in ("", "ai.onnx"):
            return [node]
        schema = onnx.defs.get_schema(node.op_type, self.opset, "")
        before, wide = [], False
        for i, name in enumerate(node.input):
            if name and name in floats and not takes(schema, i, self.kind):
                node.input[i], cast = self.cast(name, onnx.TensorProto.FLOAT)
                before.append(cast)
                wide = wide or i == 0
        return before + [node] + self.results(node, schema, wide)

    def results(self, node, schema, wide):
        """Casts behind a node that computes in float, since it takes nothing else."""
        after = []
        for i, formal in enumerate(schema.outputs[:len(node.output)]):
            same = any(formal.type_str == f.type_str for f in schema.inputs[:1])
            if wide and same and node.output[i]:
                name = node.output[i]
                self.fresh += 1
                node.output[i] = f"{name}_made_{self.fresh}"
                after.append(onnx.helper.make_node("Cast", [node.output[i]], [name], to=self.kind))
        return after

    def graph(self, graph, floats=frozenset()):
        known = {v.name for v in [*graph.input, *graph.value_info, *graph.output]
                 if v.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}
        known |= {w.name for w in graph.initializer if w.data_type == onnx.TensorProto.FLOAT}
        known |= floats
        for tensor in graph.initializer:
            narrow_tensor(tensor, self.kind)
        for value in [*graph.input, *graph.value_info, *graph.output]:
            if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT:
                value.type.tensor_type.elem_type = self.kind
        nodes = [made for node in graph.node for made in self.node(node, known)]
        del graph.node[:]
        graph.node.extend(nodes)


def convert(path, out, kind=onnx.TensorProto.FLOAT16):
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    Converter(model, kind).graph(model.graph)
    onnx.save(model, out)
