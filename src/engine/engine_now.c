/* The clock of an engine, apart from the registry so that users of a clock need not know the engines. */
#include "base/clock.h"
#include "engine/engine.h"

int64_t assay_engine_now(struct assay_engine *g)
{
	return g->ops->now ? g->ops->now(g) : assay_now_ns();
}
