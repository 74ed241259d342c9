// The MessagePack of the library against notepack.io, which the official servers use, on random values: the same bytes
// one way, the same JSON the other way.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import test from "node:test";

import { testapp } from "./support.mjs";

const { encode, decode } = createRequire(import.meta.url)("notepack.io");
const filter = join(dirname(testapp), "msgpack_filter");
const rounds = 20000;

// The same values on each run.
let state = 12345;
const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) / 2 ** 32;
const below = (limit) => Math.floor(random() * limit);
const pick = (...choices) => choices[below(choices.length)];

function randomText() {
	let text = "";
	for (let length = pick(0, 3, 10, 31, 32, below(300)); length > 0; length--)
		text += String.fromCodePoint(pick(below(128), below(0x800), 0x4e00 + below(1000), 0x1f600 + below(50), 97 + below(26)));
	return text;
}

const randomNumber = () => pick(
	() => below(200), () => -below(200), () => below(2 ** 17), () => below(2 ** 33), () => -below(2 ** 33),
	() => below(2 ** 53), () => -below(2 ** 53), () => random() * 1e10, () => random() * 10 ** -below(320), () => -0,
)();

const randomKey = () => pick(randomText(), String(below(20)), "a", "b", "-1", "01", "4294967294", "4294967295", "num");

// As text with what JSON allows and JSON.stringify() never prints: blanks, escapes, keys that repeat.
function randomJson(depth) {
	const blank = () => pick("", "", "", " ", "\t");
	const escaped = (text) => JSON.stringify(text).replace(/[a-z]/g, (letter, at, whole) =>
		whole[at - 1] !== "\\" && !/\\u[0-9a-f]{0,3}$/.test(whole.slice(0, at)) && below(20) === 0
			? `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}` : letter);
	const many = (item) => Array.from({ length: below(10) ? below(5) : below(40) }, item).join(",");
	return blank() + pick(
		() => "null", () => pick("true", "false"), () => JSON.stringify(randomNumber()), () => escaped(randomText()),
		() => pick("1.0", "-0.0", "1e2", "100E-1", "12.50"),
		() => depth ? `[${many(() => randomJson(depth - 1))}${blank()}]` : "[]",
		() => depth ? `{${many(() => `${blank()}${escaped(randomKey())}${blank()}:${randomJson(depth - 1)}`)}}` : "{ }",
	)() + blank();
}

// A value with what only MessagePack has; at most nine of them are binary.
function randomValue(depth, budget) {
	const many = (item) => Array.from({ length: below(10) ? below(5) : below(40) }, item);
	return pick(
		() => null, () => pick(true, false), randomNumber, randomText,
		() => pick(undefined, NaN, Infinity, -Infinity, 2 ** 53 * below(1000), 1e19),
		() => budget.binary++ < 9 ? Buffer.from(randomText()) : "no more",
		() => new Date(pick(Math.floor((random() - 0.5) * 10 ** below(16)), below(2 ** 31) * 1000)),
		() => depth ? many(() => randomValue(depth - 1, budget)) : [],
		() => depth ? Object.fromEntries(many(() => [randomKey(), randomValue(depth - 1, budget)])) : {},
	)();
}

// What a server on Node.js sends to its clients of a decoded value.
function asClientsGetIt(value, attachments) {
	if (Buffer.isBuffer(value))
		return { _placeholder: true, num: attachments.push(value.toString("hex")) - 1 };
	if (Array.isArray(value)) return value.map((item) => asClientsGetIt(item, attachments));
	if (value === null || typeof value !== "object" || value instanceof Date) return value;
	return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asClientsGetIt(item, attachments)]));
}

function ask(lines) {
	const { stdout, stderr, status } = spawnSync(filter, { input: lines.map((line) => `${line}\n`).join(""), maxBuffer: 2 ** 30 });
	assert.equal(status, 0, String(stderr));
	return String(stdout).split("\n");
}

test("JSON texts are packed with the bytes of notepack.io", () => {
	const texts = Array.from({ length: rounds }, () => randomJson(4).trim());
	const answers = ask(texts.map((text) => `pack ${text}`));
	texts.forEach((text, i) => assert.equal(answers[i], encode(JSON.parse(text)).toString("hex"), text));
});

test("what notepack.io packs is printed as JSON.stringify() prints it", () => {
	const packed = Array.from({ length: rounds }, () => encode(randomValue(4, { binary: 0 })));
	const answers = ask(packed.map((bytes) => `print ${bytes.toString("hex")}`));
	packed.forEach((bytes, i) => {
		const attachments = [];
		const expected = JSON.stringify(asClientsGetIt(decode(bytes), attachments)) ?? "null";
		const [text, ...received] = answers[i].split("\x01");
		// Keys that are numbers come in the order of the sender, until JSON.parse() sorts them.
		assert.deepEqual(JSON.parse(text), JSON.parse(expected), bytes.toString("hex"));
		assert.deepEqual(received, attachments, bytes.toString("hex"));
	});
});
