/* The rows of `assay doctor`. */
#ifndef ASSAY_CMD_DOCTOR_H
#define ASSAY_CMD_DOCTOR_H

#include "cmd/cmd.h"

extern const struct assay_opt cmd_doctor_options[];

#endif
