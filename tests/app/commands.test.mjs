// The commands that speak with a node, and with its cluster through it: what they do, print, and end with.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { execFileSync, spawn } from "node:child_process";
import http from "node:http";
import path from "node:path";
import test from "node:test";
import { client, event, folder, peal, run, serve, until, within } from "./program.mjs";
import { answering, call, freePort, key, members, startNodes, startRedis } from "./redis.mjs";

// Runs a command against a node.
const tell = (node, args, env = {}) => run(args, { env: { PEAL_URL: node.url, PEAL_API_KEY: key, ...env } });

async function does(node, args, env) {
	const result = await tell(node, args, env);
	assert.equal(result.code, 0, `${args.join(" ")}: ${result.stderr}`);
	assert.equal(result.stderr, "");
	return result.stdout;
}

async function hears(socket, count) {
	await until(() => socket.heard.length >= count, `${count} events`);
	return socket.heard;
}

// --- one node -------------------------------------------------------------------------------------------------------

test("peal emit sends what is JSON as that, and anything else as text", async (t) => {
	const node = await serve(t, ["--namespace", "*"], { env: { PEAL_API_KEY: key } });
	const socket = await answering(node);
	const chat = await answering(node, undefined, { namespace: "/chat" });
	assert.equal(await does(node, ["emit", "a", "world", "5", "true", "null", '{"x":[1]}', '"5"', "", "01", "NaN", "{", "1,2", 'say "hi"', "12345678901234567890"]), "sent\n");
	await does(node, ["emit", "b", "--text", "5", "true"]);
	await does(node, ["emit", "c", '{"$binary":"AAE="}', '[{"$binary":""}]']);
	await does(node, ["emit", "--", "--d", "--local"]);
	await does(node, ["emit", "e", "--namespace", "/chat", "--local", "--volatile"]);
	assert.deepEqual(await hears(socket, 4), [
		["a", "world", 5, true, null, { x: [1] }, "5", "", "01", "NaN", "{", "1,2", 'say "hi"', 12345678901234567890],
		["b", "5", "true"], ["c", Buffer.from([0, 1]), [Buffer.alloc(0)]], ["--d", "--local"],
	]);
	assert.deepEqual(await hears(chat, 1), [["e"]]);
});

test("peal emit --timeout prints the acknowledgements, and ends with 3 when they are not all", async (t) => {
	const node = await serve(t, [], { env: { PEAL_API_KEY: key } });
	await answering(node, { from: "a" });
	assert.equal(await does(node, ["emit", "x", "--timeout", "20000"]), '1 of 1 clients answered, 1 of 1 servers\n{"from":"a"}\n');
	const json = JSON.parse(await does(node, ["emit", "x", "--timeout=20000", "--json"]));
	assert.deepEqual(json.responses, [{ from: "a" }]);
	const awkward = client(node, { transports: ["websocket"] });
	const deep = `${"[".repeat(500)}${"]".repeat(500)}`;
	awkward.on("y", (reply) => reply([{ _placeholder: true, num: 3 }, "\ud800", JSON.parse(deep)]));
	await event(awkward, "connect");
	const odd = await does(node, ["emit", "y", "--timeout", "20000"]);
	assert.equal(odd, `2 of 2 clients answered, 1 of 1 servers\n{"from":"a"}\n[{"_placeholder":true,"num":3},"\\ud800",${deep}]\n`);
	awkward.disconnect();
	await until(async () => (await call(node, "GET", "/api/count")).body.count === 1, "it to leave");
	await answering(node, undefined);
	const late = await tell(node, ["emit", "x", "--timeout", "300"]);
	assert.equal(late.code, 3);
	assert.equal(late.stdout, '1 of 2 clients answered, 1 of 1 servers\n{"from":"a"}\n');
	assert.equal(late.stderr, "peal emit: operation has timed out; this is not all\n");
	const lateJson = await tell(node, ["emit", "x", "--timeout", "300", "--json"]);
	assert.equal(lateJson.code, 3);
	assert.equal(JSON.parse(lateJson.stdout).error, "operation has timed out");
});

test("a failure ends with 1, and what is not understood with 2", async (t) => {
	const node = await serve(t, [], { env: { PEAL_API_KEY: key } });
	const plain = await serve(t);
	const cases = [
		[["emit"], 2, /EVENT \[ARG…\] is missing/], [["emit", "a", "--timeout", "x"], 2, /--timeout: must be a whole number/],
		[["emit", "a", "--timeout"], 2, /--timeout: needs a value \(MS\)/], [["emit", "a", "--rom", "x"], 2, /--rom: there is no such option/],
		[["emit", "a", "--local=1"], 2, /--local: takes no value/], [["emit", "connect"], 2, /the name is reserved/],
		[["emit", "a", "--timeout", "5"], 2, /timeout: must be .* from 100 to 60000/], [["emit", "a", '{"$binary":"?"}'], 2, /not base64/],
		[["sockets", "x"], 2, /"x" is not expected here/], [["nodes", "--room", "a"], 2, /--room: there is no such option/],
		[["join"], 2, /ROOM… is missing/], [["disconnect"], 2, /give either --room or --all/], [["disconnect", "--all", "--room", "a"], 2, /give either/],
		[["emit", "a", "--redis-prefix", "x"], 2, /does nothing without --redis/],
		[["emit", "a", "--redis", "redis://127.0.0.1:1", "--timeout", "500"], 2, /an emitter cannot collect acknowledgements/],
		[["emit", "a", "--redis", "redis://127.0.0.1:1", "--local"], 2, /mean a node/],
		[["emit", "a", "--redis", "http://127.0.0.1:1"], 2, /--redis: /],
		[["nodes", "--api-key", "wrong"], 1, /API key is needed/], [["nodes", "--api-key", ""], 1, /Give the key as PEAL_API_KEY/],
		[["nodes", "--url", plain.url], 1, /the node has no \/api here/], [["nodes", "--url", `http://127.0.0.1:${await freePort()}`], 1, /connect/i],
		[["nodes", "--url", "ftp://127.0.0.1"], 2, /--url: is not the URL of a node/],
		[["nodes", "--api-key", "a b"], 2, /the API key must be/], [["nodes", "--api-key-file", "/does/not/exist"], 2, /--api-key-file: cannot open/],
	];
	for (const [args, code, pattern] of cases) {
		const result = await tell(node, args, args.includes("") ? { PEAL_API_KEY: "" } : {});
		assert.equal(result.code, code, `${args.join(" ")}: ${result.stderr}`);
		assert.match(result.stderr, pattern);
		assert.equal(result.stdout, "");
	}
	for (const name of ["emit", "sockets", "rooms", "nodes", "count", "join", "leave", "disconnect"]) {
		for (const args of [[name, "--help"], ["help", name]]) {
			const { code, stdout } = await run(args);
			assert.equal(code, 0);
			assert.match(stdout, new RegExp(`^Usage: peal ${name} `));
		}
		assert.match((await run(["--help"])).stdout, new RegExp(`^  peal ${name} `, "m"));
	}
});

test("sockets are listed, counted, moved and disconnected", async (t) => {
	const node = await serve(t, ["--demo", "--name", "north"], { env: { PEAL_API_KEY: key } });
	const a = await answering(node, undefined, { auth: { name: "Ada" } });
	const b = await answering(node);
	assert.equal(await does(node, ["join", "red", "light blue", "--room", a.id]), "done; 0 of 0 other nodes have confirmed it\n");
	assert.equal(await does(node, ["sockets", "--room", "red"]),
		`ID                    NODE   ROOMS                                  DATA\n${a.id}  north  ${a.id}, red, light blue  {"name":"Ada"}\n`);
	assert.deepEqual(JSON.parse(await does(node, ["sockets", "--except", "red", "--json"])).sockets.map(({ id }) => id), [b.id]);
	assert.match(await does(node, ["sockets", "--limit", "1"]), /There are 2 in all; --limit lists more\.\n$/);
	assert.match(await does(node, ["sockets", "--handshake"]), /user-agent|transport=websocket/);
	assert.equal(await does(node, ["count"]), "NODE   SOCKETS\nnorth  2\nall    2\n");
	assert.equal(await does(node, ["rooms"]), "light blue\nred\n");
	assert.match(await does(node, ["nodes"]), /^NAME .*\nnorth  \S{6}  \d+\.\d+\.\d+ +2 +answers here  \/\nadapter: memory, up.*\n$/);
	await does(node, ["leave", "light blue"]);
	assert.equal(await does(node, ["rooms"]), "red\n");
	const gone = event(a, "disconnect");
	assert.equal(await does(node, ["disconnect", "--room", "red"]), "sent\n");
	await gone;
	const closed = event(b, "disconnect");
	await does(node, ["disconnect", "--all", "--close"]);
	await closed;
	assert.equal(await does(node, ["count"]), "NODE  SOCKETS\nall   0\n");
});

test("what others have written cannot command the terminal", async (t) => {
	const node = await serve(t, ["--demo"], { env: { PEAL_API_KEY: key } });
	const socket = await answering(node, "\u001b[2J\u009b2J\u202e");
	for (const room of ["\u001b[31m", "a\u202eb\u061c", "\u009b", "\u0085\u007f"]) await call(node, "POST", "/api/sockets/join", { targets: [room] });
	for (const args of [["rooms"], ["sockets"], ["emit", "x", "--timeout", "20000"]]) {
		const text = await does(node, args);
		assert.doesNotMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u202a-\u202e]/);
		assert.match(text, /\\u202e/);
	}
	assert.equal(socket.heard.length, 1);
});

test("the key goes to the node that was named and nowhere else", async (t) => {
	const seen = [];
	const server = http.createServer((request, response) => {
		seen.push([request.url, request.headers.authorization]);
		if (request.url.startsWith("/api")) response.writeHead(307, { Location: "/elsewhere" });
		response.end();
	});
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => { server.closeAllConnections(); server.close(); });
	const url = `http://127.0.0.1:${server.address().port}`;
	const { code } = await run(["nodes", "--url", `${url}/`], { env: { PEAL_API_KEY: key, http_proxy: "http://127.0.0.1:1" } });
	assert.equal(code, 1);
	assert.deepEqual(seen, [["/api/nodes?", `Bearer ${key}`]]);
});

test("flags with secrets do not stay in the list of processes", async (t) => {
	const server = http.createServer(() => {}); // never answers
	await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
	t.after(() => { server.closeAllConnections(); server.close(); });
	const asked = new Promise((resolve) => server.once("request", resolve));
	const child = spawn(peal, ["nodes", "--url", `http://127.0.0.1:${server.address().port}`, "--api-key", "geheim"], { stdio: "ignore" });
	t.after(() => child.kill("SIGKILL"));
	const { headers } = await within(asked, "the request");
	assert.equal(headers.authorization, "Bearer geheim");
	const shown = readFileSync(`/proc/${child.pid}/cmdline`, "utf8");
	assert.ok(shown.includes("--api-key") && !shown.includes("geheim"), shown);
});

// --- a cluster ------------------------------------------------------------------------------------------------------

test("through one node the commands reach all three", async (t) => {
	const { nodes } = await startNodes(t, 3, ["--demo"]);
	const sockets = await Promise.all(nodes.map((node, i) => answering(node, { i, bytes: Buffer.from([i]) })));
	assert.equal(await does(nodes[0], ["emit", "hello", "world"]), "sent\n");
	for (const socket of sockets) assert.deepEqual(await hears(socket, 1), [["hello", "world"]]);
	const acks = JSON.parse(await does(nodes[1], ["emit", "ask", "--timeout", "20000", "--json"]));
	assert.deepEqual(acks.responses.map(({ i, bytes }) => [i, bytes.$binary]).sort(), [[0, "AA=="], [1, "AQ=="], [2, "Ag=="]]);
	assert.deepEqual([acks.error, acks.clients, acks.servers],
		[null, { expected: 3, answered: 3 }, { expected: 3, answered: 3, missing: [], unnamed_missing: 0 }]);
	const local = JSON.parse(await does(nodes[1], ["emit", "ask", "--local", "--timeout", "20000", "--json"]));
	assert.deepEqual([local.responses.map(({ i }) => i), local.servers.expected], [[1], 1]);

	const listed = JSON.parse(await does(nodes[2], ["sockets", "--json"])).sockets;
	assert.deepEqual(listed.map(({ id, node }) => [node, id]).sort(), sockets.map(({ id }, i) => [`n${i + 1}`, id]));
	assert.equal(await does(nodes[0], ["count"]), "NODE  SOCKETS\nn1    1\nn2    1\nn3    1\nall   3\n");
	assert.equal(await does(nodes[0], ["join", "far", "--room", sockets[2].id]), "done; 2 of 2 other nodes have confirmed it\n");
	assert.equal(await does(nodes[1], ["rooms"]), "far\n");
	await does(nodes[1], ["emit", "to far", "--room", "far"]);
	assert.deepEqual((await hears(sockets[2], 3)).at(-1), ["to far"]);
	assert.deepEqual((await members(nodes[2])), ["n3", "n1", "n2"]);
	const gone = event(sockets[1], "disconnect");
	await does(nodes[0], ["disconnect", "--room", sockets[1].id]);
	await gone;
	const servers = await call(nodes[0], "POST", "/api/server-emit", { event: "anyone?", timeout: 20000 });
	assert.deepEqual(servers.body, { error: null, responses: [null, null], servers: { expected: 2, answered: 2, missing: [], unnamed_missing: 0 } });
});

test("an event for a namespace that the node does not serve reaches the nodes that do", async (t) => {
	const redis = await startRedis(t);
	const env = { PEAL_API_KEY: key, PEAL_REDIS_URL: redis.url };
	const here = await serve(t, ["--name", "here"], { env });
	const there = await serve(t, ["--name", "there", "--namespace", "/chat"], { env });
	await until(async () => (await members(here)).length === 2, "both nodes");
	const socket = await answering(there, "yes", { namespace: "/chat" });
	await does(here, ["emit", "x", "--namespace", "/chat"]);
	assert.deepEqual(await hears(socket, 1), [["x"]]);
	const acks = (await call(here, "POST", "/api/emit", { namespace: "/chat", event: "y", timeout: 20000 })).body;
	assert.deepEqual([acks.responses, acks.clients, acks.servers.missing], [["yes"], { expected: 1, answered: 1 }, []]);
	assert.equal((await call(here, "GET", "/api/sockets?namespace=/chat")).body.sockets[0].id, socket.id);
	assert.deepEqual((await call(here, "GET", "/api/nodes")).body.nodes[0].namespaces, ["/"]);
});

test("a silent node is named in the answer and by the commands", async (t) => {
	const { nodes } = await startNodes(t, 2, ["--member-timeout", "1500"]);
	await answering(nodes[0], 1);
	nodes[1].child.kill("SIGSTOP");
	t.after(() => nodes[1].child.kill("SIGCONT"));
	const result = await tell(nodes[0], ["emit", "x", "--timeout", "3000"]);
	nodes[1].child.kill("SIGCONT");
	assert.equal(result.code, 3, result.stdout);
	assert.match(result.stdout, /^1 of 1 clients answered, 1 of 2 servers\nmissing servers: n2\n1\n$/);
});

test("peal emit --redis publishes without a node", async (t) => {
	const { redis, nodes } = await startNodes(t, 2, ["--redis-interest", "pattern"]);
	const sockets = await Promise.all(nodes.map((node) => answering(node)));
	const emit = (...args) => run(["emit", "--redis", redis.url, ...args]);
	const published = await emit("x", "world", '{"$binary":"AAE="}');
	assert.deepEqual([published.code, published.stderr], [0, ""]);
	assert.match(published.stdout, /^published to \d+ subscriptions\n$/);
	assert.equal((await emit("y", "--room", sockets[1].id)).code, 0);
	assert.deepEqual(await hears(sockets[0], 1), [["x", "world", Buffer.from([0, 1])]]);
	assert.deepEqual(await hears(sockets[1], 2), [["x", "world", Buffer.from([0, 1])], ["y"]]);
	const nobody = await emit("x", "--redis-prefix", "other", "--json");
	assert.deepEqual(JSON.parse(nobody.stdout), { published: 1, receivers: 0 });
	assert.equal((await emit("connect")).code, 2);
	const down = await run(["emit", "--redis", "redis://:geheim@127.0.0.1:1", "x"]);
	assert.equal(down.code, 1);
	assert.ok(down.stderr && !down.stderr.includes("geheim"), down.stderr);
});

test("a Redis with a password takes it from a file or a variable", async (t) => {
	const redis = await startRedis(t, { args: ["--requirepass", "geheim"] });
	const file = path.join(folder(t), "password");
	writeFileSync(file, "geheim\n");
	const up = async (node) => until(async () => /^cluster: up/m.test((await node.get("/readyz")).body), "the cluster to be up");
	await up(await serve(t, ["--redis", redis.url, "--redis-password-file", file]));
	await up(await serve(t, ["--redis", redis.url], { env: { PEAL_REDIS_PASSWORD: "geheim" } }));
	await up(await serve(t, ["--redis", `redis://:geheim@127.0.0.1:${redis.port}`]));
	for (const [args, env] of [[["--redis-password-file", file], {}], [[], { PEAL_REDIS_PASSWORD: "geheim" }]])
		assert.equal((await run(["emit", "--redis", redis.url, "x", ...args], { env })).code, 0);
});

// Keys and certificates for 127.0.0.1, signed by an authority of their own.
function certificates(t) {
	const directory = folder(t);
	const file = (name) => path.join(directory, name);
	const openssl = (...args) => execFileSync("openssl", args, { cwd: directory, stdio: "pipe" });
	const fresh = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
	openssl("req", "-x509", ...fresh, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=authority", "-days", "2");
	writeFileSync(file("names"), "subjectAltName=IP:127.0.0.1\n");
	for (const name of ["server", "client"]) {
		openssl("req", ...fresh, "-keyout", `${name}.key`, "-out", `${name}.csr`, "-subj", `/CN=${name}`);
		openssl("x509", "-req", "-in", `${name}.csr`, "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", `${name}.pem`, "-days", "2", "-extfile", "names");
	}
	return file;
}

test("a Redis over TLS takes the authority and the client's certificate", async (t) => {
	const file = certificates(t);
	const port = await freePort();
	await startRedis(t, { args: ["--tls-port", String(port), "--tls-cert-file", file("server.pem"), "--tls-key-file", file("server.key"), "--tls-ca-cert-file", file("ca.pem")] });
	const tls = ["--redis", `rediss://127.0.0.1:${port}`, "--redis-ca", file("ca.pem")];
	const own = ["--redis-cert", file("client.pem"), "--redis-key", file("client.key")];
	const node = await serve(t, [...tls, ...own]);
	await until(async () => /^cluster: up/m.test((await node.get("/readyz")).body), "the cluster to be up");
	const socket = await answering(node);
	assert.equal((await run(["emit", "x", ...tls, ...own])).code, 0);
	assert.deepEqual(await hears(socket, 1), [["x"]]);
	assert.equal((await run(["emit", "x", ...tls])).code, 1); // Redis asks for a certificate
	assert.equal((await run(["emit", "x", "--redis", `rediss://127.0.0.1:${port}`, ...own])).code, 1); // nobody vouches for it
});

// --- Redis goes away ------------------------------------------------------------------------------------------------

test("while Redis is away the node stays ready, serves its clients and says so", async (t) => {
	const { redis, nodes } = await startNodes(t, 2);
	const socket = await answering(nodes[0], "here");
	await redis.stop();
	await until(async () => /^cluster: down/m.test((await nodes[0].get("/readyz")).body), "the loss to be noticed");
	assert.equal((await nodes[0].get("/readyz")).status, 200);
	const sent = await call(nodes[0], "POST", "/api/emit", { event: "x" });
	assert.deepEqual([sent.status, sent.body], [202, { cluster: "down" }]);
	assert.match(await does(nodes[0], ["emit", "y"]), /its cluster cannot be reached now/);
	assert.deepEqual(await hears(socket, 2), [["x"], ["y"]]);
	assert.match(await does(nodes[0], ["nodes"]), /adapter: redis, down/);
	await startRedis(t, { port: redis.port });
	await until(async () => /^cluster: up/m.test((await nodes[0].get("/readyz")).body), "the cluster to be back");
});

test("a node is not ready before it has joined its cluster, and gives up on a Redis that never comes", async (t) => {
	const port = await freePort();
	const node = await serve(t, ["--redis", `redis://127.0.0.1:${port}`]);
	assert.equal((await node.get("/readyz")).status, 503);
	assert.equal((await node.get("/healthz")).status, 200);
	const other = await serve(t, ["--redis", `redis://127.0.0.1:${await freePort()}`]);
	await startRedis(t, { port });
	for (const one of [node, other]) await until(async () => (await one.get("/readyz")).status === 200, "the node to be ready");
	assert.match((await node.get("/readyz")).body, /^ready\ncluster: up/);
	assert.match((await other.get("/readyz")).body, /^ready\ncluster: down/);
});
