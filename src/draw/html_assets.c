/* The style, the script and Chart.js (MIT; its licence note is its first comment and stays there) as bytes of this program, put
 * there by the assembler. Knows nothing of pages. */
#include "draw/html_assets.h"

#include "version.h"

#define ASSET(name, path) \
	__asm__(".pushsection .rodata\n.globl asset_" #name "\nasset_" #name ":\n.incbin \"" path "\"\n.globl asset_" #name "_end\nasset_" #name "_end:\n.byte 0\n.popsection\n"); \
	extern const char asset_##name[], asset_##name##_end[]

ASSET(css, "src/draw/assets/report.css");
ASSET(js, "src/draw/assets/report.js");
ASSET(chart, ASSAY_CHART_JS);

static struct html_asset asset(const char *begin, const char *end)
{
	return (struct html_asset){ begin, (size_t)(end - begin) };
}

struct html_asset html_asset_css(void) { return asset(asset_css, asset_css_end); }
struct html_asset html_asset_js(void) { return asset(asset_js, asset_js_end); }
struct html_asset html_asset_chart(void) { return asset(asset_chart, asset_chart_end); }
