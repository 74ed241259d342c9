// Reads the text format of Prometheus, strictly.
import assert from "node:assert/strict";

function labelsOf(text) {
	const labels = {};
	let rest = text;
	while (rest) {
		const [all, name, value] = /^([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)",?/.exec(rest) ?? assert.fail(`not labels: ${text}`);
		assert.ok(!(name in labels), text);
		labels[name] = value.replaceAll(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
		rest = rest.slice(all.length);
	}
	return labels;
}

// { families: name → { type, help, samples: [{ name, labels, value }] } }; every sample stands in its family.
export function parse(text) {
	const families = new Map(), seen = new Set();
	let family;
	assert.ok(text.endsWith("\n"));
	for (const line of text.slice(0, -1).split("\n")) {
		const help = /^# HELP ([a-z_]+) (.+)$/.exec(line), type = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/.exec(line);
		if (help) {
			assert.ok(!families.has(help[1]), `twice: ${help[1]}`);
			family = { name: help[1], help: help[2], samples: [] };
			families.set(help[1], family);
		} else if (type) {
			assert.equal(type[1], family?.name, `no HELP before ${line}`);
			assert.equal(family.type, undefined, `TYPE twice: ${line}`);
			family.type = type[2];
		} else {
			const [, name, labels = "", value] = /^([a-z_]+)(?:\{(.*)\})? (\d+(?:\.\d+)?)$/.exec(line) ?? assert.fail(`not a sample: ${line}`);
			const allowed = family?.type === "histogram" ? ["_bucket", "_sum", "_count"].map((end) => family.name + end) : [family?.name];
			assert.ok(family.type && allowed.includes(name), `${line} does not stand in its family`);
			assert.ok(!seen.has(name + labels), `twice: ${line}`);
			seen.add(name + labels);
			family.samples.push({ name, labels: labelsOf(labels), value: Number(value) });
		}
	}
	for (const { name, type, samples } of families.values()) {
		assert.equal(name.endsWith("_total"), type === "counter", name);
		assert.ok(samples.length, `${name} has no samples`);
	}
	return families;
}

// The metrics of a node: get(name) is the sum of its samples, get(name, { label: value }) that of those that have these.
export async function metricsOf(node) {
	const { status, body } = await node.get("/metrics");
	assert.equal(status, 200);
	const families = parse(body);
	return {
		body, families,
		get(name, labels = {}) {
			const family = families.get(name) ?? families.get(name.replace(/_(bucket|sum|count)$/, "")) ?? assert.fail(`no metric ${name}`);
			return family.samples.filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
				.reduce((sum, { value }) => sum + value, 0);
		},
	};
}
