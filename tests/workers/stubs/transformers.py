"""Stands in for transformers: generate() over a left-padded batch, ended by the stopping criteria only; continuous batching in a thread."""
import types

import torch
from stub_continuous import ContinuousBatchingConfig, Manager  # noqa: F401
from stub_lm import EOS, VOCAB, check, follow


class GenerationConfig:
    def __init__(self, **fields):
        check(fields["do_sample"] is False and fields["eos_token_id"] in (None, -1), "greedy, and no end token")
        self.__dict__.update(fields)


class StoppingCriteria:
    pass


class StoppingCriteriaList(list):
    pass


class Model:
    dtype, device = torch.float32, "cpu"

    def __init__(self):
        self.generation_config = types.SimpleNamespace(eos_token_id=EOS)
        self.config = types.SimpleNamespace(eos_token_id=EOS, _attn_implementation="sdpa", get_text_config=lambda: types.SimpleNamespace(vocab_size=VOCAB, max_position_embeddings=512, num_hidden_layers=2,
                                                                                                         num_attention_heads=4, num_key_value_heads=2, hidden_size=64))

    def eval(self):
        return self

    def parameters(self):
        return [types.SimpleNamespace(numel=lambda: 1000, element_size=lambda: 4)]

    def init_continuous_batching(self, generation_config, continuous_batching_config):
        return Manager(self, generation_config, continuous_batching_config)

    def generate(self, ids, attention_mask, generation_config, stopping_criteria):
        check(self.generation_config.eos_token_id is None, "the model's own end token is out of the way")
        rows = [[x for x, m in zip(r, mask) if m] for r, mask in zip(ids, attention_mask)]
        check(all(mask == sorted(mask) for mask in attention_mask), "padding is on the left")
        for _ in range(generation_config.max_new_tokens):
            for r, whole in zip(rows, ids):
                r.append(follow(r))
                whole.append(r[-1])
            if all(stopping_criteria[0](torch.Tensor(ids), None)):
                return


class AutoModelForCausalLM:
    @staticmethod
    def from_pretrained(model, dtype, attn_implementation, local_files_only):
        check(dtype == torch.float32 and attn_implementation == "sdpa" and local_files_only, "dtype is explicit, nothing is downloaded")
        return Model()
