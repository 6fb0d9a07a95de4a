store_kvcache = None
