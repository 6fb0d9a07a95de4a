/* See pretokenize.h. PCRE2 stands in for the Oniguruma that tokenizer files were
 * written for; the differences that matter are translated or refused. */
#include "nn/pretokenize.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "base/mem.h"
#include "base/utf8.h"

#define MAX_PATTERN_BYTES 8192
#define MATCH_LIMIT 5000000
#define HEAP_LIMIT_KIB 65536
#define JIT_STACK_BYTES (1u << 20)

const char nn_pattern_gpt2[] = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const char nn_pattern_qwen2[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
	"\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char nn_pattern_llama3[] = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|"
	"\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const char nn_pattern_digit[] = "\\p{N}";
const char nn_pattern_digits[] = "\\p{N}+";

/* White_Space as Oniguruma has it; PCRE2's own \s also takes U+180E. */
#define SPACES "\\p{Z}\\x09-\\x0d\\x85"

/* One construct at *s, inside a bracket class or not; *s moves past it. */
static const char *translate_one(const char **s, bool *in_class, struct assay_buf *out)
{
	const char *p = *s;
	size_t n = p[0] == '\\' && p[1] ? 2 : 1;
	*s += n;
	if (n == 2 && strchr("hHGkgRXKyYOQE", p[1]))
		return "its pattern uses an escape whose meaning differs between regular-expression libraries";
	if (n == 2 && p[1] == 'S' && *in_class)
		return "its pattern uses \\S inside a class";
	if (n == 2 && p[1] == 's')
		return assay_buf_puts(out, *in_class ? SPACES : "[" SPACES "]") ? "its pattern is too long" : NULL;
	if (n == 2 && p[1] == 'S')
		return assay_buf_puts(out, "[^" SPACES "]") ? "its pattern is too long" : NULL;
	if (*in_class && n == 1 && (p[0] == '[' || (p[0] == '&' && p[1] == '&')))
		return "its pattern uses a class inside a class";
	if (n == 1 && p[0] == '(' && p[1] == '*')
		return "its pattern uses a (*VERB)";
	if (assay_buf_append(out, p, n))
		return "its pattern is too long";
	if (n == 1 && *in_class && p[0] == ']') {
		*in_class = false;
	} else if (n == 1 && !*in_class && p[0] == '[') {
		*in_class = true;
		size_t lead = (*s)[0] == '^' ? ((*s)[1] == ']') + 1 : (*s)[0] == ']'; /* a ']' that comes first is itself */
		assay_buf_append(out, *s, lead);
		*s += lead;
	}
	return NULL;
}

static const char *translate(const char *pattern, struct assay_buf *out)
{
	bool in_class = false;
	const char *why = NULL;
	for (const char *s = pattern; *s && !why;)
		why = translate_one(&s, &in_class, out);
	return why ? why : out->overflow || !out->len_bytes ? "its pattern is empty or too long" : NULL;
}

void nn_pretok_init(struct nn_pretok *p)
{
	*p = (struct nn_pretok){ 0 };
	pcre2_match_context *c = pcre2_match_context_create(NULL);
	pcre2_set_match_limit(c, MATCH_LIMIT);
	pcre2_set_heap_limit(c, HEAP_LIMIT_KIB);
	p->jit_stack = pcre2_jit_stack_create(32768, JIT_STACK_BYTES, NULL);
	if (p->jit_stack)
		pcre2_jit_stack_assign(c, NULL, p->jit_stack);
	p->context = c;
}

void nn_pretok_release(struct nn_pretok *p)
{
	for (int i = 0; i < p->n_steps; i++) {
		pcre2_match_data_free(p->step[i].match);
		pcre2_code_free(p->step[i].code);
	}
	pcre2_match_context_free(p->context);
	pcre2_jit_stack_free(p->jit_stack);
	*p = (struct nn_pretok){ 0 };
}

const char *nn_pretok_add(struct nn_pretok *p, const char *pattern)
{
	struct assay_buf b;
	int code;
	PCRE2_SIZE at;
	if (p->n_steps == NN_PRETOK_STEPS)
		return "it has too many steps";
	assay_buf_init(&b, MAX_PATTERN_BYTES);
	const char *why = translate(pattern, &b);
	pcre2_code *re = NULL;
	if (!why)
		re = pcre2_compile((PCRE2_SPTR)b.data, b.len_bytes, PCRE2_UTF | PCRE2_UCP | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
		                   &code, &at, NULL);
	assay_buf_release(&b);
	if (!re)
		return why ? why : "its pattern is not a regular expression that can be read here";
	pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* where there is none, the interpreter does it */
	p->step[p->n_steps++] = (struct nn_pretok_step){ re, pcre2_match_data_create_from_pattern(re, NULL) };
	return NULL;
}

struct walk {
	const struct nn_pretok *p;
	nn_word_fn fn;
	void *ctx;
	struct assay_err *e;
};

static int run_step(const struct walk *w, int step, const char *text, size_t len);

static int emit(const struct walk *w, int step, const char *text, size_t len)
{
	if (!len)
		return 0;
	return step == w->p->n_steps ? w->fn(w->ctx, text, len, w->e) : run_step(w, step, text, len);
}

/* Pieces of valid UTF-8: the matches of this step and what lies between them. */
static int run_step(const struct walk *w, int step, const char *text, size_t len)
{
	pcre2_match_data *m = w->p->step[step].match;
	size_t gap = 0, from = 0; /* [gap, from) is known to hold no match */
	while (from < len) {
		int n = pcre2_match(w->p->step[step].code, (PCRE2_SPTR)text, len, from, PCRE2_NO_UTF_CHECK, m, w->p->context);
		if (n == PCRE2_ERROR_NOMATCH)
			break;
		if (n < 0)
			return assay_fail(w->e, ASSAY_E_USAGE, "text: the tokenizer's pattern gave up on it (PCRE2 error %d)", n);
		PCRE2_SIZE *o = pcre2_get_ovector_pointer(m), start = o[0], end = o[1];
		if (start < from || end <= start || end > len) { /* an empty match cuts nothing */
			from = start > from && start < len ? start : from;
			do
				from++;
			while (from < len && ((unsigned char)text[from] & 0xc0) == 0x80);
			continue;
		}
		int rc = emit(w, step + 1, text + gap, start - gap);
		if (!rc)
			rc = emit(w, step + 1, text + start, end - start);
		if (rc)
			return rc;
		gap = from = end;
	}
	return emit(w, step + 1, text + gap, len - gap);
}

int nn_pretok_run(const struct nn_pretok *p, const char *text, size_t len, nn_word_fn fn, void *ctx, struct assay_err *e)
{
	struct walk w = { p, fn, ctx, e };
	int rc = 0;
	for (size_t i = 0; i < len && !rc;) {
		size_t good = assay_utf8_valid(text + i, len - i), bad = 0;
		if (good)
			rc = emit(&w, 0, text + i, good);
		i += good;
		while (i + bad < len && !assay_utf8_valid(text + i + bad, len - i - bad < 4 ? len - i - bad : 4))
			bad++;
		if (bad && !rc)
			rc = fn(ctx, text + i, bad, e);
		i += bad;
	}
	return rc;
}
