"""ONNX Runtime GenAI's Generator on a CPU, over static batches of prompts of one length (it has no ragged batch here), times taken when a step's ids are known.
A directory without genai_config.json is converted once by the package's builder (f32; needs torch, transformers, onnx) and kept in the user's cache.
Ends are decided here. The engine insists on an end token, so it is told the last id of the vocabulary, which published models leave unused; should a model
choose that id, a single request goes on exactly, and one of a batch ends in an error. (min_length, the usual way to go on, forbids the end token and so
changes the text; Config.overlay adds to the list of end tokens instead of replacing it.)"""
import glob
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile

from common import Error, Worker, now, serve


def cached(model):
    """Where the converted model is kept: by the place, size and time of what it was made from."""
    h = hashlib.sha256(os.path.realpath(model).encode())
    for path in sorted(glob.glob(os.path.join(model, "*.safetensors")) + [os.path.join(model, "config.json")]):
        st = os.stat(path)
        h.update(b"%d %d " % (st.st_size, st.st_mtime_ns))
    root = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(root, "assay", "onnx", h.hexdigest()[:16] + "-fp32")


def convert(model):
    """The directory that ONNX Runtime GenAI reads, and how long it took to make it, ns or None."""
    if os.path.exists(os.path.join(model, "genai_config.json")):
        return model, None
    if not os.path.exists(os.path.join(model, "config.json")):
        raise Error("model_not_found", "%s is not a directory with a model" % model)
    out, t0 = cached(model), now()
    if os.path.exists(out):
        return out, None
    tmp = "%s.%d.tmp" % (out, os.getpid())
    os.makedirs(tmp)
    try:
        made = subprocess.run([sys.executable, "-m", "onnxruntime_genai.models.builder", "-m", model, "-o", tmp, "-p", "fp32", "-e", "cpu", "-c", tmp + "/cache"], env=dict(os.environ, HF_HUB_OFFLINE="1"),
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        sys.stderr.write(made.stdout)
        if made.returncode:
            last = ([line for line in made.stdout.splitlines() if "Error" in line] or ["exit status %d" % made.returncode])[-1]
            raise Error("model_unsupported", "the builder of ONNX models refuses it: %s" % last)
        shutil.rmtree(tmp + "/cache", ignore_errors=True)
        os.rename(tmp, out)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return out, now() - t0


def other_end(folder, threads):
    """A folder of links to the model with its own genai_config.json, and what that said before. The engine has read it when load ends."""
    full = json.load(open(os.path.join(folder, "genai_config.json")))
    was = dict(full["model"])
    full["model"].update(eos_token_id=[was["vocab_size"] - 1], pad_token_id=was["vocab_size"] - 1)  # rows are of one length: nothing is padded
    if threads:
        full["model"]["decoder"].setdefault("session_options", {})["intra_op_num_threads"] = threads
    own = tempfile.mkdtemp(prefix="assay-ort-")
    for name in os.listdir(folder):
        if name != "genai_config.json":
            os.symlink(os.path.realpath(os.path.join(folder, name)), os.path.join(own, name))
    with open(os.path.join(own, "genai_config.json"), "w") as f:
        json.dump(full, f)
    return own, was


class OrtGenai(Worker):
    name = "ort_genai"
    distributions = ("onnxruntime-genai", "onnxruntime")
    caps = dict(stream=True, cancel=True, continuous_batching=False, per_request_max_tokens=True, ignore_eos="native", greedy=True, mem=["rss"])

    def load(self, model, opts):
        if not os.path.isdir(model):
            raise Error("model_not_found", "%s is not a directory (assay models export writes one)" % model)
        if opts["dtype"] != "f32":
            raise Error("unsupported_option", "dtype %s: on a CPU this engine is run in f32 (--dtype f32)" % opts["dtype"])
        folder, converted_ns = convert(model)
        own, config = other_end(folder, opts["threads"])
        try:
            t0 = now()
            import numpy
            import onnxruntime_genai as og
            t1 = now()
            c = og.Config(own)
            c.clear_providers()  # the CPU
            self.model, self.og, self.numpy = og.Model(c), og, numpy
            loaded_ns = now() - t1
        finally:
            shutil.rmtree(own, ignore_errors=True)
        eos = config.get("eos_token_id", [])
        self.vocab = config["vocab_size"]
        self.eos, self.most, self.longest = set(eos if isinstance(eos, list) else [eos]), opts["max_num_seqs"], config["context_length"]
        return dict(
            phases={"import": t1 - t0, "weights": loaded_ns, "convert": converted_ns},
            info=dict(dtype="f32", weight_bytes=sum(os.path.getsize(p) for p in glob.glob(os.path.join(folder, "*.onnx*"))), vocab=config["vocab_size"], max_len=self.longest, arch=config["type"]),
            effective=dict(dtype="f32", device=self.model.device_type, batching="static, equal lengths", max_num_seqs=self.most, os_threads=len(os.listdir("/proc/self/task")), folder=folder,
                           converted_now=converted_ns is not None),
            ignored=["max_batched_tokens", "block_size"] + [k for k in ("kv_bytes", "kv_dtype") if k in opts])

    def run(self, out):
        while batch := out.take(self.most):
            for length in sorted({len(q.ids) for q in batch}):
                self.generate([q for q in batch if len(q.ids) == length], out)

    def parameters(self, batch):
        q, p = batch[0], self.og.GeneratorParams(self.model)  # one set of sampling parameters a batch: a visit has one
        most = min(len(q.ids) + max(x.max_tokens for x in batch), self.longest)
        p.set_search_options(do_sample=q.temperature > 0, batch_size=len(batch), max_length=most)
        if q.temperature > 0:
            p.set_search_options(temperature=q.temperature, top_p=q.top_p, top_k=q.top_k, random_seed=q.seed & 0x7fffffff)
        return p

    def generate(self, batch, out):
        generator, t0, first = self.og.Generator(self.model, self.parameters(batch)), now(), True
        generator.append_tokens(self.numpy.array([q.ids for q in batch], dtype=self.numpy.int32))  # runs the prompts
        while not all(q.finished for q in batch):
            if not first and generator.is_done():
                if len(batch) > 1 or batch[0].n_out + len(batch[0].ids) >= self.longest:
                    break
                generator.append_tokens(newest.reshape(1, 1))  # it took the stand-in for the end: go on
            generator.generate_next_token()
            newest = generator.get_next_tokens()
            t1 = now()
            rows = [(q, [int(x)]) for q, x in zip(batch, newest) if not q.finished]
            out.step(t1, rows, t0=t0, kind="prefill" if first else "decode", n_prefill=sum(len(q.ids) for q in batch) if first else 0, n_decode=0 if first else len(rows))
            for q, (x,) in rows:
                stop = not q.ignore_eos and x in self.eos
                if q.cancelled or stop or q.n_out >= q.max_tokens:
                    out.done(q, "abort" if q.cancelled else "stop" if stop else "length")
                elif x == self.vocab - 1 and len(batch) > 1:
                    out.done(q, "error")  # the engine feeds this row with padding from here on
            t0, first = now(), False
        for q in batch:  # none, unless the generator ended by itself
            if not q.finished:
                out.done(q, "error")


if __name__ == "__main__":
    serve(OrtGenai())
