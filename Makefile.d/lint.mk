# make lint: every source file, tests and fuzz targets too, warning-free under gcc and clang; cppcheck; the floors.
LINT_GCC   ?= gcc
LINT_CLANG ?= clang
LINT_SRC    = $(SRC) src/main.c $(sort $(wildcard tests/unit/*.c tests/e2e/*.c)) $(FUZZ)
LINT_FLAGS  = $(CSTD) -O2 -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-missing-field-initializers -Werror

.PHONY: lint-gcc lint-clang lint-cppcheck
lint: lint-gcc lint-clang lint-cppcheck check-layers
	@echo "lint: clean"

lint-gcc: $(LINT_SRC:%.c=build/gcc/%.o)
lint-clang: $(LINT_SRC:%.c=build/clang/%.o)

build/gcc/%.o: %.c | $(B)/version.h
	@mkdir -p $(@D)
	$(LINT_GCC) $(CPPFLAGS) -Itests $(LINT_FLAGS) -MMD -MP -c $< -o $@

build/clang/%.o: %.c | $(B)/version.h
	@mkdir -p $(@D)
	$(LINT_CLANG) $(CPPFLAGS) -Itests $(LINT_FLAGS) -MMD -MP -c $< -o $@

lint-cppcheck: $(B)/version.h
	cppcheck --quiet --error-exitcode=1 --enable=warning,performance --inline-suppr --std=c11 \
	  --library=posix --library=gnu --library=tools/cppcheck.xml --suppressions-list=tools/cppcheck.txt -j $$(nproc) -Isrc -I$(B) -Itests src tests fuzz

-include $(LINT_SRC:%.c=build/gcc/%.d) $(LINT_SRC:%.c=build/clang/%.d)
