#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the networks of the side-by-side benchmark as ONNX files.

The topologies are the published ones, the weights are random numbers from a fixed seed: the speed of a
network does not depend on what it has learned, as long as its activations stay at a normal scale.
So every BatchNormalization gets the statistics of its own input, and every convolution or dense layer
that no normalization follows gets the gain that makes its output have unit variance; without that
the values of a deep random network die into denormal numbers, which are slow, or grow into infinity.

Not part of the tests. It needs torch, torchvision and transformers:

    python3 -m venv build/bench-venv
    build/bench-venv/bin/pip install -r benchmarks/models/requirements.txt
    build/bench-venv/bin/python benchmarks/models/export.py            # all, into build/bench-models
    build/bench-venv/bin/python benchmarks/models/export.py --out DIR resnet50 bert_base
"""
import argparse
import os
import pathlib
import sys
import time
import warnings

os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch  # noqa: E402
from torch import nn  # noqa: E402

SEED = 20240607
OPSET = 17


# ---- Scale --------------------------------------------------------------------------------------


def unit_gain(module, _inputs, output):
    """Forward hook: rescales the layer so that its output has unit variance and no mean."""
    deviation = output.detach().float().std()
    if not torch.isfinite(deviation) or deviation == 0:
        return output
    with torch.no_grad():
        module.weight.div_(deviation)
        if module.bias is not None:
            module.bias.div_(deviation)
    return output / deviation


def settle(model, shape):
    """Gives the normalizations of an image network their statistics and the rest unit gain."""
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # plain average over the batches seen
        nn.init.uniform_(norm.weight, 0.8, 1.2)
        nn.init.normal_(norm.bias, 0.0, 0.1)
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    if norms:  # convolutions are followed by a normalization, only dense layers are free
        layers = [m for m in layers if isinstance(m, nn.Linear)]
        for norm in norms:
            norm.train()
        with torch.no_grad():
            for _ in range(2):
                model(torch.randn(4, *shape))
        model.eval()
    hooks = [layer.register_forward_hook(unit_gain) for layer in layers]
    with torch.no_grad():
        model(torch.randn(2, *shape))
    for hook in hooks:
        hook.remove()
    return model.eval()


# ---- Networks -----------------------------------------------------------------------------------


def image_network(name):
    from torchvision import models

    model = settle(getattr(models, name)(weights=None), (3, 224, 224))
    return {
        "model": model,
        "inputs": {"image": torch.randn(1, 3, 224, 224)},
        "outputs": ["logits"],
        "axes": {"image": {0: "batch"}, "logits": {0: "batch"}},
    }


def tokens(length, vocabulary):
    return torch.randint(0, vocabulary, (1, length), dtype=torch.int64)


class Encoder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        found = self.model(input_ids=input_ids, attention_mask=attention_mask,
                           token_type_ids=token_type_ids, return_dict=True)
        return found.last_hidden_state, found.pooler_output


class Decoder(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask, use_cache=False,
                          return_dict=True).logits


def encoder_network(**sizes):
    from transformers import BertConfig, BertModel

    config = BertConfig(attn_implementation="eager", **sizes)
    model = Encoder(BertModel(config).eval())
    length = 128
    return {
        "model": model,
        "inputs": {
            "input_ids": tokens(length, config.vocab_size),
            "attention_mask": torch.ones(1, length, dtype=torch.int64),
            "token_type_ids": torch.zeros(1, length, dtype=torch.int64),
        },
        "outputs": ["last_hidden_state", "pooler_output"],
        "axes": {},
    }


def decoder_network():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(attn_implementation="eager")
    return {
        "model": Decoder(GPT2LMHeadModel(config).eval()),
        "inputs": {
            "input_ids": tokens(64, config.vocab_size),
            "attention_mask": torch.ones(1, 64, dtype=torch.int64),
        },
        "outputs": ["logits"],
        "axes": {},
    }


NETWORKS = {
    "resnet50": lambda: image_network("resnet50"),
    "mobilenet_v2": lambda: image_network("mobilenet_v2"),
    "bert_base": lambda: encoder_network(),
    "resnet18": lambda: image_network("resnet18"),
    "vgg16": lambda: image_network("vgg16"),
    "efficientnet_b0": lambda: image_network("efficientnet_b0"),
    "minilm": lambda: encoder_network(hidden_size=384, num_hidden_layers=6,
                                      num_attention_heads=12, intermediate_size=1536),
    "gpt2": decoder_network,
}


# ---- Writing ------------------------------------------------------------------------------------


def scale_of(outputs):
    """Largest and root-mean-square value of everything that came out."""
    tensors = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    values = torch.cat([t.detach().float().flatten() for t in tensors])
    return values.abs().max().item(), values.pow(2).mean().sqrt().item()


def write(name, network, path, **more):
    """Writes what a maker of networks returned; more are options of the exporter."""
    inputs = tuple(network["inputs"].values())
    with torch.no_grad():
        largest, rms = scale_of(network["model"](*inputs))
    if not 1e-3 < rms < 1e3:
        raise SystemExit(f"{name}: outputs have lost their scale (rms {rms:g})")
    partial = path.with_suffix(".partial")
    torch.onnx.export(network["model"], inputs, str(partial), input_names=list(network["inputs"]),
                      output_names=network["outputs"], **more)
    partial.rename(path)
    return largest, rms


def export(name, path):
    torch.manual_seed(SEED)
    network = NETWORKS[name]()
    return write(name, network, path, opset_version=OPSET, dynamic_axes=network["axes"],
                 do_constant_folding=True, dynamo=False)


def quiet():
    """What the exporter says about shapes that are fixed on purpose is not worth reading."""
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=torch.jit.TracerWarning)
    warnings.filterwarnings("ignore", category=UserWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)


def main():
    parser = argparse.ArgumentParser(description="Writes the networks of the benchmark.")
    parser.add_argument("--out", default="build/bench-models", type=pathlib.Path)
    parser.add_argument("names", nargs="*", metavar="NAME",
                        help="networks to write (default: all): " + " ".join(NETWORKS))
    options = parser.parse_args()
    unknown = [name for name in options.names if name not in NETWORKS]
    if unknown:
        parser.error("no such network: " + " ".join(unknown))
    options.out.mkdir(parents=True, exist_ok=True)
    quiet()
    torch.set_num_threads(1)  # sums in one order: the same file on every machine of one kind
    for name in options.names or NETWORKS:
        start = time.monotonic()
        path = options.out / f"{name}.onnx"
        largest, rms = export(name, path)
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, output rms {rms:.3g}, "
              f"largest {largest:.3g}, {time.monotonic() - start:.0f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
