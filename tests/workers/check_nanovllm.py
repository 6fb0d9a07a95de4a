#!/usr/bin/env python3
"""The real nano-vLLM on a small made-up Qwen3: its pages of 256, prefill in chunks, preemption, prefix cache, end token and sampling give what an undisturbed
greedy run gives. Prints TAP.

usage: check_nanovllm.py PYTHON WORKER.py [SOURCE]    (SOURCE: a checkout of its repository, where it is not installed)
"""
import os
import random
import shutil
import sys
import tempfile

import check_golden
import tiny_qwen3

draw = random.Random(3)
PROMPTS = [[draw.randrange(tiny_qwen3.VOCAB) for _ in range(n)] for n in (1, 255, 256, 257, 600, 1100)]
OUT = 24


class Engine:
    def __init__(self, python, worker, source, model, max_batched_tokens=2048, **extra):
        self.peer = check_golden.Peer(python, worker)
        self.peer.say("hello", proto=1)
        self.peer.until("hello")
        extra.update(dict(source=source) if source else {})
        self.peer.say("load", model=model, opts=dict(device="cpu", dtype="f32", threads=1, max_num_seqs=16, max_batched_tokens=max_batched_tokens, max_model_len=tiny_qwen3.CONTEXT, block_size=16,
                                                     seed=0, extra=extra))
        self.loaded = self.peer.until("loaded")[-1]

    def ask(self, prompts, ignore_eos=True, temperature=0.0):
        """For each prompt its ids, how it ended and how much of it came from the cache; and the steps."""
        self.peer.say("submit", reqs=[dict(r=i, ids=ids, max_tokens=OUT, ignore_eos=ignore_eos, temperature=temperature, top_p=1.0, top_k=0, seed=0) for i, ids in enumerate(prompts)])
        self.peer.say("go", emit="step", batch=len(prompts))
        got, ends, steps = [[] for _ in prompts], [None] * len(prompts), []
        for ev in self.peer.until("idle"):
            if ev["ev"] == "step":
                steps.append(ev)
                for r, ids in ev["tok"]:
                    got[r] += ids
            if ev["ev"] == "done":
                ends[ev["r"]] = (ev["reason"], ev["n_cached"])
        return got, ends, steps

    def quit(self):
        self.peer.say("quit")
        self.peer.until("bye")


def plain(start, want):
    g = start()
    assert g.loaded["effective"]["block_size"] == 256 and g.loaded["effective"]["prefix_cache"] is False, g.loaded
    got, ends, steps = g.ask(PROMPTS)
    want += got
    alone = [g.ask([p])[0][0] for p in PROMPTS]
    assert alone == got, "together and alone differ"
    assert all(e == ("length", 0) for e in ends) and all(g.ask([p])[1] == [("length", 0)] for p in PROMPTS), "a prompt that was given before came from the cache"
    assert sum(s["n_prefill"] for s in steps) == sum(map(len, PROMPTS)), "prompt tokens that were computed"
    assert sum(s["n_decode"] for s in steps) == len(PROMPTS) * (OUT - 1), "tokens that were decoded"
    sampled, ends, _ = g.ask(PROMPTS, temperature=0.6)
    assert all(len(ids) == OUT and max(ids) < tiny_qwen3.VOCAB for ids in sampled) and sampled != got, "temperature 0.6 samples"
    g.quit()


def chunks(start, want):
    g = start(max_batched_tokens=200)
    got, _, steps = g.ask(PROMPTS)
    assert got == want, "prefill in chunks differs"
    assert max(s["n_prefill"] for s in steps) <= 200 and any(not s["tok"] for s in steps), "no chunk was seen"
    g.quit()


def preemption(start, want):
    page = 256 * 2 * tiny_qwen3.LAYERS * tiny_qwen3.KV_HEADS * tiny_qwen3.HEAD * 4
    g = start(kv_gib=str(13.5 * page / (1 << 30)))
    assert g.loaded["effective"]["kv_tokens"] == 13 * 256 and g.loaded["info"]["max_len"] == 13 * 256, g.loaded
    got, _, steps = g.ask(PROMPTS)
    assert got == want, "preempted sequences differ"
    assert sum(s["preempted"] for s in steps) > 0, "nothing was preempted"
    g.quit()


def cache(start, want):
    g = start(prefix_cache="true")
    assert g.loaded["effective"]["prefix_cache"] is True
    first, again = g.ask(PROMPTS), g.ask(PROMPTS)
    assert first[0] == want and again[0] == want, "an answer from the cache differs"
    assert [n for _, n in first[1]] == [0] * len(PROMPTS), first[1]
    assert [n for _, n in again[1]] == [(len(p) - 1) // 256 * 256 for p in PROMPTS], again[1]
    g.quit()


def end_token(start, want):
    """The fifth token of an answer becomes the end token of a second model."""
    end = want[3][4]
    g = start(eos=end)
    assert g.loaded["effective"]["end_token"] == end, g.loaded["effective"]
    got, ends, _ = g.ask([PROMPTS[3]], ignore_eos=False)
    assert got[0] == want[3][:want[3].index(end) + 1] and ends == [("stop", 0)], (got, ends)
    assert g.ask([PROMPTS[3]])[0][0] == want[3], "an ignored end token changes the answer"
    g.quit()


def main():
    python, worker, source = (sys.argv[1:] + [""])[:3]
    folder, want, bad = tempfile.mkdtemp(prefix="assay-nano-"), [], 0

    def start(eos=10015, **opts):
        tiny_qwen3.write(folder, eos=eos)
        return Engine(python, worker, source, folder, **opts)

    tests = (plain, chunks, preemption, cache, end_token)
    for n, test in enumerate(tests, 1):
        try:
            test(start, want)
            print("ok %d - nanovllm %s" % (n, test.__name__), flush=True)
        except Exception as e:
            bad += 1
            print("not ok %d - nanovllm %s: %s: %s" % (n, test.__name__, type(e).__name__, e), flush=True)
    print("1..%d" % len(tests))
    shutil.rmtree(folder)
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
