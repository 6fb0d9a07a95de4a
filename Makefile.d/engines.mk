# make check-engines: workers whose engine is installed, greedy tokens against the reference logits. No part of `make check`.
.PHONY: check-engines
check-engines: $(B)/assay
	@B=$(B) sh tools/check_engines.sh
