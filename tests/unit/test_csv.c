/* CSV files: columns as published, quoting of RFC 4180, no formula for a spreadsheet to run, empty for missing. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "draw/csv.h"
#include "report/report.h"
#include "result_fixture.h"

static void cells(void **state)
{
	static const struct { const char *in, *out; } rows[] = {
		{ "plain", "plain" }, { "a,b", "\"a,b\"" }, { "say \"hi\"", "\"say \"\"hi\"\"\"" }, { "two\nlines", "\"two\nlines\"" }, { "cr\r", "\"cr\r\"" }, { "", "" }, { NULL, "" },
		{ "=1+1", "\"'=1+1\"" }, { "+cmd|' /C calc'!A0", "\"'+cmd|' /C calc'!A0\"" }, { "-2", "\"'-2\"" }, { "@SUM(A1)", "\"'@SUM(A1)\"" }, { "\tx", "\"'\tx\"" }, { "a=b", "a=b" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct csv c;
		csv_init(&c, "h");
		csv_text(&c, rows[i].in);
		csv_int(&c, -7);
		csv_end(&c);
		char *want = xasprintf("h\r\n%s,-7\r\n", rows[i].out);
		assert_string_equal(c.b.data, want);
		free(want);
		csv_release(&c);
	}
}

static void numbers(void **state)
{
	struct csv c;
	(void)state;
	csv_init(&c, "a,b,c,d,e");
	csv_num(&c, 0.1);
	csv_num(&c, NAN);
	csv_num(&c, INFINITY);
	csv_count(&c, -1);
	csv_count(&c, 0);
	csv_end(&c);
	assert_string_equal(c.b.data, "a,b,c,d,e\r\n0.1,,,,0\r\n");
	csv_release(&c);
}

static void write_all(char dir[64], const char *model)
{
	struct fx f;
	struct assay_err e = ASSAY_ERR_INIT;
	int n;
	const struct assay_face *const *faces = assay_faces(&n);
	result_fixture_dir(dir);
	result_fixture(&f, model);
	json_t *doc = assay_result_build(&f.run);
	for (int i = 0; i < n; i++)
		if (!strcmp(faces[i]->name, "csv"))
			assert_int_equal(faces[i]->write(doc, &f.run, dir, &e), 0);
	json_decref(doc);
	fx_release(&f);
}

static void files_have_the_published_columns(void **state)
{
	static const struct { const char *name, *text; } files[] = {
		{ "latency_results.csv", "run,test_case,prompt_tokens,output_tokens,ttft_ms,tpot_ms,e2e_ms,output_tok_s,status\r\n"
					 "1,128 -> 30,128,30,1188.2707,5.0,1333.2707,22.50105698715197,length\r\n" },
		{ "throughput_results.csv", "batch_size,repeat,wall_s,requests,prompt_tokens,output_tokens,output_tok_s,req_s,speedup,gpu_util_mean,mem_peak_mb,status\r\n"
					    "1,1,2.3390559,3,192,90,38.47706247636066,1.282568749212022,1.0,,,ok\r\n"
					    "4,1,0.825,4,256,120,145.45454545454547,4.848484848484849,3.780292363636364,,,ok\r\n" },
		{ "sequence_length_results.csv", "axis,prompt_tokens,output_tokens,repeat,ttft_ms,tpot_ms,e2e_ms,prefill_tok_s,decode_tok_s,status\r\n"
						 "prompt,10,16,1,100.0,20.0,400.0,100.0,50.0,ok\r\n" },
		{ "memory_results.csv", "prompt_tokens,output_tokens,repeat,rss_before_mib,rss_after_mib,rss_peak_mib,rss_delta_mib,pss_mib,hwm_mib,weights_mib,kv_pool_mib,kv_used_mib,"
					"kv_peak_mib,workspace_mib,status\r\n64,16,1,520.0,530.0,535.0,15.0,,535.0,474.0,,,6.0,1.0,ok\r\n" },
		{ "records.csv", "point,experiment,case,repeat,order,request,end_state,prompt_tokens,max_tokens,output_tokens,reported_tokens,events,preemptions,t_intended_ns,t_sent_ns,"
				 "t_scheduled_ns,t_first_ns,t_last_ns,t_end_ns,ttft_ms,tpot_ms,e2el_ms\r\n0,latency,128 -> 30,-1,0,1,length,128,30,30,30,30,0,1000000000," },
	};
	char dir[64];
	(void)state;
	write_all(dir, "gpt2");
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char *text = result_fixture_read(dir, files[i].name);
		text[strlen(files[i].text) < strlen(text) ? strlen(files[i].text) : strlen(text)] = 0;
		assert_string_equal(text, files[i].text);
		free(text);
	}
	result_fixture_drop(dir);
}

/* Every row has as many cells as the header; a limit keeps its row, its numbers empty. */
static void rows_are_complete(void **state)
{
	char dir[64];
	(void)state;
	write_all(dir, "gpt2");
	char *text = result_fixture_read(dir, "throughput_results.csv");
	assert_non_null(strstr(text, "\r\n32,,,,,,,,,,,\"limit: KV cache: needs 3072 tokens, has 1024\"\r\n"));
	free(text);
	text = result_fixture_read(dir, "records.csv");
	int want = -1, commas = 0, rows = 0;
	bool quoted = false;
	for (const char *p = text; *p; p++) {
		quoted ^= *p == '"';
		commas += *p == ',' && !quoted;
		if (*p != '\n' || quoted)
			continue;
		want = want < 0 ? commas : want;
		assert_int_equal(commas, want);
		commas = 0;
		rows++;
	}
	assert_int_equal(rows, 1 + 4 + 3 + 8 + 3 + 1 + 8);
	free(text);
	result_fixture_drop(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cells), cmocka_unit_test(numbers), cmocka_unit_test(files_have_the_published_columns), cmocka_unit_test(rows_are_complete),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
