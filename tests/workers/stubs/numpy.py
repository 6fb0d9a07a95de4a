"""As much of numpy as workers/ort_genai.py uses."""
int32 = "int32"


class Array(list):
    def reshape(self, rows, columns):
        assert (rows, columns) == (1, 1) and len(self) == 1
        return Array([list(self)])


def array(rows, dtype):
    assert dtype == int32
    return Array(rows)
