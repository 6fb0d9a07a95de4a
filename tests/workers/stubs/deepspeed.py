"""Stands in for deepspeed: init_inference() at tp 1 without kernel injection."""
import os

from stub_lm import check


class InferenceEngine:
    def __init__(self, module):
        self.module, self.generate, self.eval = module, module.generate, module.eval


def init_inference(model, dtype, replace_with_kernel_inject, tensor_parallel, **_):
    check(os.environ["DS_ACCELERATOR"] == "cpu" and os.environ["WORLD_SIZE"] == "1" and int(os.environ["MASTER_PORT"]) > 0, "one rank on a CPU")
    check(dtype == model.dtype and not replace_with_kernel_inject and tensor_parallel == {"tp_size": 1}, "no kernels, one rank")
    return InferenceEngine(model)
