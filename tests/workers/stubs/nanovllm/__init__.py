"""Stands in for nano-vLLM: an engine with its own names, whose import needs what the worker must have put in place for a CPU."""
import types

import flash_attn
import torch
from stub_lm import VOCAB, check, follow
from nanovllm.engine import llm_engine
from nanovllm.engine.model_runner import ModelRunner
from nanovllm.engine.scheduler import Scheduler, Sequence
from nanovllm.layers import sampler

check(flash_attn.flash_attn_varlen_func and flash_attn.flash_attn_with_kvcache, "attention is there")
check(torch.compile(len) is len, "nothing is compiled")
check(len({torch.cuda.set_device, torch.cuda.synchronize, torch.cuda.empty_cache, torch.cuda.reset_peak_memory_stats}) == 4, "torch refuses one function under two names")


class SamplingParams:
    def __init__(self, temperature, max_tokens, ignore_eos):
        check(temperature > 1e-10, "greedy sampling is not permitted")
        self.max_tokens, self.ignore_eos = max_tokens, ignore_eos


class LLM:
    def __init__(self, model, **args):
        check(args.pop("tensor_parallel_size") == 1 and args["enforce_eager"], "no CUDA graphs on a CPU")
        config = types.SimpleNamespace(hf_config=types.SimpleNamespace(vocab_size=VOCAB), kvcache_block_size=256, **args)
        self.model_runner = ModelRunner(config)
        config.eos = llm_engine.AutoTokenizer.from_pretrained(model, use_fast=True).eos_token_id
        self.scheduler, self.steps = Scheduler(config), 0

    def add_request(self, ids, params):
        self.scheduler.waiting.append(Sequence(ids, params))

    def step(self):
        s = self.scheduler
        self.steps += 1
        if self.steps == 3 and len(s.running) > 1:
            s.preempt(s.running[-1])
        chosen, is_prefill = s.schedule()
        for seq, _ in chosen:
            if is_prefill and seq.num_cached_tokens < seq.num_tokens:
                continue  # a chunk gives no token
            token = sampler.Sampler().forward(Logits(follow(seq.token_ids)), None)
            check(token is not None, "a token")
            seq.token_ids.append(token)
            s.finish(seq)
        return [], sum(n for _, n in chosen) if is_prefill else -len(chosen)


class Logits:
    def __init__(self, top):
        self.top = top

    def argmax(self, dim):
        check(torch.inference_mode.depth, "logits made in inference mode are written over there only")
        return self.top
