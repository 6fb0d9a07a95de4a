"""Stands in for nano-vLLM: an engine with its own names, whose import needs what the worker must have put in place for a CPU."""
import types
from collections import deque

import flash_attn
import torch
from stub_lm import EOS, VOCAB, check, follow
from nanovllm.layers import sampler

check(flash_attn.flash_attn_varlen_func and flash_attn.flash_attn_with_kvcache, "attention is there")
check(torch.compile(len) is len and torch.cuda.mem_get_info()[0] > 0, "nothing is compiled, memory has a size")
torch.distributed.init_process_group("nccl", "tcp://localhost:2333", world_size=1, rank=0)


class SamplingParams:
    def __init__(self, temperature, max_tokens, ignore_eos):
        check(temperature > 1e-10, "greedy sampling is not permitted")
        self.max_tokens, self.ignore_eos = max_tokens, ignore_eos


class Sequence:
    num_cached_tokens = 0

    def __init__(self, ids, params):
        self.ids, self.params, self.completion_token_ids, self.is_finished = list(ids), params, [], False

    @property
    def num_completion_tokens(self):
        return len(self.completion_token_ids)


class LLM:
    def __init__(self, model, **args):
        check(args["enforce_eager"] and args["tensor_parallel_size"] == 1, "no CUDA graphs on a CPU")
        Bag = types.SimpleNamespace
        weight = Bag(dtype="torch.float32", numel=lambda: 10, element_size=lambda: 4)
        config = Bag(hf_config=Bag(vocab_size=VOCAB), kvcache_block_size=256, num_kvcache_blocks=4, **{k: v for k, v in args.items() if k != "tensor_parallel_size"})
        self.model_runner = Bag(config=config, model=Bag(parameters=lambda: iter([weight])))
        self.scheduler = Bag(waiting=deque(), block_manager=Bag(used_block_ids={1, 2}))
        self.running, self.most = [], args["max_num_seqs"]

    def add_request(self, ids, params):
        self.scheduler.waiting.append(Sequence(ids, params))

    def step(self):
        fresh = [self.scheduler.waiting.popleft() for _ in range(min(len(self.scheduler.waiting), self.most - len(self.running)))]
        now = fresh or list(self.running)
        self.running += fresh
        for s in now:
            check(sampler.Sampler().forward(Logits(follow(s.ids + s.completion_token_ids)), None) is not None, "a token")
            s.completion_token_ids.append(follow(s.ids + s.completion_token_ids))
            s.is_finished = len(s.completion_token_ids) == s.params.max_tokens or (not s.params.ignore_eos and s.completion_token_ids[-1] == EOS)
        self.running = [s for s in self.running if not s.is_finished]
        return [], sum(len(s.ids) for s in fresh) if fresh else -len(now)


class Logits:
    def __init__(self, top):
        self.top = top

    def argmax(self, dim):
        return self.top
