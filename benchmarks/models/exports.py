#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures networks of torchvision and transformers, as PyTorch exports them, against ONNX Runtime.

Nobody tuned for these: classifiers, segmenters, detectors, encoders, decoders and speech front ends in
small configurations with random weights from a fixed seed. Most are traced; names that end in _dynamo
come from the exporter built on torch.export, in the opset that it likes best. The rows are those of
compare.py; outputs are compared before anything is timed. A network that cannot be exported is named
on stderr and left out. It needs the packages of requirements.txt; nothing is downloaded.

    build/bench-venv/bin/python benchmarks/models/exports.py --build build/release --threads 1
"""
import contextlib
import io
import logging
import multiprocessing
import sys
import time

import compare
import onnx
import torch
from torch import nn

import export
import variants
import wheels
import zoo

VOCABULARY = 4000
LENGTH = 128
# Of integers, which otherwise lie below VOCABULARY: the bound, or a constant as text.
INTEGERS = {"attention_mask": "ones", "token_type_ids": 2, "bbox": "100"}
LAYERS = {"hidden_size": 384, "num_hidden_layers": 4, "num_attention_heads": 6,
          "intermediate_size": 1536}
TEXT = {"vocab_size": VOCABULARY, **LAYERS}
GROUPED = {"num_key_value_heads": 2, "head_dim": 64, "pad_token_id": 0, **TEXT}
SHORT = {"n_embd": 384, "n_layer": 4, "n_head": 6, "vocab_size": VOCABULARY}
SPEECH = {"conv_dim": (256,) * 7, "num_conv_pos_embeddings": 64, **LAYERS}
PAIR = {"encoder_layers": 3, "decoder_layers": 3, "encoder_attention_heads": 6,
        "decoder_attention_heads": 6, "encoder_ffn_dim": 1536, "decoder_ffn_dim": 1536, "d_model": 384}


class Answer(nn.Module):
    """The tensor under one key of what a model returns; inputs go by name where names are given."""

    def __init__(self, model, key=0, names=(), **constants):
        super().__init__()
        self.model, self.key, self.names, self.constants = model, key, names, constants

    def forward(self, *values):
        named = dict(zip(self.names, values))
        found = self.model(*values[len(named):], **named, **self.constants)
        return found if isinstance(found, torch.Tensor) else found[self.key]


class Detector(nn.Module):
    """Boxes in order of score: four edges, the score, the class."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        found = self.model([image[0]])[0]
        return torch.cat([found["boxes"], found["scores"][:, None], found["labels"][:, None]], 1)


def learned(model):
    """Noise on what starts as a constant (biases, scales, heads), which nothing must fold away."""
    with torch.no_grad():
        for values in model.parameters():
            if values.numel() > 1 and torch.equal(values.min(), values.max()):
                values.add_(torch.randn_like(values), alpha=0.1)
    return model.eval()


def network(model, output="found", **inputs):
    return {"model": model.eval(), "inputs": inputs, "outputs": [output]}


# ---- torchvision --------------------------------------------------------------------------------


def classifier(name, size=224, **more):
    from torchvision import models

    model = learned(getattr(models, name)(weights=None, **more))
    return network(export.settle(model, (3, size, size)), image=torch.randn(1, 3, size, size))


def segmenter(name, size=256):
    from torchvision.models import segmentation

    model = learned(getattr(segmentation, name)(weights=None, weights_backbone=None))
    model = Answer(model, "out")
    return network(export.settle(model, (3, size, size)), image=torch.randn(1, 3, size, size))


def detector(name, size=320, **more):
    from torchvision.models import detection

    model = getattr(detection, name)(weights=None, weights_backbone=None, **more)
    return network(Detector(learned(model)), "boxes", image=torch.rand(1, 3, size, size))


def flow():
    from torchvision.models import optical_flow

    model = Answer(learned(optical_flow.raft_small(weights=None)), -1, num_flow_updates=4)
    return network(model, first=torch.randn(1, 3, 128, 128), second=torch.randn(1, 3, 128, 128))


def clip():
    from torchvision.models import video

    return network(learned(video.r3d_18(weights=None)), clip=torch.randn(1, 3, 8, 64, 64))


# ---- transformers -------------------------------------------------------------------------------


def configured(kind, head="AutoModel", **sizes):
    import transformers

    config = transformers.AutoConfig.for_model(kind, **sizes)
    return learned(getattr(transformers, head).from_config(config))


def reader(model, length=LENGTH, mask=True, more=(), **constants):
    """A network over tokens: their numbers, a mask of ones, and more of the same shape."""
    inputs = {"input_ids": export.tokens(length, VOCABULARY)}
    if mask:
        inputs["attention_mask"] = torch.ones(1, length, dtype=torch.int64)
    inputs |= {name: torch.zeros(1, length, dtype=torch.int64) for name in more}
    return network(Answer(model, names=tuple(inputs), **constants), **inputs)


def encoder(kind, length=LENGTH, more=(), **sizes):
    return reader(configured(kind, **sizes), length, more=more)


def decoder(kind, **sizes):
    return reader(configured(kind, "AutoModelForCausalLM", **sizes), 64, use_cache=False)


def translator(kind, **sizes):
    return reader(configured(kind, vocab_size=VOCABULARY, **sizes), use_cache=False)


def first_half(kind, **sizes):
    return reader(configured(kind, vocab_size=VOCABULARY, **sizes).encoder)


def page():
    made = encoder("layoutlm", **TEXT)
    made["inputs"]["bbox"] = torch.full((1, LENGTH, 4), 100)
    made["model"].names += ("bbox",)
    return made


def viewer(kind, size=224, **sizes):
    model = Answer(configured(kind, **sizes), names=("pixel_values",))
    return network(export.settle(model, (3, size, size)), pixel_values=torch.randn(1, 3, size, size))


def listener(kind, **sizes):
    return network(Answer(configured(kind, **sizes)), input_values=torch.randn(1, 16000))


def whisper():
    model = configured("whisper", vocab_size=VOCABULARY, max_source_positions=400, pad_token_id=0,
                       **PAIR).encoder
    return network(Answer(model), input_features=torch.randn(1, 80, 800))


# ---- All ----------------------------------------------------------------------------------------


NETWORKS = {
    "alexnet": lambda: classifier("alexnet"),
    "convnext_tiny": lambda: classifier("convnext_tiny"),
    "densenet121": lambda: classifier("densenet121"),
    "efficientnet_v2_s": lambda: classifier("efficientnet_v2_s"),
    "googlenet": lambda: classifier("googlenet", init_weights=True, aux_logits=False),
    "inception_v3": lambda: classifier("inception_v3", 299, init_weights=True, aux_logits=False),
    "maxvit_t": lambda: classifier("maxvit_t"),
    "mnasnet1_0": lambda: classifier("mnasnet1_0"),
    "mobilenet_v3_large": lambda: classifier("mobilenet_v3_large"),
    "mobilenet_v3_small": lambda: classifier("mobilenet_v3_small"),
    "regnet_x_400mf": lambda: classifier("regnet_x_400mf"),
    "regnet_y_400mf": lambda: classifier("regnet_y_400mf"),
    "resnext50_32x4d": lambda: classifier("resnext50_32x4d"),
    "shufflenet_v2_x1_0": lambda: classifier("shufflenet_v2_x1_0"),
    "squeezenet1_1": lambda: classifier("squeezenet1_1"),
    "swin_t": lambda: classifier("swin_t"),
    "swin_v2_t": lambda: classifier("swin_v2_t"),
    "vit_b_32": lambda: classifier("vit_b_32"),
    "wide_resnet50_2": lambda: classifier("wide_resnet50_2"),
    "deeplabv3_mobilenet_v3_large": lambda: segmenter("deeplabv3_mobilenet_v3_large"),
    "fcn_resnet50": lambda: segmenter("fcn_resnet50"),
    "lraspp_mobilenet_v3_large": lambda: segmenter("lraspp_mobilenet_v3_large"),
    "fasterrcnn_mobilenet": lambda: detector("fasterrcnn_mobilenet_v3_large_320_fpn",
                                             box_score_thresh=0.01),
    "ssdlite320_mobilenet": lambda: detector("ssdlite320_mobilenet_v3_large"),
    "r3d_18": clip,
    "raft_small": flow,
    "albert": lambda: encoder("albert", embedding_size=128, **TEXT),
    "bert": lambda: encoder("bert", more=("token_type_ids",), **TEXT),
    "deberta": lambda: encoder("deberta", relative_attention=True, pos_att_type=["c2p", "p2c"], **TEXT),
    "deberta_v2": lambda: encoder("deberta-v2", relative_attention=True, position_buckets=64,
                                  pos_att_type=["c2p", "p2c"], share_att_key=True, **TEXT),
    "distilbert": lambda: encoder("distilbert", vocab_size=VOCABULARY, dim=384, n_layers=4, n_heads=6,
                                  hidden_dim=1536),
    "electra": lambda: encoder("electra", embedding_size=128, **TEXT),
    "funnel": lambda: encoder("funnel", architectures=["FunnelModel"], vocab_size=VOCABULARY,
                              block_sizes=[2, 2, 2], d_model=384, n_head=6, d_head=64, d_inner=1536),
    "layoutlm": page,
    "longformer": lambda: encoder("longformer", 512, attention_window=128, onnx_export=True,
                                  max_position_embeddings=514, **TEXT),
    "mpnet": lambda: encoder("mpnet", **TEXT),
    "roberta": lambda: encoder("roberta", **TEXT),
    "t5_encoder": lambda: first_half("t5", d_model=384, d_kv=64, d_ff=1536, num_layers=4, num_heads=6),
    "xlnet": lambda: encoder("xlnet", vocab_size=VOCABULARY, d_model=384, n_layer=4, n_head=6,
                             d_inner=1536),
    "bart": lambda: translator("bart", **PAIR),
    "bloom": lambda: decoder("bloom", vocab_size=VOCABULARY, hidden_size=384, n_layer=4, n_head=6),
    "falcon": lambda: decoder("falcon", **TEXT),
    "gemma": lambda: decoder("gemma", **GROUPED),
    "gpt2": lambda: decoder("gpt2", **SHORT),
    "gpt_neox": lambda: decoder("gpt_neox", **TEXT),
    "llama": lambda: decoder("llama", **GROUPED),
    "mistral": lambda: decoder("mistral", **GROUPED),
    "opt": lambda: decoder("opt", vocab_size=VOCABULARY, hidden_size=384, num_hidden_layers=4,
                           num_attention_heads=6, ffn_dim=1536, word_embed_proj_dim=384),
    "phi": lambda: decoder("phi", **TEXT),
    "qwen2": lambda: decoder("qwen2", **GROUPED),
    "clip_text": lambda: reader(configured("clip_text_model", **TEXT), 77),
    "beit": lambda: viewer("beit", use_relative_position_bias=True, **LAYERS),
    "clip_vision": lambda: viewer("clip_vision_model", **LAYERS),
    "convnextv2": lambda: viewer("convnextv2"),
    "deit": lambda: viewer("deit", **LAYERS),
    "dinov2": lambda: viewer("dinov2", 224, image_size=224, **LAYERS),
    "mobilevit": lambda: viewer("mobilevit", 256),
    "segformer": lambda: viewer("segformer", 256),
    "swin": lambda: viewer("swin"),
    "vit": lambda: viewer("vit", **LAYERS),
    "hubert": lambda: listener("hubert", **SPEECH),
    "wav2vec2": lambda: listener("wav2vec2", **SPEECH),
    "whisper_encoder": whisper,
}
DYNAMO = ("mobilenet_v3_small", "densenet121", "swin_t", "shufflenet_v2_x1_0", "bert", "deberta_v2",
          "clip_text", "gpt2", "llama", "vit", "convnextv2", "wav2vec2")


# ---- Writing and measuring ----------------------------------------------------------------------


def names():
    return [*NETWORKS, *(name + "_dynamo" for name in DYNAMO)]


def write(name, path):
    torch.manual_seed(export.SEED)
    made = NETWORKS[name.removesuffix("_dynamo")]()
    if name.endswith("_dynamo"):
        more = {"dynamo": True, "external_data": False, "verbose": False}
    else:
        more = {"dynamo": False, "opset_version": export.OPSET, "do_constant_folding": True}
    with contextlib.redirect_stdout(io.StringIO()):
        export.write(name, made, path, **more)


def write_all(options):
    """Exports what is missing; runs in a process of its own, so that the measuring one stays small."""
    export.quiet()
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    options.folder.mkdir(parents=True, exist_ok=True)
    for name in names():
        path = options.folder / f"{name}.onnx"
        if path.exists() or not wheels.wanted(name, options):
            continue
        start = time.monotonic()
        try:
            write(name, path)
            said = f"{path.stat().st_size / 1e6:.1f} MB"
        except (Exception, SystemExit) as error:  # an exporter that cannot do it is a finding
            lines = str(error).strip().splitlines() or [""]
            said = f"not exported: {type(error).__name__}: {lines[0]}"
        print(f"{name}: {said}, {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def network_of(path):
    model = onnx.load(path)
    inputs = zoo.real_inputs(model)
    integers = {v.name: INTEGERS.get(v.name, VOCABULARY) for v in inputs
                if v.type.tensor_type.elem_type != onnx.TensorProto.FLOAT}
    shapes = {v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim) for v in inputs}
    return zoo.Network(path.stem, path.name, shapes, "net", integers,
                       scores=4 if model.graph.output[0].name == "boxes" else -1)


def measure_all(options):
    for name in names():
        path = options.folder / f"{name}.onnx"
        if not path.exists() or not wheels.wanted(name, options):
            continue
        variant = variants.Variant("as exported", path, path, True)
        for threads in map(int, options.threads.split(",")):
            yield compare.measure(network_of(path), variant, threads, options)


def main():
    options = wheels.options_of(wheels.parser_of("exported networks, side by side.", "export-models"))
    writer = multiprocessing.get_context("fork").Process(target=write_all, args=(options,))
    writer.start()
    writer.join()
    wheels.report(options, measure_all(options))
    return 0


if __name__ == "__main__":
    sys.exit(main())
