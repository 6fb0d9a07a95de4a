"""As much of torch as the workers use: lists of lists, and the names that are set or asked for."""
import contextlib
import types


class Dtype(str):
    itemsize = 4


long, bool, float32 = "long", "bool", Dtype("torch.float32")
compile = set_default_device = None
cuda = types.SimpleNamespace(is_available=lambda: False)
distributed = types.SimpleNamespace(init_process_group=lambda *a, **k: None)
_threads = [0]


class Tensor(list):
    def __setitem__(self, at, values):
        row, columns = at
        n = len(self[row][columns])
        self[row][columns] = [values] * n if isinstance(values, int) else values

    def __getitem__(self, at):
        return Tensor(r[at[1]] for r in self) if isinstance(at, tuple) else list.__getitem__(self, at)

    def tolist(self):
        return list(self)


def tensor(values, dtype=None):
    return Tensor(values)


def zeros(shape, dtype):
    return Tensor([0] * shape[1] for _ in range(shape[0]))


def zeros_like(t):
    return zeros((len(t), len(t[0])), long)


def set_num_threads(n):
    _threads[0] = n


def get_num_threads():
    return _threads[0]


@contextlib.contextmanager
def inference_mode():
    inference_mode.depth += 1
    yield
    inference_mode.depth -= 1


inference_mode.depth = 0
