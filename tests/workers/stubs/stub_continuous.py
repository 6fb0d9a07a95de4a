"""Stands in for transformers' continuous batching manager: its thread, its queues, the names that workers/transformers.py takes hold of. A step gives every
running request a token; a prompt is read four ids a step, so that some steps give none. The id 777 in a prompt ends the thread, 778 fails its request alone."""
import contextlib
import os
import threading
import time
import types

from stub_lm import check, follow


class ContinuousBatchingConfig:
    def __init__(self, **fields):
        check(fields["num_blocks"] > 0 and not fields["use_cuda_graph"] and not fields["use_async_batching"] and not fields["auto_switch_to_flash"], "explicit pages; nothing that a GPU only has")
        check(fields["seed"] is not None and fields["max_blocks_per_request"] == 0, "a seed, no block table")
        self.__dict__.update(fields, cuda_graph_booleans=(False, False))


class State:
    def __init__(self, name, ids, most, eos):
        self.name, self.ids, self.most, self.eos, self.got, self.read, self.stamps = name, list(ids), most, eos, [], 0, []
        self._true_initial_tokens, self.is_cpu_offloaded = 0, False

    def generated_len(self):
        return len(self.got)

    def output(self, error=None, finished=False):
        return types.SimpleNamespace(request_id=self.name, generated_tokens=self.got[:], timestamps=self.stamps[:], lifespan=(self.began, -1), error=error, is_finished=lambda: finished)


class Status:
    fatal_error, stopping = None, None

    def can_accept_new_requests(self):
        return self.stopping


class Manager:
    def __init__(self, model, generation, config):
        check(not os.environ.get("STUB_CANNOT"), "no continuous batching on this machine")
        check(model.config._attn_implementation == "sdpa", "paged attention by sdpa")
        self.background_thread_status, self.continuous_batching_config, self._use_prefix_sharing = Status(), config, config.allow_block_sharing
        self.output_router = types.SimpleNamespace(deliver_batch=None, deliver=None)
        self.batch_processor = types.SimpleNamespace(cache=types.SimpleNamespace(num_blocks=config.num_blocks, compute_free_capacity=lambda: 0.75), inputs_and_outputs=types.SimpleNamespace(),
                                                     scheduler=types.SimpleNamespace(waiting_requests={}))
        self.running, self.arrived, self.gone, self.lock, self.wake = {}, [], [], threading.RLock(), threading.Event()
        self.current_batch, self.over, self._generation_thread = 0, False, None

    def start(self):
        self._generation_thread = threading.Thread(target=self.loop, daemon=True)
        self._generation_thread.start()

    def stop(self, block, timeout, hard_stop):
        self.over = True
        self._generation_thread.join(timeout)

    def is_running(self):
        return self._generation_thread is not None and self._generation_thread.is_alive()

    @contextlib.contextmanager
    def pause(self):
        if not self.is_running():
            raise RuntimeError("Cannot pause generation while no generation loop is running.")
        with self.lock:
            yield

    def add_request(self, ids, request_id, max_new_tokens, streaming, record_timestamps, eos_token_id):
        check(streaming and record_timestamps and isinstance(request_id, str), "every token with its time")
        if self.background_thread_status.stopping:
            return None
        self.arrived.append(State(request_id, ids, max_new_tokens, {eos_token_id} if isinstance(eos_token_id, int) else set(eos_token_id)))
        self.wake.set()
        return request_id

    def cancel_request(self, name):
        self.gone.append(name)
        self.wake.set()

    def loop(self):
        try:
            while not self.over and self._generation_loop_body(self.batch_processor, bootstrapping=False):
                pass
        except Exception as e:
            self.background_thread_status.stopping = "The background thread is stopping."
            for s in self.running.values():
                self.output_router.deliver(s.output(error=str(e), finished=True))
            time.sleep(0.05)  # the reason is recorded later
            self.background_thread_status.fatal_error = e

    def _generation_loop_body(self, processor, bootstrapping):
        with self.lock:
            waiting = processor.scheduler.waiting_requests
            while self.arrived:
                s = self.arrived.pop(0)
                waiting[s.name] = s
            while self.gone:
                name = self.gone.pop(0)
                self.running.pop(name, None)
                waiting.pop(name, None)
            while waiting and len(self.running) < self.continuous_batching_config.max_requests_per_batch:
                s = waiting.pop(next(iter(waiting)))
                s.began = time.perf_counter()
                if 778 in s.ids:
                    self.output_router.deliver(s.output(error="its id is 778", finished=True))
                else:
                    self.running[s.name] = s
            if self.running:
                self.step(processor)
                return True
        self.wake.wait(0.1)
        self.wake.clear()
        return True

    def step(self, processor):
        rows, outputs = [], []
        for s in list(self.running.values()):
            if 777 in s.ids:
                raise ValueError("777 is not for this thread")
            n = min(4, len(s.ids) - s.read) or 1
            s.read = min(len(s.ids), s.read + n)
            whole = s.read == len(s.ids)
            rows.append(types.SimpleNamespace(state=s, has_new_token=whole, query_length=n))
            if whole:
                s.got.append(follow(s.ids + s.got))
                s.stamps.append(time.perf_counter())
                finished = len(s.got) == s.most or s.got[-1] in s.eos
                outputs.append(s.output(finished=finished))
                if finished:
                    del self.running[s.name]
        processor.inputs_and_outputs.requests_in_batch = rows
        self.current_batch += 1
        if outputs:
            self.output_router.deliver_batch(outputs)
