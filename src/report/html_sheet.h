/* A sheet (report/sheet.h) that is drawn into a page: every heading of level 2 begins a section. */
#ifndef ASSAY_REPORT_HTML_SHEET_H
#define ASSAY_REPORT_HTML_SHEET_H

#include "draw/html.h"
#include "report/sheet.h"

struct html_sheet { struct sheet sheet; struct html_page *page; int sections; char title[160]; };
struct html_sheet html_sheet(struct html_page *page);
/* Ends the last section. */
void html_sheet_end(struct html_sheet *h);

#endif
