/* The engines' tables, for registry.c and the files that define them. */
#ifndef ASSAY_ENGINE_REGISTRY_H
#define ASSAY_ENGINE_REGISTRY_H

#include "engine/engine.h"

extern const struct assay_engine_ops assay_engine_cpu, assay_engine_sim, assay_engine_null, assay_engine_replay, assay_engine_worker;

#endif
