# SPDX-License-Identifier: Apache-2.0
"""Writes the node cases that the installed onnx package generates as folders of the backend suite's form.

usage: write_cases.py FOLDER   (python with the package onnx; FOLDER must not exist)
"""
import os
import sys
import warnings

import numpy
import onnx
from onnx import numpy_helper
from onnx.backend.test.case import node


def proto_of(value, kind):
    """The protobuf message for one input or output of the given TypeProto."""
    which = kind.WhichOneof("value")
    if which == "optional_type":
        return numpy_helper.from_optional(value)
    if which == "sequence_type":
        return numpy_helper.from_list(value)
    if which == "map_type":
        return numpy_helper.from_dict(value)
    if isinstance(value, onnx.TensorProto):
        return value
    array = numpy.asarray(value)
    element = kind.tensor_type.elem_type
    if array.dtype.kind in "OU" or element == onnx.TensorProto.STRING:
        return onnx.helper.make_tensor("", onnx.TensorProto.STRING, array.shape,
                                       [str(x).encode() for x in array.reshape(-1)])
    return numpy_helper.from_array(array)


def write_case(case, folder):
    os.makedirs(os.path.join(folder, "test_data_set_0"))
    with open(os.path.join(folder, "model.onnx"), "wb") as out:
        out.write(case.model.SerializeToString())
    graph = case.model.graph
    inputs, outputs = case.data_sets[0]
    for what, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
        for i, (value, info) in enumerate(zip(values, infos)):
            name = os.path.join(folder, "test_data_set_0", f"{what}_{i}.pb")
            with open(name, "wb") as out:
                out.write(proto_of(value, info.type).SerializeToString())


def main():
    target = sys.argv[1]
    warnings.simplefilter("ignore")
    failed = 0
    cases = node.collect_testcases(None) if node.collect_testcases.__code__.co_argcount else node.collect_testcases()
    for case in cases:
        try:
            write_case(case, os.path.join(target, case.name))
        except Exception as error:  # one odd case must not hide the others
            failed += 1
            print(f"{case.name}: {error}", file=sys.stderr)
    print(f"{len(cases)} cases, {failed} not written")


main()
