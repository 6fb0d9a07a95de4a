# assay: one non-recursive Makefile. `make` builds build/assay; `make help` lists the targets.
# Out-of-tree objects with dependency tracking; a variant build goes to its own folder, e.g.
#   make B=build/asan EXTRA='-fsanitize=address,undefined -g' check-unit
B        ?= build
ifeq ($(origin CC),default)
CC        = gcc
endif
PREFIX   ?= /usr/local
CHARTJS  ?= /usr/share/javascript/chart.js/chart.min.js
OPT      ?= -O2 -g
CFLAGS   ?=
EXTRA    ?=
WARN      = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers $(if $(WERROR),-Werror)
COMMIT   := $(shell git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)
CPPFLAGS += -Isrc -I$(B) -D_GNU_SOURCE
CSTD      = -std=gnu11 -ffp-contract=off -fno-strict-aliasing -pthread
ALLFLAGS  = $(CSTD) $(OPT) $(WARN) $(CFLAGS) $(EXTRA)
LIBS      = -ldnnl -lgomp -ljansson -lyaml -lpcre2-8 -lutf8proc -lcrypto -ldl -lm -lpthread

SRC      := $(sort $(wildcard src/*/*.c))
OBJ      := $(SRC:src/%.c=$(B)/src/%.o)
UNIT     := $(sort $(wildcard tests/unit/test_*.c))
E2E      := $(sort $(wildcard tests/e2e/test_*.c))
TESTLIB  := $(sort $(filter-out $(UNIT) $(E2E),$(wildcard tests/unit/*.c tests/e2e/*.c)))
FUZZ     := $(sort $(wildcard fuzz/fuzz_*.c))

.PHONY: FORCE all check check-unit check-e2e check-golden check-layers lint fuzz bench install clean help
.SECONDARY:

all: $(B)/assay

help:
	@echo 'all          build $(B)/assay'
	@echo 'check        layers, docs, unit and end-to-end tests (check-unit, check-e2e: a part)'
	@echo 'check-golden table: how far the engine is from reference logits, by dtype, ISA and threads'
	@echo 'lint         gcc and clang without a warning, cppcheck'
	@echo 'fuzz         every parser under libFuzzer, FUZZ_SECONDS=30 each'
	@echo 'bench        what assay costs, how near the engine comes to the machine'
	@echo 'install      DESTDIR, PREFIX; with man page and completion'
	@echo 'clean        remove build/'
	@echo 'a variant build: make B=build/asan EXTRA=-fsanitize=address,undefined check-unit'

-include $(wildcard Makefile.d/*.mk)

# Kernel files may use any instruction by function attributes; they alone may relax floating point.
$(B)/src/nn/kernels_%.o: OPT := -O3 -g

$(B)/version.h: FORCE
	@mkdir -p $(B)
	@printf '#define ASSAY_COMMIT "%s"\n#define ASSAY_COMPILER "%s"\n#define ASSAY_BUILD "%s"\n#define ASSAY_CHART_JS "%s"\n' \
	  '$(COMMIT)' "$$($(CC) --version | head -n 1 | tr -d '\"')" '$(strip $(OPT) $(EXTRA))' '$(CHARTJS)' >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@
FORCE:

$(B)/src/%.o: src/%.c | $(B)/version.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) -MMD -MP -c $< -o $@

$(B)/libassay.a: $(OBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/assay: $(B)/src/main.o $(B)/libassay.a
	$(CC) $(ALLFLAGS) $(LDFLAGS) $^ $(LIBS) -o $@

$(B)/src/main.o: src/main.c | $(B)/version.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(ALLFLAGS) -MMD -MP -c $< -o $@

$(B)/tests/%.o: tests/%.c | $(B)/version.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) -Itests $(ALLFLAGS) -MMD -MP -c $< -o $@

$(B)/tests/%: $(B)/tests/%.o $(TESTLIB:%.c=$(B)/%.o) $(B)/libassay.a
	$(CC) $(ALLFLAGS) $(LDFLAGS) $^ $(LIBS) -lcmocka -o $@

# Tests: each prints TAP; tests/run.sh counts and ends with "N passed, N failed, N skipped".
check-unit: $(UNIT:%.c=$(B)/%)
	@B=$(B) sh tests/run.sh $^
check-e2e: $(B)/assay $(E2E:%.c=$(B)/%)
	@B=$(B) sh tests/run.sh $(E2E:%.c=$(B)/%)
check: all $(UNIT:%.c=$(B)/%) $(E2E:%.c=$(B)/%)
	@B=$(B) sh tests/run.sh tools/layers.sh tools/check_docs.sh tools/check_workers.sh $(UNIT:%.c=$(B)/%) $(E2E:%.c=$(B)/%)
check-layers:
	@sh tools/layers.sh
check-golden: $(B)/assay
	@B=$(B) sh tools/golden_table.sh

clean:
	rm -rf build

-include $(OBJ:.o=.d) $(B)/src/main.d $(wildcard $(B)/tests/*/*.d)
