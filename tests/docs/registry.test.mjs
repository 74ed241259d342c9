// That no page is forgotten. Within a page, page() sees to its blocks.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import test from "node:test";
import { root } from "../app/program.mjs";
import { blocksOf, pages, read } from "./pages.mjs";

test("every page with commands or examples has tests", () => {
	const tests = readdirSync(`${root}tests/docs`).filter((name) => name.endsWith(".test.mjs")).map((name) => read(`tests/docs/${name}`)).join("");
	const forgotten = pages.filter((name) => blocksOf(name).length > 0 && !tests.includes(`"${name}"`));
	assert.deepEqual(forgotten, []);
});

test("every command stands in a block that says it is one", () => {
	for (const name of pages)
		for (const { line, language, text } of blocksOf(name))
			if (language === "text")
				assert.doesNotMatch(text, /^ *(?:sudo |\$ |peal |scripts\/|curl |redis-cli |docker |npm |apt-get |systemctl )/m, `${name}:${line}`);
});
