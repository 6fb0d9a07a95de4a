# make bench: what assay itself costs, how near the engine comes to the machine, kernel by kernel. Run it on an idle machine.
BENCH = $(sort $(wildcard bench/bench_*.c))

$(B)/bench/%: bench/%.c $(B)/libassay.a
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) $(LDFLAGS) $(filter %.c %.o %.a,$^) $(LIBS) -o $@

# What a comparison finds, by simulation (bench/power_curve.c): no part of `make bench`, for it measures no machine.
$(B)/bench/power_curve: $(B)/tests/unit/ab_sim.o

.PHONY: bench-build
bench-build: $(B)/assay $(BENCH:%.c=$(B)/%)
bench: bench-build
	@B=$(B) sh bench/overhead.sh
	@B=$(B) sh bench/engine.sh
	@$(B)/bench/bench_kernels
