// `peal config`: what the settings come to and where each is from, checking a file, the reference page.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync, mkdirSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { configFile, folder, root, run } from "./program.mjs";

// The rows of the table by key: { value, origin }.
async function table(args, env) {
	const { stdout, stderr, code } = await run(["config", ...args], { env });
	assert.equal(code, 0, stderr);
	assert.equal(stderr, "");
	const [head, ...lines] = stdout.trimEnd().split("\n");
	const columns = [head.indexOf("KEY"), head.indexOf("VALUE"), head.indexOf("ORIGIN")];
	assert.equal(columns[0], 0, head);
	return Object.fromEntries(lines.map((line) => {
		const characters = [...line];
		const cell = (from, to) => characters.slice(from, to).join("").trim();
		return [cell(0, columns[1]), { value: cell(columns[1], columns[2]), origin: cell(columns[2]) }];
	}));
}

async function json(args, env) {
	const { stdout, stderr, code } = await run(["config", "--json", ...args], { env });
	assert.equal(code, 0, stderr);
	return JSON.parse(stdout);
}

test("each setting is shown with its value and its origin", async (t) => {
	const file = configFile(t, '{\n  "pingInterval": 7000,\n  "namespace": ["a", "b"],\n\n  "pingTimeout": 1\n}');
	const args = ["--config", file, "--port", "4000", "--no-allow-upgrades"];
	const env = { PEAL_PING_TIMEOUT: "6000", PEAL_NODE_NAME: "north" };
	const rows = await table(args, env);
	assert.deepEqual(rows.pingInterval, { value: "7000", origin: `file ${file}:2` });
	assert.deepEqual(rows.namespace, { value: "a,b", origin: `file ${file}:3` });
	assert.deepEqual(rows.pingTimeout, { value: "6000", origin: "variable PEAL_PING_TIMEOUT" });
	assert.deepEqual(rows.name, { value: "north", origin: "variable PEAL_NODE_NAME" });
	assert.deepEqual(rows.port, { value: "4000", origin: "flag --port" });
	assert.deepEqual(rows.allowUpgrades, { value: "false", origin: "flag --no-allow-upgrades" });
	assert.deepEqual(rows.host, { value: "127.0.0.1", origin: "default" });
	assert.deepEqual(rows.outboxLimit, { value: "(none)", origin: "default" });
	assert.deepEqual(rows.logLevel, { value: "info", origin: "default" });
	assert.deepEqual(rows.config, { value: file, origin: "flag --config" });

	const members = await json(args, env);
	assert.deepEqual(Object.keys(members), Object.keys(rows));
	assert.deepEqual(members.pingInterval, { value: 7000, origin: "file", file, line: 2, reload: false });
	assert.deepEqual(members.namespace, { value: ["a", "b"], origin: "file", file, line: 3, reload: false });
	assert.deepEqual(members.pingTimeout, { value: 6000, origin: "variable", place: "PEAL_PING_TIMEOUT", reload: false });
	assert.deepEqual(members.allowUpgrades, { value: false, origin: "flag", place: "--no-allow-upgrades", reload: false });
	assert.deepEqual(members.outboxLimit, { value: null, origin: "default", reload: false });
	assert.deepEqual(members.logLevel, { value: "info", origin: "default", reload: true });
	assert.deepEqual(members.redis, { value: null, origin: "default", reload: false });
});

test("every setting of the help is shown, and no other", async () => {
	const { stdout } = await run(["serve", "--help"]);
	const keys = [...stdout.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag.replace(/-(.)/g, (_, letter) => letter.toUpperCase()));
	assert.ok(keys.length > 50);
	const members = await json([]);
	assert.deepEqual(Object.keys(members), keys);
	const marked = [...stdout.matchAll(/^ {2}--([a-z-]+)(?:(?!\n {2}--|\n\n)[^])*\[reload\]/gm)]
		.map(([, flag]) => flag.replace(/-(.)/g, (_, letter) => letter.toUpperCase()));
	assert.deepEqual(keys.filter((key) => members[key].reload), marked);
	assert.ok(marked.includes("logLevel") && !marked.includes("port"));
});

test("no secret is shown, nor one that stands in a URL", async (t) => {
	const secrets = path.join(folder(t), "secret");
	writeFileSync(secrets, "geheim\n");
	const cases = [
		[["--api-key", "geheim"], {}, "apiKey", "(set)"],
		[["--api-key", "a://geheim"], {}, "apiKey", "(set)"],
		[[], { PEAL_API_KEY: "geheim" }, "apiKey", "(set)"],
		[["--api-key-file", secrets], {}, "apiKeyFile", secrets],
		[["--redis", "redis://127.0.0.1:7"], {}, "redis", "redis://127.0.0.1:7"],
		[["--redis", "redis://who:geheim@127.0.0.1:7/2"], {}, "redis", "redis://who:(set)@127.0.0.1:7/2"],
		[["--redis", "rediss://:geheim@127.0.0.1"], {}, "redis", "rediss://:(set)@127.0.0.1"],
		[["--redis", "redis://:ge@heim@127.0.0.1"], {}, "redis", "redis://:(set)@127.0.0.1"],
		[["--redis", "redis://geheim@127.0.0.1", "--redis-password", "geheim"], {}, "redis", "redis://(set)@127.0.0.1"],
		[["--redis", "unix://:geheim@/run/redis.sock"], {}, "redis", "unix://:(set)@/run/redis.sock"],
		[["--redis", "redis://127.0.0.1"], { PEAL_REDIS_PASSWORD: "geheim" }, "redisPassword", "(set)"],
		[["--cors-origin", "https://who:geheim@a.example"], {}, "corsOrigin", "https://who:(set)@a.example"],
		[["--initial-packet", "https://a.example/@x?token=geheim"], {}, "initialPacket", "https://a.example/@x?(set)"],
	];
	for (const [args, env, key, expected] of cases) {
		for (const form of [[], ["--json"]]) {
			const { stdout, stderr, code } = await run(["config", ...form, ...args], { env });
			assert.equal(code, 0, stderr);
			assert.ok(!stdout.includes("geheim") && !stdout.includes("heim@"), stdout);
			if (form.length) assert.deepEqual([JSON.parse(stdout)[key].value].flat(), [expected]);
			else assert.ok(stdout.split("\n").some((line) => line.startsWith(`${key} `) && line.includes(` ${expected} `)), `${expected}\n${stdout}`);
		}
	}
});

test("what is shown cannot rewrite the screen", async (t) => {
	const file = configFile(t, { name: "a\u202eb\u009b2Jc" });
	const { stdout } = await run(["config", "--config", file]);
	assert.match(stdout, /^name +a\\u202eb\\u009b2Jc +file /m);
	assert.equal((await json(["--config", file])).name.value, "a\u202eb\u009b2Jc");
});

test("peal config refuses what serve refuses", async (t) => {
	for (const [args, expected] of [
		[["--prot", "1"], /^peal config: --prot: .*did you mean --port\?\nTry `peal config --help`\.\n$/],
		[["extra"], /"extra" is not expected/], [["--port"], /--port: needs a value/],
		[["--json", "--check"], /--json: does nothing with --check/], [["--reference", "--json"], /--reference goes with nothing else/],
		[["--redis", "http://a"], /--redis: must begin with redis:/], [["--config", "/does/not/exist"], /\/does\/not\/exist: cannot open the config file: No such file/],
		[["--config", folder(t)], /cannot read the config file: Is a directory/],
	]) {
		const { stdout, stderr, code } = await run(["config", ...args]);
		assert.equal(code, 2, `${args}: ${stderr}`);
		assert.equal(stdout, "");
		assert.match(stderr, expected);
	}
});

test("peal config --help and peal help config explain it", async () => {
	const { stdout, code } = await run(["config", "--help"]);
	assert.equal(code, 0);
	assert.match(stdout, /--check \[FILE\]/);
	assert.equal((await run(["help", "config"])).stdout, stdout);
	assert.match((await run(["help"])).stdout, /peal config/);
});

// --- --check ---------------------------------------------------------------------------------------------------------

test("a file that is right gets one line and status 0", async (t) => {
	const file = configFile(t, { port: 0, pingInterval: 1000 });
	assert.deepEqual(await run(["config", "--check", file]), {
		stdout: `${file}: fine: 2 settings from the file, 0 from variables, 0 from flags\n`, stderr: "", code: 0, signal: null,
	});
	const more = await run(["config", `--check=${file}`, "--port", "1"], { env: { PEAL_DEMO: "1" } });
	assert.equal(more.stdout, `${file}: fine: 1 settings from the file, 1 from variables, 1 from flags\n`);
	const variables = await run(["config", "--check"], { env: { PEAL_DEMO: "1" } });
	assert.equal(variables.stdout, "fine: 0 settings from the file, 1 from variables, 0 from flags\n");
});

test("a file that is wrong gets one line with place, key and what was expected, and status 2", async (t) => {
	const place = folder(t);
	const secret = path.join(place, "secret");
	writeFileSync(secret, "two words geheim\n");
	mkdirSync(path.join(place, "empty"));
	const cases = [
		['{\n"pingIntervall": 1}', ':2: "pingIntervall": there is no such setting; did you mean pingInterval?'],
		['{\n"cors": {"origin": "*"}}', ':2: "cors": there is no such setting; settings are not nested: did you mean corsOrigin?'],
		['{\n"cookie": {"httpOnly": true}}', ':2: "cookie": must be true or false'],
		['{"port": "1"}', ':1: "port": must be a whole number from 0 to 65535, without quotation marks'],
		['{"pingInterval": 0}', ':1: "pingInterval": "0" is not a whole number from 1 to 86400000 ms'],
		['{"logLevel": 5}', ':1: "logLevel": must be a string, one of error,warning,info,debug'],
		['{"transports": [true]}', ':1: "transports": must be a string or an array of strings of polling,websocket'],
		['{"port": 1,\n"port": 1}', ':2: "port": is there twice, first in line 1'],
		['{"transports": []}', ':1: "transports": at least one is needed'],
		['{\n\n"path": "x"}', ':3: "path": "x" does not begin with a slash'],
		['{"trustedProxy": ["10.0.0.0/8",\n"x"]}', ':1: "trustedProxy": "x" is not an address or a CIDR block'],
		['{"corsMaxAge": 1}', ':1: "corsMaxAge": does nothing without --cors-origin'],
		['{"redisPrefix": "x"}', ':1: "redisPrefix": does nothing without --redis'],
		['{"redis": "redis://geheim@one:1,two:2"}', ':1: "redis": several hosts are not supported'],
		['{"redis": "rediss://127.0.0.1",\n"redisCa": "/does/not/exist"}', ':2: "redisCa": "/does/not/exist" cannot be used'],
		['{"redis": "redis://127.0.0.1",\n"redisPasswordFile": "/does/not/exist"}', ':2: "redisPasswordFile": cannot open "/does/not/exist": No such file'],
		['{"apiKeyFile": "/does/not/exist"}', ':1: "apiKeyFile": cannot open "/does/not/exist": No such file or directory'],
		[`{"apiKeyFile": "${secret}"}`, ':1: "apiKeyFile": the key must be 1 to 1000 characters of ASCII, without blanks'],
		[`{\n"clientDir": "${place}/empty"}`, ':2: "clientDir": there is no socket.io.min.js to read in'],
		['{"apiKey": "x",\n"path": "/api/"}', ':2: "path": "/api/" is where /api is'],
		['{"cookie": true,\n"cookieDomain": "a b"}', ':2: "cookieDomain": must be ASCII without blank'],
		['{"a\\nb": 1}', ':1: "a?b": there is no such setting'],
		[`{"namespace": "${"x".repeat(1024)}"}`, ':1: "namespace": a name must have at most 1023 bytes'],
		// The place in what is no JSON, and nothing of what stands there.
		['{\n\t"apiKey": \'geheim\'\n}', ":2:12: not valid JSON at ''': strings stand in double quotation marks"],
		['{"name": "é", "apiKey": geheim}', ":1:25: not valid JSON at 'g': "],
		['{"port": 1 "apiKey": "geheim"}', ":1:12: not valid JSON at '\"': a comma or colon is missing"],
		['{"port": 1,\n}', ":2:1: not valid JSON at '}': there is a comma in front of it"],
		['{\n// geheim\n}', ":2:1: not valid JSON at '/': JSON has no comments"],
		['{"port": 1, }', ":1:13: not valid JSON at '}': there is a comma in front of it"],
		['{"transports": ["polling",]}', ":1:27: not valid JSON at ']': there is a comma in front of it"],
		['{port: 1}', ":1:2: not valid JSON at 'p': a string in double quotation marks is expected"],
		['{"apiKey": "geheim}', ":1:13: not valid JSON at 'g': this string does not end"],
		['{"apiKey": "ge\\heim"}', ":1:15: not valid JSON at '\\': JSON has no such escape"],
		['{"port": 1', ":1:11: not valid JSON: the file ends before the JSON is complete"],
		['', ":1:1: not valid JSON: the file ends"],
		['{"name": "\\u0000"}', ":1:11: U+0000 is not allowed"],
		['[]', ":1:1: must hold one JSON object"],
	];
	for (const [text, expected] of cases) {
		const file = configFile(t, text);
		const { stdout, stderr, code } = await run(["config", "--check", file]);
		assert.equal(code, 2, `${text}: ${stdout}${stderr}`);
		assert.equal(stdout, "");
		assert.match(stderr, /^[^\n]+\n$/);
		assert.ok(stderr.startsWith(`${file}${expected}`), `${text}\n${stderr}`);
		assert.ok(!stderr.includes("geheim"), stderr);
		// serve agrees, and does not begin.
		const served = await run(["serve", "--config", file]);
		assert.equal(served.code, 2, served.stderr);
		assert.ok(served.stderr.includes(stderr.trimEnd()), served.stderr);
	}
});

test("a mistake in a variable or flag is said with its name, also when it shows only together with the file", async (t) => {
	const file = configFile(t, { apiKey: "x" });
	for (const [args, env, expected] of [
		[[], { PEAL_PORT: "x" }, /^PEAL_PORT: "x" is not a whole number from 0 to 65535\n$/],
		[["--port", "x"], {}, /^--port: "x" is not a whole number/],
		[[], { PEAL_API_KEY_FILE: "/does/not/exist" }, /^PEAL_API_KEY_FILE: --api-key is given too/],
		[[], { PEAL_PATH: "/api" }, /^PEAL_PATH: "\/api" is where \/api is/],
	]) {
		const { stderr, code } = await run(["config", "--check", file, ...args], { env });
		assert.equal(code, 2);
		assert.match(stderr, expected);
	}
});

// --- the reference ---------------------------------------------------------------------------------------------------

test("docs/configuration.md is in step with the program", async () => {
	const page = readFileSync(`${root}docs/configuration.md`, "utf8");
	const [, generated] = page.split(/^<!-- What follows is written by .* -->\n\n/m);
	const { stdout, code } = await run(["config", "--reference"]);
	assert.equal(code, 0);
	assert.ok(generated, "the mark is missing");
	assert.equal(generated, stdout, "run scripts/reference");
	for (const key of Object.keys(await json([]))) assert.ok(stdout.includes(`\n### ${key}\n`), key);
	assert.match(stdout, /### logLevel\n\n`--log-level CHOICE` · `PEAL_LOG_LEVEL` · one of `error`, .* · default `info` · \*\*reload\*\*\n/);
	for (const line of stdout.split("\n")) assert.ok(line.length <= 125 || line.startsWith("`--"), line);
});
