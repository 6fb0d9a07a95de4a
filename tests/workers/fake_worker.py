#!/usr/bin/env python3
"""A worker without an engine: tokens by the clock, and on demand every misbehaviour that the protocol leaves room for.

FAKE_FAULT names one, "STATE:KIND" (see at()) or "lie:WHAT"; FAKE_STEP_MS is the length of a step; with FAKE_BURN a child in a session of its own uses the CPU. Standard library only; the protocol is docs/worker-protocol.md.
"""
import json
import os
import signal
import sys
import threading
import time

FAULT = os.environ.get("FAKE_FAULT", "")
STEP = float(os.environ.get("FAKE_STEP_MS", "2")) / 1e3
MAX_STEP_TOKENS = 64

CLOCK = {"clock:other": 10 ** 15, "clock:ahead": 10 ** 9, "clock:behind": -10 ** 9}  # what its pings are wrong by
RAW = {  # lines that are no JSON, or no good one
    "utf8": b'{"ev": "log", "msg": "\xff\x1b[31m"}\n',
    "nan": b'{"ev": "alive", "t": NaN}\n',
    "huge": b'{"ev": "alive", "t": 99999999999999999999}\n',
    "double": b'{"ev": "alive", "t": 1, "t": 2}\n',
    "blank": b"\n",
    "text": b'{"ev": "step", "t1": "1", "tok": []}\n',
    "big_r": b'{"ev": "step", "t1": 1, "tok": [[1099511627776, [1]]]}\n',
    "no_ids": b'{"ev": "step", "t1": 1, "tok": [[0, []]]}\n',
    "bad_id": b'{"ev": "step", "t1": 1, "tok": [[0, [-2]]]}\n',
    "order": b'{"ev": "step", "t0": 2, "t1": 1, "tok": []}\n',
    "reason": b'{"ev": "done", "r": 0, "reason": "tired"}\n',
}

commands = os.fdopen(os.dup(0), "rb")
events = os.dup(1)
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
os.dup2(2, 1)
lock = threading.Lock()


def raw(data):
    with lock:
        while data:
            data = data[os.write(events, data):]


def send(**event):
    raw((json.dumps(event) + "\n").encode())


def now():
    return time.monotonic_ns() + (10 ** 15 if FAULT == "clock:shifted" else 0)


def die(how):
    sys.stderr.write("fake worker: dying by %s\n" % how)
    sys.stderr.flush()
    if how == "exit":
        os._exit(3)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "half":
        raw(b'{"ev": "step", "t0": 1, "t')
        os._exit(0)
    if how == "orphan":  # the process ends, a child holds its output open
        if os.fork() == 0:
            time.sleep(30)
        os._exit(5)


def burn():
    parent = os.getpid()
    if os.fork() == 0:
        while time.process_time() < 0.2:  # a process that leaves is known when it was seen in the group
            pass
        os.setsid()
        while os.getppid() == parent:
            pass
        os._exit(0)


def silence():
    while True:
        time.sleep(1)


def at(state):
    """Misbehaves when FAULT is for this state: "STATE:KIND"."""
    where, _, kind = FAULT.partition(":")
    if where != state:
        return False
    if kind in ("exit", "kill", "half", "orphan"):
        die(kind)
    elif kind == "silence":
        silence()
    elif kind == "garbage":
        raw(b"\x00\xffWARNING: not JSON\n")
    elif kind == "array":
        raw(b"[1, 2]\n")
    elif kind == "deep":
        raw(b'{"ev": ' + b"[" * 100000 + b"]" * 100000 + b"}\n")
    elif kind == "event":
        send(ev="surprise")
    elif kind == "field":
        send(ev="step", n=1, t0=now(), t1=-5, tok=[])
    elif kind == "long":
        raw(b'{"ev": "log", "msg": "' + b"x" * (17 << 20) + b'"}\n')
    elif kind == "fits":
        raw(b'{"ev": "log", "msg": "' + b"x" * ((16 << 20) - 100) + b'"}\n')
    elif kind == "flood":
        for _ in range(50000):
            send(ev="log", lvl="info", msg="flood " * 10)
    elif kind in RAW:
        raw(RAW[kind])
    elif kind == "stall":  # a line that never ends
        raw(b'{"ev": "step", "t0": 1, "t')
        silence()
    elif kind == "closed":  # it lives, its output does not
        os.close(events)
        silence()
    elif kind == "stopped":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif kind == "idle":
        send(ev="idle", id=current, t=now())
    elif kind == "error":
        send(ev="error", id=None, code="internal", msg="something is wrong", fatal=False)
    elif kind == "loaded":
        send(ev="loaded", id=current)
    elif kind == "oom":
        send(ev="error", id=current, code="oom", msg="no memory for %s" % state, fatal=False, r=sorted(running))
        return True
    elif kind == "fatal":
        send(ev="error", code="internal", msg="the engine threw", fatal=True)
        silence()
    elif kind == "bye":
        send(ev="bye", t=now())
    elif kind == "hello":
        send(ev="hello", proto=1, engine="fake", now=now(), caps={})
    return False


class Request:
    def __init__(self, q):
        self.r, self.n_in, self.max = q["r"], len(q["ids"]), q["max_tokens"]
        self.seed, self.out, self.ts, self.scheduled = sum(q["ids"]), 0, [], None

    def token(self):
        self.out += 1
        return (self.seed + self.out) % 97


current = 0
running, waiting, cancelled = {}, [], set()
emit, going, limit = "step", False, 256
last = 0


def stamp():
    """Now, or a lie about it."""
    global last
    t = now()
    if FAULT == "lie:backwards" and last:
        t = last - 3000000
    if FAULT == "lie:future":
        t += 50000000
    if FAULT == "lie:past":
        t -= 10 ** 12
    last = t
    return t


def done(q, reason):
    n_out = q.out + (FAULT == "lie:n_out")
    n_in = q.n_in - (FAULT == "lie:n_in")
    ev = dict(ev="done", r=q.r, reason=reason, n_in=n_in, n_out=n_out, n_cached=0, scheduled=q.scheduled, preempted=int(os.environ.get("FAKE_PREEMPTED", "0")))
    if FAULT.startswith("lie:scheduled_"):
        ev["scheduled"] += 10 ** 10 if FAULT == "lie:scheduled_future" else -10 ** 12
    if FAULT == "lie:preempted":
        ev["preempted"] = 2 ** 31
    if emit == "final":
        ev["ts"] = q.ts[::-1] if FAULT == "lie:ts_order" else q.ts[1:] if FAULT == "lie:ts_few" else [t + 10 ** 9 for t in q.ts] if FAULT == "lie:ts_future" else q.ts
    if FAULT == "lie:lost" and q.r % 2:
        return
    send(**ev)
    if FAULT == "lie:twice":
        send(**ev)
    if FAULT == "lie:after":
        send(ev="step", n=0, t0=now(), t1=now(), kind="decode", run=1, wait=0, tok=[[q.r, [1]]])


def step(n):
    while waiting and len(running) < limit:
        q = waiting.pop(0)
        q.scheduled = now()
        running[q.r] = q
    fresh = [q for q in running.values() if not q.out]
    prefill, decode = sum(q.n_in for q in fresh), len(running) - len(fresh)
    t0 = None if FAULT in ("lie:backwards", "lie:past") else now()
    time.sleep(STEP)
    if n == 2 and at("step"):
        for r in list(running):
            del running[r]
        return
    t1 = stamp()
    tok = []
    for q in list(running.values()):
        if q.r in cancelled:
            continue
        ids = [q.token()]
        if FAULT == "lie:early" and q.out == 3:
            q.max = q.out
        if FAULT == "lie:surplus" and q.out == q.max:
            ids += [q.token(), q.token()]
        if FAULT == "lie:endless":
            ids = [1] * 50000
        q.ts.append(t1)
        tok.append([q.r, ids])
    if FAULT == "lie:unknown":
        tok.append([4000000, [1]])
    if FAULT == "lie:fewer":
        tok = [x for x in tok if n % 3]
    if emit == "step":
        send(ev="step", n=n, t0=t0, t1=t1, kind="prefill" if fresh else "decode", run=len(running), wait=len(waiting), n_prefill=prefill, n_decode=decode, tok=tok, extra=None)
    for q in list(running.values()):
        if q.r in cancelled or q.out >= q.max:
            del running[q.r]
            done(q, "abort" if q.r in cancelled else "length")


def load(c):
    global limit
    if FAULT == "load:missing":
        send(ev="error", id=c["id"], code="model_not_found", msg="%s is not a directory" % c["model"], fatal=False)
        return
    if at("load"):
        return
    if FAULT == "load:odd":  # everything that may be of any type is of a wrong one
        send(ev="loaded", id=c["id"], t0=None, t1=None, phases=[1], caps=dict(stream=True, cancel="yes", mem=7, stamp=3), pids="x", ignored=4, effective=dict(max_num_seqs=-5, threads="two"),
             info=dict(dtype=16, weight_bytes=-1, vocab=-3, max_len="long"))
        return
    t0 = now()
    opts = c["opts"]
    limit = opts["max_num_seqs"]
    if os.environ.get("FAKE_BURN"):
        burn()
    caps = dict(stream=FAULT != "caps:stream", cancel=FAULT != "caps:cancel", ignore_eos="native", greedy=True)
    if FAULT != "go:unread":  # that one is not asked for memory in between
        caps["mem"] = ["rss"]
    send(ev="loaded", id=c["id"], t0=t0, t1=now(), phases={"import": 1000000, "weights": 2000000, "kv": None}, caps=caps, pids=[os.getpid()],
         info=dict(dtype=opts["dtype"], weight_bytes=12345678, vocab=50257, max_len=1024), effective=dict(max_num_seqs=limit, dtype=opts["dtype"], kv_dtype=opts["dtype"], extra=opts["extra"]), ignored=[])


def command(c):
    global current, emit, going
    op, current = c["op"], c.get("id", 0)
    if op == "hello":
        at("hello")
        send(ev="hello", proto=2 if FAULT == "hello:proto" else 1, engine="f\u00e9" * 12 if FAULT == "hello:name" else "fake", version="\x1b[31m1.0\u00e9" * 20 if FAULT == "hello:name" else "1.0", versions=dict(python=sys.version.split()[0]), pid=os.getpid(), now=now(), caps=dict(stream=True, model="any"))
    elif op == "ping":
        at("ping")
        now_ns = now() + CLOCK.get(FAULT, 0) + (current % 2 * 10 ** 9 if FAULT == "clock:jumps" else 0)
        send(ev="ok", id=current, now=None if FAULT == "clock:none" else now_ns)
    elif op == "load":
        load(c)
    elif op == "submit":
        at("submit")
        waiting.extend(Request(q) for q in c["reqs"])
        send(ev="ok", id=current, queued=len(waiting))
    elif op == "go":
        if at("go"):
            return
        emit, going = c["emit"], True
        send(ev="started", id=current, t=now())
    elif op == "cancel":
        cancelled.update(c["r"])
    elif op == "mem":
        send(ev="mem", id=current, t=now(), rss=1, kv=dict(tokens=4096, used_tokens=0))
    elif op == "quit":
        if FAULT == "quit:deaf":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            silence()
        send(ev="bye", t=now())
        os._exit(0)
    else:
        send(ev="error", id=current, code="bad_request", msg="unknown op %s" % op, fatal=False)


inbox = []
arrived = threading.Condition()


def reader():
    for line in commands:
        with arrived:
            inbox.append(json.loads(line))
            arrived.notify()
        if FAULT == "go:unread" and b'"go"' in line:
            silence()
    os._exit(0)  # its caller is gone


def main():
    global going
    n = 0
    threading.Thread(target=reader, daemon=True).start()
    if FAULT == "start:exit":
        die("exit")
    while True:
        with arrived:
            while not inbox and not going:
                arrived.wait()
            todo, inbox[:] = list(inbox), []
        for c in todo:
            command(c)
        if going:
            n += 1
            if waiting or running:
                step(n)
            if not waiting and not running:
                going, n = False, 0
                at("idle")
                send(ev="idle", id=0, t=now() - (10 ** 12 if FAULT == "lie:idle" else 0), report_ns=10 ** 12 if FAULT == "lie:cost" else 0)


main()
