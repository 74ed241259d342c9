// The fenced blocks of the pages. A page's test takes each of them and runs it; what nobody takes is a failure.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import test from "node:test";
import { root } from "../app/program.mjs";

// README.md and docs/*.md. docs/decisions/ tells how things were when they were decided.
export const pages = ["README.md", ...readdirSync(`${root}docs`).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`)];

export const read = (name) => readFileSync(`${root}${name}`, "utf8");

// The blocks of a page in their order: { line, language, heading, text }, without the blanks that indent all of one.
export function blocksOf(name) {
	const found = [];
	let open, heading = "";
	read(name).split("\n").forEach((line, index) => {
		const [, indent, language] = /^( *)```(\S*)/.exec(line) ?? [];
		if (indent !== undefined && !open) {
			open = { indent, block: { line: index + 1, language: language || "text", heading, text: "" } };
		} else if (indent !== undefined) {
			found.push(open.block);
			open = undefined;
		} else if (open) {
			open.block.text += `${line.startsWith(open.indent) ? line.slice(open.indent.length) : line}\n`;
		} else {
			heading = /^#+ (.*)/.exec(line)?.[1] ?? heading;
		}
	});
	return found;
}

// Commands, one each, without comments: a line that ends with a backslash goes on in the next.
export function commandsOf({ text }) {
	const lines = text.split(/(?<!\\)\n/).map((line) => line.replace(/(^|\s)#\s.*$/, "").trim());
	return lines.filter(Boolean);
}

// Runs a block of JavaScript, in which `names` are known; `also` are lines behind it.
export function script({ text }, names, also = "") {
	const AsyncFunction = (async () => {}).constructor;
	return new AsyncFunction(...Object.keys(names), `${text}\n${also}`)(...Object.values(names));
}

// The tests of a page. `add` is given a function that makes one: of a sentence, of how the blocks begin that it takes, and
// of what it does with them: (t, ...blocks).
export function page(name, add) {
	const left = new Set(blocksOf(name));
	add((sentence, beginnings, run) => {
		const taken = beginnings.map((beginning) => {
			const block = [...left].find(({ text }) => text.startsWith(beginning));
			left.delete(block);
			return block;
		});
		test(`${name}: ${sentence}`, (t) => {
			taken.forEach((block, i) => assert.ok(block, `there is no block that begins with ${beginnings[i]}`));
			return run(t, ...taken);
		});
	});
	test(`${name}: a test runs every block`, () => {
		assert.deepEqual([...left].map(({ line, language, text }) => `line ${line}: ${language}: ${text.split("\n")[0]}`), []);
	});
}
