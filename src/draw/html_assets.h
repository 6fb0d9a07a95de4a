/* What every page carries: see html_assets.c. */
#ifndef ASSAY_DRAW_HTML_ASSETS_H
#define ASSAY_DRAW_HTML_ASSETS_H

#include <stddef.h>

struct html_asset { const char *data; size_t len_bytes; };
struct html_asset html_asset_css(void);
struct html_asset html_asset_js(void);
struct html_asset html_asset_chart(void);

#endif
