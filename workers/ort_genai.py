"""ONNX Runtime GenAI on a CPU: a Generator a batch, times taken after each generate_next_token(). Requests of equal prompt length that wait are one batch.
A Hugging Face directory is converted once by the package's own builder, into the user's cache, outside the load time; --engine-opt onnx=DIR names one
that is converted already. Ends are decided here. The engine insists on an end token, so it is told the last id of the vocabulary, which published models leave
unused; should a model choose that id, a single request goes on exactly, and one of a batch ends in an error. (min_length, the usual way to go on, forbids the
end tokens and so changes the text; Config.overlay adds to their list instead of replacing it.)"""
import importlib.util
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from common import Error, Worker, now, serve


def cached(model):
    """Where the conversion of a directory is kept: by its weights' and configuration's names, sizes and times."""
    facts = sorted((f, os.stat(os.path.join(model, f)).st_size, os.stat(os.path.join(model, f)).st_mtime_ns) for f in os.listdir(model) if f.endswith((".json", ".safetensors")))
    key = hashlib.sha256(json.dumps([os.path.realpath(model), facts]).encode()).hexdigest()[:16]
    return os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "assay", "onnx", key)


def convert(model, out):
    """Runs the builder on a folder of links; it asks for a tokenizer, which token ids do not need."""
    source, made = out + ".in", out + ".part"
    for d in (source, made):
        shutil.rmtree(d, ignore_errors=True)
    os.makedirs(source)
    for f in os.listdir(model):
        os.symlink(os.path.realpath(os.path.join(model, f)), os.path.join(source, f))
    if not os.path.exists(os.path.join(source, "tokenizer.json")):
        vocab = json.load(open(os.path.join(model, "config.json")))["vocab_size"]
        words = {"<%d>" % i: i for i in range(vocab)}
        with open(os.path.join(source, "tokenizer.json"), "w") as f:
            json.dump({"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None, "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None,
                       "decoder": None, "model": {"type": "WordLevel", "vocab": words, "unk_token": "<0>"}}, f)
        with open(os.path.join(source, "tokenizer_config.json"), "w") as f:
            json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "<0>"}, f)
    shared = os.path.join(sys.prefix, "..", "torch", "bin", "python")  # the builder needs torch, which the small environment has not
    python = sys.executable if importlib.util.find_spec("torch") or not os.path.exists(shared) else shared
    done = subprocess.run([python, "-m", "onnxruntime_genai.models.builder", "-m", source, "-o", made, "-p", "fp32", "-e", "cpu", "-c", made + ".cache"], stdout=sys.stderr)
    shutil.rmtree(source, ignore_errors=True)
    shutil.rmtree(made + ".cache", ignore_errors=True)
    if done.returncode or not os.path.exists(os.path.join(made, "genai_config.json")):
        raise Error("model_unsupported", "onnxruntime_genai's builder does not convert %s (exit status %d)" % (model, done.returncode))
    os.rename(made, out)


class Genai(Worker):
    name = "ort_genai"
    module = "onnxruntime_genai"
    distributions = ("onnxruntime-genai", "onnxruntime")
    caps = dict(stream=True, cancel=True, continuous_batching=False, per_request_max_tokens=True, ignore_eos="native", greedy=True)

    def load(self, model, opts):
        if opts["dtype"] != "f32":
            raise Error("unsupported_option", "dtype %s: f32 is what this worker converts to on a CPU" % opts["dtype"])
        folder = opts["extra"].pop("onnx", None)
        if not folder and not os.path.isdir(model):
            raise Error("model_not_found", "%s is not a directory with a model" % model)
        t0 = now()
        import numpy
        import onnxruntime_genai as og
        t1 = now()
        folder = folder or cached(model)
        if not os.path.exists(os.path.join(folder, "genai_config.json")):
            os.makedirs(os.path.dirname(folder), exist_ok=True)
            convert(model, folder)
        t2 = now()
        told = json.load(open(os.path.join(folder, "genai_config.json")))["model"]
        eos = told["eos_token_id"]
        self.eos, threads = set(eos if isinstance(eos, list) else [eos]), opts["threads"] or len(os.sched_getaffinity(0))
        scratch = tempfile.TemporaryDirectory(prefix="assay-ort-")
        config = og.Config(self.usable(folder, scratch.name))
        config.overlay(json.dumps({"model": {"decoder": {"session_options": {"intra_op_num_threads": threads}}}}))
        self.og, self.numpy, self.model, self.most = og, numpy, og.Model(config), opts["max_num_seqs"]
        scratch.cleanup()
        files = [os.path.join(folder, f) for f in os.listdir(folder) if ".onnx" in f]
        return dict(phases={"import": t1 - t0, "weights": now() - t2}, info=dict(dtype="f32", weight_bytes=sum(map(os.path.getsize, files)), vocab=told["vocab_size"], max_len=told["context_length"]),
                    effective=dict(dtype="f32", kv_dtype="f32", threads=threads, max_num_seqs=self.most, batching="static", provider=self.model.device_type, onnx=folder, convert_ms=(t2 - t1) / 1e6),
                    ignored=["max_batched_tokens", "block_size"] + [k for k in ("kv_bytes", "kv_dtype") if k in opts])

    def usable(self, folder, scratch):
        """The folder by links, with the stand-in for its end tokens; rows are of one length, so nothing is padded."""
        config = json.load(open(os.path.join(folder, "genai_config.json")))
        for f in os.listdir(folder):
            if f != "genai_config.json":
                os.symlink(os.path.realpath(os.path.join(folder, f)), os.path.join(scratch, f))
        self.stand_in = config["model"]["vocab_size"] - 1
        config["model"].update(eos_token_id=[self.stand_in], pad_token_id=self.stand_in)
        with open(os.path.join(scratch, "genai_config.json"), "w") as f:
            json.dump(config, f)
        return scratch

    def run(self, out):
        waiting = []
        while waiting := waiting + out.take():
            batch = [q for q in waiting if len(q.ids) == len(waiting[0].ids)][:self.most]
            waiting = [q for q in waiting if q not in batch]
            self.generate(batch, out)

    def generator(self, batch):
        q = batch[0]  # one set of sampling parameters a batch: a visit has one
        params = self.og.GeneratorParams(self.model)
        sampling = dict(do_sample=True, temperature=q.temperature, top_p=q.top_p, top_k=q.top_k or 50, random_seed=q.seed % 2 ** 31) if q.temperature > 0 else dict(do_sample=False)
        params.set_search_options(batch_size=len(batch), max_length=len(q.ids) + max(q.max_tokens for q in batch), **sampling)
        return self.og.Generator(self.model, params)

    def generate(self, batch, out):
        g, t0, first = self.generator(batch), now(), True
        g.append_tokens(self.numpy.array([q.ids for q in batch], dtype=self.numpy.int32))
        while not all(q.finished for q in batch):
            if not first and len(batch) == 1 and g.is_done():
                g.append_tokens(ids.reshape(1, 1))  # it took the stand-in for an end: go on
            g.generate_next_token()
            ids = g.get_next_tokens()
            t1 = now()
            rows = [(q, [int(x)]) for q, x in zip(batch, ids) if not q.finished]
            out.step(t1, rows, t0=t0, kind="prefill" if first else "decode", n_prefill=sum(len(q.ids) for q in batch) if first else 0, n_decode=0 if first else len(rows))
            for q, (x,) in rows:
                stop = not q.ignore_eos and x in self.eos
                if q.cancelled or stop or q.n_out >= q.max_tokens:
                    out.done(q, "abort" if q.cancelled else "stop" if stop else "length", n_cached=0, preempted=0)
                elif x == self.stand_in and len(batch) > 1:
                    out.done(q, "error")  # from here on the engine would feed this row with padding
            t0, first = now(), False


serve(Genai())
