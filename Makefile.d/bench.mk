# make bench: what assay itself costs, how near the engine comes to the machine, kernel by kernel. Run it on an idle machine.
BENCH = $(sort $(wildcard bench/bench_*.c))

$(B)/bench/%: bench/%.c $(B)/libassay.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@

.PHONY: bench-build
bench-build: $(B)/assay $(BENCH:%.c=$(B)/%)
bench: bench-build
	@B=$(B) sh bench/overhead.sh
	@B=$(B) sh bench/engine.sh
	@$(B)/bench/bench_kernels
