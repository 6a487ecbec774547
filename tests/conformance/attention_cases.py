# SPDX-License-Identifier: Apache-2.0
"""Cases of the com.microsoft operators of the attention family, for write_contrib_cases.py."""
import numpy as np

rng = np.random.default_rng(1)


def floats(*shape):
    return rng.standard_normal(shape).astype(np.float32)


def ints(values):
    return np.array(values, np.int32)


def bits(*shape):
    return rng.integers(0, 2, shape).astype(np.int32)


def embed_cases(case):
    ids = lambda high: rng.integers(0, high, (2, 5)).astype(np.int32)
    words, places, parts = floats(11, 8), floats(9, 8), floats(3, 8)
    gamma, beta = floats(8), floats(8)
    mask = ints([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    full = [ids(11), ids(3), words, places, parts, gamma, beta]
    no_parts = [ids(11), None, words, places, None, gamma, beta]
    case("embed", "EmbedLayerNormalization", full, nout=2)
    case("embed_eps", "EmbedLayerNormalization", full, nout=2, epsilon=0.1)
    case("embed_mask", "EmbedLayerNormalization", full + [mask], nout=2)
    case("embed_mask_1", "EmbedLayerNormalization", full + [mask], nout=2, mask_index_type=1)
    case("embed_holes", "EmbedLayerNormalization", full + [ints([[1, 0, 1, 0, 1], [0, 0, 0, 0, 0]])], nout=2)
    case("embed_twos", "EmbedLayerNormalization", full + [ints([[2, 1, 1, -1, 3], [0, 1, 0, 1, 0]])], nout=2)
    case("embed_sum", "EmbedLayerNormalization", full + [mask], nout=3, mask_index_type=1)
    case("embed_sum_0", "EmbedLayerNormalization", full, nout=3, mask_index_type=0)
    case("embed_plain", "EmbedLayerNormalization", no_parts, nout=2)
    case("embed_plain_sum", "EmbedLayerNormalization", no_parts + [mask], nout=3)
    case("embed_places", "EmbedLayerNormalization", full + [mask, ids(9)], nout=3)
    case("embed_places_1", "EmbedLayerNormalization", full + [None, ids(9)[:1]], nout=2)
    half = [x.astype(np.float16) if x.dtype == np.float32 else x for x in full]
    case("embed_half", "EmbedLayerNormalization", half, nout=2)


def attention_cases(case):
    """B = 2, S = 4, heads 2 of size 3, P = 3 cached positions."""
    def name_case(name, mask=None, past=None, extra=None, s=4, nout=1, **attrs):
        ins = [floats(2, s, 5), floats(5, 18), floats(18), mask, past, extra]
        case("att_" + name, "Attention", ins, nout=nout, num_heads=2, **attrs)
    past = floats(2, 2, 2, 3, 3)
    name_case("plain")
    name_case("scale", scale=0.3)
    name_case("causal", unidirectional=1)
    name_case("ends", ints([2, 4]))
    name_case("ends_0", ints([0, 7]))
    name_case("ends_starts", ints([3, 4, 1, 0]))
    name_case("ends_starts_empty", ints([2, 4, 3, 9]))
    name_case("keys", bits(2, 4))
    name_case("keys_filter", bits(2, 4), mask_filter_value=-2.5)
    name_case("keys_causal", bits(2, 4), unidirectional=1)
    name_case("keys_twos", ints([[2, 1, 0, -1], [1, 0, 3, 1]]))
    name_case("keys_1", ints([[1], [0]]))
    name_case("keys_11", ints([[1]]))
    name_case("full", bits(2, 4, 4))
    name_case("full_causal", bits(2, 4, 4), unidirectional=1)
    name_case("past", past=past, nout=2)
    name_case("present", nout=2)
    name_case("past_one", past=past, nout=2, s=1, unidirectional=1)
    name_case("past_causal", past=past, nout=2, unidirectional=1)
    name_case("past_ends", ints([5, 7]), past=past, nout=2, unidirectional=1)
    name_case("past_starts", ints([5, 7, 2, 0]), past=past, nout=2)
    name_case("past_keys", bits(2, 7), past=past, nout=2, unidirectional=1)
    name_case("past_full", bits(2, 4, 7), past=past, nout=2, unidirectional=1)
    name_case("past_none", past=floats(2, 2, 2, 0, 3), nout=2)
    name_case("added", extra=floats(2, 2, 4, 4))
    name_case("added_1", extra=floats(1, 2, 4, 4))
    name_case("added_11", extra=floats(1, 1, 4, 4))
    name_case("added_21", extra=floats(2, 1, 4, 4), unidirectional=1)
    name_case("added_keys", bits(2, 4), extra=floats(2, 2, 4, 4), unidirectional=1)
    name_case("filter_both", bits(2, 4), unidirectional=1, mask_filter_value=-3.4028234663852886e38)
    case("att_sizes", "Attention", [floats(2, 4, 5), floats(5, 20), floats(20), bits(2, 4)], num_heads=2,
         qkv_hidden_sizes=[6, 6, 8])
    case("att_pruned", "Attention", [floats(2, 4, 9), floats(9, 12), floats(12)], num_heads=2)
    case("att_half", "Attention", [floats(2, 4, 5).astype(np.float16), floats(5, 18).astype(np.float16),
                                   floats(18).astype(np.float16)], num_heads=2)


def multi_head_cases(case):
    """B = 2, S = 4, L = 5, heads 2 of size 3 (values 4), P = 3 cached positions."""
    def mha(name, query, key=None, value=None, bias=None, mask=None, extra=None, past=(None, None), length=None,
            beams=None, nout=1, **attrs):
        ins = [query, key, value, bias, mask, extra, past[0], past[1], length, beams]
        case("mha_" + name, "MultiHeadAttention", ins, nout=nout, num_heads=2, kinds={3: 1}, **attrs)
    q, k, v = floats(2, 4, 6), floats(2, 5, 6), floats(2, 5, 8)
    v6 = floats(2, 5, 6)
    past = (floats(2, 2, 3, 3), floats(2, 2, 3, 3))
    mha("plain", q, k, v)
    mha("self", q, q, q)
    mha("bias", q, k, v, floats(20))
    mha("scale", q, k, v, scale=0.2)
    mha("causal", q, k, v, unidirectional=1)
    mha("causal_self", q, floats(2, 4, 6), floats(2, 4, 6), unidirectional=1)
    mha("ends", q, k, v, mask=ints([2, 5]))
    mha("ends_long", q, k, v, mask=ints([0, 1, 2, 3, 0, 0, 5, 9]))
    mha("keys", q, k, v, mask=bits(2, 5))
    mha("keys_filter", q, k, v, mask=bits(2, 5), mask_filter_value=-1.5)
    mha("full", q, k, v, mask=bits(2, 4, 5))
    mha("full_causal", q, k, v, mask=bits(2, 4, 5), unidirectional=1)
    mha("added", q, k, v, extra=floats(2, 2, 4, 5))
    mha("added_1", q, k, v, extra=floats(1, 2, 4, 5))
    mha("added_11", q, k, v, extra=floats(1, 1, 4, 5), mask=bits(2, 5))
    mha("added_21", q, k, v, extra=floats(2, 1, 4, 5))
    mha("present", q, k, v6, nout=3)
    mha("present_sizes", q, k, v, nout=3)
    mha("past", q, k, v6, past=past, nout=3)
    mha("past_bias", q, k, v6, floats(18), past=past, nout=3)
    mha("past_causal", q, floats(2, 4, 6), floats(2, 4, 6), past=past, nout=3, unidirectional=1)
    mha("past_keys", q, k, v6, past=past, mask=bits(2, 8), nout=3)
    mha("past_full", q, k, v6, past=past, mask=bits(2, 4, 8), nout=3)
    mha("past_ends", q, k, v6, past=past, mask=ints([6, 8]), nout=3)
    mha("past_added", q, k, v6, past=past, extra=floats(2, 2, 4, 8), nout=3)
    mha("past_none", q, k, v6, past=(floats(2, 2, 0, 3), floats(2, 2, 0, 3)), nout=3)
    mha("past_one", floats(2, 1, 6), floats(2, 1, 6), floats(2, 1, 6), past=past, nout=3, unidirectional=1)
    mha("past_as_key", q, floats(2, 2, 5, 3), floats(2, 2, 5, 3))
    mha("past_as_key_bias", q, floats(2, 2, 5, 3), floats(2, 2, 5, 3), floats(18))
    mha("past_as_key_present", q, floats(2, 2, 5, 3), floats(2, 2, 5, 3), nout=3)
    mha("qk", q, k, v6, nout=4)
    mha("qk_past", q, k, v6, past=past, nout=4, mask=bits(2, 8), unidirectional=1)
    mha("shared", q, k, v6, past=(floats(2, 2, 9, 3), floats(2, 2, 9, 3)), length=ints([3]), nout=3)
    mha("half", *(x.astype(np.float16) for x in (q, k, v)))


def group_query_cases(case):
    """B = 2, heads 4 over 2 of size 16, room for 9 positions in the cache."""
    def gqa(name, b=2, s=4, past=0, lengths=None, total=None, packed=False, tables=None, positions=None, extra=None,
            sink=None, nout=3, half=False, room=None, d=16, scales=None, **attrs):
        kind = np.float16 if half else np.float32
        n, g = 4, 2
        take = lambda *shape: floats(*shape).astype(kind)
        if packed:
            qkv = [take(b, s, (n + 2 * g) * d), None, None]
        else:
            qkv = [take(b, s, n * d), take(b, s, g * d), take(b, s, g * d)]
        lengths = [past + s - 1] * b if lengths is None else lengths
        room = past if room is None else room
        cache = [take(b, g, room, d), take(b, g, room, d)] if room or past else [None, None]
        ins = qkv + cache + [ints(lengths), ints(max(lengths) + 1 if total is None else total)]
        ins += [t if t is None else t.astype(kind) for t in (tables or (None, None))] + [positions]
        ins += [extra if extra is None else extra.astype(kind), sink if sink is None else sink.astype(kind)]
        if scales is not None:
            kind = np.uint8 if attrs["kv_cache_bit_width"] == 4 else np.int8
            ins[3:5] = [rng.integers(0 if kind == np.uint8 else -128, 128, (b, g, room, d * scales[0] // 8)).astype(kind)
                        for _ in range(2)]
            ins += [scales[1], scales[1]]
        while ins[-1] is None:
            ins.pop()

        def clear(results):  # what a sliding cache holds behind its last row is not defined
            capacity, window = room, attrs["local_window_size"]
            for image, last in enumerate(lengths):
                step = capacity - window + 1
                rows = last + 1 - step * max(0, -(-(last + 1 - capacity) // step))
                for cache in results[1:3]:
                    cache[image, :, rows:] = 0
        case("gqa_" + name, "GroupQueryAttention", ins, nout=nout, num_heads=n, kv_num_heads=g,
             fix=clear if "sliding_window_cache" in attrs else None, **attrs)
    tables = (floats(16, 8), floats(16, 8))
    gqa("prompt")
    gqa("prompt_packed", packed=True)
    gqa("prompt_scale", scale=0.2)
    gqa("prompt_softcap", softcap=0.7)
    gqa("prompt_window", local_window_size=2)
    gqa("prompt_window_1", local_window_size=1)
    gqa("prompt_window_wide", local_window_size=9)
    gqa("prompt_smooth", smooth_softmax=1)
    gqa("prompt_smooth_0", smooth_softmax=0)
    gqa("prompt_sink", sink=floats(4))
    gqa("prompt_sink_softcap", sink=floats(4), softcap=0.7, local_window_size=2)
    gqa("prompt_all", causal=0)
    gqa("prompt_room", room=9)
    gqa("prompt_half", half=True)
    gqa("prompt_half_rotary", half=True, tables=tables, do_rotary=1)
    gqa("prompt_ragged", lengths=[2, 3])
    gqa("prompt_ragged_room", lengths=[1, 3], room=9)
    gqa("prompt_rotary", tables=tables, do_rotary=1)
    gqa("prompt_rotary_packed", tables=tables, do_rotary=1, packed=True)
    gqa("prompt_rotary_part", d=32, tables=tables, do_rotary=1)
    gqa("prompt_rotary_pairs", tables=tables, do_rotary=1, rotary_interleaved=1)
    gqa("prompt_rotary_pairs_part", d=32, tables=tables, do_rotary=1, rotary_interleaved=1)
    gqa("prompt_positions", tables=tables, do_rotary=1, positions=np.array([[3, 4, 5, 6], [1, 0, 2, 9]], np.int64))
    gqa("prompt_added", extra=floats(2, 4, 4, 4))
    gqa("prompt_added_11", extra=floats(1, 1, 4, 4), softcap=0.7)
    gqa("prompt_added_window", extra=floats(2, 1, 4, 4), local_window_size=2)
    gqa("prompt_qk_1", nout=4, qk_output=1)
    gqa("prompt_qk_2", nout=4, qk_output=2)
    gqa("prompt_qk_1_all", nout=4, qk_output=1, softcap=0.7, extra=floats(1, 1, 4, 4), local_window_size=2)
    gqa("prompt_qk_2_all", nout=4, qk_output=2, softcap=0.7, sink=floats(4), local_window_size=2)
    gqa("token", s=1, past=5)
    gqa("token_packed", s=1, past=5, packed=True)
    gqa("token_room", s=1, past=5, room=9)
    gqa("token_ragged", s=1, past=5, lengths=[3, 5])
    gqa("token_ragged_room", s=1, past=5, lengths=[2, 5], room=9)
    gqa("token_rotary", s=1, past=5, lengths=[3, 5], tables=tables, do_rotary=1)
    gqa("token_positions", s=1, past=5, tables=tables, do_rotary=1, positions=np.array([[4], [7]], np.int64))
    gqa("token_window", s=1, past=5, local_window_size=3)
    gqa("token_softcap", s=1, past=5, softcap=0.5, lengths=[3, 5])
    gqa("token_sink", s=1, past=5, sink=floats(4), lengths=[3, 5])
    gqa("token_added", s=1, past=5, extra=floats(2, 4, 1, 6), lengths=[3, 5])
    gqa("token_qk", s=1, past=5, nout=4, qk_output=2)
    gqa("token_qk_1", s=1, past=5, nout=4, qk_output=1)
    gqa("token_half", s=1, past=5, half=True, tables=tables, do_rotary=1)
    gqa("more", b=1, s=3, past=5)
    gqa("more_rotary", b=1, s=3, past=5, tables=tables, do_rotary=1, packed=True)
    gqa("more_positions", b=1, s=3, past=5, tables=tables, do_rotary=1, positions=np.array([[9, 2, 7]], np.int64))
    gqa("more_window", b=1, s=3, past=5, local_window_size=3, room=9)
    gqa("more_qk", b=1, s=3, past=5, nout=4, qk_output=1, room=9)
    gqa("more_all", b=1, s=3, past=5, causal=0)
    one, many = np.array([0.03], np.float32), (0.01 + rng.random((1, 2, 1, 16)) / 20).astype(np.float32)
    for width in (4, 8):
        gqa(f"codes_{width}", s=1, past=5, scales=(width, one), kv_cache_bit_width=width, k_quant_type="PER_TENSOR",
            v_quant_type="PER_TENSOR")
        gqa(f"codes_{width}_many", s=1, past=5, scales=(width, many), kv_cache_bit_width=width, lengths=[5, 2], room=9,
            k_quant_type="PER_CHANNEL", v_quant_type="PER_CHANNEL")
        gqa(f"codes_{width}_prompt", scales=(width, many.reshape(-1)), kv_cache_bit_width=width, packed=True, room=7,
            k_quant_type="PER_CHANNEL", v_quant_type="PER_CHANNEL", tables=tables, do_rotary=1)
        gqa(f"codes_{width}_half", s=1, past=5, scales=(width, one), kv_cache_bit_width=width, half=True, smooth_softmax=1,
            k_quant_type="PER_TENSOR", v_quant_type="PER_TENSOR", softcap=0.9, local_window_size=3)
    slide = dict(sliding_window_cache=1, tables=tables, do_rotary=1)
    for window, room in ((4, 4), (3, 5), (5, 7)):
        name = f"slide_{window}_{room}_"
        gqa(name + "prompt_less", s=2, local_window_size=window, room=room, **slide)
        gqa(name + "prompt_more", s=11, local_window_size=window, room=room, **slide)
        for past in (1, 4, 5, 8, 10):
            gqa(name + f"token_{past}", s=1, past=past, local_window_size=window, room=room, **slide)
            gqa(name + f"more_{past}", b=1, s=3, past=past, local_window_size=window, room=room, **slide)
    gqa("slide_all", s=1, past=8, local_window_size=4, room=4, extra=floats(2, 4, 1, 9), softcap=0.8, sink=floats(4), **slide)
    gqa("slide_ragged", s=1, past=8, lengths=[8, 5], local_window_size=4, room=4, **slide)
    gqa("slide_codes", s=1, past=8, local_window_size=4, room=4, scales=(8, one), kv_cache_bit_width=8,
        k_quant_type="PER_TENSOR", v_quant_type="PER_TENSOR", **slide)


def quantized_cases(case):
    """QAttention: B = 2, S = 4, 5 features, heads 2 of size 3; QEmbedLayerNormalization: B = 2, S = 4, 6 features."""
    def take(kind, *shape):
        info = np.iinfo(kind)
        return rng.integers(info.min, info.max + 1, shape).astype(kind)

    def number(x, kind=np.float32):
        return np.asarray(x, kind)

    def name_case(name, mask=None, past=None, nout=1, kinds=(np.uint8, np.int8), many=False, zeros=True, s=4, **attrs):
        x, w = take(kinds[0], 2, s, 5), take(kinds[1], 5, 18)
        scale = (0.002 + rng.random(18) / 200).astype(np.float32) if many else number(0.004)
        shape = 18 if many else ()
        tail = [number(110 if kinds[0] == np.uint8 else 3, kinds[0]),
                np.full(shape, 120 if kinds[1] == np.uint8 else 0, kinds[1])] if zeros else [None, None]
        ins = [x, w, floats(18), number(0.02), scale, mask] + tail + [past]
        while ins[-1] is None:
            ins.pop()
        case("qatt_" + name, "QAttention", ins, nout=nout, num_heads=2, **attrs)
    name_case("plain")
    name_case("bytes", kinds=(np.uint8, np.uint8))
    name_case("columns", many=True)
    name_case("no_zeros", zeros=False)
    name_case("causal", unidirectional=1)
    name_case("ends", ints([2, 4]))
    name_case("keys", bits(2, 4), many=True)
    name_case("full", bits(2, 4, 4))
    name_case("filter", bits(2, 4), mask_filter_value=-2.5)
    name_case("scale", scale=0.3)
    past = floats(2, 2, 2, 3, 3)
    name_case("present", nout=2)
    name_case("past", past=past, nout=2)
    name_case("past_one", past=past, nout=2, s=1, unidirectional=1)

    def embed(name, kind=np.uint8, segments=True, mask=None, **attrs):
        ids = lambda high: rng.integers(0, high, (2, 4)).astype(np.int32)
        tables = [take(kind, 7, 6), take(kind, 5, 6), take(kind, 2, 6) if segments else None, take(kind, 6), take(kind, 6)]
        scales = [number(0.01 * (1 + i)) for i in range(5)]
        zeros = [number(i + (100 if kind == np.uint8 else 0), kind) for i in range(5)]
        if not segments:
            scales[2] = zeros[2] = None
        case("qembed_" + name, "QEmbedLayerNormalization",
             [ids(7), ids(2) if segments else None] + tables + [mask] + scales + zeros, nout=2, **attrs)
    embed("plain")
    embed("signed", np.int8)
    embed("no_segments", segments=False)
    embed("mask", mask=bits(2, 4))
    embed("epsilon", epsilon=0.5)


def add(case):
    embed_cases(case)
    attention_cases(case)
    multi_head_cases(case)
    group_query_cases(case)
    quantized_cases(case)
