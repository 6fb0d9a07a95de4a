"""Stands in for a vllm of the first generation, as 0.6.1.post2: one process, no core, settings on the engine, RequestMetrics by time.time(), prompts and decoding in
steps of their own, every request of the least length held against the longest prompt. STUB_LATE=1: as on a GPU with graphs, step() returns the tokens of the step
before, and two at the end."""
import os
import time
import types

from stub_lm import EOS, VOCAB, check, follow

CUMULATIVE, LATE = os.environ.get("STUB_CUMULATIVE"), os.environ.get("STUB_LATE")


class SamplingParams:
    def __init__(self, max_tokens, ignore_eos, temperature, top_p, top_k, seed, stop_token_ids, detokenize, output_kind=None):
        check(temperature == 0 and top_k == -1 and seed is None and not detokenize and (output_kind == "delta") == (not CUMULATIVE), "sampling parameters")
        self.max_tokens, self.stop = max_tokens, set(stop_token_ids or ())
        check(ignore_eos == (not self.stop), "end tokens: without a tokenizer it knows of none")


class EngineArgs:
    def __init__(self, model, skip_tokenizer_init, dtype, max_model_len, max_num_seqs, max_num_batched_tokens, enforce_eager, enable_prefix_caching, seed, tensor_parallel_size, disable_log_stats,
                 gpu_memory_utilization=0.9):
        check(skip_tokenizer_init and dtype == "float32" and max_model_len is None, "explicit dtype, no tokenizer, the model's context")
        check(max_num_batched_tokens >= 512, "max_num_batched_tokens is smaller than max_model_len")  # it says so, too
        check("VLLM_CPU_KVCACHE_SPACE" in os.environ, "on a CPU nothing else gives the KV cache its size")
        self.__dict__.update(locals())


class LLMEngine:
    @classmethod
    def from_engine_args(cls, a):
        self, Bag = cls(), types.SimpleNamespace
        self.most, self.live, self.kept = a.max_num_seqs, {}, []
        self.model_config = Bag(dtype="torch.float32", max_model_len=512, enforce_eager=a.enforce_eager, get_vocab_size=lambda: VOCAB, use_async_output_proc=bool(LATE))
        self.scheduler_config, self.parallel_config = Bag(max_num_seqs=a.max_num_seqs, max_num_batched_tokens=a.max_num_batched_tokens), Bag(tensor_parallel_size=a.tensor_parallel_size)
        self.cache_config = Bag(num_gpu_blocks=64, block_size=16, enable_prefix_caching=False, gpu_memory_utilization=a.gpu_memory_utilization)
        self.device_config = Bag(device_type="cpu")
        return self

    def add_request(self, name, prompt, params):
        check(isinstance(name, str) and name not in self.live, "a request is named once, by text")
        self.live[name] = (list(prompt["prompt_token_ids"]), params, [], types.SimpleNamespace(arrival_time=time.time(), first_scheduled_time=None))

    def abort_request(self, names):
        for n in names:
            del self.live[n]

    def step(self):
        told, fresh = [], [n for n, x in self.live.items() if not x[2]][:self.most]
        for name in fresh or list(self.live)[:self.most]:  # prompts first, alone
            ids, params, got, metrics = self.live[name]
            metrics.first_scheduled_time = metrics.first_scheduled_time or time.time()
            got.append(follow(ids + got))
            reason = "stop" if got[-1] in params.stop else "length" if len(got) == params.max_tokens else None
            output = types.SimpleNamespace(token_ids=got[:] if CUMULATIVE else got[-1:], finish_reason=reason)
            told.append(types.SimpleNamespace(request_id=name, outputs=[output], finished=reason is not None, metrics=metrics))
            if reason:
                del self.live[name]
        if not LATE:
            return told
        told, self.kept = self.kept, told
        if not self.live:
            told, self.kept = told + self.kept, []
        return told


LLMEngine.__module__ = "vllm.engine.llm_engine"
