"""Hugging Face transformers, generate() over static batches: requests that wait are padded to one batch, which runs until its last one ends.
Times are taken by a stopping criterion, which is called once a step, when the ids of that step are known. --engine-opt attn=sdpa|eager."""
import os

from common import Error, Worker, now, serve

DTYPES = {"f32": "float32", "bf16": "bfloat16", "f16": "float16"}


class Transformers(Worker):
    name = "transformers"
    module = "transformers"
    distributions = ("transformers", "torch")
    caps = dict(stream=True, cancel=True, continuous_batching=False, per_request_max_tokens=True, ignore_eos="native", greedy=True, mem=["rss"])

    def load(self, model, opts):
        if not os.path.isdir(model):
            raise Error("model_not_found", "%s is not a directory with a model" % model)
        if opts["dtype"] not in DTYPES:
            raise Error("unsupported_option", "dtype %s" % opts["dtype"])
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
        return dict(
            phases={"import": t1 - t0, "weights": now() - t1},
            info=dict(dtype=short, weight_bytes=sum(p.numel() * p.element_size() for p in m.parameters()), vocab=text.vocab_size, max_len=text.max_position_embeddings, arch=type(m).__name__),
            effective=dict(dtype=short, kv_dtype=short, threads=torch.get_num_threads(), attn=m.config._attn_implementation, max_num_seqs=self.most, batching="static", device=str(m.device)),
            ignored=["max_batched_tokens", "block_size"] + [k for k in ("kv_bytes", "kv_dtype") if k in opts])

    def run(self, out):
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
        worker, last = self, [now()]

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
                        out.done(q, "abort" if q.cancelled else "stop" if stop else "length")
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
