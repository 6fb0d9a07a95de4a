# What report.html carries inside it is part of the program: style, script and Chart.js, put there by the assembler.
ASSETS = src/draw/assets/report.css src/draw/assets/report.js $(CHARTJS)

$(CHARTJS):
	@echo 'make: $(CHARTJS): not found: install libjs-chart.js, or name Chart.js 3.9 with CHARTJS=FILE' >&2; exit 1

$(B)/src/draw/html_assets.o build/gcc/src/draw/html_assets.o build/clang/src/draw/html_assets.o build/fuzz/src/draw/html_assets.o: $(ASSETS)
