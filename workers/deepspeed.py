"""DeepSpeed inference, one process, without its kernels: the transformers worker's model through deepspeed.init_inference(). Without kernel injection the
module inside is untouched, so this is transformers behind a wrapper, and says so."""
import importlib.util
import os

from common import Error, now, serve

_spec = importlib.util.spec_from_file_location("worker_transformers", os.path.join(os.path.dirname(os.path.realpath(__file__)), "transformers.py"))
_base = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_base)


class DeepSpeed(_base.Transformers):
    name = "deepspeed"
    module = "deepspeed"
    distributions = ("deepspeed", "transformers", "torch")

    def load(self, model, opts):
        if opts["extra"].get("batching", "static") != "static":
            raise Error("unsupported_option", "batching=%s: DeepSpeed's wrapper hands generate() on, which is static: -e worker:transformers has continuous" % opts["extra"]["batching"])
        told = super().load(model, opts)
        t0 = now()
        import deepspeed
        t1 = now()
        self.engine = deepspeed.init_inference(self.model, dtype=self.model.dtype, replace_with_kernel_inject=False, tensor_parallel={"tp_size": 1})
        self.model = self.engine  # its generate() is the module's
        told["phases"]["import"] += t1 - t0
        told["phases"]["weights"] += now() - t1
        told["effective"].update(what="transformers through a wrapper", tp_size=1, kernel_inject=False, module=type(self.engine.module).__name__)
        return told


serve(DeepSpeed())
