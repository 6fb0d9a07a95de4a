"""A whole worker with a toy for an engine: what to copy when writing one. The toy's next token is a function of the last two; a step takes
step_ms (--engine-opt step_ms=5) and serves every running request, as an engine with continuous batching does."""
from common import Error, Worker, now, serve

import time


class Toy(Worker):
    name = "toy"
    caps = dict(model="any", stream=True, cancel=True, continuous_batching=True, ignore_eos="native", greedy=True)

    def load(self, model, opts):
        extra = opts["extra"]
        try:
            self.step_s = float(extra.pop("step_ms", 1)) / 1e3
        except ValueError as e:
            raise Error("unsupported_option", "step_ms: %s" % e)
        self.most = opts["max_num_seqs"]
        # what is in force is read back from the engine; a toy has only itself to ask
        return dict(effective=dict(max_num_seqs=self.most, step_ms=self.step_s * 1e3), info=dict(dtype=opts["dtype"]))

    def run(self, out):
        running = {}  # request -> its last two ids
        while True:
            fresh = out.take(self.most - len(running))
            running.update((q, (q.ids + q.ids)[-2:]) for q in fresh)
            if not running:
                return
            t0 = now()
            time.sleep(self.step_s)
            for q, last in running.items():
                running[q] = [last[1], (31 * last[0] + 17 * last[1] + 7) % 1009]
            tokens = [(q, [last[1]]) for q, last in running.items()]
            out.step(now(), tokens, t0=t0, kind="mixed" if fresh else "decode", n_prefill=sum(len(q.ids) for q in fresh), n_decode=len(running) - len(fresh))
            for q in list(running):
                if q.cancelled or q.n_out == q.max_tokens:
                    out.done(q, "abort" if q.cancelled else "length")
                    del running[q]


serve(Toy())
