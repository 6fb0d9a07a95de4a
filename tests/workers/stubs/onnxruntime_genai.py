"""Stands in for onnxruntime_genai: holds the calls of workers/ort_genai.py against what the real one needs."""
import json
import os

from numpy import Array
from stub_lm import VOCAB, check, follow


class Config:
    def __init__(self, folder):
        self.model = json.load(open(os.path.join(folder, "genai_config.json")))["model"]
        check(self.model["eos_token_id"] == [VOCAB - 1], "the end token is the stand-in")
        check(os.path.exists(os.path.join(folder, "model.onnx")), "the model is there by a link")

    def overlay(self, text):
        check(json.loads(text)["model"]["decoder"]["session_options"]["intra_op_num_threads"] == 1, "threads")


class Model:
    device_type = "CPU"

    def __init__(self, config):
        self.eos = config.model["eos_token_id"][0]


class GeneratorParams:
    def __init__(self, model):
        self.model, self.options = model, {}

    def set_search_options(self, **options):
        check("min_length" not in options, "min_length changes the text")
        self.options.update(options)


class Generator:
    def __init__(self, model, params):
        self.eos, self.options, self.rows, self.ended = model.eos, params.options, None, False
        check(self.options["do_sample"] is False, "greedy")

    def append_tokens(self, rows):
        if self.rows is None:
            check(len(rows) == self.options["batch_size"] and len({len(r) for r in rows}) == 1, "a batch is of one length")
            self.rows = [list(r) for r in rows]
        else:
            check(self.ended and rows == [self.rows[0][-1:]], "only a single request that ended is gone on with")
            self.ended = False

    def is_done(self):
        return self.ended

    def generate_next_token(self):
        check(not self.ended and len(self.rows[0]) < self.options["max_length"], "no step beyond the end")
        for r in self.rows:
            r.append(follow(r))
        self.ended = len(self.rows) == 1 and self.rows[0][-1] == self.eos

    def get_next_tokens(self):
        return Array(r[-1] for r in self.rows)
