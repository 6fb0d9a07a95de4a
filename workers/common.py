"""What every worker shares: private pipes, the protocol (docs/worker-protocol.md), threads, errors by name. Standard library only.

A worker subclasses Worker and ends with serve(MyWorker()). Import this module first: importing it moves standard input and output out of
the way, so that nothing that an engine prints can get between the lines.
"""
import collections
import importlib.metadata
import importlib.util
import json
import os
import sys
import threading
import time
import traceback

_commands = os.fdopen(os.dup(0), "rb")  # os.dup: not inherited by children
_events = os.dup(1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
sys.path[:] = [p for p in sys.path if os.path.realpath(p or ".") != os.path.dirname(os.path.realpath(__file__))]  # a worker may bear its engine's name

now = time.monotonic_ns
_write = threading.Lock()
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode  # a third cheaper than json.dumps; nothing that is told holds itself


def send(**event):
    data = (_encode(event) + "\n").encode()
    with _write:
        while data:
            data = data[os.write(_events, data):]


class Error(Exception):
    """A failure with a name of the protocol: Error("model_not_found", "...")."""

    def __init__(self, code, msg):
        super().__init__(msg)
        self.code = code


class Request:
    """What was asked: r, ids, max_tokens, ignore_eos, temperature, top_p, top_k, seed. cancelled may turn true at any time."""

    def __init__(self, fields):
        self.ignore_eos, self.temperature, self.top_p, self.top_k, self.seed = True, 0.0, 1.0, 0, 0
        self.__dict__.update(fields)
        self.n_out, self.times, self.cancelled, self.finished = 0, [], False, False


class Worker:
    name = "?"
    module = None  # what it imports, so that an engine that is not there is told at once, before a model is written for it
    distributions = ()  # whose versions are told; the first that is there is the engine's own
    caps = {}  # stream must be true; stamp: "frontend" where times are taken in front of the engine, not where the ids are made

    def load(self, model, opts):
        """Loads; returns {info, effective, ignored, phases, caps, version (where hello could not know it)}, all optional. opts["extra"] holds --engine-opt: pop what is understood."""
        raise NotImplementedError

    def run(self, out):
        """Serves requests from out.take() until none is left, telling out.step(...) and out.done(...)."""
        raise NotImplementedError

    def memory(self):
        """{"kv": {"tokens", "used_tokens"}} or {}."""
        return {}


class Out:
    """The engine's side of a run."""

    def __init__(self):
        self.changed = threading.Condition()
        self.waiting = collections.deque()
        self.live = {}
        self.emit = "step"
        self.n = self.report_ns = 0  # report_ns: what telling steps takes from the engine
        self.wake = lambda: None  # called when something arrived or was cancelled, for an engine that waits elsewhere

    def take(self, most=None):
        """Requests that arrived since the last call, at most so many."""
        taken = []
        with self.changed:
            while self.waiting and (most is None or len(taken) < most):
                taken.append(self.waiting.popleft())
        return taken

    def step(self, t1, tokens, t0=None, kind=None, run=None, wait=None, n_prefill=None, n_decode=None, preempted=None):
        """tokens: [(request, [ids])], all of time t1 (now(), taken when the ids are known)."""
        began = now()
        self.n += 1
        for q, ids in tokens:
            q.n_out += len(ids)
            if self.emit == "final":
                q.times.extend([t1] * len(ids))
        if self.emit == "step":
            send(ev="step", n=self.n, t0=t0, t1=t1, kind=kind, run=len(tokens) if run is None else run, wait=len(self.waiting) if wait is None else wait, n_prefill=n_prefill,
                 n_decode=n_decode, preempted=preempted, tok=[(q.r, ids) for q, ids in tokens])
        self.report_ns += now() - began

    def done(self, q, reason, n_cached=None, scheduled=None, preempted=None):
        """reason: length, stop, abort or error. n_cached: prompt tokens from a prefix cache; scheduled: when the engine first took it up; preempted: how often it lost its place; None where it does not say."""
        q.finished = True
        with self.changed:
            self.live.pop(q.r, None)
        event = {"ts": q.times} if self.emit == "final" else {}
        send(ev="done", r=q.r, reason=reason, n_in=len(q.ids), n_out=q.n_out, n_cached=n_cached, scheduled=scheduled, preempted=preempted, **event)

    def submit(self, reqs):
        with self.changed:
            for q in map(Request, reqs):
                self.live[q.r] = q
                self.waiting.append(q)
        self.wake()

    def cancel(self, rs):
        with self.changed:
            for q in (self.live[r] for r in rs if r in self.live):
                q.cancelled = True
            unstarted = [q for q in self.waiting if q.cancelled]
            self.waiting = collections.deque(q for q in self.waiting if not q.cancelled)
        for q in unstarted:
            self.done(q, "abort")
        self.wake()


def _code(e, otherwise):
    text = str(e).lower()
    if isinstance(e, MemoryError) or "out of memory" in text or "allocate memory" in text:
        return "oom"
    if isinstance(e, Error):
        return e.code
    return "import_failed" if isinstance(e, ImportError) else otherwise


def _versions(distributions):
    found = {"python": sys.version.split()[0]}
    for name in distributions:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def _there(module):
    return not module or importlib.util.find_spec(module) is not None


def _read(out, ops, changed):
    """The reader's thread: what can be answered at once is, the rest is for the main thread."""
    for line in _commands:
        c = json.loads(line)
        op = c.get("op")
        if op == "ping":
            send(ev="ok", id=c["id"], now=now())
        elif op == "submit":
            out.submit(c["reqs"])
            send(ev="ok", id=c["id"], queued=len(out.waiting))
        elif op == "cancel":
            out.cancel(c["r"])
        else:
            with changed:
                ops.append(c)
                changed.notify()
    os._exit(0)  # the caller is gone


def _alive():
    while True:
        time.sleep(1)
        send(ev="alive", t=now())


def _load(worker, c):
    t0 = now()
    try:
        told = worker.load(c["model"], c["opts"])
    except Exception as e:
        if not isinstance(e, Error):  # those say all
            traceback.print_exc()
        send(ev="error", id=c["id"], code=_code(e, "load_failed"), msg=str(e) if isinstance(e, Error) else "%s: %s" % (type(e).__name__, e), fatal=False)
        return
    ignored = told.get("ignored", []) + sorted(c["opts"].get("extra", {}))  # what load did not pop
    send(ev="loaded", id=c["id"], t0=t0, t1=now(), phases=told.get("phases", {}), info=told.get("info", {}), effective=told.get("effective", {}), ignored=ignored,
         caps=dict(worker.caps, **told.get("caps", {})), **({"version": told["version"]} if told.get("version") else {}))


def _go(worker, out, c):
    out.emit, out.report_ns = c.get("emit", "step"), 0
    send(ev="started", id=c["id"], t=now())
    try:
        while out.waiting:
            worker.run(out)
    except Exception as e:
        traceback.print_exc()
        code, failed = _code(e, "internal"), sorted(out.live)
        send(ev="error", code=code, msg="%s: %s" % (type(e).__name__, e), fatal=code != "oom", r=failed)
        if code != "oom":
            os._exit(1)
        with out.changed:
            out.live.clear()
            out.waiting.clear()
    send(ev="idle", id=c["id"], t=now(), report_ns=out.report_ns)


def serve(worker):
    out, ops, changed = Out(), collections.deque(), threading.Condition()
    threading.Thread(target=_read, args=(out, ops, changed), daemon=True).start()
    threading.Thread(target=_alive, daemon=True).start()
    while True:
        with changed:
            while not ops:
                changed.wait()
            c = ops.popleft()
        op = c.get("op")
        if op == "hello" and not _there(worker.module):
            send(ev="error", id=c.get("id"), code="not_installed", msg="%s is not in %s: assay engines install %s" % (worker.module, sys.prefix, worker.name), fatal=False)
        elif op == "hello":
            versions = _versions(worker.distributions)
            version = next((versions[d] for d in worker.distributions if versions[d]), None)
            send(ev="hello", proto=1, engine=worker.name, version=version or "unknown", versions=versions, pid=os.getpid(), now=now(), caps=worker.caps)
        elif op == "load":
            _load(worker, c)
        elif op == "go":
            _go(worker, out, c)
        elif op == "mem":
            send(ev="mem", id=c["id"], t=now(), **worker.memory())
        elif op == "quit":
            send(ev="bye", t=now())
            os._exit(0)
        else:
            send(ev="error", id=c.get("id"), code="bad_request", msg="unknown op %s" % op, fatal=False)
