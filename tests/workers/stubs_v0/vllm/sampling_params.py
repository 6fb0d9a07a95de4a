"""0.6.1 has RequestOutputKind, those before it have not: their outputs are cumulative."""
import os

if not os.environ.get("STUB_CUMULATIVE"):
    class RequestOutputKind:
        DELTA = "delta"
