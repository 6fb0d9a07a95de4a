"""Stands in for vllm: an engine of at most max_num_seqs requests a step, and what workers/vllm.py must have set before it is imported."""
import os
import time
import types

from stub_lm import EOS, VOCAB, check, follow
from vllm.sampling_params import RequestOutputKind

check(os.environ["VLLM_WORKER_MULTIPROC_METHOD"] == "spawn" and os.environ["VLLM_NO_USAGE_STATS"] == "1" and int(os.environ["VLLM_CPU_KVCACHE_SPACE"]) >= 1, "the environment is set before the import")


class SamplingParams:
    def __init__(self, max_tokens, ignore_eos, temperature, top_p, top_k, seed, stop_token_ids, detokenize, output_kind):
        check(temperature in (0, 0.6) and top_k == -1 and seed is None and not detokenize and output_kind == RequestOutputKind.DELTA, "sampling parameters")
        check(stop_token_ids == (None if ignore_eos else [EOS]), "end tokens, for there is no tokenizer")
        self.max_tokens, self.ignore_eos = max_tokens, ignore_eos


class EngineArgs:
    def __init__(self, **args):
        check(args["skip_tokenizer_init"] and args["dtype"] == "float32" and not args["enable_prefix_caching"], "explicit dtype, no prefix cache, no tokenizer")
        check(("VLLM_CPU_KVCACHE_SPACE" in os.environ) == ("gpu_memory_utilization" not in args), "a size or a share of the memory for the KV cache")
        self.args, self.disable_log_stats = args, args["disable_log_stats"]


class LLMEngine:
    @classmethod
    def from_engine_args(cls, given):
        self, a, Bag = cls(), given.args, types.SimpleNamespace
        self.most, self.live = a["max_num_seqs"], {}
        check(a["max_model_len"] == -1, "the context is what fits")
        self.engine_core = types.SimpleNamespace(get_output=lambda: types.SimpleNamespace(timestamp=time.monotonic()))
        self.vllm_config = Bag(model_config=Bag(dtype="torch.float32", max_model_len=512, enforce_eager=a["enforce_eager"], get_vocab_size=lambda: VOCAB),
                               device_config=Bag(device_type="cpu"), parallel_config=Bag(tensor_parallel_size=a["tensor_parallel_size"]), scheduler_config=Bag(max_num_seqs=self.most, max_num_batched_tokens=a["max_num_batched_tokens"]),
                               cache_config=Bag(num_gpu_blocks=64, block_size=16, enable_prefix_caching=False, gpu_memory_utilization=a.get("gpu_memory_utilization", 0.92)))
        return self

    def add_request(self, name, prompt, params):
        check(isinstance(name, str) and name not in self.live, "a request is named once, by text")
        self.live[name] = (list(prompt["prompt_token_ids"]), params, [], types.SimpleNamespace(scheduled_ts=0.0, num_preemptions=0))

    def abort_request(self, names):
        for n in names:
            del self.live[n]

    def step(self):
        self.engine_core.get_output()
        told = []
        for name, (ids, params, got, stats) in list(self.live.items())[:self.most]:
            stats.scheduled_ts = stats.scheduled_ts or time.monotonic()
            got.append(follow(ids + got))
            stop = not params.ignore_eos and got[-1] == EOS
            finished = stop or len(got) == params.max_tokens
            output = types.SimpleNamespace(token_ids=got[-1:], finish_reason="stop" if stop else "length" if finished else None)
            told.append(types.SimpleNamespace(request_id=name + "-9f3a", outputs=[output], finished=finished, num_cached_tokens=0, metrics=stats))
            if finished:
                del self.live[name]
        return told


LLMEngine.__module__ = "vllm.v1.engine.llm_engine"
