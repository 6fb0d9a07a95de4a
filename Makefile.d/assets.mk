# What report.html carries inside it is part of the program: style, script and Chart.js, put there by the assembler.
ASSETS = src/report/assets/report.css src/report/assets/report.js $(CHARTJS)

$(CHARTJS):
	@echo 'make: $(CHARTJS): not found: install libjs-chart.js, or name Chart.js 3.9 with CHARTJS=FILE' >&2; exit 1

$(B)/src/report/html_assets.o build/gcc/src/report/html_assets.o build/clang/src/report/html_assets.o build/fuzz/src/report/html_assets.o: $(ASSETS)
