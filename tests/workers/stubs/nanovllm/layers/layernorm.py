class RMSNorm:
    pass
