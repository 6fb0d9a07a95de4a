/* What ran, for "was it the same?": the program's own hash, libraries, the environment and kernel options that change speed. Names on
 * a fixed list only: an environment is full of secrets. Called between measurements. */
#ifndef ASSAY_TELEMETRY_PROVENANCE_H
#define ASSAY_TELEMETRY_PROVENANCE_H

#include <jansson.h>
#include <stdint.h>

/* {binary{bytes, sha256}, cwd, libraries{}, environment{}, kernel_command_line[]}; null where it cannot be read. New reference. */
json_t *assay_provenance(void);

/* {path, bytes, sha256, method}: method "sha256", or "sha256-sampled" for a file of more than full_max bytes (base/fs.h); null and
 * a reason when it cannot be read. New reference. */
json_t *assay_provenance_file(const char *path, uint64_t full_max);

/* The words of a kernel command line that change speed, of text (kernel_command_line[] is this of /proc/cmdline). New reference. */
json_t *assay_provenance_kernel_words(const char *text);

#endif
