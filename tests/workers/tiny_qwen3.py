#!/usr/bin/env python3
"""Writes a small Qwen3 with made-up weights, as large as the published workloads need: a context of 4096 and 10,016 words. Standard library only.

usage: tiny_qwen3.py DIR [float32|bfloat16]
"""
import array
import json
import os
import random
import struct
import sys

LAYERS, WIDTH, HEADS, KV_HEADS, HEAD, FFN, VOCAB, CONTEXT = 2, 64, 4, 2, 32, 160, 10016, 4096


def shapes():
    """Every tensor by name; one number is a norm's length."""
    yield "model.embed_tokens.weight", (VOCAB, WIDTH)
    yield "model.norm.weight", (WIDTH,)
    for i in range(LAYERS):
        at = "model.layers.%d." % i
        for name, shape in (("input_layernorm", (WIDTH,)), ("post_attention_layernorm", (WIDTH,)), ("self_attn.q_norm", (HEAD,)), ("self_attn.k_norm", (HEAD,)),
                            ("self_attn.q_proj", (HEADS * HEAD, WIDTH)), ("self_attn.k_proj", (KV_HEADS * HEAD, WIDTH)), ("self_attn.v_proj", (KV_HEADS * HEAD, WIDTH)),
                            ("self_attn.o_proj", (WIDTH, HEADS * HEAD)), ("mlp.gate_proj", (FFN, WIDTH)), ("mlp.up_proj", (FFN, WIDTH)), ("mlp.down_proj", (WIDTH, FFN))):
            yield at + name + ".weight", shape


def values(shape, draw):
    n = shape[0] * (shape[1] if len(shape) > 1 else 1)
    middle, spread = (1.0, 0.2) if len(shape) == 1 else (0.0, 1.5 / shape[1] ** 0.5)
    return array.array("f", (middle + spread * draw.uniform(-1, 1) for _ in range(n)))


def stored(numbers, dtype):
    data = numbers.tobytes()
    if dtype == "float32":
        return data
    halves = array.array("H", data)  # bfloat16 is the upper half of a float32
    return halves[1::2].tobytes()


def write(folder, dtype="float32", eos=10015):
    os.makedirs(folder, exist_ok=True)
    config = dict(architectures=["Qwen3ForCausalLM"], model_type="qwen3", attention_bias=False, bos_token_id=10013, eos_token_id=eos, head_dim=HEAD, hidden_act="silu", hidden_size=WIDTH,
                  initializer_range=0.02, intermediate_size=FFN, max_position_embeddings=CONTEXT, num_attention_heads=HEADS, num_hidden_layers=LAYERS, num_key_value_heads=KV_HEADS, rms_norm_eps=1e-6,
                  rope_scaling=None, rope_theta=1000000, tie_word_embeddings=True, torch_dtype=dtype, use_sliding_window=False, vocab_size=VOCAB)
    with open(os.path.join(folder, "config.json"), "w") as f:
        json.dump(config, f)
    draw, header, parts, at = random.Random(7), {}, [], 0
    for name, shape in shapes():
        data = stored(values(shape, draw), dtype)
        header[name] = dict(dtype={"float32": "F32", "bfloat16": "BF16"}[dtype], shape=list(shape), data_offsets=[at, at + len(data)])
        at += len(data)
        parts.append(data)
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(struct.pack("<Q", len(head)) + head)
        f.writelines(parts)


if __name__ == "__main__":
    write(*sys.argv[1:])
