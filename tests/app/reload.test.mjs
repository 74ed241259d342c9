// SIGHUP: what changes without dropping a client, what waits for a restart, and what a bad file does: nothing.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { connected, folder, handshake, peal, request, run, serve, until } from "./program.mjs";

const LEFT = "setting changes with the next start only";
const REFUSED = "configuration not reloaded, nothing was changed";

// A node with a config file, and a function that writes another one, sends SIGHUP and waits for what the log says about it:
// { changed: [keys], restart: [keys], error }.
async function reloadable(t, config, args = [], options = {}) {
	const file = path.join(folder(t), "peal.json");
	const write = (content) => {
		writeFileSync(`${file}.new`, typeof content === "string" ? content : JSON.stringify(content, null, 2));
		renameSync(`${file}.new`, file);
	};
	write(config);
	const node = await serve(t, ["--config", file, ...args], options);
	node.file = file;
	node.reload = async (content) => {
		if (content !== undefined) write(content);
		const before = node.output.length;
		node.child.kill("SIGHUP");
		await until(() => /configuration reloaded.*\n|configuration not reloaded.*\n/.test(node.output.slice(before)), "the reload");
		node.news = node.output.slice(before);
		const records = node.news.trimEnd().split("\n").map((line) => JSON.parse(line));
		const keys = (pattern) => records.filter(({ message }) => pattern.test(message)).map(({ key }) => key);
		return {
			changed: keys(/^setting changed/), restart: keys(new RegExp(`^${LEFT}$`)),
			error: records.find(({ message }) => message === REFUSED)?.error,
		};
	};
	return node;
}

const nothing = { changed: [], restart: [], error: undefined };
const changed = (...keys) => ({ ...nothing, changed: keys });
const authorized = (node, key) => node.get("/api/nodes", { headers: { Authorization: `Bearer ${key}` } }).then(({ status }) => status);

test("every setting that is marked for it changes with a reload, and no client notices", async (t) => {
	const place = folder(t);
	writeFileSync(path.join(place, "key"), "three\n");
	const after = {
		maxClients: 2, connectRate: 5000, addressClients: 100, addressConnectRate: 4000, trustedProxy: ["127.0.0.1"], drainSeconds: 1, shutdownSeconds: 2, apiKeyFile: path.join(place, "key"), logLevel: "debug",
		corsOrigin: ["https://b.example"], corsCredentials: true, corsMethods: ["GET"], corsAllowedHeaders: ["x-a"],
		corsExposedHeaders: ["x-b"], corsMaxAge: 5, corsOptionsSuccessStatus: 200, corsPreflightContinue: true,
		allowOrigin: ["https://b.example"], allowJoin: ["news"], allowEmit: ["message"], clientRooms: 5,
	};
	const { stdout } = await run(["config", "--json"]);
	const marked = Object.entries(JSON.parse(stdout)).filter(([, { reload }]) => reload).map(([key]) => key);
	// apiKey goes when apiKeyFile comes; the others have tests of their own.
	const elsewhere = marked.filter((key) => key === "logFormat" || /^(auth|webhook)/.test(key));
	assert.deepEqual([...Object.keys(after), "apiKey", ...elsewhere].sort(), marked.toSorted(), "a setting that this test does not know");

	const node = await reloadable(t, { apiKey: "one", maxClients: 10 });
	const socket = await connected(node);
	const polling = await connected(node, { transports: ["polling"] });
	let lost = 0;
	for (const one of [socket, polling]) one.on("disconnect", () => { lost++; });
	const result = await node.reload(after);
	assert.deepEqual(result, changed(...marked.filter((key) => !elsewhere.includes(key))));
	assert.ok(!node.news.includes("three"), node.news);

	assert.equal(await authorized(node, "one"), 401);
	assert.equal(await authorized(node, "three"), 200);
	const full = await request(node.port, { path: "/socket.io/?EIO=4&transport=polling" });
	assert.equal(full.status, 503); // two are there
	assert.equal(full.headers["access-control-allow-origin"], "https://b.example");
	assert.equal(full.headers["access-control-allow-credentials"], "true");
	assert.equal(full.headers["access-control-expose-headers"], "x-b");
	assert.deepEqual(await node.reload({ ...after, maxClients: 3, corsPreflightContinue: false }), changed("maxClients", "corsPreflightContinue"));
	const preflight = await request(node.port, { method: "OPTIONS", path: "/socket.io/" });
	assert.equal(preflight.status, 200);
	assert.equal(preflight.headers["access-control-allow-methods"], "GET");
	assert.equal(preflight.headers["access-control-allow-headers"], "x-a");
	assert.equal(preflight.headers["access-control-max-age"], "5");
	const third = await connected(node);
	const list = await node.get("/api/sockets?handshake=true", { headers: { Authorization: "Bearer three" } });
	assert.equal(JSON.parse(list.body).sockets.length, 3);
	assert.equal(lost, 0);
	third.disconnect();
	node.mayDie = true; // by the second signal, since it would wait
	node.child.kill("SIGTERM");
	await until(() => node.record("shutting down"), "the end to begin");
	assert.deepEqual([node.record("shutting down").drain_seconds, node.record("shutting down").shutdown_seconds], [1, 2]);
});

test("trusted proxies are believed from the reload on, and no longer after the next", async (t) => {
	const node = await reloadable(t, { apiKey: "one" });
	const headers = { "X-Forwarded-For": "203.0.113.9" };
	const address = async () => {
		const socket = await connected(node, { extraHeaders: headers, transports: ["polling"] });
		const { body } = await node.get("/api/sockets?handshake=true", { headers: { Authorization: "Bearer one" } });
		const found = JSON.parse(body).sockets.find(({ id }) => id === socket.id).handshake.address;
		socket.disconnect();
		return found;
	};
	assert.equal(await address(), "127.0.0.1");
	assert.deepEqual(await node.reload({ apiKey: "one", trustedProxy: ["127.0.0.0/8"] }), changed("trustedProxy"));
	assert.equal(await address(), "203.0.113.9");
	assert.deepEqual(await node.reload({ apiKey: "one" }), changed("trustedProxy"));
	assert.equal(await address(), "127.0.0.1");
});

test("what needs a restart is named at each reload until then, and stays as it was", async (t) => {
	const node = await reloadable(t, { pingInterval: 1000, namespace: ["a"], logLevel: "info" });
	const next = { pingInterval: 2000, namespace: ["a", "b"], logLevel: "debug", demo: true };
	assert.deepEqual(await node.reload(next), { changed: ["logLevel"], restart: ["namespace", "demo", "pingInterval"], error: undefined });
	const record = node.records.find(({ message, key }) => message === LEFT && key === "pingInterval");
	assert.deepEqual([record.level, record.value, record.origin], ["warning", "2000", `file ${node.file}:2`]);
	assert.equal((await handshake(node.port)).pingInterval, 1000);
	await assert.rejects(connected(node, { namespace: "/b" }), /Invalid namespace/);
	assert.deepEqual(await node.reload(), { changed: [], restart: ["namespace", "demo", "pingInterval"], error: undefined });
	assert.deepEqual(await node.reload({ pingInterval: 1000, namespace: ["a"], logLevel: "debug" }), nothing);
});

test("flags and variables win at a reload as they did at the start", async (t) => {
	const node = await reloadable(t, { logLevel: "error" }, ["--log-level", "info", "--api-key=one"], { env: { PEAL_SHUTDOWN_SECONDS: "3" } });
	assert.deepEqual(await node.reload({ logLevel: "debug", shutdownSeconds: 9, drainSeconds: 1 }), changed("drainSeconds"));
	assert.equal(await authorized(node, "one"), 200); // the flag's secret is remembered, though it was overwritten
	assert.deepEqual(await node.reload({ drainSeconds: 0 }), changed("drainSeconds"));
});

test("a file with a mistake changes nothing at all, and the node goes on", async (t) => {
	const place = folder(t);
	const node = await reloadable(t, { corsOrigin: "https://a.example", apiKey: "one" });
	const socket = await connected(node);
	const pipe = path.join(place, "pipe");
	execFileSync("mkfifo", [pipe]);
	for (const [content, expected] of [
		['{"corsOrigin": "https://b.example",\n"apiKey": geheim}', /peal\.json:2:11: not valid JSON/],
		[{ corsOrigin: "https://b.example", apiKey: "two", prot: 1 }, /peal\.json:4: "prot": .*did you mean port/],
		[{ corsOrigin: "https://b.example", apiKey: "a b" }, /peal\.json:3: "apiKey": must be/],
		[{ corsOrigin: "https://b.example", apiKeyFile: "/does/not/exist" }, /peal\.json:3: "apiKeyFile": cannot open/],
		[{ corsOrigin: "https://b.example", redis: "redis://:geheim@one:1,two:2" }, /peal\.json:3: "redis": several hosts/],
		// It would stop the node to open these.
		[{ corsOrigin: "https://b.example", apiKeyFile: pipe }, /peal\.json:3: "apiKeyFile": ".*pipe" is no regular file/],
		[{ redis: "redis://127.0.0.1:1", redisPasswordFile: pipe }, /peal\.json:3: "redisPasswordFile": ".*pipe" is no regular file/],
		[{ path: "/api/", apiKey: "two", internalListen: "127.0.0.1:0", corsOrigin: "*" }, undefined],
	]) {
		const { changed: keys, error } = await node.reload(content);
		if (!expected) { // fine by itself; the restart gives /api its own address
			assert.equal(error, undefined);
			await node.reload({ corsOrigin: "https://a.example", apiKey: "one" });
			continue;
		}
		assert.match(error ?? "", expected);
		assert.deepEqual(keys, []);
		assert.ok(!node.news.includes("geheim") && !node.news.includes("a b"), node.news);
		assert.equal(await authorized(node, "one"), 200);
		assert.equal((await handshake(node.port)).headers["access-control-allow-origin"], "https://a.example");
	}
	rmSync(node.file);
	assert.match((await node.reload()).error, /peal\.json: cannot open the config file: No such file/);
	execFileSync("mkfifo", [node.file]);
	assert.match((await node.reload()).error, /is no regular file, and can only be read at the start/);
	assert.ok(socket.connected);
});

test("a new value that does not go with an old one that stays is refused", async (t) => {
	const node = await reloadable(t, { path: "/api/" });
	const { error, changed: keys } = await node.reload({ path: "/live/", apiKey: "one", drainSeconds: 1 });
	assert.match(error, /"path": "\/api\/" is where \/api is/);
	assert.deepEqual(keys, []);
	assert.deepEqual(await node.reload({ path: "/api/", drainSeconds: 0 }), nothing);
});

test("a key file is read again, and the API opens and closes with its key", async (t) => {
	const key = path.join(folder(t), "key");
	writeFileSync(key, "one\n");
	const node = await reloadable(t, {});
	assert.equal(await authorized(node, "one"), 404);
	assert.deepEqual(await node.reload({ apiKeyFile: key }), changed("apiKeyFile"));
	assert.equal(await authorized(node, "one"), 200);
	writeFileSync(key, "two\n");
	assert.equal(await authorized(node, "one"), 200);
	assert.deepEqual(await node.reload(), changed("apiKeyFile"));
	assert.deepEqual([await authorized(node, "one"), await authorized(node, "two")], [401, 200]);
	assert.deepEqual(await node.reload(), nothing);
	assert.deepEqual(await node.reload({}), changed("apiKeyFile"));
	assert.deepEqual([await authorized(node, "two"), await authorized(node, "")], [404, 404]);
	assert.deepEqual(await node.reload({ apiKey: "three" }), changed("apiKey"));
	assert.equal(await authorized(node, "three"), 200);
	await node.stop();
	assert.ok(!/"(one|two|three)"/.test(node.output), node.output);
});

test("who may connect changes with keys and rules, and who is there stays", async (t) => {
	const place = folder(t);
	const file = (name, text) => {
		writeFileSync(path.join(place, name), `${text.repeat(16)}\n`);
		return path.join(place, name);
	};
	const token = async (secret) => {
		const { stdout, stderr, code } = await run(["token", "--user", "u", "--secret-file", secret]);
		assert.equal(code, 0, stderr);
		return { token: stdout.trim() };
	};
	const key = file("key", "one");
	const config = { authKey: [`HS256:${key}`], apiKey: "a" };
	const node = await reloadable(t, config);
	const first = await token(key);
	const socket = await connected(node, { auth: first });
	const refused = async (auth) => assert.rejects(connected(node, { auth }), /unauthorized/);

	file("key", "two");
	assert.deepEqual(await node.reload(), changed("authKey"));
	assert.deepEqual(await node.reload(), nothing);
	await refused(first);
	const second = await token(key);
	await connected(node, { auth: second });
	await refused({});

	const rules = { authIssuer: ["x"], authAudience: ["y"], authUserClaim: ["user"], authRoomsClaim: ["r"], authDataClaim: ["d"], authOptional: ["/"] };
	assert.deepEqual(await node.reload({ ...config, ...rules }), changed(...Object.keys(rules)));
	await refused(second);
	await connected(node, { auth: {} });
	const other = file("other", "three");
	assert.deepEqual(await node.reload({ authSecretFile: other, apiKey: "a" }), changed("authKey", "authSecretFile", ...Object.keys(rules)));
	await connected(node, { auth: await token(other) });
	assert.deepEqual(await node.reload({ authSecret: "one".repeat(16), apiKey: "a" }), changed("authSecret", "authSecretFile"));
	await connected(node, { auth: first });

	// A namespace that is open, or was, is no matter of a reload; and nothing is open for a moment.
	assert.deepEqual(await node.reload({ apiKey: "a" }), { ...nothing, restart: ["authSecret"] });
	await refused({});
	execFileSync("mkfifo", [path.join(place, "pipe")]);
	assert.match((await node.reload({ authKey: `HS256:${place}/pipe`, apiKey: "b" })).error, /"authKey": ".*pipe" is no regular file/);
	assert.match((await node.reload({ authKey: `HS256:${place}/none`, apiKey: "b" })).error, /peal\.json:2: "authKey": cannot open/);
	assert.equal(await authorized(node, "a"), 200);
	await connected(node, { auth: first });
	assert.ok(socket.connected);
	await node.stop();
	assert.ok(!/oneone|twotwo|threethree/.test(node.output), node.output);
});

test("more clients than the limit of open files carries need a restart", async (t) => {
	const node = await reloadable(t, { maxClients: 10 });
	assert.deepEqual(await node.reload({ maxClients: 1000000 }), { ...nothing, restart: ["maxClients"] });
	assert.deepEqual(await node.reload({ maxClients: 1 }), changed("maxClients"));
	await connected(node);
	assert.equal((await request(node.port, { path: "/socket.io/?EIO=4&transport=polling" })).status, 503);
});

test("the form of the log changes, and the report is seen whether the level goes up or down", async (t) => {
	const file = path.join(folder(t), "peal.json");
	writeFileSync(file, '{"logFormat": "json"}');
	const node = await serve(t, [], { wrap: () => [peal, "serve", "--port", "0", "--config", file] });
	let seen = 0;
	const reload = async (config, expected) => {
		const before = node.output.length;
		writeFileSync(file, JSON.stringify(config));
		node.child.kill("SIGHUP");
		seen++;
		await until(() => node.output.split("configuration reloaded").length > seen, `reload ${seen}`);
		await until(() => node.output.endsWith("\n"), "the whole line");
		assert.match(node.output.slice(before), expected);
	};
	await reload({ logFormat: "text" }, /^\{.*"key":"logFormat","value":"text".*\n\{.*"changed":1,.*\n$/);
	await reload({ logFormat: "text", logLevel: "error" }, /^level=info message="setting changed" .*key=logLevel value=error .*\nlevel=info .* changed=1 restart=0\n$/);
	await reload({ logFormat: "json", logLevel: "info" }, /^level=info .*\nlevel=info .*\nlevel=info .* changed=2 restart=0\n$/);
	await reload({ logFormat: "json", logLevel: "info" }, /^\{.*"changed":0,.*\n$/);
});

test("a SIGHUP before the loop runs is neither lost nor the end", async (t) => {
	const pending = "import os, signal, sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])\n" +
		"os.kill(os.getpid(), signal.SIGHUP)\nos.execv(sys.argv[1], sys.argv[1:])";
	const node = await serve(t, [], { wrap: (command) => ["python3", "-c", pending, ...command] });
	await until(() => node.record("configuration reloaded"), "the reload");
	assert.ok(node.records.indexOf(node.listening) < node.records.indexOf(node.record("configuration reloaded")));
});

test("SIGHUPs up to the last moment do not change how a node ends", async (t) => {
	const node = await serve(t, ["--shutdown-seconds", "0"]);
	node.child.kill("SIGTERM");
	while (node.child.exitCode === null && node.child.signalCode === null) {
		for (let i = 0; i < 20; i++) node.child.kill("SIGHUP");
		await new Promise((resolve) => setImmediate(resolve));
	}
	assert.deepEqual([node.child.exitCode, node.child.signalCode], [0, null]);
});

test("a node ends orderly when its terminal is closed", async () => {
	const terminal = "import os, pty, signal, sys\npid, terminal = pty.fork()\n" +
		"if not pid:\n\tos.execv(sys.argv[1], sys.argv[1:])\n" +
		"signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))\nsignal.alarm(20)\n" +
		"text = b''\nwhile b'listening' not in text:\n\ttext += os.read(terminal, 4096)\n" +
		"os.close(terminal)\nprint(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))";
	const { stdout, stderr } = await run(["-c", terminal, peal, "serve", "--port", "0"], { command: "python3" });
	assert.equal(stdout, "0\n", stderr);
});

test("the level holds for what the node says too", async (t) => {
	const node = await reloadable(t, { logLevel: "info", outboxLimit: 1024, apiKey: "one" });
	const headers = { Authorization: "Bearer one" };
	const overflow = async () => {
		const { sid } = await handshake(node.port);
		const session = { method: "POST", path: `/socket.io/?EIO=4&transport=polling&sid=${sid}`, body: "40" };
		assert.equal((await request(node.port, session)).status, 200);
		const body = JSON.stringify({ event: "much", args: ["x".repeat(2000)] });
		assert.equal((await request(node.port, { method: "POST", path: "/api/emit", headers, body })).status, 202);
		await until(async () => (await node.get(session.path)).status === 400, "the session to end");
		return node.records.filter(({ message }) => message === "outbox limit exceeded").length;
	};
	assert.equal(await overflow(), 1);
	assert.deepEqual(await node.reload({ logLevel: "error", outboxLimit: 1024, apiKey: "one" }), changed("logLevel"));
	assert.equal(await overflow(), 1);
	assert.deepEqual(await node.reload({ logLevel: "info", outboxLimit: 1024, apiKey: "one" }), changed("logLevel"));
	assert.equal(await overflow(), 2);
});

test("a node without a config file reloads too", async (t) => {
	const node = await serve(t);
	node.child.kill("SIGHUP");
	await until(() => node.record("configuration reloaded"), "the reload");
	const { changed: sum, restart } = node.record("configuration reloaded");
	assert.deepEqual([sum, restart], [0, 0]);
});
