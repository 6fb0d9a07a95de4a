#!/usr/bin/env python3
"""Each worker against stand-ins of its engine (stubs/), which check how they are called: answers alone and together, ends, cancelling, a wrong model,
options that are not known. Prints TAP. No engine is needed."""
import atexit
import json
import os
import shutil
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.realpath(__file__))
WORKERS = os.path.join(HERE, "..", "..", "workers")
sys.path[:0] = [HERE, os.path.join(HERE, "stubs")]
os.environ["PYTHONPATH"] = os.path.join(HERE, "stubs")
import check_golden
import stub_lm

PROMPTS = [[5], [7, 300, 2], [1, 2, 3], [900, 4, 8, 15, 16, 23]]
OPTS = dict(device="cpu", dtype="f32", threads=1, max_num_seqs=3, max_batched_tokens=256, max_model_len=512, block_size=16, seed=0)


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
    atexit.register(shutil.rmtree, d, ignore_errors=True)
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


def send(peer, prompts, n, ignore_eos=True, temperature=0.0):
    peer.say("submit", reqs=[dict(r=i, ids=ids, max_tokens=n, ignore_eos=ignore_eos, temperature=temperature, top_p=1.0, top_k=0, seed=0) for i, ids in enumerate(prompts)])
    peer.say("go", emit="step", batch=len(prompts))


def ask_all(peer, prompts, n, ignore_eos=True, temperature=0.0):
    """The answers, the steps and the ends."""
    send(peer, prompts, n, ignore_eos, temperature)
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


def load(peer, model, dtype="f32", **extra):
    peer.say("load", model=model, opts=dict(OPTS, dtype=dtype, extra=extra))
    return peer.until("loaded")[-1]


def refused(peer, model, what, dtype="f32", **extra):
    """Not loaded, with words that say why."""
    try:
        load(peer, model, dtype, **extra)
    except (RuntimeError, check_golden.Unsupported) as e:
        assert what in str(e), e
        return
    raise AssertionError("not refused: " + what)


def serves(worker, **extra):
    peer, model = start(worker), folder(worker)
    loaded = load(peer, model, nonsense="1", **dict(extra, onnx=model) if worker == "ort_genai" else extra)
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


def refuses(worker):
    refused(start(worker), "/nowhere", "/nowhere")


# ---- transformers, continuous batching ----

def continuous(worker):
    serves(worker, batching="continuous", page_size="16", kv_gib="1")


def continuous_steps(worker):
    """Steps tell what they did: prompts are read four ids a step, four requests share three places, times lie between the step's ends."""
    peer, model = start(worker), folder(worker)
    loaded = load(peer, model, batching="continuous", page_size="16")
    assert loaded["caps"]["continuous_batching"] and loaded["effective"]["batching"] == "continuous" and "max_batched_tokens" not in loaded["ignored"], loaded
    assert loaded["effective"]["kv_tokens"] == loaded["info"]["max_len"] * OPTS["max_num_seqs"] == 3 * 512, loaded
    _, steps, _ = ask_all(peer, PROMPTS, 3)
    assert all(s["t0"] <= s["t1"] for s in steps) and all(a["t1"] <= b["t0"] for a, b in zip(steps, steps[1:])), "times out of order"
    assert (steps[0]["kind"], steps[0]["run"], steps[0]["wait"], steps[0]["n_prefill"]) == ("prefill", 3, 1, sum(map(len, PROMPTS[:3]))), steps[0]
    assert sum(s["n_prefill"] for s in steps) == sum(map(len, PROMPTS)) and sum(s["n_decode"] for s in steps) == 2 * len(PROMPTS), steps
    assert [] in [s["tok"] for s in steps], "the step that reads the first four ids of six gives no token"


def continuous_cancel(worker):
    peer, model = start(worker), folder(worker)
    load(peer, model, batching="continuous", page_size="16")
    send(peer, PROMPTS, 10 ** 8)  # one of the four waits
    peer.until("step")
    peer.say("cancel", r=list(range(len(PROMPTS))))
    ends = [ev["reason"] for ev in peer.until("idle") if ev["ev"] == "done"]
    assert ends == ["abort"] * len(PROMPTS), ends
    assert ask(peer, PROMPTS, 5)[0] == [answer(p, 5) for p in PROMPTS], "after a cancel"


def continuous_failures(worker):
    peer, model = start(worker), folder(worker)
    load(peer, model, batching="continuous", page_size="16")
    got, ends = ask(peer, [[778, 3], [5]], 4)
    assert (got, ends) == ([[], answer([5], 4)], ["error", "length"]), ends
    try:
        ask(peer, [[777, 3], [5]], 4)
    except RuntimeError as e:
        assert "ValueError: 777 is not for this thread" in str(e), e
        return
    raise AssertionError("the thread's end went unseen")


def continuous_refusals(worker):
    peer, model = start(worker), folder(worker)
    refused(peer, model, "batching=both is not static or continuous", batching="both")
    refused(start("deepspeed"), model, "batching=continuous: DeepSpeed", batching="continuous")
    os.environ["STUB_CANNOT"] = "1"
    try:
        refused(start(worker), model, "cannot here: continuous batching of transformers: AssertionError: stub: no continuous batching on this machine", batching="continuous")
    finally:
        del os.environ["STUB_CANNOT"]


def samples(worker):
    """On a CPU vLLM gets no seed with a request: it would stop at a prompt in chunks."""
    peer, model = start(worker), folder(worker)
    assert "a request's seed" in load(peer, model)["ignored"]
    assert ask_all(peer, [[5]], 4, temperature=0.6)[0] == [answer([5], 4)]


# ---- vLLM ----

def memory_of(worker):
    """gpu_mem_util is told where it is in force, refused beside a size, ignored where the engine would not hear it."""
    model = folder(worker)
    assert load(start(worker), model)["effective"]["gpu_mem_util"] is None
    told = load(start(worker), model, gpu_mem_util="0.5", tensor_parallel="2", stats="false")["effective"]
    assert told["kv_sized_by"] == "gpu_mem_util", told
    assert (told["gpu_mem_util"], told["tensor_parallel"], told["stats"], told["generation"]) == (0.5, 2, False, "V1"), told
    refused(start(worker), model, "gpu_mem_util=0.5 and a size", gpu_mem_util="0.5", kv_gib="1")


def scheduled(worker, waits=True):
    """What the engine's statistics say of each request; the fourth waits until another ends."""
    peer = start(worker)
    load(peer, folder(worker))
    before = time.monotonic_ns()
    _, steps, ends = ask_all(peer, PROMPTS, 3)
    assert all(before <= e["scheduled"] <= steps[-1]["t1"] and not e["preempted"] for e in ends), ends
    assert not waits or ends[3]["scheduled"] >= steps[2]["t1"], "it waited"


def first_generation(worker):
    """vLLM of 0.6: outputs in pieces, cumulative, and late by a step."""
    stubs = os.environ["PYTHONPATH"]
    for kind, late in (("", ""), ("1", ""), ("", "1"), ("1", "1")):
        os.environ.update(PYTHONPATH=os.path.join(HERE, "stubs_v0") + ":" + stubs, STUB_CUMULATIVE=kind, STUB_LATE=late)
        try:
            serves(worker)
            scheduled(worker, waits=False)
            loaded = load(start(worker), folder(worker), gpu_mem_util="0.5")
        finally:
            os.environ.update(PYTHONPATH=stubs, STUB_CUMULATIVE="", STUB_LATE="")
        assert loaded["effective"]["generation"] == "V0" and loaded["effective"]["processes"] == "one", loaded
        assert loaded["effective"]["gpu_mem_util"] is None and "gpu_mem_util" in loaded["ignored"] and "a request's seed" not in loaded["ignored"], loaded
        assert (loaded["caps"]["stamp"], loaded["caps"]["steps"]) == (("frontend", False) if late else ("engine", True)), loaded


def nano(worker):
    """Prefill in chunks, a preemption, its prefix cache off and on, what it refuses."""
    long = [n % 1000 for n in range(700)]
    for cached in ("false", "true"):
        peer, model = start(worker), folder(worker)
        loaded = load(peer, model, prefix_cache=cached)
        assert loaded["effective"]["kv_dtype"] == "f32" and loaded["effective"]["prefix_cache"] is (cached == "true") and loaded["effective"]["end_token"] == stub_lm.EOS, loaded
        assert loaded["phases"]["warmup"] >= 0 and loaded["phases"]["kv"] >= 0 and loaded["info"]["weight_bytes"] == 40, loaded
        for n_cached in (0, 512 if cached == "true" else 0):
            got, steps, done = ask_all(peer, [long, [5]], 4)
            assert got == [answer(long, 4), answer([5], 4)], got
            assert [done[0]["n_cached"], done[1]["n_cached"]] == [n_cached, 0], done
            assert n_cached or not steps[0]["tok"], "a chunk gives no token"
        assert sum(s["preempted"] for s in steps) == 0
        peer.say("mem")
        assert peer.until("mem")[-1]["kv"]["used_tokens"] == 0
    peer, model = start(worker), folder(worker)
    load(peer, model)
    got, steps, _ = ask_all(peer, [[5], [7, 300, 2]], 6)
    assert got == [answer([5], 6), answer([7, 300, 2], 6)] and sum(s["preempted"] for s in steps) == 1, steps
    refused(start(worker), folder(worker, model_type="llama"), "Qwen3 models only")
    refused(start(worker), folder(worker, dtype="float32"), "--dtype bf16", dtype="bf16")
    refused(start(worker), folder(worker), "no nanovllm/__init__.py", source="/nowhere")


def main():
    tests = [(test, worker) for worker in ("transformers", "vllm", "deepspeed", "ort_genai", "nanovllm") for test in (serves, refuses)]
    tests += [(nano, "nanovllm"), (samples, "vllm"), (memory_of, "vllm"), (scheduled, "vllm"), (scheduled, "transformers"), (first_generation, "vllm")]
    tests += [(test, "transformers") for test in (continuous, continuous_steps, continuous_cancel, continuous_failures, continuous_refusals)]
    bad, n = 0, 0
    for test, worker in tests:
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
