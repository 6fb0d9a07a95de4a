/* See result_find.h. */
#include "result/result_find.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"

enum { DEPTH_MAX = 8 };

typedef int each_fn(void *arg, const char *dir, struct assay_err *e);

/* The first of the names that is a file in dir, or NULL. */
static const char *first_here(const char *dir, const char *const *names, int n)
{
	for (int i = 0; i < n; i++) {
		char *path = xasprintf("%s/%s", dir, names[i]);
		bool here = assay_fs_exists(path);
		free(path);
		if (here)
			return names[i];
	}
	return NULL;
}

bool assay_result_here(const char *dir)
{
	static const char *const names[] = { "result.json", "journal.bin", "manifest.json" };
	return first_here(dir, names, 3);
}

const char *assay_judgement_here(const char *dir)
{
	static const char *const names[] = { "sweep.json", "campaign.json", "comparison.json", "engines.json" };
	return first_here(dir, names, 4);
}

static int visible(const struct dirent *x) { return x->d_name[0] != '.'; }

/* What was cut short and measured again: DIR/aside of a sweep or of engines, DIR/NAME.old-1 of a campaign. */
static bool is_aside(const char *judgement, const char *name)
{
	const char *old = strstr(name, ".old-");
	if (!judgement)
		return false;
	if (!strcmp(judgement, "sweep.json") || !strcmp(judgement, "engines.json"))
		return !strcmp(name, "aside");
	return old && !strcmp(judgement, "campaign.json") && old[5] && !old[5 + strspn(old + 5, "0123456789")];
}

struct search { bool judgements; each_fn *each; void *arg; };

static int find(const char *dir, int depth, const struct search *s, struct assay_err *e)
{
	struct dirent **list = NULL;
	const char *judgement = assay_judgement_here(dir);
	int rc = (s->judgements ? judgement != NULL : assay_result_here(dir)) ? s->each(s->arg, dir, e) : 0, n = rc || !depth ? 0 : scandir(dir, &list, visible, alphasort);
	for (int i = 0; i < n; i++) {
		struct stat st;
		char *sub = xasprintf("%s/%s", dir, list[i]->d_name);
		if (!rc && !is_aside(judgement, list[i]->d_name) && lstat(sub, &st) == 0 && S_ISDIR(st.st_mode))
			rc = find(sub, depth - 1, s, e);
		free(sub);
		free(list[i]);
	}
	free(list);
	return rc;
}

static int search(const char *dir, const struct search *s, struct assay_err *e)
{
	if (!assay_fs_is_dir(dir))
		return assay_fail(e, ASSAY_E_USAGE, assay_fs_exists(dir) ? "%s: a file: name the folder that holds results" : "%s: no such directory", dir);
	return find(dir, DEPTH_MAX, s, e);
}

int assay_results_find(const char *dir, each_fn *each, void *arg, struct assay_err *e) { return search(dir, &(struct search){ false, each, arg }, e); }

int assay_judgements_find(const char *dir, each_fn *each, void *arg, struct assay_err *e) { return search(dir, &(struct search){ true, each, arg }, e); }
