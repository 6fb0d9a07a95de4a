# make fuzz: every fuzz/fuzz_NAME.c by clang's libFuzzer with ASan and UBSan, FUZZ_SECONDS each from the seeds in
# fuzz/corpus/NAME (a dictionary fuzz/NAME.dict where there is one), FUZZ_JOBS at a time; red on the first finding.
FUZZ_SECONDS ?= 30
FUZZ_JOBS    ?= $(shell nproc)
FUZZ_CC      ?= clang
FUZZ_BUILD    = build/fuzz
FUZZ_SAN      = -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ_FLAGS    = $(CSTD) -O1 -g -fno-omit-frame-pointer

fuzz: $(FUZZ:fuzz/%.c=$(FUZZ_BUILD)/%)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_JOBS=$(FUZZ_JOBS) FUZZ_BUILD=$(FUZZ_BUILD) sh tools/fuzz.sh $^

$(FUZZ_BUILD)/src/%.o: src/%.c | $(B)/version.h
	@mkdir -p $(@D)
	$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) $(FUZZ_OBJ_SAN) -MMD -MP -c $< -o $@

# clang 14 takes many minutes over an instrumented kernel file, and no parser is in one.
FUZZ_OBJ_SAN = $(FUZZ_SAN) -fsanitize=fuzzer-no-link
$(FUZZ_BUILD)/src/nn/kernels_%.o: FUZZ_OBJ_SAN :=

$(FUZZ_BUILD)/libassay.a: $(SRC:src/%.c=$(FUZZ_BUILD)/src/%.o)
	@rm -f $@
	ar rcs $@ $^

$(FUZZ_BUILD)/fuzz_%: fuzz/fuzz_%.c $(FUZZ_BUILD)/libassay.a
	$(FUZZ_CC) $(CPPFLAGS) $(FUZZ_FLAGS) $(FUZZ_SAN) -fsanitize=fuzzer -MMD -MP -MF $@.d $(filter %.c %.a,$^) $(LDFLAGS) $(LIBS) -o $@

-include $(SRC:src/%.c=$(FUZZ_BUILD)/src/%.d) $(FUZZ:fuzz/%.c=$(FUZZ_BUILD)/%.d)
