#!/usr/bin/env python3
"""A worker whose step is a known amount of work, for bench/worker.sh: --engine-opt hash_mib=N of SHA-256 on each of --threads threads at once (as an
engine's threads work), or step_ms=N of sleep, or nothing at all. Its tokens are made at once."""
import concurrent.futures
import hashlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "..", "workers"))
from common import Worker, now, serve

MIB = bytes(1 << 20)


class Busy(Worker):
    name = "busy"
    caps = dict(stream=True, continuous_batching=True, ignore_eos="native", greedy=True, model="any")

    def load(self, model, opts):
        self.mib, self.step_s = int(opts["extra"].pop("hash_mib", 0)), float(opts["extra"].pop("step_ms", 0)) / 1e3
        self.threads, self.most = opts["threads"] or len(os.sched_getaffinity(0)), opts["max_num_seqs"]
        self.pool = concurrent.futures.ThreadPoolExecutor(self.threads)
        return dict(effective=dict(max_num_seqs=self.most, hash_mib=self.mib, step_ms=self.step_s * 1e3, threads=self.threads), info=dict(dtype=opts["dtype"]))

    def hash(self, _):
        h = hashlib.sha256()
        for _ in range(self.mib):
            h.update(MIB)  # without the interpreter's lock

    def run(self, out):
        running = []
        while True:
            running += out.take(self.most - len(running))
            if not running:
                return
            t0 = now()
            if self.mib:
                list(self.pool.map(self.hash, range(self.threads)))
            if self.step_s:
                time.sleep(self.step_s)
            out.step(now(), [(q, [1]) for q in running], t0=t0, kind="decode", n_prefill=0, n_decode=len(running))
            for q in [q for q in running if q.n_out == q.max_tokens]:
                out.done(q, "length")
            running = [q for q in running if not q.finished]


serve(Busy())
