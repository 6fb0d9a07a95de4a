"""DeepSpeed's init_inference around a transformers model, on a CPU: one rank, no kernel injection. At tp 1 the module inside is the untouched transformers
model, so what is measured is transformers through a wrapper, and is labelled so. Options are those of workers/transformers.py."""
import importlib.util
import os
import socket

from common import now, serve

spec = importlib.util.spec_from_file_location("assay_transformers", os.path.join(os.path.dirname(os.path.realpath(__file__)), "transformers.py"))
transformers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(transformers)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class DeepSpeed(transformers.Transformers):
    name = "deepspeed"
    distributions = ("deepspeed", "transformers", "torch")
    caps = dict(transformers.Transformers.caps, wraps="transformers: at tp 1 without kernel injection this is transformers through a wrapper")

    def load(self, model, opts):
        environment = dict(DS_ACCELERATOR="cpu", MASTER_ADDR="127.0.0.1", MASTER_PORT=str(free_port()), RANK="0", WORLD_SIZE="1", LOCAL_RANK="0", LOCAL_SIZE="1")
        os.environ.update(environment)
        told = super().load(model, opts)
        t0 = now()
        import deepspeed
        t1 = now()
        self.model = deepspeed.init_inference(self.model, dtype=self.model.dtype, replace_with_kernel_inject=False, tensor_parallel={"tp_size": 1}, max_out_tokens=told["info"]["max_len"])
        self.model.eval()
        told["phases"].update({"import": told["phases"]["import"] + t1 - t0, "wrap": now() - t1})
        inner = self.model.module
        told["effective"].update(tp=1, kernel_injection=False, environment=environment, module="%s.%s" % (type(inner).__module__, type(inner).__name__))
        return told


if __name__ == "__main__":
    serve(DeepSpeed())
