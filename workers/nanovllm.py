"""nano-vLLM: its own scheduler, block manager and Qwen3 model, step() in a loop. --engine-opt source=DIR names a checkout of its repository, unless it is
installed. On a CPU the calls that only a GPU has are replaced while it is imported (gpu_only() below): attention over the gathered pages, the store of keys and
values, NCCL, CUDA's memory and devices, torch.compile; the result says so. Others: gpu_mem_util=0.9, eager=true|false, device=cuda|cpu."""
import json
import os
import socket
import sys
import types

from common import Error, Worker, now, serve

DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


def rows_of(cache, table, n):
    """The first n positions of one sequence out of the paged cache [block][position][head][dim]."""
    size = cache.shape[1]
    return cache[table[:(n + size - 1) // size].long()].flatten(0, 1)[:n]


def attend(torch, q, k, v, scale):
    """One sequence: q [new][head][dim] are the last positions of k and v [all][kv head][dim]."""
    group = q.shape[1] // k.shape[1]
    k, v = (x.repeat_interleave(group, dim=1).transpose(0, 1) for x in (k, v))
    mask = torch.ones(q.shape[0], k.shape[1], dtype=torch.bool).tril(k.shape[1] - q.shape[0])
    return torch.nn.functional.scaled_dot_product_attention(q.transpose(0, 1), k, v, attn_mask=mask, scale=scale).transpose(0, 1)


def flash_attention(torch):
    """A module with the two functions of flash_attn that nano-vLLM calls."""
    def varlen(q, k, v, *, cu_seqlens_q, cu_seqlens_k, softmax_scale, block_table=None, **_):
        cq, ck, out = cu_seqlens_q.tolist(), cu_seqlens_k.tolist(), []
        for i in range(len(cq) - 1):
            n = ck[i + 1] - ck[i]
            own = (k[ck[i]:ck[i + 1]], v[ck[i]:ck[i + 1]]) if block_table is None else (rows_of(k, block_table[i], n), rows_of(v, block_table[i], n))
            out.append(attend(torch, q[cq[i]:cq[i + 1]], *own, softmax_scale))
        return torch.cat(out)

    def with_kvcache(q, k_cache, v_cache, *, cache_seqlens, block_table, softmax_scale, **_):
        return torch.stack([attend(torch, q[i], rows_of(k_cache, block_table[i], n), rows_of(v_cache, block_table[i], n), softmax_scale) for i, n in enumerate(cache_seqlens.tolist())])

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
    nothing = lambda *_, **__: None
    for name in ("set_device", "synchronize", "empty_cache", "reset_peak_memory_stats"):
        setattr(torch.cuda, name, nothing)
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
    """Its RMSNorm without writing in place: for float32 x.float() is x itself, and the original overwrites the residual."""
    kind = x.dtype
    y = x.float() if residual is None else x.float() + residual.float()
    kept = y.to(kind)
    y = (y * (y.pow(2).mean(dim=-1, keepdim=True) + self.eps).rsqrt()).to(kind) * self.weight
    return y if residual is None else (y, kept)


class NanoVLLM(Worker):
    name = "nanovllm"
    distributions = ("nano-vllm", "torch", "transformers")
    caps = dict(stream=True, cancel=False, continuous_batching=True, per_request_max_tokens=True, ignore_eos="native", greedy=False, mem=["kv"])

    def load(self, model, opts):
        extra = opts["extra"]
        if not os.path.isdir(model):
            raise Error("model_not_found", "%s is not a directory (assay models export writes one)" % model)
        kind = json.load(open(os.path.join(model, "config.json"))).get("model_type", "qwen3")
        if kind != "qwen3":
            raise Error("model_unsupported", "it has Qwen3 models only, this is %s" % kind)
        if source := extra.pop("source", None):
            sys.path.insert(0, source)
        util = float(extra.pop("gpu_mem_util", 0.9))
        t0 = now()
        import torch
        self.cpu = extra.pop("device", "cuda" if torch.cuda.is_available() else "cpu") == "cpu"
        torch.set_num_threads(opts["threads"] or len(os.sched_getaffinity(0)))
        if self.cpu:
            gpu_only(torch, int(opts.get("kv_bytes", 2 << 30) / util))
        from nanovllm import LLM, SamplingParams
        if self.cpu:
            self.adapt(torch)
        t1 = now()
        eager = self.cpu or extra.pop("eager", "false") == "true"
        self.llm = LLM(model, enforce_eager=eager, tensor_parallel_size=1, gpu_memory_utilization=util, max_num_seqs=opts["max_num_seqs"], max_model_len=opts["max_model_len"] or 4096,
                       max_num_batched_tokens=max(opts["max_batched_tokens"], opts["max_model_len"] or 4096))
        self.sampling, self.config = SamplingParams, self.llm.model_runner.config
        weights = list(self.llm.model_runner.model.parameters())
        dtype = {v: k for k, v in DTYPES.items()}.get(str(weights[0].dtype).split(".")[-1])
        if dtype != opts["dtype"]:
            raise Error("unsupported_option", "dtype %s: it computes in the checkpoint's, %s: assay models export M DIR --dtype %s" % (opts["dtype"], dtype, opts["dtype"]))
        c = self.config
        return dict(
            phases={"import": t1 - t0, "weights": now() - t1},
            info=dict(dtype=dtype, weight_bytes=sum(p.numel() * p.element_size() for p in weights), vocab=c.hf_config.vocab_size, max_len=c.max_model_len),
            effective=dict(dtype=dtype, threads=torch.get_num_threads(), max_num_seqs=c.max_num_seqs, max_batched_tokens=c.max_num_batched_tokens, max_model_len=c.max_model_len,
                           block_size=c.kvcache_block_size, kv_tokens=c.num_kvcache_blocks * c.kvcache_block_size, enforce_eager=c.enforce_eager, gpu_mem_util=c.gpu_memory_utilization,
                           device="cpu" if self.cpu else "cuda", replaced="GPU-only calls, for a CPU" if self.cpu else None),
            ignored=["block_size", "kv_dtype"], caps=dict(greedy=self.cpu))

    def adapt(self, torch):
        """The rest, once its modules are there. Its sampler has no greedy mode: on a CPU, temperature 0 takes the likeliest id."""
        from nanovllm.layers import attention, layernorm, sampler
        attention.store_kvcache = store
        layernorm.RMSNorm.forward = norm
        sample, worker = sampler.Sampler.forward, self
        sampler.Sampler.forward = lambda self, logits, temperatures: logits.argmax(dim=-1) if worker.greedy else sample(self, logits, temperatures)
        self.greedy = True  # its warm-up

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
        t0 = now()
        _, n = self.llm.step()
        t1 = now()
        told = [(q, list(s.completion_token_ids[q.n_out:])) for s, q in live.items() if s.num_completion_tokens > q.n_out]
        out.step(t1, told, t0=t0, kind="prefill" if n > 0 else "decode", n_prefill=max(n, 0), n_decode=max(-n, 0), wait=len(self.llm.scheduler.waiting))
        for s in [s for s in live if s.is_finished]:
            q = live.pop(s)
            out.done(q, "length" if q.n_out >= q.max_tokens else "stop", n_cached=s.num_cached_tokens)

    def memory(self):
        return {"kv": {"tokens": self.config.num_kvcache_blocks * self.config.kvcache_block_size,
                       "used_tokens": len(self.llm.scheduler.block_manager.used_block_ids) * self.config.kvcache_block_size}}


if __name__ == "__main__":
    serve(NanoVLLM())
