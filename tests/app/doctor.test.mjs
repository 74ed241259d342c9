// peal doctor: what it finds, what it says to do, and how it ends.
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import test from "node:test";
import { Webhook } from "standardwebhooks";
import { client, event, folder, peal, run, serve, until } from "./program.mjs";
import { freePort, key, startNodes, startRedis } from "./redis.mjs";

// Runs it; the findings by check, with the exit status.
async function examine(args, options) {
	const { code, stdout, stderr } = await run(["doctor", "--json", ...args], options);
	assert.equal(stderr, "");
	const findings = Object.fromEntries(JSON.parse(stdout).map(({ check, result, message }) => [check, { result, message }]));
	return { code, findings, text: stdout };
}

function is(finding, result, pattern) {
	assert.equal(finding?.result, result, JSON.stringify(finding));
	if (pattern) assert.match(finding.message, pattern);
}

// Commands to Redis, one a line, on a connection that stays.
async function ask(t, port, ...lines) {
	const socket = net.connect(port, "127.0.0.1");
	t.after(() => socket.destroy());
	let text = "";
	socket.on("data", (chunk) => { text += chunk; });
	socket.write(lines.map((line) => `${line}\r\n`).join(""));
	await until(() => text.split("\r\n").length > lines.length, "Redis to answer");
	return text;
}

async function listen(t, onConnection) {
	const open = new Set();
	const server = net.createServer((socket) => {
		open.add(socket);
		socket.on("close", () => open.delete(socket));
		socket.on("error", () => {});
		onConnection(socket);
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	t.after(() => {
		server.close();
		for (const socket of open) socket.destroy();
	});
	return server.address().port;
}

test("the backend of webhooks is asked as a node would ask it", async (t) => {
	const secret = "whsec_VGhlIHNlY3JldCBvZiB0aGUgdGVzdHMgaXMgbG9uZw==";
	let answer = [200, ""];
	const asked = [];
	const server = http.createServer(async (request, response) => {
		let text = "";
		for await (const chunk of request) text += chunk;
		asked.push(new Webhook(secret).verify(text, request.headers));
		response.writeHead(answer[0]).end(answer[1]);
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	t.after(() => server.close());
	const args = ["--webhook-url", `http://127.0.0.1:${server.address().port}/`, "--webhook-event", "x"], env = { PEAL_WEBHOOK_SECRET: secret };
	for (const [next, result, message] of [
		[[200, ""], "ok", /takes signed requests/], [[204, ""], "ok"], [[200, "{\"acks\":{}}"], "ok"], [[200, "hello"], "fail", /makes no sense: it is not a JSON object/],
		[[401, ""], "fail", /status 401.*secret/], [[404, ""], "fail", /status 404.*drop/], [[500, ""], "fail", /status 500.*wait/],
	]) {
		answer = next;
		const { code, findings } = await examine(args, { env });
		is(findings.backend, result, message);
		assert.equal(code, result === "ok" ? 0 : 2);
	}
	for (const { type, data } of asked) assert.deepEqual([type, data], ["events", []]);
	assert.equal(asked.length, 7);
	const { findings } = await examine(["--webhook-url", `http://127.0.0.1:${await freePort()}/`, "--webhook-event", "x"], { env });
	is(findings.backend, "fail", /not reached: .*connect/i);
	assert.equal((await examine([])).findings.backend, undefined);
});

test("a node alone has nothing to complain about", async () => {
	const { code, findings } = await examine([], { env: { PEAL_API_KEY: "0123456789abcdef" } });
	assert.equal(code, 0);
	is(findings.files, "ok");
	is(findings["api key"], "ok");
	is(findings.redis, "skip");
	const plain = await run(["doctor"]);
	assert.match(plain.stdout, /^ok +files +enough for 10000 clients/m);
	assert.match(plain.stdout, /^skip +api key +there is none/m);
});

test("settings are those of serve, and mistakes in them end it with 2", async (t) => {
	for (const [args, pattern] of [
		[["--prot", "1"], /--prot: .*did you mean --port/], [["--url", "example.org"], /--url: must begin with/],
		[["--url"], /--url: needs a value/], [["--redis", "redis://a,b"], /--redis: /],
	]) {
		const { code, stdout, stderr } = await run(["doctor", ...args]);
		assert.equal(code, 2, args.join(" "));
		assert.match(stdout + stderr, pattern);
	}
	const config = `${folder(t)}/peal.json`;
	writeFileSync(config, '{"apiKeyFile": "/nowhere/at-all"}');
	const { code, findings } = await examine(["--config", config]);
	assert.equal(code, 2);
	is(findings.settings, "fail", /\/nowhere\/at-all/);
	is((await examine(["--api-key", "short"])).findings["api key"], "warn", /openssl rand/);
	const help = await run(["help", "doctor"]);
	assert.equal(help.code, 0);
	assert.match(help.stdout, /--url URL/);
});

test("the limit of open files is held against --max-clients", async () => {
	const limited = (limit, ...args) => run(["-c", `ulimit -n ${limit}; exec "$@"`, "sh", peal, "doctor", ...args], { command: "sh" });
	const few = await limited(1024);
	assert.equal(few.code, 1);
	assert.match(few.stdout, /^warn +files .*1024.* 896 clients.*raise it to 20128$/m);
	const none = await limited(100);
	assert.equal(none.code, 2);
	assert.match(none.stdout, /^fail +files /m);
	assert.equal((await limited(1024, "--max-clients", "400")).code, 0);
});

test("a cluster in order is found so, and who only listens is found out", async (t) => {
	const { redis } = await startNodes(t, 2);
	const well = await examine(["--redis", redis.url]);
	assert.equal(well.code, 0, well.text);
	is(well.findings.redis, "ok", /version \d/);
	is(well.findings.rights, "ok");
	is(well.findings.clock, "ok");
	is(well.findings.buffers, "ok", /^pubsub 33554432 8388608 60$/);
	is(well.findings.servers, "ok", /^2 of 2 have answered; 2 of them are peal nodes$/);
	// Another prefix is another cluster.
	is((await examine(["--redis", redis.url, "--redis-prefix", "other"])).findings.servers, "ok", /no server/);
	await ask(t, redis.port, "SUBSCRIBE socket.io-request#/#");
	const stray = await examine(["--redis", redis.url]);
	assert.equal(stray.code, 1);
	is(stray.findings.servers, "warn", /^1 of 3 /);
});

test("output limits that are too small or missing are warnings", async (t) => {
	const redis = await startRedis(t, { args: ["--client-output-buffer-limit", "pubsub", "1mb", "1mb", "10"] });
	const small = await examine(["--redis", redis.url]);
	assert.equal(small.code, 1);
	is(small.findings.buffers, "warn", /pubsub 1048576 1048576 10 is little.*CONFIG SET/);
	await ask(t, redis.port, 'CONFIG SET client-output-buffer-limit "pubsub 0 0 0"');
	is((await examine(["--redis", redis.url])).findings.buffers, "warn", /no output limit/);
});

test("rights that lack are named with the line that gives them, and no secret is shown", async (t) => {
	const redis = await startRedis(t);
	const documented = "allchannels -@all +auth +ping +client|setname +info +publish +pubsub|numsub +subscribe +unsubscribe +psubscribe +punsubscribe";
	await ask(t, redis.port, `ACL SETUSER node on >geheim ${documented}`, `ACL SETUSER mute on >geheim ${documented} -publish`,
		`ACL SETUSER deaf on >geheim ${documented} resetchannels`);
	const as = (user, password = "geheim") => examine(["--redis", redis.url, "--redis-user", user], { env: { PEAL_REDIS_PASSWORD: password } });
	const node = await as("node");
	assert.equal(node.code, 0, node.text); // what the guide allows is enough
	is(node.findings.clock, "skip");
	is(node.findings.buffers, "skip");
	is(node.findings.rights, "ok");
	const mute = await as("mute");
	assert.equal(mute.code, 2);
	is(mute.findings.rights, "fail", /^publish: .*ACL SETUSER mute allchannels .*\+publish/);
	const deaf = await as("deaf");
	assert.equal(deaf.code, 2);
	is(deaf.findings.rights, "fail", /allchannels/);
	const wrong = await as("node", "falsch");
	assert.equal(wrong.code, 2);
	is(wrong.findings.redis, "fail", /password is wrong/);
	for (const { text } of [node, mute, deaf, wrong]) assert.ok(!/geheim|falsch/.test(text), text);
});

test("a Redis that is away, a replica, or something else altogether fails", async (t) => {
	const away = await examine(["--redis", `redis://127.0.0.1:${await freePort()}`]);
	assert.equal(away.code, 2);
	is(away.findings.redis, "fail", /refused/i);
	const primary = await startRedis(t);
	const replica = await startRedis(t, { args: ["--replicaof", "127.0.0.1", String(primary.port)] });
	is((await examine(["--redis", replica.url])).findings.redis, "fail", /replica/);
	const nonsense = await listen(t, (socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"));
	assert.equal((await examine(["--redis", `redis://127.0.0.1:${nonsense}`])).code, 2);
});

test("a clock that is apart from that of Redis is a warning", async (t) => {
	const later = Math.floor(Date.now() / 1000) + 3600;
	const answers = { INFO: "$19\r\nredis_version:7.0.0\r\n", TIME: `*2\r\n$${String(later).length}\r\n${later}\r\n$1\r\n0\r\n`,
		PUBLISH: ":0\r\n", PUBSUB: "*4\r\n$1\r\na\r\n:0\r\n$1\r\nb\r\n:0\r\n", SUBSCRIBE: "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n",
		PSUBSCRIBE: "*3\r\n$10\r\npsubscribe\r\n$1\r\na\r\n:1\r\n", CLIENT: "+OK\r\n", PING: "+PONG\r\n" };
	const port = await listen(t, (socket) => {
		let rest = "";
		socket.on("data", (chunk) => {
			rest += chunk;
			for (let match; (match = /^\*(\d+)\r\n/.exec(rest));) {
				const words = [];
				let at = match[0].length;
				while (words.length < Number(match[1])) {
					const size = /^\$(\d+)\r\n/.exec(rest.slice(at));
					if (!size || rest.length < at + size[0].length + Number(size[1]) + 2) return;
					at += size[0].length;
					words.push(rest.slice(at, at + Number(size[1])));
					at += Number(size[1]) + 2;
				}
				rest = rest.slice(at);
				socket.write(answers[words[0].toUpperCase()] ?? "-ERR unknown command\r\n");
			}
		});
	});
	const { code, findings, text } = await examine(["--redis", `redis://127.0.0.1:${port}`]);
	is(findings.clock, "warn", /^3[56]\d\d\.\d s apart/);
	assert.equal(code, 1, text);
});

// --- the balancer ---------------------------------------------------------------------------------------------------

// Each connection goes to the next of the ports.
async function roundRobin(t, ports) {
	let turn = 0;
	const port = await listen(t, (socket) => {
		const other = net.connect(ports[turn++ % ports.length], "127.0.0.1");
		for (const [one, two] of [[socket, other], [other, socket]]) {
			one.pipe(two);
			one.on("error", () => two.destroy());
			one.on("close", () => two.destroy());
		}
	});
	return `http://127.0.0.1:${port}`;
}

test("a way to the nodes that is in order is found so", async (t) => {
	const node = await serve(t, ["--internal-listen", "127.0.0.1:0", "--sid-prefix", "n1", "--path", "/live"], { env: { PEAL_API_KEY: key } });
	const well = await examine(["--path", "/live", "--url", `${node.url}/`]);
	assert.equal(well.code, 0, well.text);
	is(well.findings.polling, "ok");
	is(well.findings.websocket, "ok");
	is(well.findings.inside, "ok");
	const elsewhere = await examine(["--url", node.url]);
	assert.equal(elsewhere.code, 2);
	is(elsewhere.findings.polling, "fail", /404.*\/socket\.io\//);
});

test("metrics and the API in reach of clients are a warning, and no session stays behind", async (t) => {
	const node = await serve(t, [], { env: { PEAL_API_KEY: key } });
	const { code, findings } = await examine(["--url", node.url]);
	assert.equal(code, 1);
	is(findings.inside, "warn", /^\/metrics and \/api\/nodes can be reached/);
	await until(async () => !/^peal_sessions\{.*\} [1-9]/m.test((await node.get("/metrics")).body), "the sessions to end");
	assert.match((await node.get("/metrics")).body, /^peal_sessions_opened_total 7$/m);
});

test("a node that lets clients in at a rate is no fault", async (t) => {
	const node = await serve(t, ["--connect-rate", "10", "--internal-listen", "127.0.0.1:0"]);
	const { code, text } = await examine(["--url", node.url]);
	assert.equal(code, 0, text);
});

test("a node that lets an address in at a rate is no fault, and one that lets it in no more is named", async (t) => {
	const limits = ["--address-connect-rate", "2", "--address-clients", "1", "--internal-listen", "127.0.0.1:0"];
	const node = await serve(t, limits);
	const { code, text } = await examine(["--url", node.url]);
	assert.equal(code, 0, text);
	await event(client(node, { transports: ["websocket"], reconnectionDelay: 100 }), "connect");
	const { code: worse, findings } = await examine(["--url", node.url]);
	assert.equal(worse, 2);
	for (const check of ["polling", "websocket"]) is(findings[check], "fail", /429.*--trusted-proxy.*--address-clients/);
});

test("a balancer that does not keep polling sessions on their node fails", async (t) => {
	const nodes = [await serve(t), await serve(t)];
	const { code, findings } = await examine(["--url", await roundRobin(t, nodes.map(({ port }) => port))]);
	assert.equal(code, 2);
	is(findings.polling, "fail", /of 24 requests did not reach the node of their session.*--sid-prefix/);
	is(findings.websocket, "ok");
	const only = await examine(["--transports", "websocket", "--url", await roundRobin(t, nodes.map(({ port }) => port))]);
	assert.equal(only.findings.polling, undefined);
});

test("a balancer that passes no WebSocket, or is none, fails", async (t) => {
	const node = await serve(t, ["--internal-listen", "127.0.0.1:0"]);
	// What a proxy does that does not know of upgrades.
	const port = await listen(t, (socket) => {
		const other = net.connect(node.port, "127.0.0.1");
		socket.on("data", (chunk) => other.write(chunk.toString("latin1").replace(/Upgrade: websocket\r\n/i, "").replace("Connection: Upgrade", "Connection: close"), "latin1"));
		other.pipe(socket);
		for (const one of [socket, other]) one.on("close", () => { socket.destroy(); other.destroy(); });
		other.on("error", () => {});
	});
	const { code, findings } = await examine(["--url", `http://127.0.0.1:${port}`]);
	assert.equal(code, 2);
	is(findings.polling, "ok");
	is(findings.websocket, "fail", /^the upgrade is answered with "HTTP\/1\.1 400 .*Upgrade and Connection/);
	const nobody = await examine(["--url", `http://127.0.0.1:${await freePort()}`]);
	assert.equal(nobody.code, 2);
	for (const check of ["polling", "websocket"]) is(nobody.findings[check], "fail", /^no answer: /);
	const draining = await serve(t, ["--drain-seconds", "3600"]);
	draining.mayDie = true;
	draining.child.kill("SIGTERM");
	await until(async () => (await draining.get("/readyz")).status === 503, "the drain");
	is((await examine(["--url", draining.url])).findings.polling, "fail", /503/);
	draining.child.kill("SIGTERM");
});
