"""The parts of a start."""
import types

import torch
from stub_lm import VOCAB, check


class ModelRunner:
    def __init__(self, config):
        self.config = config
        torch.distributed.init_process_group("nccl", "tcp://localhost:2333", world_size=1, rank=0)
        self.warmup_model()
        self.allocate_kv_cache()
        weight = types.SimpleNamespace(dtype="torch.float32", numel=lambda: 10, element_size=lambda: 4, data_ptr=lambda: 1)
        self.model = types.SimpleNamespace(parameters=lambda: iter([weight, weight]))  # the head is the embedding

    def warmup_model(self):
        for name in ("set_device", "synchronize", "empty_cache", "reset_peak_memory_stats"):
            getattr(torch.cuda, name)()
        check(min(self.config.max_num_batched_tokens, self.config.max_model_len) <= 4096, "its warm-up runs a prompt as long as both allow")

    def allocate_kv_cache(self):
        free, total = torch.cuda.mem_get_info()
        stats = torch.cuda.memory_stats()
        page = 1 << 20
        self.config.num_kvcache_blocks = int(total * self.config.gpu_memory_utilization - (total - free) - stats["allocated_bytes.all.peak"] + stats["allocated_bytes.all.current"]) // page
        check(self.config.num_kvcache_blocks > 0, "room for a page")
        self.kv_cache = types.SimpleNamespace(dtype="torch.float32")

    def capture_cudagraph(self):
        check(False, "no CUDA graphs on a CPU")
