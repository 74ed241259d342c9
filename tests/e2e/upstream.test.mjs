// Every test that tests/upstream.md names exists in the file that it names.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

// The text of a template literal with each of its expressions, which may hold strings and templates, as `…`.
function templateText(source, at) {
	let text = "";
	for (; source[at] !== "`"; at++) {
		if (source[at] !== "$" || source[at + 1] !== "{") {
			text += source[at];
			continue;
		}
		let depth = 1;
		for (at += 2; depth > 0; at++) {
			if (source[at] === "{") depth++;
			if (source[at] === "}") depth--;
		}
		at--;
		text += "…";
	}
	return text;
}

function namesOf(file) {
	const source = readFileSync(join(root, file), "utf8");
	if (file.endsWith(".c")) return [...source.matchAll(/START_TEST\((\w+)\)/g)].map(([, name]) => name);
	const names = [];
	for (const match of source.matchAll(/\b(?:test|scenario|Scenario|clusterCase|emitterCase)\((title\()?(["`])/g)) {
		const at = match.index + match[0].length;
		const text = match[2] === "`" ? templateText(source, at) : JSON.parse(`"${/^(?:[^"\\]|\\.)*/.exec(source.slice(at))[0]}"`);
		names.push(((match[1] ? "a JavaScript client … … " : "") + text).replace(/…+/g, "…"));
	}
	return names;
}

test("every test that upstream.md names exists", () => {
	const known = new Map();
	const rows = readFileSync(join(root, "tests/upstream.md"), "utf8").split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| upstream"));
	assert(rows.length > 400, `only ${rows.length} rows`);
	const missing = [];
	for (const row of rows) {
		const ours = row.slice(2, -2).split(/(?<!\\) \| ?/).at(-1).replaceAll("\\|", "|");
		if (ours.startsWith("none: ")) continue;
		const [, file, name] = /^`([^`]+)`: (.+)$/.exec(ours) ?? assert.fail(`not understood: ${row}`);
		if (!known.has(file)) known.set(file, existsSync(join(root, file)) ? namesOf(file) : []);
		if (!known.get(file).includes(name)) missing.push(`${file}: ${name}`);
	}
	assert.deepEqual([...new Set(missing)], []);
});
