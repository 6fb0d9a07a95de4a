"""Hugging Face transformers. --engine-opt batching=static (as it is): generate(); requests that wait are padded to one batch, which runs until its last one
ends; times are taken by a stopping criterion, which is called once a step, when the ids of that step are known. batching=continuous: the continuous batching
manager, its own scheduler and paged KV cache, whose thread makes the steps and stamps each token. Others: attn=sdpa|eager; continuous only: kv_gib=N (KV cache
and attention mask), page_size=256, prefix_cache=false|true, scheduler=fifo|prefill_first."""
import importlib.util
import os
import queue
import sys

from common import Error, Worker, now, serve

DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


class Continuous:
    """The manager and its thread. This side hands requests over and reads what each step gave."""

    def __init__(self, torch, model, eos, opts):
        import transformers
        if not importlib.util.find_spec("psutil"):
            raise ImportError("psutil is not there, without which it takes the machine to have no memory")
        self.torch, self.model, self.eos, self.threads_wanted = torch, model, eos, torch.get_num_threads()
        self.config_class, self.settings_class = transformers.GenerationConfig, transformers.ContinuousBatchingConfig
        self.settings = self.sized(opts)
        self.manager, self.sampling, self.made = None, None, 0
        self.begin({}, 0)
        self.prove()

    def sized(self, opts):
        """Pages for the memory that there is to be. The engine holds one attention mask of most batch tokens x (KV tokens + most batch tokens), all written at its start."""
        extra, c, size = opts["extra"], self.model.config.get_text_config(), self.model.dtype.itemsize
        heads = getattr(c, "num_key_value_heads", None) or c.num_attention_heads
        width = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
        page, batch = int(extra.pop("page_size", 256)), max(opts["max_batched_tokens"], opts["max_num_seqs"])
        memory = int(extra.pop("kv_gib", 0)) << 30 or opts.get("kv_bytes", 2 << 30)
        per_token, mask_per_token = 2 * c.num_hidden_layers * heads * width * size, batch * size
        most = opts["max_num_seqs"] * -(-c.max_position_embeddings // page)
        pages = min(memory // ((per_token + mask_per_token) * page), most)
        if pages < 1:
            raise Error("oom", "a page of %d tokens and its attention mask need %d bytes, there are to be %d: --kv-memory, --engine-opt page_size=" % (page, (per_token + mask_per_token) * page, memory))
        return dict(num_blocks=pages, page_size=page, max_batch_tokens=batch, max_requests_per_batch=opts["max_num_seqs"], allow_block_sharing=extra.pop("prefix_cache", "false") == "true",
                    scheduler_type=extra.pop("scheduler", "fifo"), use_cuda_graph=False, use_async_batching=False, max_blocks_per_request=0, auto_switch_to_flash=False)

    def begin(self, sampling, seed):
        """A manager for these sampling parameters: it has one set."""
        if self.manager:
            self.manager.stop(block=True, timeout=60, hard_stop=True)
        self.sampling, self.steps, self.outputs, self.reset, self.lost, self.threads = sampling, queue.SimpleQueue(), [], set(), {}, None
        m = self.model.init_continuous_batching(self.config_class(eos_token_id=-1, num_beams=1, do_sample=bool(sampling), **sampling), self.settings_class(seed=seed, **self.settings))
        m.output_router.deliver_batch = self.outputs.extend  # all of a step
        m.output_router.deliver = self.steps.put  # a request that failed
        m._generation_loop_body = self.watched(m, m._generation_loop_body)
        self.manager = m
        m.start()

    def watched(self, m, body):
        """A turn of the manager's loop, in its thread; what it gave, if it was a step."""
        def turn(processor, bootstrapping):
            if self.threads is None:
                self.torch.set_num_threads(self.threads_wanted)
                self.threads = self.torch.get_num_threads()
            t0, before = now(), m.current_batch
            more = body(processor, bootstrapping)
            if m.current_batch > before:
                self.steps.put(self.account(processor, t0))
            return more
        return turn

    def account(self, processor, t0):
        outputs, rows, waiting = self.outputs[:], processor.inputs_and_outputs.requests_in_batch, processor.scheduler.waiting_requests
        self.outputs.clear()
        prompt = [f for f in rows if not f.has_new_token or f.state.generated_len() == 1]
        again = {name for name, s in waiting.items() if s._true_initial_tokens or s.is_cpu_offloaded}
        preempted, self.reset = again - self.reset, again
        for name in preempted:
            self.lost[name] = self.lost.get(name, 0) + 1
        stamps = [o.timestamps[-1] for o in outputs]  # perf_counter is CLOCK_MONOTONIC on Linux
        kind = "prefill" if len(prompt) == len(rows) else "mixed" if prompt else "decode"
        return outputs, dict(t1=int(min(stamps) * 1e9) if stamps else now(), t0=t0, kind=kind, run=len(rows), wait=len(waiting), n_prefill=sum(f.query_length for f in prompt),
                             n_decode=len(rows) - len(prompt), preempted=len(preempted))

    def failure(self):
        """Why its thread ended, or is about to."""
        self.manager._generation_thread.join(10)
        return self.manager.background_thread_status.fatal_error or RuntimeError("the thread of continuous batching has ended")

    def give(self, name, ids, most, eos):
        if not self.manager.add_request(ids, request_id=name, max_new_tokens=most, streaming=True, record_timestamps=True, eos_token_id=eos):
            raise self.failure()

    def next(self):
        """(outputs, step), or None: it was woken, or nothing happened for a second. An output alone is a request that failed."""
        try:
            return self.steps.get(timeout=1)
        except queue.Empty:
            if not self.manager.is_running():
                raise self.failure() from None

    def prove(self):
        """One token: that it runs here."""
        self.give("proof", [0], 1, -1)
        while True:
            got = self.next()
            if got and not isinstance(got, tuple):
                raise self.failure()
            if got:
                return

    def run(self, out):
        live = {}
        out.wake = lambda: self.steps.put(None)
        try:
            while self.hand_over(out, live):
                self.tell(out, live)
        finally:
            out.wake = lambda: None

    def add(self, out, live):
        for q in out.take():
            self.made += 1
            name = "%d" % self.made  # never the same again: a late cancel must not meet another
            live[name] = q
            self.give(name, q.ids, q.max_tokens, -1 if q.ignore_eos else sorted(self.eos))

    def hand_over(self, out, live):
        if not live and out.waiting:
            q = out.waiting[0]  # one set of sampling parameters a visit
            wanted = dict(temperature=q.temperature, top_p=q.top_p, top_k=q.top_k) if q.temperature > 0 else {}
            if wanted != self.sampling or not self.manager.is_running():
                self.begin(wanted, q.seed)
            with self.manager.pause():  # those that start together are in one step
                while not self.steps.empty():
                    self.steps.get()
                self.add(out, live)
        else:
            self.add(out, live)
        cancelled = [name for name, q in live.items() if q.cancelled]
        for name in cancelled:
            self.manager.cancel_request(name)
        if cancelled:
            with self.manager.pause():  # the step that is under way ends
                pass
        for name in cancelled:
            out.done(live.pop(name), "abort")
        return live

    def tell(self, out, live):
        got = self.next()
        if got and not isinstance(got, tuple):
            if self.manager.background_thread_status.can_accept_new_requests():  # the reason why not
                raise self.failure()
            print(got.error, file=sys.stderr)
            if got.request_id in live:
                out.done(live.pop(got.request_id), "error")
            return
        if not got:
            return
        outputs, step = got
        mine = [(o, live[o.request_id]) for o in outputs if o.request_id in live]
        out.step(tokens=[(q, o.generated_tokens[q.n_out:]) for o, q in mine], **step)
        for o, q in mine:
            q.began = getattr(q, "began", int(o.lifespan[0] * 1e9))  # of its first output: one that lost its pages begins again
            if o.is_finished():
                out.done(q, "stop" if not q.ignore_eos and o.generated_tokens[-1] in self.eos else "length", n_cached=None if self.settings["allow_block_sharing"] else 0,
                         scheduled=q.began, preempted=self.lost.pop(o.request_id, 0))
                del live[o.request_id]

    def tokens(self):
        """(all of the KV cache, those in use)."""
        cache = self.manager.batch_processor.cache
        n = cache.num_blocks * self.settings["page_size"]
        return n, round(n * (1 - cache.compute_free_capacity()))

    def effective(self):
        c, s = self.manager.continuous_batching_config, self.settings
        return dict(batching="continuous", threads=self.threads, attn=self.model.config._attn_implementation, max_num_seqs=c.max_requests_per_batch, max_batched_tokens=c.max_batch_tokens,
                    kv_tokens=self.tokens()[0], block_size=c.page_size, prefix_cache=self.manager._use_prefix_sharing, scheduler=c.scheduler_type, async_batching=c.use_async_batching,
                    graphs=any(c.cuda_graph_booleans), mask_bytes=self.model.dtype.itemsize * s["max_batch_tokens"] * (s["max_batch_tokens"] + s["num_blocks"] * s["page_size"]))


class Transformers(Worker):
    name = "transformers"
    module = "transformers"
    distributions = ("transformers", "torch")
    caps = dict(stream=True, cancel=True, continuous_batching=False, per_request_max_tokens=True, ignore_eos="native", greedy=True, mem=["rss"])
    continuous = None

    def load(self, model, opts):
        if not os.path.isdir(model):
            raise Error("model_not_found", "%s is not a directory with a model" % model)
        if opts["dtype"] not in DTYPES:
            raise Error("unsupported_option", "dtype %s" % opts["dtype"])
        batching = opts["extra"].pop("batching", "static")
        if batching not in ("static", "continuous"):
            raise Error("unsupported_option", "batching=%s is not static or continuous" % batching)
        t0 = now()
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig, StoppingCriteria, StoppingCriteriaList
        t1 = now()
        torch.set_num_threads(opts["threads"] or len(os.sched_getaffinity(0)))
        m = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, DTYPES[opts["dtype"]]), attn_implementation=opts["extra"].pop("attn", "sdpa"), local_files_only=True)
        self.model, self.torch, self.most = m.eval(), torch, opts["max_num_seqs"]
        self.config_class, self.criteria_class, self.criteria_list = GenerationConfig, StoppingCriteria, StoppingCriteriaList
        eos = m.generation_config.eos_token_id if m.generation_config.eos_token_id is not None else m.config.eos_token_id
        self.eos = set(eos) if isinstance(eos, (list, tuple)) else {eos} - {None}
        m.generation_config.eos_token_id = m.config.eos_token_id = None  # where a request ends is decided here, so that ignoring them changes no logit
        short = {v: k for k, v in DTYPES.items()}.get(str(m.dtype).split(".")[-1], str(m.dtype))
        text = m.config.get_text_config()
        t2 = now()
        told = dict(
            phases={"import": t1 - t0, "weights": t2 - t1},
            info=dict(dtype=short, weight_bytes=sum(p.numel() * p.element_size() for p in m.parameters()), vocab=text.vocab_size, max_len=text.max_position_embeddings, arch=type(m).__name__),
            effective=dict(dtype=short, kv_dtype=short, threads=torch.get_num_threads(), attn=m.config._attn_implementation, max_num_seqs=self.most, batching="static", device=str(m.device)),
            ignored=["max_batched_tokens", "block_size"] + [k for k in ("kv_bytes", "kv_dtype") if k in opts])
        if batching == "continuous":
            self.go_on(told, opts)
            told["phases"]["warmup"] = now() - t2
        return told

    def go_on(self, told, opts):
        """Continuous batching, or why it cannot be here."""
        try:
            self.continuous = Continuous(self.torch, self.model, self.eos, opts)
            told["effective"].update(self.continuous.effective())
        except (Error, MemoryError):
            raise
        except Exception as e:
            raise Error("load_failed", "cannot here: continuous batching of transformers: %s: %s" % (type(e).__name__, e)) from e
        told["info"]["max_len"] = min(told["info"]["max_len"], told["effective"]["kv_tokens"])
        told.update(ignored=["block_size"] + [k for k in ("kv_dtype",) if k in opts], caps=dict(continuous_batching=True, mem=["rss", "kv"]))

    def memory(self):
        return {"kv": dict(zip(("tokens", "used_tokens"), self.continuous.tokens()))} if self.continuous else {}

    def run(self, out):
        if self.continuous:
            return self.continuous.run(out)
        while batch := out.take(self.most):
            self.generate(batch, out)

    def inputs(self, batch):
        """Left-padded ids and mask: the newest token of every row is in the last column."""
        long = max(len(q.ids) for q in batch)
        ids = self.torch.zeros((len(batch), long), dtype=self.torch.long)
        mask = self.torch.zeros_like(ids)
        for i, q in enumerate(batch):
            ids[i, long - len(q.ids):] = self.torch.tensor(q.ids)
            mask[i, long - len(q.ids):] = 1
        return ids, mask

    def tick(self, batch, out):
        """The stopping criterion: tells a step, and which rows have ended."""
        began = now()
        worker, last = self, [began]

        class Tick(self.criteria_class):
            def __call__(self, ids, scores, **_):
                t1 = now()
                newest = ids[:, -1].tolist()
                t0, first = last[0], not any(q.n_out for q in batch)
                rows = [(q, [x]) for q, x in zip(batch, newest) if not q.finished]
                out.step(t1, rows, t0=t0, kind="prefill" if first else "decode", n_prefill=sum(len(q.ids) for q in batch) if first else 0, n_decode=0 if first else len(rows))
                for q, (x,) in rows:
                    stop = not q.ignore_eos and x in worker.eos
                    if q.cancelled or stop or q.n_out >= q.max_tokens:
                        out.done(q, "abort" if q.cancelled else "stop" if stop else "length", n_cached=0, scheduled=began, preempted=0)
                last[0] = now()
                return worker.torch.tensor([q.finished for q in batch], dtype=worker.torch.bool)

        return self.criteria_list([Tick()])

    def generate(self, batch, out):
        q = batch[0]  # one set of sampling parameters a batch: a visit has one
        sampling = dict(do_sample=True, temperature=q.temperature, top_p=q.top_p, top_k=q.top_k) if q.temperature > 0 else dict(do_sample=False)
        config = self.config_class(max_new_tokens=max(q.max_tokens for q in batch), pad_token_id=0, eos_token_id=None, num_beams=1, **sampling)
        ids, mask = self.inputs(batch)
        if q.temperature > 0:
            self.torch.manual_seed(q.seed)
        with self.torch.inference_mode():
            self.model.generate(ids, attention_mask=mask, generation_config=config, stopping_criteria=self.tick(batch, out))
        for q in batch:  # none, unless generate() ended by itself
            if not q.finished:
                out.done(q, "error")


if __name__ == "__main__":  # workers/deepspeed.py builds on this file
    serve(Transformers())
