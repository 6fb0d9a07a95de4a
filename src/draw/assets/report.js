/* Draws the figures of this page with Chart.js from the JSON block "figure-data", and makes tables sort and copy, figures save, the
 * theme switch and the print clean. Loads nothing. Text reaches the page by textContent only. */
(function () {
	"use strict";
	const root = document.documentElement, figures = JSON.parse(document.getElementById("figure-data").textContent), charts = {};
	const shapes = ["circle", "rect", "triangle", "rectRot", "cross", "star"];
	let printing = false;

	const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();
	const say = (text) => { document.getElementById("said").textContent = text; };

	function num(v) {
		if (v === null || !isFinite(v)) return "-";
		return Math.abs(v) >= 1e5 || (v !== 0 && Math.abs(v) < 1e-3) ? v.toExponential(2) : String(+v.toPrecision(Math.abs(v) >= 1e4 ? 5 : 4));
	}

	/* As many decimals as neighbours need to differ. */
	function tick(v, i, ticks) {
		const step = ticks.length > 1 ? Math.abs(ticks[1].value - ticks[0].value) : 1;
		return step >= 1 || step < 1e-6 || Math.abs(v) >= 1e6 ? num(v) : v.toFixed(Math.ceil(-Math.log10(step) - 1e-9));
	}

	/* ---- what Chart.js has none of: whiskers, marked lines and bands ---- */
	const extras = {
		id: "extras",
		beforeDatasetsDraw(chart) {
			const a = chart.chartArea, x = chart.scales.x;
			for (const m of chart.spec.marks.filter((k) => k.to !== null)) {
				const from = Math.max(a.left, x.getPixelForValue(m.from)), to = Math.min(a.right, x.getPixelForValue(m.to));
				chart.ctx.save();
				chart.ctx.globalAlpha = 0.12;
				chart.ctx.fillStyle = css("--s3");
				chart.ctx.fillRect(from, a.top, Math.max(1, to - from), a.bottom - a.top);
				chart.ctx.restore();
			}
		},
		afterDatasetsDraw(chart) {
			const x = chart.scales.x, a = chart.chartArea;
			whiskers(chart);
			for (const m of chart.spec.marks.filter((k) => k.to !== null))
				label(chart, m.label, (Math.max(a.left, x.getPixelForValue(m.from)) + Math.min(a.right, x.getPixelForValue(m.to))) / 2, a.top + 12);
			chart.spec.marks.filter((k) => k.to === null).forEach((m, i) => markLine(chart, m, i));
		},
	};

	function label(chart, text, x, y) {
		const c = chart.ctx, a = chart.chartArea;
		c.save();
		c.font = "12px system-ui, sans-serif";
		const w = c.measureText(text).width, left = Math.min(Math.max(x - w / 2, a.left + 2), a.right - w - 2);
		c.globalAlpha = 0.85;
		c.fillStyle = css("--bg");
		c.fillRect(left - 2, y - 11, w + 4, 15);
		c.globalAlpha = 1;
		c.fillStyle = css("--fg");
		c.fillText(text, left, y);
		c.restore();
	}

	function markLine(chart, m, i) {
		const c = chart.ctx, a = chart.chartArea, at = chart.scales[m.axis].getPixelForValue(m.from);
		if (m.axis === "x" ? at < a.left - 1 || at > a.right + 1 : at < a.top - 1 || at > a.bottom + 1) return;
		c.save();
		c.strokeStyle = css("--mute");
		c.setLineDash([4, 3]);
		c.beginPath();
		if (m.axis === "x") { c.moveTo(at, a.top); c.lineTo(at, a.bottom); } else { c.moveTo(a.left, at); c.lineTo(a.right, at); }
		c.stroke();
		c.restore();
		if (m.axis === "x") label(chart, m.label, at, a.top + 12 + 16 * i); else label(chart, m.label, a.right, at < a.top + 20 ? at + 14 : at - 5);
	}

	function whiskers(chart) {
		const c = chart.ctx;
		chart.data.datasets.forEach((d, k) => {
			const meta = chart.getDatasetMeta(k);
			if (meta.hidden || !chart.isDatasetVisible(k)) return;
			c.save();
			c.strokeStyle = d.borderColor;
			d.data.forEach((p, i) => {
				if (!p || p.lo === undefined || !meta.data[i]) return;
				const x = meta.data[i].x, lo = chart.scales.y.getPixelForValue(p.lo), hi = chart.scales.y.getPixelForValue(p.hi);
				c.beginPath();
				c.moveTo(x, lo); c.lineTo(x, hi); c.moveTo(x - 4, lo); c.lineTo(x + 4, lo); c.moveTo(x - 4, hi); c.lineTo(x + 4, hi);
				c.stroke();
			});
			c.restore();
		});
	}

	/* ---- from a description to a configuration ---- */
	function dataset(s, i) {
		const colour = css("--s" + (i % 6 + 1)), many = s.points.length > 60;
		const d = {
			label: s.name, data: s.points.map((p) => p.length > 2 ? { x: p[0], y: p[1], lo: p[2], hi: p[3] } : { x: p[0], y: p[1] }), labels: s.labels,
			borderColor: colour, backgroundColor: colour, borderWidth: 2, pointStyle: shapes[i % 6], pointRadius: many ? 0 : 4, pointHitRadius: 8, pointHoverRadius: 6,
		};
		if (s.style === "points") { d.showLine = false; d.pointRadius = many ? 2 : 5; }
		if (s.style === "dashed") { d.borderDash = [6, 4]; d.pointRadius = 0; d.borderWidth = 1.5; d.pointStyle = "line"; d.borderColor = css("--mute"); d.backgroundColor = css("--mute"); }
		if (s.style === "step") { d.stepped = "before"; d.pointRadius = 0; }
		return d;
	}

	function bars(f, s, i) {
		const d = dataset(s, i);
		d.data = f.categories.map((c, k) => { const p = s.points.find((q) => q[0] === k); return p ? p[1] : null; });
		d.maxBarThickness = 60;
		return d;
	}

	function range(f, axis) {
		const at = axis === "x" ? 0 : 1, all = [];
		f.series.forEach((s) => s.points.forEach((p) => { p.slice(at, axis === "x" ? 1 : undefined).forEach((v) => v !== null && all.push(v)); }));
		return all.length ? [Math.min(...all), Math.max(...all)] : [0, 1];
	}

	function scale(f, axis) {
		const a = f[axis], r = range(f, axis), mute = css("--mute");
		const s = {
			type: a.log ? "logarithmic" : "linear", title: { display: true, text: a.title, color: css("--fg") }, grid: { color: css("--line"), borderColor: mute },
			ticks: { color: mute, maxRotation: 0, autoSkipPadding: 12, callback: a.log ? num : tick }, beginAtZero: a.zero,
		};
		if (!a.log) { s.suggestedMin = r[0]; s.suggestedMax = r[1]; }
		if (a.log) {
			s.min = r[0] / 1.15;
			s.max = r[1] * 1.15;
			s.afterBuildTicks = (sc) => { sc.ticks = logTicks(f, axis, r).map((value) => ({ value })); };
		}
		return s;
	}

	/* The values of the points where they are few (batch sizes), else round numbers, fewer the wider the range. */
	function logTicks(f, axis, r) {
		const seen = [...new Set(f.series.flatMap((s) => s.points.map((p) => p[axis === "x" ? 0 : 1])))].filter((v) => v !== null).sort((a, b) => a - b);
		if (axis === "x" && seen.length <= 8) return seen;
		const out = [], decades = Math.log10(r[1] / r[0]), steps = decades > 3 ? [1] : decades > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
		for (let e = Math.floor(Math.log10(r[0])); e <= Math.ceil(Math.log10(r[1])); e++)
			for (const m of steps)
				if (m * 10 ** e >= r[0] / 1.15 && m * 10 ** e <= r[1] * 1.15) out.push(m * 10 ** e);
		return out.length > 1 ? out : [r[0], r[1]];
	}

	function tooltip(f) {
		return {
			callbacks: {
				title: (items) => f.categories ? items[0].label : f.x.title + " " + num(items[0].parsed.x),
				label: (item) => {
					const labels = item.dataset.labels, of = labels && labels[item.dataIndex];
					const p = item.raw, whisker = p && p.lo !== undefined ? " (" + num(p.lo) + " to " + num(p.hi) + ")" : "";
					return item.dataset.label + (of ? ", " + of : "") + ": " + num(item.parsed.y) + whisker;
				},
			},
		};
	}

	function config(f) {
		const x = scale(f, "x"), y = scale(f, "y"), stacked = !!f.categories;
		if (f.categories) { x.type = "category"; delete x.ticks.callback; x.stacked = y.stacked = stacked; x.ticks.autoSkip = f.categories.length > 8; x.ticks.maxRotation = 50; delete x.suggestedMin; delete x.suggestedMax; }
		return {
			type: f.categories ? "bar" : "line",
			data: f.categories ? { labels: f.categories, datasets: f.series.map((s, i) => bars(f, s, i)) } : { datasets: f.series.map(dataset) },
			options: {
				animation: false, responsive: !printing, maintainAspectRatio: false, devicePixelRatio: printing ? 2 : undefined, spanGaps: false,
				layout: { padding: { top: 6, right: 8 } }, interaction: { mode: "nearest", intersect: false }, scales: { x, y },
				plugins: {
					legend: { display: f.series.length > 1 || f.series[0].style === "step", labels: { color: css("--fg"), usePointStyle: true, boxHeight: 8 } }, tooltip: tooltip(f),
				},
			},
			plugins: [{ id: "spec", beforeInit: (chart) => { chart.spec = f; } }, extras],
		};
	}

	function draw() {
		document.querySelectorAll("figure[data-figure] canvas").forEach((canvas) => {
			const id = canvas.closest("figure").dataset.figure;
			if (charts[id]) charts[id].destroy();
			charts[id] = new Chart(canvas, config(figures[id]));
			if (printing) charts[id].resize(700, 300);
		});
	}

	/* ---- the keyboard reads a chart: left and right a point, up and down a series ---- */
	function keys(canvas) {
		let series = 0, at = -1;
		canvas.addEventListener("keydown", (event) => {
			const chart = charts[canvas.closest("figure").dataset.figure], sets = chart.data.datasets;
			const step = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
			if (!step) return;
			event.preventDefault();
			series = Math.min(Math.max(series + step[0], 0), sets.length - 1);
			at = Math.min(Math.max(at + step[1], 0), sets[series].data.length - 1);
			const active = [{ datasetIndex: series, index: at }], p = sets[series].data[at], labels = sets[series].labels;
			chart.setActiveElements(active);
			chart.tooltip.setActiveElements(active, { x: 0, y: 0 });
			chart.update();
			const where = chart.spec.categories ? chart.spec.categories[at] : chart.spec.x.title + " " + num(p.x);
			say([sets[series].label, labels && labels[at], where, num(chart.spec.categories ? p : p.y)].filter(Boolean).join(", "));
		});
	}

	/* ---- saving and copying ---- */
	function button(parent, text, act) {
		const b = document.createElement("button");
		b.type = "button";
		b.textContent = text;
		b.addEventListener("click", act);
		parent.append(b);
		return b;
	}

	function tools(before) {
		const div = document.createElement("div");
		div.className = "tools";
		before.before(div);
		return div;
	}

	function savePng(figure) {
		const canvas = figure.querySelector("canvas"), title = figure.querySelector("h3").textContent;
		if (canvas) return paint(canvas, canvas.width, canvas.height, canvas.width / canvas.clientWidth, title, figure.dataset.figure);
		const svg = figure.querySelector("svg"), copy = svg.cloneNode(true), box = svg.viewBox.baseVal, from = svg.querySelectorAll("*");
		copy.querySelectorAll("*").forEach((e, i) => {
			const style = getComputedStyle(from[i]);
			for (const k of ["fill", "fill-opacity", "stroke", "stroke-width", "stroke-dasharray", "opacity", "font-size", "font-family", "font-weight", "text-anchor", "paint-order", "stroke-linejoin"]) e.setAttribute(k, style.getPropertyValue(k));
		});
		copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
		copy.setAttribute("width", box.width);
		copy.setAttribute("height", box.height);
		const image = new Image();
		image.onload = () => paint(image, box.width * 2, box.height * 2, 2, title, figure.dataset.figure);
		image.src = "data:image/svg+xml," + encodeURIComponent(new XMLSerializer().serializeToString(copy));
	}

	function paint(image, width, height, ratio, title, name) {
		const out = document.createElement("canvas"), c = out.getContext("2d"), head = 28 * ratio;
		out.width = width;
		out.height = height + head;
		c.fillStyle = css("--bg");
		c.fillRect(0, 0, out.width, out.height);
		c.fillStyle = css("--fg");
		c.font = "600 " + 14 * ratio + "px system-ui, sans-serif";
		c.fillText(title, 8 * ratio, 19 * ratio);
		c.drawImage(image, 0, head, width, height);
		out.toBlob((blob) => {
			const a = document.createElement("a");
			a.download = name + ".png";
			a.href = URL.createObjectURL(blob);
			a.click();
			setTimeout(() => URL.revokeObjectURL(a.href), 10000);
			say("saved " + a.download);
		});
	}

	function copyTable(table) {
		const text = [...table.rows].map((r) => [...r.cells].map((c) => c.textContent.trim()).join("\t")).join("\n");
		const area = document.createElement("textarea");
		area.value = text;
		document.body.append(area);
		area.select();
		say(document.execCommand("copy") ? "copied " + table.rows.length + " rows" : "this browser does not let a page copy");
		area.remove();
	}

	/* ---- sorting ---- */
	function value(row, column) {
		const text = row.cells[column].textContent.trim(), n = parseFloat(text);
		return [isNaN(n) ? null : n, text];
	}

	function sortBy(table, column) {
		const heads = [...table.tHead.rows[0].cells], th = heads[column], down = th.getAttribute("aria-sort") === "ascending", body = table.tBodies[0];
		const rows = [...body.rows].map((r) => [value(r, column), r]);
		rows.sort(([a], [b]) => {
			const c = a[0] !== null && b[0] !== null ? a[0] - b[0] : a[0] !== null ? -1 : b[0] !== null ? 1 : a[1] < b[1] ? -1 : a[1] > b[1] ? 1 : 0;
			return down ? -c : c;
		});
		rows.forEach(([, r]) => body.append(r));
		heads.forEach((h) => h.removeAttribute("aria-sort"));
		th.setAttribute("aria-sort", down ? "descending" : "ascending");
	}

	function equip(table) {
		[...table.tHead.rows[0].cells].forEach((th, column) => {
			const text = th.textContent;
			th.textContent = "";
			button(th, text, () => sortBy(table, column));
		});
		button(tools(table.closest(".scroll")), "Copy table", () => copyTable(table));
	}

	/* ---- theme and print ---- */
	function theme(name) {
		if (name === "auto") delete root.dataset.theme; else root.dataset.theme = name;
		draw();
	}

	const themes = ["auto", "light", "dark"], toggle = document.getElementById("theme");
	toggle.hidden = false;
	toggle.addEventListener("click", () => {
		const next = themes[(themes.indexOf(root.dataset.theme || "auto") + 1) % 3];
		toggle.textContent = "Theme: " + next;
		theme(next);
	});
	matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

	let before = null;
	addEventListener("beforeprint", () => {
		if (printing) return;
		before = root.dataset.theme || "auto";
		printing = true;
		document.querySelectorAll("details:not(.numbers):not([open])").forEach((d) => { d.open = true; d.dataset.folded = "1"; });
		theme("light");
	});
	addEventListener("afterprint", () => {
		printing = false;
		document.querySelectorAll("details[data-folded]").forEach((d) => { d.open = false; delete d.dataset.folded; });
		theme(before || "auto");
	});
	addEventListener("hashchange", () => { const to = document.getElementById(location.hash.slice(1)); if (to && to.closest("details")) to.closest("details").open = true; });

	document.querySelectorAll("table").forEach(equip);
	document.querySelectorAll("figure[data-figure]").forEach((figure) => {
		button(tools(figure.querySelector("details")), "Save PNG", () => savePng(figure));
		const canvas = figure.querySelector("canvas");
		if (canvas) keys(canvas);
	});
	draw();
})();
