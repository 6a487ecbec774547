// SPDX-License-Identifier: Apache-2.0
// The suites of ops: each runs its cmocka group and returns the number of failures.
#ifndef TEST_OPS_TESTS_H
#define TEST_OPS_TESTS_H

int mopt__test_core(void);           // registry, schemas, attributes, conversion, broadcast
int mopt__test_infer(void);          // drivers of inference
int mopt__test_control(void);        // control flow, sequences, optional values
int mopt__test_pattern(void);        // regular expressions
int mopt__test_gradient(void);       // Gradient
int mopt__test_carried(void);        // operators that hand shape arithmetic on
int mopt__test_nest(void);           // time of inference of nested control flow
int mopt__test_facets(void);         // random nodes of every operator
int mopt__test_codes(void);          // operators on 8-bit codes, maxima of windows
int mopt__test_attention(void);      // the attention family
int mopt__test_bound(void);          // bound kernels of every operator
int mopt__test_bound_calls(void);    // bound kernels of directed nodes
int mopt__test_types(void);          // the same numbers of every element type
int mopt__test_learned(void);        // ai.onnx.ml
int mopt__test_fourier(void);        // Fourier transforms
int mopt__test_tensor_kernels(void); // called by mopt__test_tensor_ops
int mopt__test_tensor_ops(void)
    __attribute__((weak));                         // written with the tensor and maths operators
int mopt__test_nn_ops(void) __attribute__((weak)); // written with the network operators

#endif
