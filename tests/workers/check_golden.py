#!/usr/bin/env python3
"""Greedy tokens of a worker against the reference logits' greedy tokens, prompt by prompt and as one padded batch. Prints TAP.

usage: [WORKER_OPTS="K=V ..."] check_golden.py PYTHON WORKER.py GOLDEN_DIR...    (a directory without golden.json is skipped; WORKER_OPTS are --engine-opt)
"""
import atexit
import json
import os
import re
import signal
import subprocess
import sys
import time


class Unsupported(Exception):
    """The engine does not take such a model."""


def options():
    return dict(x.split("=", 1) for x in os.environ.get("WORKER_OPTS", "").split())


def environment(python, worker):
    """What assay computes from NAME.env.json (src/engine/worker_variables.c) with --threads 1 and these options."""
    path, given = worker[:-len(".py")] + ".env.json", dict(options(), prefix=os.path.dirname(os.path.dirname(python)), threads="1", cpus=str(min(os.sched_getaffinity(0))), port="29500")
    out = dict(os.environ)
    for name, v in (json.load(open(path)) if os.path.exists(path) else {}).items():
        text = re.sub(r"{(\w+)(?::(.*?))?}", lambda m: given.get(m[1]) or m[2], v.get(options().get(v["option"], ""), v.get("", "")) if isinstance(v, dict) else v)
        if not text.endswith("?") or os.path.exists(text[:-1]):
            out[name] = text.rstrip("?")
    return out


class Peer:
    def __init__(self, python, worker):
        self.p = subprocess.Popen([python, worker], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(os.environ.get("WORKER_LOG", os.devnull), "ab"),
                                  env=environment(python, worker), start_new_session=True)
        atexit.register(self.end)
        self.id = 0

    def end(self):
        """As assay does: what the worker leaves behind (vLLM's core is another process) ends with it."""
        try:
            os.killpg(self.p.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.p.wait()

    def say(self, op, **fields):
        self.id += 1
        self.p.stdin.write((json.dumps(dict(op=op, id=self.id, **fields)) + "\n").encode())
        self.p.stdin.flush()

    def until(self, *kinds):
        """Events up to the first of these kinds; a dead worker or an error ends the program."""
        seen = []
        while not seen or seen[-1]["ev"] not in kinds:
            line = self.p.stdout.readline()
            ev = json.loads(line) if line else dict(ev="error", msg="the worker died")
            if ev["ev"] == "error":
                raise (Unsupported if ev.get("code") == "model_unsupported" else RuntimeError)(ev.get("msg"))
            seen.append(ev)
        return seen


def generate(peer, prompts, n):
    """The ids that each prompt is continued with; times must rise."""
    reqs = [dict(r=i, ids=p["ids"], max_tokens=n, ignore_eos=True, temperature=0.0, top_p=1.0, top_k=0, seed=0) for i, p in enumerate(prompts)]
    t0 = time.monotonic_ns()
    peer.say("submit", reqs=reqs)
    peer.say("go", emit="step", batch=len(reqs))
    got, last = {r["r"]: [] for r in reqs}, t0
    for ev in peer.until("idle"):
        if ev["ev"] == "step":
            assert last <= ev["t1"] <= time.monotonic_ns(), "times out of order"
            last = ev["t1"]
            for r, ids in ev["tok"]:
                got[r] += ids
        if ev["ev"] == "done":
            assert ev["reason"] == "length" and ev["n_in"] == len(prompts[ev["r"]]["ids"]) and ev["n_out"] == n, ev
    return [got[r["r"]] for r in reqs]


def check(python, worker, folder):
    golden = json.load(open(os.path.join(folder, "golden.json")))
    dtype = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}.get(golden.get("compute_dtype"), "f32")
    prompts = golden["prompts"]
    n = min(len(p["greedy"]) for p in prompts)
    peer = Peer(python, worker)
    peer.say("hello", proto=1)
    peer.until("hello")
    peer.say("load", model=os.path.realpath(folder), opts=dict(device="cpu", dtype=dtype, threads=1, max_num_seqs=16, max_batched_tokens=2048, max_model_len=0, block_size=16, seed=0,
                                                              extra=options()))
    peer.until("loaded")
    alone = [generate(peer, [p], n)[0] for p in prompts]
    batch = generate(peer, prompts, n)
    peer.say("quit")
    peer.until("bye")
    peer.end()
    wrong = [len(p["ids"]) for p, a, b in zip(prompts, alone, batch) if a != p["greedy"][:n] or b != p["greedy"][:n]]
    return "prompts of %s tokens differ" % wrong if wrong else ""


def main():
    python, worker, folders = sys.argv[1], sys.argv[2], [f for f in sys.argv[3:] if os.path.exists(os.path.join(f, "golden.json"))]
    bad = 0
    for i, folder in enumerate(folders, 1):
        try:
            why = check(python, worker, folder)
        except Unsupported as e:
            print("ok %d - # SKIP %s %s: %s" % (i, os.path.basename(worker), os.path.basename(folder), e), flush=True)
            continue
        except Exception as e:
            why = "%s: %s" % (type(e).__name__, e)
        bad += why != ""
        print("%sok %d - %s %s%s" % ("not " if why else "", i, os.path.basename(worker), os.path.basename(folder), ": " + why if why else ""), flush=True)
    print("1..%d" % len(folders))
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
