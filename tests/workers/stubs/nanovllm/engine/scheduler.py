"""Prompts first, in chunks where the first does not fit a step; then one token for each that runs. As in nano-VLLM a sequence that ends forgets what came from the
cache, and a prompt that was kept is found by the table of the block manager."""
import itertools
from collections import deque

from stub_lm import EOS


class Sequence:
    def __init__(self, ids, params):
        self.token_ids, self.num_prompt_tokens, self.params = list(ids), len(ids), params
        self.num_cached_tokens, self.block_table, self.is_finished = 0, [], False

    @property
    def num_tokens(self):
        return len(self.token_ids)

    @property
    def num_completion_tokens(self):
        return len(self.token_ids) - self.num_prompt_tokens


class BlockManager:
    block_size = 256

    def __init__(self):
        self.hash_to_block_id, self.used_block_ids, self.ids = {}, set(), itertools.count()

    def allocate(self, seq, num_cached_blocks):
        seq.block_table.append(next(self.ids))
        self.used_block_ids.add(seq.block_table[0])
        seq.num_cached_tokens = num_cached_blocks * self.block_size

    def deallocate(self, seq):
        self.used_block_ids.remove(seq.block_table.pop())
        seq.num_cached_tokens = 0


class Scheduler:
    def __init__(self, config):
        self.config, self.eos, self.waiting, self.running, self.block_manager = config, config.eos, deque(), deque(), BlockManager()

    def schedule(self):
        chosen, left = [], self.config.max_num_batched_tokens
        while self.waiting and left and len(chosen) < self.config.max_num_seqs:
            seq, manager = self.waiting[0], self.block_manager
            if not seq.block_table:
                pages = [tuple(seq.token_ids[:256 * (i + 1)]) for i in range((seq.num_tokens - 1) // 256)]
                manager.allocate(seq, sum(page in manager.hash_to_block_id for page in pages))
                for page in pages:
                    manager.hash_to_block_id[page] = seq.block_table[0]
            n = min(seq.num_tokens - seq.num_cached_tokens, left)
            seq.num_cached_tokens += n
            left -= n
            chosen.append((seq, n))
            if seq.num_cached_tokens == seq.num_tokens:
                self.running.append(self.waiting.popleft())
        return (chosen, True) if chosen else ([(seq, 1) for seq in self.running], False)

    def preempt(self, seq):
        self.running.remove(seq)
        self.block_manager.deallocate(seq)
        self.waiting.appendleft(seq)

    def finish(self, seq):
        if seq.num_completion_tokens == seq.params.max_tokens or (not seq.params.ignore_eos and seq.token_ids[-1] == EOS == self.eos):
            seq.is_finished = True
            self.running.remove(seq)
            self.block_manager.deallocate(seq)
