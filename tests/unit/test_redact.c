/* What a published result may not hold, and what it must still hold: word by word, and over whole records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "result/redact.h"

static const char header[] =
	"{\"argv\": [\"assay\", \"latency\", \"-m\", \"models/acme\", \"--prompts=ask.txt\", \"-oout\", \"--prompt\", \"Who is Joe?\", \"-e\", \"sim:x.yaml@3\", \"--output\", \"latency\"],"
	"\"config\": {\"model\": \"models/acme\", \"prompts\": \"ask.txt\", \"output\": \"out\", \"prompt\": \"Who is Joe?\", \"engine\": \"sim:x.yaml@3\", \"dtype\": \"f32\", \"runs\": 3,"
	"  \"note\": \"on box-17, see /home/joe/notes.txt\", \"label\": {\"branch\": \"main\"}, \"targets\": \"s3-cpu\", \"cleanup\": \"rm x\"},"
	"\"experiment\": \"latency\", \"machine\": {\"host\": \"box-17\", \"cpu\": {\"model\": \"AMD EPYC\"}, \"gpus\": [{\"name\": \"H100\", \"uuid\": \"GPU-1\", \"serial\": \"77\"}]},"
	"\"provenance\": {\"cwd\": \"/home/joe\", \"environment\": {\"LD_PRELOAD\": \"/opt/x.so\", \"ASSAY_PROMPTS\": \"ask.txt\"}, \"inputs\": [{\"role\": \"model\", \"path\": \"models/acme/a.gguf\", \"sha256\": \"ab\"}]}}";

static struct redact *begin(void)
{
	json_t *h = json_loads(header, 0, NULL);
	assert_non_null(h);
	struct redact *r = redact_open(h);
	json_decref(h);
	return r;
}

static void test_header(void **state)
{
	static const char *const gone[] = { "acme", "ask.txt", "Joe", "joe", "x.yaml", "box-17", "GPU-1", "77", "x.so", "rm x", "out\"" };
	static const char *const kept[] = { "\"assay\",\"latency\",\"-m\",\"(path)\",\"--prompts=(path)\",\"-o(path)\",\"--prompt\",\"(prompt)\",\"-e\",\"sim:(path)\"", "\"dtype\":\"f32\"", "\"runs\":3",
					    "\"experiment\":\"latency\"", "\"note\":\"on (host), see (path)\"", "\"branch\":\"main\"", "\"targets\":\"s3-cpu\"", "AMD EPYC", "H100", "\"role\":\"model\"",
					    "\"sha256\":\"ab\"" };
	(void)state;
	struct redact *r = begin();
	json_t *h = json_loads(header, 0, NULL), *clean = redact_record(r, h);
	char *all = json_dumps(clean, JSON_COMPACT);
	for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
		if (strstr(all, gone[i]))
			fail_msg("\"%s\" is in %s", gone[i], all);
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		if (!strstr(all, kept[i]))
			fail_msg("\"%s\" is not in %s", kept[i], all);
	free(all);
	json_decref(clean);
	json_decref(h);
	redact_close(r);
}

/* Text of ours and of others, as it stands in notes, reasons and errors. */
static void test_text(void **state)
{
	static const struct { const char *text, *want; } rows[] = {
		{ "tok/s and MiB/s, 1/2, and/or", "tok/s and MiB/s, 1/2, and/or" }, { "/proc/meminfo: no line; /sys/x, /dev/shm", "/proc/meminfo: no line; /sys/x, /dev/shm" },
		{ "cannot open /home/joe/x: No such file", "cannot open (path): No such file" }, { "\"/a b\"", "\"(path) b\"" }, { "see ~/x and ../y and ./z", "see (path) and (path) and (path)" },
		{ "POST https://api.example.com:8000/v1?key=x failed", "POST (path) failed" }, { "at box-17:", "at (host):" }, { "box-170 xbox-17", "box-170 xbox-17" },
		{ "models/acme/config.json: bad", "(path): bad" }, { "the prompt Who is Joe? is long", "the prompt (prompt) is long" }, { "latency out of range", "latency out of range" },
		{ "ask.txt:3: too long", "(path):3: too long" }, { "/", "/" }, { "a / b", "a / b" }, { "", "" }, { "caf\xc3\xa9/x", "caf\xc3\xa9/x" }, { "-I/usr/include", "-I/usr/include" },
	};
	(void)state;
	struct redact *r = begin();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		json_t *o = json_pack("{s:s}", "reason", rows[i].text), *clean = redact_record(r, o);
		if (strcmp(assay_json_get_str(clean, "reason", "?"), rows[i].want))
			fail_msg("\"%s\": \"%s\", should be \"%s\"", rows[i].text, assay_json_get_str(clean, "reason", "?"), rows[i].want);
		json_decref(o);
		json_decref(clean);
	}
	redact_close(r);
}

static void test_notes(void **state)
{
	(void)state;
	struct redact *r = begin();
	json_t *o = json_loads("{\"code\": \"sample_text\", \"point\": 2, \"prompt\": \"hello\", \"text\": \"world\", \"more\": [\"a\"]}", 0, NULL), *clean = redact_record(r, o);
	char *all = json_dumps(clean, JSON_COMPACT);
	assert_string_equal(all, "{\"code\":\"sample_text\",\"point\":2,\"prompt\":\"(redacted)\",\"text\":\"(redacted)\",\"more\":[\"(redacted)\"]}");
	free(all);
	json_decref(o);
	json_decref(clean);
	redact_close(r);
	r = redact_open(NULL); /* a header that says nothing */
	o = json_pack("{s:[n, b, i, f]}", "x", 1, 2, 0.5);
	clean = redact_record(r, o);
	assert_true(json_equal(o, clean));
	json_decref(o);
	json_decref(clean);
	redact_close(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_header), cmocka_unit_test(test_text), cmocka_unit_test(test_notes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
