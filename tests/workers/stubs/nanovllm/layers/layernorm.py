class RMSNorm:
    def forward(self, x, residual=None):
        raise AssertionError("stub: the original writes over a float32 residual")
