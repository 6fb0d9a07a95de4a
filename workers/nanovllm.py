"""nano-vLLM: its own scheduler, block manager and Qwen3 model, step() in a loop. --engine-opt source=DIR names a checkout of its repository, unless it is
installed. On a CPU the calls that only a GPU has are replaced while it is imported (gpu_only() below): attention over the gathered pages, the store of keys and
values, NCCL, CUDA's memory and devices, torch.compile; the result says so. Others: prefix_cache=false|true, kv_gib=N, max_model_len=N, device=cuda|cpu, and on a
GPU gpu_mem_util=0.9, eager=true|false."""
import importlib.util
import json
import os
import re
import socket
import subprocess
import sys
import types

from common import Error, Worker, now, serve

DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


def rows_of(cache, tables, n):
    """The first n positions of sequences with as many pages each, [sequence][position][head][dim], out of the cache [page][position][head][dim]; not copied
    where all those pages lie one after another."""
    pages = [p for table in tables for p in table]
    together = pages == list(range(pages[0], pages[0] + len(pages)))
    rows = cache[pages[0]:pages[0] + len(pages)] if together else cache[pages]
    return rows.reshape(len(tables), -1, *cache.shape[2:])[:, :n]


def attend_prompt(torch, q, k, v, scale):
    """One sequence: q [new][head][dim] are the last positions of k and v [all][kv head][dim]; head h reads kv head h / group."""
    new, n = q.shape[0], k.shape[0]
    q, k, v = (x.transpose(0, 1).unsqueeze(0) for x in (q, k, v))
    mask = None if new == n else torch.ones(new, n, dtype=torch.bool).tril(n - new)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=mask is None, scale=scale, enable_gqa=True)[0].transpose(0, 1)


def attend_last(torch, q, k, v, lengths, scale):
    """The newest position of sequences: q [sequence][1][head][dim], k and v [sequence][position][kv head][dim] of which so many each are there. The heads that
    share a kv head are the rows of one product."""
    n, kv_heads = k.shape[1], k.shape[2]
    mask = None if min(lengths) == n else (torch.arange(n) < torch.tensor(lengths)[:, None])[:, None, None]
    rows = q.reshape(len(lengths), kv_heads, -1, q.shape[-1])
    return torch.nn.functional.scaled_dot_product_attention(rows, k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask, scale=scale).reshape(q.shape)


def flash_attention(torch):
    """A module with the two functions of flash_attn that nano-vLLM calls, on torch's attention: one call a prompt; in decode one call for all sequences where
    their pages lie one after another, else one a sequence."""
    def varlen(q, k, v, *, cu_seqlens_q, cu_seqlens_k, softmax_scale, block_table=None, **_):
        cq, ck, out = cu_seqlens_q.tolist(), cu_seqlens_k.tolist(), []
        tables = None if block_table is None else block_table.tolist()
        for i in range(len(cq) - 1):
            n = ck[i + 1] - ck[i]
            own = [x[ck[i]:ck[i + 1]] if tables is None else rows_of(x, [tables[i][:-(-n // x.shape[1])]], n)[0] for x in (k, v)]
            out.append(attend_prompt(torch, q[cq[i]:cq[i + 1]], *own, softmax_scale))
        return torch.cat(out)

    def with_kvcache(q, k_cache, v_cache, *, cache_seqlens, block_table, softmax_scale, **_):
        lengths = cache_seqlens.tolist()
        tables = [table[:-(-n // k_cache.shape[1])] for table, n in zip(block_table.tolist(), lengths)]
        follow = all(len(t) == len(tables[0]) and t[0] == tables[0][0] + i * len(t) for i, t in enumerate(tables))
        groups = [slice(0, len(tables))] if follow else [slice(i, i + 1) for i in range(len(tables))]
        return torch.cat([attend_last(torch, q[g], rows_of(k_cache, tables[g], max(lengths[g])), rows_of(v_cache, tables[g], max(lengths[g])), lengths[g], softmax_scale) for g in groups])

    module = types.ModuleType("flash_attn")
    module.flash_attn_varlen_func, module.flash_attn_with_kvcache = varlen, with_kvcache
    return module


def store(key, value, k_cache, v_cache, slot_mapping):
    """What its Triton kernel does: each new row goes to its slot; -1 is no slot."""
    slots = slot_mapping.long()
    kept = slots >= 0
    for rows, cache in ((key, k_cache), (value, v_cache)):
        cache.flatten(0, 1).index_copy_(0, slots[kept], rows[kept])


def gpu_only(torch, bytes_there):
    """Replaces what needs a GPU, before nano-vLLM is imported. bytes_there: what it takes for the size of the GPU's memory."""
    for name in ("set_device", "synchronize", "empty_cache", "reset_peak_memory_stats"):
        setattr(torch.cuda, name, lambda *_, **__: None)  # one each: torch keeps a table of its functions and refuses one twice
    torch.cuda.mem_get_info = lambda *_: (bytes_there, bytes_there)
    torch.cuda.memory_stats = lambda *_: {"allocated_bytes.all.peak": 0, "allocated_bytes.all.current": 0}
    torch.Tensor.cuda = lambda self, *_, **__: self
    tensor, device, group = torch.tensor, torch.set_default_device, torch.distributed.init_process_group
    torch.tensor = lambda *a, pin_memory=False, **k: tensor(*a, **k)
    torch.set_default_device = lambda d: device("cpu" if str(d).startswith("cuda") else d)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    torch.distributed.init_process_group = lambda _backend, _address, **k: group("gloo", "tcp://127.0.0.1:%d" % port, **k)
    torch.compile = lambda f=None, **_: f if f else (lambda g: g)
    sys.modules["flash_attn"] = flash_attention(torch)


def norm(self, x, residual=None):
    """Its RMSNorm without writing in place, for float32: there x.float() is x itself, and the original overwrites the residual."""
    y = x if residual is None else x + residual
    scaled = y * (y.pow(2).mean(dim=-1, keepdim=True) + self.eps).rsqrt() * self.weight
    return scaled if residual is None else (scaled, y)


class Forgetful(dict):
    """In place of the block manager's table of finished blocks: nothing is found again."""

    def __setitem__(self, key, value):
        pass


def source_version(source):
    """What a checkout says of itself."""
    with open(os.path.join(source, "pyproject.toml")) as f:
        said = re.search(r'^version *= *"([^"]+)"', f.read(), re.M)
    try:
        commit = subprocess.run(["git", "-C", source, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    except OSError:
        commit = ""
    return "%s (source%s)" % (said.group(1) if said else "unknown", ", commit " + commit if commit else "")


class NanoVLLM(Worker):
    name = "nanovllm"
    module = "torch"
    distributions = ("nano-vllm", "torch", "transformers")
    caps = dict(stream=True, cancel=False, continuous_batching=True, per_request_max_tokens=True, ignore_eos="native", greedy=False, top_p=False, top_k=False, seed=False, mem=["kv"])

    def look(self, model, opts):
        """The model's config.json, if nano-vLLM can run it as asked."""
        if not os.path.isdir(model):
            raise Error("model_not_found", "%s is not a directory (assay models export writes one)" % model)
        with open(os.path.join(model, "config.json")) as f:
            config = json.load(f)
        if config.get("model_type", "qwen3") != "qwen3":
            raise Error("model_unsupported", "it has Qwen3 models only, this is %s" % config["model_type"])
        stored = config.get("dtype", config.get("torch_dtype", "float32"))
        if stored != DTYPES[opts["dtype"]]:
            raise Error("unsupported_option", "dtype %s: it computes in the checkpoint's, %s: assay models export M DIR --dtype %s" % (opts["dtype"], stored, opts["dtype"]))
        return config

    def load(self, model, opts):
        extra, version, phases = opts["extra"], None, {}
        config = self.look(model, opts)
        if source := extra.pop("source", None):
            if not os.path.isfile(os.path.join(source, "nanovllm", "__init__.py")):
                raise Error("unsupported_option", "source=%s: no nanovllm/__init__.py in it: give a checkout of its repository" % source)
            sys.path.insert(0, source)
            version = source_version(source)
        elif not importlib.util.find_spec("nanovllm"):
            raise Error("not_installed", "nanovllm is not in %s: assay engines install nanovllm --source DIR, or --engine-opt source=DIR, a checkout of its repository" % sys.prefix)
        util = float(extra.pop("gpu_mem_util", 0.9))
        t0 = now()
        import torch
        self.cpu = extra.pop("device", "cuda" if torch.cuda.is_available() else "cpu") == "cpu"
        torch.set_num_threads(opts["threads"] or len(os.sched_getaffinity(0)))
        kv_gib = extra.pop("kv_gib", None)
        if self.cpu:
            gpu_only(torch, int((float(kv_gib) * (1 << 30) if kv_gib else opts.get("kv_bytes", 2 << 30)) / util))
        from nanovllm import LLM, SamplingParams
        if self.cpu:
            self.adapt(torch)
        no_tokenizer = self.end_token(model, config)
        self.time(phases)
        t1 = now()
        longest = int(extra.pop("max_model_len", min(opts["max_model_len"] or 4096, 4096)))  # 4096 is its own default
        self.llm = LLM(model, enforce_eager=self.cpu or extra.pop("eager", "false") == "true", tensor_parallel_size=1, gpu_memory_utilization=util, max_num_seqs=opts["max_num_seqs"],
                       max_model_len=longest, max_num_batched_tokens=opts["max_batched_tokens"])
        phases.update({"import": t1 - t0, "weights": now() - t1 - sum(phases.values())})
        self.sampling, c = SamplingParams, self.llm.model_runner.config
        self.kv_tokens = c.num_kvcache_blocks * c.kvcache_block_size
        cached = extra.pop("prefix_cache", "false") == "true"
        self.watch(self.llm.scheduler, cached)
        weights = list(self.llm.model_runner.model.parameters())
        kind = lambda tensor: {v: k for k, v in DTYPES.items()}.get(str(tensor.dtype).split(".")[-1])
        return dict(
            version=version, phases=phases,
            info=dict(dtype=opts["dtype"], weight_bytes=sum(p.numel() * p.element_size() for p in {p.data_ptr(): p for p in weights}.values()), vocab=c.hf_config.vocab_size,
                      max_len=min(c.max_model_len, self.kv_tokens)),  # it checks neither, and stops where one sequence outgrows the cache
            effective=dict(dtype=kind(weights[0]), kv_dtype=kind(self.llm.model_runner.kv_cache), threads=torch.get_num_threads(), max_num_seqs=c.max_num_seqs, max_batched_tokens=c.max_num_batched_tokens,
                           max_model_len=c.max_model_len, block_size=c.kvcache_block_size, kv_tokens=self.kv_tokens, enforce_eager=c.enforce_eager, prefix_cache=cached,
                           end_token=self.llm.scheduler.eos, end_token_from="config.json: the directory has no tokenizer" if no_tokenizer else "its tokenizer",
                           device="cpu" if self.cpu else "cuda", gpu_mem_util=None if self.cpu else c.gpu_memory_utilization,
                           what="nano-vLLM with what only a GPU has replaced: attention is torch's over its pages, no torch.compile; temperature 0 is ours" if self.cpu else "nano-vLLM"),
            ignored=["block_size", "top_p", "top_k", "seed"] + [k for k in ("kv_dtype",) if k in opts] + (["kv_gib"] if kv_gib and not self.cpu else []), caps=dict(greedy=self.cpu))

    def adapt(self, torch):
        """The rest, once its modules are there. Its sampler has no greedy mode: on a CPU, temperature 0 takes the likeliest id."""
        from nanovllm.layers import attention, layernorm, sampler
        attention.store_kvcache = store
        original, sample, worker = layernorm.RMSNorm.forward, sampler.Sampler.forward, self
        layernorm.RMSNorm.forward = lambda self, x, residual=None: (norm if x.dtype == torch.float32 else original)(self, x, residual)

        def choose(self, logits, temperatures):
            with torch.inference_mode():  # without torch.compile it writes over float32 logits, which were made so
                return logits.argmax(dim=-1) if worker.greedy else sample(self, logits, temperatures)

        sampler.Sampler.forward = choose
        self.greedy = True  # its warm-up

    def end_token(self, model, config):
        """Ids go in and out; of the tokenizer it asks only the end token. A directory without one has that in its config.json."""
        from nanovllm.engine import llm_engine
        if any(os.path.exists(os.path.join(model, name)) for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json")):
            return False
        end = config.get("eos_token_id")
        end = end[0] if isinstance(end, list) else end
        llm_engine.AutoTokenizer = types.SimpleNamespace(from_pretrained=lambda *_, **__: types.SimpleNamespace(eos_token_id=-1 if end is None else end))
        return True

    def time(self, phases):
        """How long the parts of its start take, each in phases once it is over."""
        from nanovllm.engine.model_runner import ModelRunner

        def timed(name, key):
            part = getattr(ModelRunner, name)

            def run(runner):
                t = now()
                part(runner)
                phases[key] = now() - t

            setattr(ModelRunner, name, run)

        for name, key in (("warmup_model", "warmup"), ("allocate_kv_cache", "kv"), ("capture_cudagraph", "graphs")):
            timed(name, key)

    def watch(self, scheduler, cached):
        """What of each prompt came from its prefix cache, which it forgets at a sequence's end; and how often it preempts."""
        manager, self.cached, self.lost, self.preempted = scheduler.block_manager, {}, {}, 0
        allocate, preempt = manager.allocate, scheduler.preempt

        def allocate_and_note(seq, *rest):
            allocate(seq, *rest)
            self.cached.setdefault(seq, min(seq.num_cached_tokens, seq.num_prompt_tokens))

        def preempt_and_count(seq):
            self.preempted += 1
            self.lost[seq] = self.lost.get(seq, 0) + 1
            preempt(seq)

        manager.allocate, scheduler.preempt = allocate_and_note, preempt_and_count
        if not cached:
            manager.hash_to_block_id = Forgetful()

    def run(self, out):
        live = {}  # its sequence -> request
        while True:
            for q in out.take():
                if q.temperature <= 0 and not self.cpu:
                    raise Error("unsupported_option", "temperature 0: it has no greedy mode: --temperature 0.6")
                self.greedy = q.temperature <= 0  # one set of sampling parameters a visit
                self.llm.add_request(q.ids, self.sampling(temperature=q.temperature or 1.0, max_tokens=q.max_tokens, ignore_eos=q.ignore_eos))
                live[self.llm.scheduler.waiting[-1]] = q
            if not live:
                return
            self.step(out, live)

    def step(self, out, live):
        self.preempted, t0 = 0, now()
        _, n = self.llm.step()
        t1 = now()
        told = [(q, s.token_ids[s.num_prompt_tokens + q.n_out:]) for s, q in live.items() if s.num_completion_tokens > q.n_out]
        out.step(t1, told, t0=t0, kind="prefill" if n > 0 else "decode", n_prefill=max(n, 0), n_decode=max(-n, 0), wait=len(self.llm.scheduler.waiting), preempted=self.preempted)
        for s in [s for s in live if s.is_finished]:
            q = live.pop(s)
            out.done(q, "length" if q.n_out >= q.max_tokens else "stop", n_cached=self.cached.pop(s), preempted=self.lost.pop(s, 0))

    def memory(self):
        manager = self.llm.scheduler.block_manager
        return {"kv": {"tokens": self.kv_tokens, "used_tokens": len(manager.used_block_ids) * manager.block_size}}


if __name__ == "__main__":
    serve(NanoVLLM())
