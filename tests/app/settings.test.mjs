// The settings of the program: flags, variables, the config file, defaults, and what is said about mistakes.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { configFile, connected, folder, handshake, request, root, run, serve, within } from "./program.mjs";

// --- help -----------------------------------------------------------------------------------------------------------

// Settings as the help lists them: { flag: text behind it }.
async function listed() {
	const { stdout, code } = await run(["serve", "--help"]);
	assert.equal(code, 0);
	const entries = {};
	let last;
	for (const line of stdout.split("\n")) {
		const match = /^ {2}(--[a-z-]+)(.*)$/.exec(line);
		if (match) entries[last = match[1]] = match[2];
		else if (last && /^ {10}/.test(line)) entries[last] += ` ${line.trim()}`;
		else last = undefined;
	}
	return entries;
}

test("the help of serve lists a setting for every option of the public headers", async () => {
	const settings = await listed();
	// Members of the option structs that the program decides by itself, and those that have another name.
	const decided = new Set(["adapter", "answer_server_events", "log", "log_userdata", "base", "userdata", "origins", "enabled", "engine", "cors"]);
	const hooks = new Set(["allow_request", "generate_id", "headers", "connection_error"]);
	const renamed = { trusted_proxies: "trusted-proxy" };
	const structs = { peal_node_options: "", peal_engine_options: "", peal_cors_options: "cors-", peal_cookie_options: "cookie-" };
	const text = ["node.h", "engine.h"].map((name) => readFileSync(`${root}include/peal/${name}`, "utf8")).join("\n")
		.replace(/\/\*[^]*?\*\//g, "");
	let seen = 0;
	for (const [struct, prefix] of Object.entries(structs)) {
		const body = new RegExp(`struct ${struct} \\{([^}]*)\\}`).exec(text)[1];
		for (const [, member] of body.matchAll(/([a-z_]+);/g)) {
			if (decided.has(member) || hooks.has(member) || member.endsWith("_count")) continue;
			const name = renamed[member] ?? prefix + member.replace(/_(ms|seconds)$/, (unit) => member === "shutdown_seconds" ? unit : "").replaceAll("_", "-");
			assert.ok(`--${name}` in settings, `${struct}.${member} has no --${name}`);
			seen++;
		}
	}
	assert.ok(seen > 30, `found only ${seen} members`);
});

test("the help of serve gives defaults with their units", async () => {
	const settings = await listed();
	const expected = {
		"--host": "default: 127.0.0.1", "--port": "default: 3000", "--max-clients": "default: 10000 clients",
		"--ping-interval": "default: 25000 ms", "--ping-timeout": "default: 20000 ms", "--upgrade-timeout": "default: 10000 ms",
		"--connect-timeout": "default: 45000 ms", "--max-http-buffer-size": "default: 1000000 bytes",
		"--shutdown-seconds": "default: 5 s", "--transports": "default: polling,websocket", "--allow-upgrades": "default: on",
		"--demo": "default: off", "--log-format": "default: text", "--log-level": "default: info", "--cors-origin": "default: off",
		"--cookie-name": "default: io", "--cookie-same-site": "default: lax", "--websocket-read-bytes": "default: 512 bytes",
		"--http-compression-threshold": "default: 1024 bytes", "--path": "default: /socket.io/",
	};
	for (const [flag, text] of Object.entries(expected))
		assert.ok(settings[flag]?.includes(text), `${flag}: ${settings[flag]}`);
	for (const [flag, text] of Object.entries(settings)) assert.match(text, /default: /, flag);
});

test("peal --help and peal help name the commands and the exit codes", async () => {
	for (const args of [["--help"], ["help"], ["-h"]]) {
		const { stdout, stderr, code } = await run(args);
		assert.equal(code, 0);
		assert.equal(stderr, "");
		assert.match(stdout, /peal serve/);
		assert.match(stdout, /Exit status: 0 .* 1 .* 2 /);
	}
	assert.equal((await run(["help", "serve"])).stdout, (await run(["serve", "--help"])).stdout);
});

test("peal --version prints the version", async () => {
	const { stdout, code } = await run(["--version"]);
	assert.equal(code, 0);
	assert.match(stdout, /^peal \d+\.\d+\.\d+\n$/);
});

test("peal without a command, or with an unknown one, explains itself and exits with 2", async () => {
	for (const args of [[], ["sevre"]]) {
		const { stdout, stderr, code } = await run(args);
		assert.equal(code, 2);
		assert.equal(stdout, "");
		assert.match(stderr, /peal serve/);
		if (args.length) assert.match(stderr, /no command "sevre"/);
	}
});

// --- one meaning in three spellings ---------------------------------------------------------------------------------

// A value for each setting that shows from outside.
const values = {
	"name": "north", "path": "/live", "ping-interval": 7000, "ping-timeout": 6000, "upgrade-timeout": 5000,
	"connect-timeout": 8000, "max-http-buffer-size": 54321, "outbox-limit": 100000, "websocket-read-bytes": 1024,
	"transports": ["polling"], "allow-upgrades": false, "http-compression": false, "http-compression-threshold": 99,
	"initial-packet": '2["early"]', "namespace": ["one", "two"], "max-clients": 50, "connect-rate": 5000, "address-clients": 40,
	"address-connect-rate": 4000, "max-child-namespaces": 5,
	"cleanup-empty-child-namespaces": true, "trusted-proxy": ["10.0.0.0/8", "127.0.0.1/32"], "shutdown-seconds": 3, "drain-seconds": 0,
	"cors-origin": ["https://a.example", "https://b.example"], "cors-credentials": true, "cors-methods": ["GET", "POST"],
	"cors-allowed-headers": ["x-one", "x-two"], "cors-exposed-headers": ["x-three"], "cors-max-age": 60,
	"cors-options-success-status": 200, "cors-preflight-continue": false,
	"cookie": true, "cookie-name": "stick", "cookie-path": "/live", "cookie-domain": "a.example", "cookie-max-age": 9,
	"cookie-http-only": false, "cookie-secure": true, "cookie-same-site": "strict", "demo": true, "console": true, "log-level": "debug",
	// Nothing listens on port 1: the node goes on without its cluster.
	"redis": "redis://127.0.0.1:1", "redis-prefix": "other", "redis-interest": "rooms", "redis-user": "who", "redis-password": "geheim",
	"member-timeout": 4000, "request-timeout": 6000, "forward": "x", "forward-timeout": 7000, "api-key": "geheim", "sid-prefix": "n-1",
	// Nor is there a backend.
	"webhook-url": "http://127.0.0.1:1/hook", "webhook-secret": "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "webhook-connect": ["one"], "webhook-event": "y",
	"webhook-disconnect": ["two"], "webhook-unavailable": "allow", "webhook-timeout": 150, "webhook-retry-seconds": 0, "webhook-queue-bytes": 70000, "webhook-connections": 2,
};

async function assertValuesHold(t, node) {
	assert.equal(node.listening.name, "north");
	assert.equal(node.listening.path, "/live/");
	const open = await handshake(node.port, "/live/", { Origin: "https://b.example" });
	assert.equal(open.pingInterval, 7000);
	assert.equal(open.pingTimeout, 6000);
	assert.match(open.sid, /^n-1\.[\w-]+$/);
	const nodes = JSON.parse((await node.get("/api/nodes", { headers: { Authorization: "Bearer geheim" } })).body);
	assert.deepEqual([nodes.adapter, nodes.state], ["redis", "down"]);
	assert.equal(open.maxPayload, 54321);
	assert.deepEqual(open.upgrades, []);
	assert.deepEqual(open.packets, ['42["early"]']);
	assert.equal(open.headers["access-control-allow-origin"], "https://b.example");
	assert.equal(open.headers["access-control-allow-credentials"], "true");
	assert.equal(open.headers["access-control-expose-headers"], "x-three");
	assert.deepEqual(open.headers["set-cookie"],
		[`stick=${open.sid}; Max-Age=9; Domain=a.example; Path=/live; Secure; SameSite=Strict`]);
	const preflight = await request(node.port, { method: "OPTIONS", path: "/live/", headers: { Origin: "https://a.example" } });
	assert.equal(preflight.status, 200);
	assert.equal(preflight.headers["access-control-allow-methods"], "GET,POST");
	assert.equal(preflight.headers["access-control-allow-headers"], "x-one,x-two");
	assert.equal(preflight.headers["access-control-max-age"], "60");
	const websocket = await request(node.port, { path: "/live/?EIO=4&transport=websocket" });
	assert.equal(JSON.parse(websocket.body).code, 0);
	for (const namespace of ["/", "/one", "/two"])
		await connected(node, { namespace, path: "/live", transports: ["polling"] });
	assert.equal((await node.get("/")).status, 200); // the page of --demo
	const metrics = (await node.get("/metrics")).body;
	assert.match(metrics, /^peal_forwarded_events_waiting 0$/m);
	assert.match(metrics, /^peal_webhook_connects_total\{outcome="unavailable"\} 1$/m);
	assert.equal((await node.get("/console")).status, 200);
}

test("every setting is a flag", async (t) => {
	const flags = Object.entries(values).flatMap(([name, value]) =>
		typeof value === "boolean" ? [`--${value ? "" : "no-"}${name}`] :
			[].concat(value).flatMap((one) => [`--${name}`, String(one)]));
	assert.deepEqual(Object.keys(await listed()).filter((flag) => !(flag.slice(2) in values)).sort(),
		["--allow-emit", "--allow-join", "--allow-origin", "--api-key-file", "--auth-audience", "--auth-data-claim", "--auth-issuer", "--auth-key", "--auth-optional", "--auth-rooms-claim", "--auth-secret",
			"--auth-secret-file", "--auth-user-claim", "--client-dir", "--client-events-per-second", "--client-rooms", "--config", "--host", "--internal-listen", "--log-format", "--port", "--redis-ca", "--redis-cert",
			"--redis-key", "--redis-password-file", "--webhook-ca", "--webhook-secret-file"], "a setting that this test does not know");
	await assertValuesHold(t, await serve(t, flags));
});

test("every setting is a variable", async (t) => {
	const env = Object.fromEntries(Object.entries(values).map(([name, value]) =>
		[`PEAL_${name.toUpperCase().replaceAll("-", "_")}`, value === true ? "1" : value === false ? "0" : String(value)]));
	await assertValuesHold(t, await serve(t, [], { env }));
});

test("every setting is a key of the config file", async (t) => {
	const config = Object.fromEntries(Object.entries(values).map(([name, value]) =>
		[name.replace(/-(.)/g, (_, letter) => letter.toUpperCase()), value]));
	await assertValuesHold(t, await serve(t, ["--config", configFile(t, config)]));
});

test("a flag wins over a variable, a variable over the config file, and that over the default", async (t) => {
	const config = configFile(t, { pingInterval: 1000, namespace: ["a"] });
	const env = { PEAL_PING_INTERVAL: "2000", PEAL_NAMESPACE: "b" };
	const flags = ["--ping-interval", "3000", "--namespace=c"];
	const interval = async (node) => (await handshake(node.port)).pingInterval;
	const refuses = async (node, namespace) => {
		await assert.rejects(connected(node, { namespace }), /Invalid namespace/);
	};

	const all = await serve(t, ["--config", config, ...flags], { env });
	assert.equal(await interval(all), 3000);
	await connected(all, { namespace: "/c" });
	await refuses(all, "/a"); // a list replaces the list of a weaker source
	await refuses(all, "/b");
	const variables = await serve(t, [], { env: { ...env, PEAL_CONFIG: config } });
	assert.equal(await interval(variables), 2000);
	await connected(variables, { namespace: "/b" });
	await refuses(variables, "/a");
	assert.equal(await interval(await serve(t, ["--config", config])), 1000);
	assert.equal(await interval(await serve(t)), 25000);
});

test("PEAL_REDIS_URL and PEAL_NODE_NAME are other names of two variables", async (t) => {
	const node = await serve(t, [], { env: { PEAL_REDIS_URL: "redis://127.0.0.1:1", PEAL_NODE_NAME: "north" } });
	assert.equal(node.listening.name, "north");
	assert.match((await node.get("/readyz")).body, /^cluster: down \(redis\)/m);
	await refused([], /PEAL_NODE_NAME|PEAL_NAME: another variable sets the same/, { PEAL_NAME: "a", PEAL_NODE_NAME: "b" });
});

test("PEAL_URL is for the other commands", async (t) => {
	const node = await serve(t, [], { env: { PEAL_URL: "http://127.0.0.1:1" } });
	assert.ok(!node.records.some(({ level }) => level === "warning"), node.output);
});

test("flags with secrets do not stay in the list of processes", async (t) => {
	const node = await serve(t, ["--api-key", "geheim", "--redis=redis://who:geheim@127.0.0.1:1"]);
	const shown = readFileSync(`/proc/${node.child.pid}/cmdline`, "utf8");
	assert.ok(shown.includes("--api-key") && !shown.includes("geheim"), shown);
	await node.stop();
	assert.ok(!node.output.includes("geheim"), node.output);
});

test("an empty variable counts as not set", async (t) => {
	const node = await serve(t, [], { env: { PEAL_PING_INTERVAL: "", PEAL_CONFIG: "", PEAL_DEMO: "" } });
	assert.equal((await handshake(node.port)).pingInterval, 25000);
});

test("flags take their value behind a blank or an equals sign, and the last one counts", async (t) => {
	const node = await serve(t, ["--ping-interval=1234", "--ping-timeout", "1", "--ping-timeout", "4321", "--allow-upgrades=false"]);
	const open = await handshake(node.port);
	assert.equal(open.pingInterval, 1234);
	assert.equal(open.pingTimeout, 4321);
	assert.deepEqual(open.upgrades, []);
});

test("one fixed origin is answered whatever the request says, as in Socket.IO", async (t) => {
	const node = await serve(t, ["--cors-origin", "https://a.example"]);
	const open = await handshake(node.port, "/socket.io/", { Origin: "https://other.example" });
	assert.equal(open.headers["access-control-allow-origin"], "https://a.example");
});

test("the origins * and reflect", async (t) => {
	const headers = { Origin: "https://other.example" };
	const any = await serve(t, ["--cors-origin", "*"]);
	assert.equal((await handshake(any.port, "/socket.io/", headers)).headers["access-control-allow-origin"], "*");
	const reflect = await serve(t, ["--cors-origin", "reflect"]);
	assert.equal((await handshake(reflect.port, "/socket.io/", headers)).headers["access-control-allow-origin"], headers.Origin);
});

// --- mistakes -------------------------------------------------------------------------------------------------------

async function refused(args, expected, env) {
	const { stdout, stderr, code } = await run(["serve", ...args], { env });
	assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
	assert.equal(stdout, "");
	assert.match(stderr, expected);
}

test("unknown flags are refused with the nearest spelling", async () => {
	await refused(["--prot", "1"], /--prot: .*did you mean --port\?/);
	await refused(["--pingInterval", "1"], /--pingInterval: .*did you mean --ping-interval\?/);
	await refused(["--no-allow-upgrade"], /did you mean --no-allow-upgrades\?/);
	await refused(["--no-port"], /--no-port: .*no such setting/);
	await refused(["--frobnicate-everything"], /--frobnicate-everything: there is no such setting\n/);
	await refused(["extra"], /"extra" is not expected/);
	await refused(["-p", "1"], /"-p" is not expected/);
});

test("settings of Socket.IO that are not built are refused by name", async () => {
	await refused(["--per-message-deflate"], /--per-message-deflate: .*not built/);
	await refused(["--allow-eio3"], /--allow-eio3: .*not served/);
	await refused(["--no-per-message-deflate"], /--no-per-message-deflate: .*not built/);
	await refused([], /PEAL_PER_MESSAGE_DEFLATE: .*not built/, { PEAL_PER_MESSAGE_DEFLATE: "1" });
	await refused(["--tls-cert", "x"], /--tls-cert: .*not built/);
	await refused(["--connection-state-recovery"], /not built/);
});

test("values are checked, with the range and the unit in the message", async () => {
	await refused(["--port", "65536"], /--port: "65536" is not a whole number from 0 to 65535/);
	await refused(["--port", "http"], /--port: "http" is not a whole number/);
	await refused(["--ping-interval", "-1"], /--ping-interval: "-1" is not a whole number from 1 to 86400000 ms/);
	await refused(["--ping-interval", "1.5"], /"1.5" is not a whole number/);
	await refused(["--ping-interval", "99999999999999999999"], /is not a whole number/);
	await refused(["--port", ""], /"" is not a whole number/);
	await refused(["--port"], /--port: needs a value \(PORT\)/);
	await refused(["--host", "--demo"], /--host: needs a value/);
	await refused(["--demo=maybe"], /--demo: "maybe" is not one of/);
	await refused(["--no-demo=1"], /--no-demo: takes no value/);
	await refused(["--log-format", "xml"], /--log-format: "xml" is not one of text,json/);
	await refused(["--transports", "polling,webtransport"], /--transports: "webtransport" is not one of polling,websocket/);
	await refused(["--transports", "polling,"], /--transports: an item of the list is empty/);
	await refused(["--path", "live"], /--path: "live" does not begin with a slash/);
	await refused(["--cors-origin", "*", "--cors-origin", "https://a.example"], /--cors-origin: "\*" stands alone/);
	await refused(["--path", "/a b"], /--path: must be/);
	await refused(["--path", "/ü"], /--path: must be/);
	await refused(["--host", ""], /--host: must not be empty/);
	await refused(["--name", "x".repeat(256)], /--name: must have 1 to 255 bytes/);
	await refused(["--name", "a\nb"], /--name: must be UTF-8 without control characters/);
	for (const network of ["example.org", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8", "::/129", "10.0.0.0/ 8", "10.0.0.0/+8"])
		await refused(["--trusted-proxy", network], /--trusted-proxy: ".*" is not an address or a CIDR block/);
	await refused(["--cookie", "--cookie-name", "a b"], /--cookie-name: "a b" is not a token/);
	await refused(["--cookie", "--cookie-path", "/;Secure"], /--cookie-path: must be ASCII without .*semicolon/);
	await refused(["--cors-origin", "https://a.example\r\nX-Evil: 1"], /--cors-origin: must be UTF-8 without control/);
	await refused(["--config", "/does/not/exist.json"], /\/does\/not\/exist.json: cannot open the config file: No such file/);
});

test("settings of Redis are checked, and no message has a secret in it", async (t) => {
	const secret = path.join(folder(t), "password");
	writeFileSync(secret, "geheim\n");
	for (const [args, expected] of [
		[["--redis", "http://127.0.0.1"], /--redis: /], [["--redis", "redis://a:geheim@one:1,two:2"], /--redis: /],
		[["--redis", "redis://:geheim@127.0.0.1:99999"], /--redis: /], [["--redis", "unix://relative"], /--redis: /],
		[["--redis", "rediss://127.0.0.1", "--redis-ca", "/does/not/exist"], /--redis-ca: /],
		[["--redis", "rediss://127.0.0.1", "--redis-cert", "/does/not/exist"], /--redis-cert: /],
		[["--redis-prefix", "x"], /--redis-prefix: does nothing without --redis/],
		[["--redis-password-file", secret], /--redis-password-file: does nothing without --redis/],
		[["--redis", "redis://127.0.0.1", "--redis-password", "geheim", "--redis-password-file", secret], /--redis-password-file: --redis-password is given too/],
		[["--redis", "redis://127.0.0.1", "--redis-password-file", `${secret}.not`], /--redis-password-file: cannot open/],
		[["--redis", "redis://127.0.0.1", "--redis-interest", "all"], /--redis-interest: "all" is not one of auto,rooms,pattern/],
		[["--member-timeout", "1000"], /--member-timeout: "1000" is not a whole number from 1500/],
		[["--sid-prefix", "a.b"], /--sid-prefix: "a\.b" is not 1 to 16 of/], [["--sid-prefix", "x".repeat(17)], /--sid-prefix: /],
	]) {
		const { stdout, stderr, code } = await run(["serve", ...args]);
		assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
		assert.equal(stdout, "");
		assert.match(stderr, expected);
		assert.ok(!stderr.includes("geheim"), stderr);
	}
});

test("values that are not UTF-8 are refused", async (t) => {
	const name = path.join(folder(t), "peal.json");
	for (const bytes of [[0xff], [0xc0, 0x80], [0xe0, 0x80, 0x80], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xe2, 0x82], [0x80]]) {
		writeFileSync(name, Buffer.concat([Buffer.from('{"initialPacket": "'), Buffer.from(bytes), Buffer.from('"}')]));
		await refused(["--config", name], /"initialPacket": must be UTF-8/);
	}
	writeFileSync(name, '{"name": "\u00e9\u20ac\ud83d\ude00"}');
	const node = await serve(t, ["--config", name]);
	assert.equal(node.listening.name, "\u00e9\u20ac\ud83d\ude00");
});

test("settings that would do nothing are refused", async () => {
	await refused(["--cookie-name", "x"], /--cookie-name: does nothing without --cookie/);
	await refused(["--cors-max-age", "1"], /--cors-max-age: does nothing without --cors-origin/);
});

test("bad variables are refused by name, those of others are only mentioned", async (t) => {
	await refused([], /PEAL_PORT: "tcp:\/\/10.0.0.1:80" is not a whole number/, { PEAL_PORT: "tcp://10.0.0.1:80" });
	await refused([], /PEAL_PING_INTERVALL: .*did you mean PEAL_PING_INTERVAL\?/, { PEAL_PING_INTERVALL: "1" });
	await refused([], /PEAL_DEMO: "yes" is not one of/, { PEAL_DEMO: "yes" });
	const node = await serve(t, [], { env: { PEAL_SOMETHING_ELSE_ENTIRELY: "1" } });
	assert.equal(node.record("a variable begins with PEAL_ but is no setting").variable, "PEAL_SOMETHING_ELSE_ENTIRELY");
});

test("mistakes in the config file are named with key and line", async (t) => {
	const cases = [
		['{\n  "port": 1,\n  "pingIntervall": 5\n}', /:3: "pingIntervall": .*did you mean pingInterval\?/],
		['{\n  "ping-interval": 5\n}', /:2: "ping-interval": .*did you mean pingInterval\?/],
		['{\n\n"perMessageDeflate": true}', /:3: "perMessageDeflate": .*not built/],
		['{"allowEIO3": true}', /:1: "allowEIO3": .*not served/],
		['{\n"port": "3000"}', /:2: "port": must be a whole number from 0 to 65535/],
		['{\n"port": 1.5}', /:2: "port": "1.5" is not a whole number from 0 to 65535/],
		['{\n"port": -1}', /:2: "port": "-1" is not a whole number/],
		['{"port": 1e30}', /:1: "port": ".*e\+30" is not a whole number/],
		['{"demo": 1}', /:1: "demo": must be true or false/],
		['{"demo": "true"}', /:1: "demo": must be true or false/],
		['{"host": null}', /:1: "host": must be a string/],
		['{"host": ["a"]}', /:1: "host": must be a string/],
		['{"namespace": [1]}', /:1: "namespace": must be a string or an array of strings/],
		['{"logLevel": "loud"}', /:1: "logLevel": "loud" is not one of error,warning,info,debug/],
		['{\n"port": 1,\n"demo": true,\n"port": 2}', /:4: "port": is there twice, first in line 2/],
		['{\n"cors": {"port": "}"},\n"name": "[{\\"",\n"oops": 1}', /:2: "cors": .*no such setting/],
		['{\n"name": "[{\\"",\n"cookieName": ",\\"port\\":",\n"oops": 1}', /:4: "oops": /],
		['{"config": "other.json"}', /:1: "config": a config file cannot name another/],
		['{\n"port": 1\n"demo": true}', /:3:1: not valid JSON at '"': a comma or colon is missing/],
		['{\n"port": 1,\n}', /:3:1: not valid JSON/],
		["", /:1:1: not valid JSON/],
		['{"port": 1} x', /:1:13: not valid JSON at 'x'/],
		["[1]", /:1:1: must hold one JSON object/],
		['{\n"name": "a\\u0000b"}', /:2:\d+: U\+0000 is not allowed/],
		['{\n"name": "a\0b"}', /:2:\d+: U\+0000 is not allowed/],
		['{\n"name": "a\\nb"}', /:2: "name": must be UTF-8 without control characters/],
		['{"transports": []}', /:1: "transports": at least one is needed/],
	];
	for (const [text, expected] of cases) {
		const name = configFile(t, text);
		const { stderr, code } = await run(["serve", "--config", name]);
		assert.equal(code, 2, `${text}: ${stderr}`);
		assert.match(stderr, expected, text);
		assert.ok(stderr.includes(`${name}:`), stderr);
	}
	await refused(["--config", configFile(t, `{"name": "${"x".repeat(1 << 20)}"}`)], /larger than 1048576 bytes/);
});

test("logs are JSON or text, from the level on", async (t) => {
	const node = await serve(t, ["--log-level", "debug"]);
	for (const record of node.records) {
		assert.ok(["error", "warning", "info", "debug"].includes(record.level), JSON.stringify(record));
		assert.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
	}
	assert.match(node.listening.url, /^http:\/\/127\.0\.0\.1:\d+$/);
	const quiet = await run(["serve", "--log-level", "error", "--port", String(node.port)]);
	assert.equal(quiet.code, 1);
	assert.match(quiet.stderr, /^level=error message="the node cannot listen" time=\S+ error="Address already in use"\n$/);
});

test("an address that cannot be had ends the program with 1", async () => {
	for (const host of ["203.0.113.77", "no such host"]) {
		const { code, stderr } = await run(["serve", "--port", "0", "--host", host]);
		assert.equal(code, 1, stderr);
		assert.match(stderr, /cannot listen/);
	}
});

test("it listens on IPv6 too", async (t) => {
	const node = await within(serve(t, ["--host", "::1"]), "start");
	assert.match(node.url, /^http:\/\/\[::1\]:\d+$/);
	await connected(node);
});
