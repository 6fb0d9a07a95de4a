#!/usr/bin/env python3
"""Each worker against stand-ins of its engine (stubs/), which check how they are called: answers alone and together, ends, cancelling, a wrong model,
options that are not known. Prints TAP. No engine is needed."""
import json
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
WORKERS = os.path.join(HERE, "..", "..", "workers")
sys.path[:0] = [HERE, os.path.join(HERE, "stubs")]
os.environ["PYTHONPATH"] = os.path.join(HERE, "stubs")
import check_golden
import stub_lm

PROMPTS = [[5], [7, 300, 2], [1, 2, 3], [900, 4, 8, 15, 16, 23]]
OPTS = dict(device="cpu", dtype="f32", threads=1, max_num_seqs=3, max_batched_tokens=512, max_model_len=512, block_size=16, seed=0)


def answer(ids, n):
    ids = list(ids)
    for _ in range(n):
        ids.append(stub_lm.follow(ids))
    return ids[-n:]


def ending():
    """A prompt whose answer holds the end token early, and how long that answer is."""
    for a in range(stub_lm.VOCAB):
        got = answer([a, 1], 6)
        if stub_lm.EOS in got[1:5]:
            return [a, 1], got.index(stub_lm.EOS) + 1


def to_stand_in():
    """A prompt whose answer passes the id that stands for the end in workers/ort_genai.py."""
    return next([a, 1] for a in range(stub_lm.VOCAB) if stub_lm.VOCAB - 1 in answer([a, 1], 6)[1:4])


def folder(worker, **config):
    """An empty model; for ONNX Runtime GenAI one that is converted already."""
    d = tempfile.mkdtemp(prefix="assay-stub-")
    json.dump(dict(dict(model_type="qwen3", eos_token_id=stub_lm.EOS), **config), open(os.path.join(d, "config.json"), "w"))
    if worker == "ort_genai":
        json.dump({"model": {"vocab_size": stub_lm.VOCAB, "context_length": 512, "eos_token_id": [stub_lm.EOS]}}, open(os.path.join(d, "genai_config.json"), "w"))
        open(os.path.join(d, "model.onnx"), "w").close()
    return d


def start(worker):
    peer = check_golden.Peer(sys.executable, os.path.join(WORKERS, worker + ".py"))
    peer.say("hello", proto=1)
    assert peer.until("hello")[-1]["engine"] == worker
    return peer


def ask_all(peer, prompts, n, ignore_eos=True, temperature=0.0):
    """The answers, the steps and the ends."""
    peer.say("submit", reqs=[dict(r=i, ids=ids, max_tokens=n, ignore_eos=ignore_eos, temperature=temperature, top_p=1.0, top_k=0, seed=0) for i, ids in enumerate(prompts)])
    peer.say("go", emit="step", batch=len(prompts))
    got, steps, ends = [[] for _ in prompts], [], {}
    for ev in peer.until("idle"):
        if ev["ev"] == "step":
            steps.append(ev)
            for r, ids in ev["tok"]:
                got[r] += ids
        if ev["ev"] == "done":
            ends[ev["r"]] = ev
    return got, steps, [ends[i] for i in range(len(prompts))]


def ask(peer, prompts, n, ignore_eos=True):
    got, _, ends = ask_all(peer, prompts, n, ignore_eos)
    return got, [e["reason"] for e in ends]


def serves(worker):
    peer, model = start(worker), folder(worker)
    extra = dict(onnx=model) if worker == "ort_genai" else {}
    peer.say("load", model=model, opts=dict(OPTS, extra=dict(extra, nonsense="1")))
    loaded = peer.until("loaded")[-1]
    assert loaded["info"]["dtype"] == "f32" and "nonsense" in loaded["ignored"], loaded
    assert loaded["effective"]["max_num_seqs"] == 3, loaded
    for prompts in [[p] for p in PROMPTS] + [PROMPTS]:
        assert ask(peer, prompts, 7) == ([answer(p, 7) for p in prompts], ["length"] * len(prompts)), prompts
    prompt, n = ending()
    assert ask(peer, [prompt], 6, ignore_eos=False) == ([answer(prompt, n)], ["stop"])
    assert ask(peer, [prompt], 6) == ([answer(prompt, 6)], ["length"])
    assert ask(peer, [to_stand_in()], 6) == ([answer(to_stand_in(), 6)], ["length"])
    peer.say("mem")
    peer.until("mem")
    peer.say("quit")
    peer.until("bye")
    shutil.rmtree(model)


def refuses(worker):
    peer = start(worker)
    peer.say("load", model="/nowhere", opts=dict(OPTS, extra={}))
    try:
        peer.until("loaded")
    except RuntimeError as e:
        assert "/nowhere" in str(e), e
        return
    raise AssertionError("a model that is not there was loaded")


def refusal(worker, says, config=None, dtype="f32", **extra):
    """The model's config.json or an option that is refused with words that say why."""
    peer, model = start(worker), folder(worker, **(config or {}))
    peer.say("load", model=model, opts=dict(OPTS, dtype=dtype, extra=extra))
    try:
        peer.until("loaded")
    except (RuntimeError, check_golden.Unsupported) as e:
        shutil.rmtree(model)
        assert says in str(e), e
        return
    raise AssertionError("not refused: " + says)


def samples(worker):
    """On a CPU vLLM gets no seed with a request: it would stop at a prompt in chunks."""
    peer, model = start(worker), folder(worker)
    peer.say("load", model=model, opts=dict(OPTS, extra={}))
    assert "a request's seed" in peer.until("loaded")[-1]["ignored"]
    assert ask_all(peer, [[5]], 4, temperature=0.6)[0] == [answer([5], 4)]
    shutil.rmtree(model)


def nano(worker):
    """Prefill in chunks, a preemption, its prefix cache off and on, what it refuses."""
    long = [n % 1000 for n in range(700)]
    for cached in ("false", "true"):
        peer, model = start(worker), folder(worker)
        peer.say("load", model=model, opts=dict(OPTS, extra=dict(prefix_cache=cached)))
        loaded = peer.until("loaded")[-1]
        assert loaded["effective"]["prefix_cache"] is (cached == "true") and loaded["effective"]["end_token"] == stub_lm.EOS, loaded
        assert loaded["phases"]["warmup"] >= 0 and loaded["phases"]["kv"] >= 0 and loaded["info"]["weight_bytes"] == 40, loaded
        for n_cached in (0, 512 if cached == "true" else 0):
            got, steps, done = ask_all(peer, [long, [5]], 4)
            assert got == [answer(long, 4), answer([5], 4)], got
            assert [done[0]["n_cached"], done[1]["n_cached"]] == [n_cached, 0], done
            assert n_cached or not steps[0]["tok"], "a chunk gives no token"
        assert sum(s["preempted"] for s in steps) == 0
        peer.say("mem")
        assert peer.until("mem")[-1]["kv"]["used_tokens"] == 0
        shutil.rmtree(model)
    peer, model = start(worker), folder(worker)
    peer.say("load", model=model, opts=dict(OPTS, extra={}))
    peer.until("loaded")
    got, steps, _ = ask_all(peer, [[5], [7, 300, 2]], 6)
    assert got == [answer([5], 6), answer([7, 300, 2], 6)] and sum(s["preempted"] for s in steps) == 1, steps
    shutil.rmtree(model)
    refusal(worker, "Qwen3 models only", dict(model_type="llama"))
    refusal(worker, "--dtype bf16", dict(dtype="float32"), dtype="bf16")
    refusal(worker, "no nanovllm/__init__.py", source="/nowhere")


def main():
    bad, n = 0, 0
    for worker in ("transformers", "vllm", "deepspeed", "ort_genai", "nanovllm"):
        for test in (serves, refuses) + dict(nanovllm=(nano,), vllm=(samples,)).get(worker, ()):
            n += 1
            try:
                test(worker)
                print("ok %d - %s %s" % (n, worker, test.__name__))
            except Exception as e:
                bad += 1
                print("not ok %d - %s %s: %s: %s" % (n, worker, test.__name__, type(e).__name__, e))
    print("1..%d" % n)
    sys.exit(bad > 0)


main()
