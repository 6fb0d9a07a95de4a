/* What was built: version, commit, compiler, and whether this build may be trusted to be fast. */
#include "version.h"

#include "base/cpu.h"
#include "cmd/cmd.h"

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(undefined_behavior_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define HAS_SANITIZER 1
#endif

#if defined HAS_SANITIZER
#define BUILD_KIND "sanitizer"
#elif !defined __OPTIMIZE__
#define BUILD_KIND "debug"
#else
#define BUILD_KIND "release"
#endif

json_t *cmd_build_info(void)
{
	return json_pack("{s:s s:s s:s s:s}", "version", ASSAY_VERSION, "commit", ASSAY_COMMIT, "compiler", ASSAY_COMPILER, "build", BUILD_KIND " (" ASSAY_BUILD ")");
}

int cmd_version(const struct assay_verb *v, int argc, char **argv)
{
	struct assay_options *o = NULL;
	char isa[200];
	int status = 0;
	if (cmd_options(v, argc, argv, &o, &status))
		return status;
	assay_cpu_isa_names(isa, sizeof isa);
	printf("assay %s\ncommit    %s\ncompiler  %s\nbuild     %s (%s)\ncpu       %s\n", ASSAY_VERSION, ASSAY_COMMIT, ASSAY_COMPILER, BUILD_KIND, ASSAY_BUILD, isa);
	assay_options_close(o);
	return 0;
}
