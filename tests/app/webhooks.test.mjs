// Webhooks: what the backend is asked and told, and that nothing but the asking client waits for it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { SignJWT } from "jose";
import { Webhook } from "standardwebhooks";
import { ask, client, connected, event, folder, handshake, request, run, serve, sleep, until, within } from "./program.mjs";
import { call, freePort, key, startRedis } from "./redis.mjs";

const secret = "whsec_VGhlIHNlY3JldCBvZiB0aGUgdGVzdHMgaXMgbG9uZw==";
const tokens = "a secret of the tests that has more than 32 bytes";
const websocket = { transports: ["websocket"] };

// A backend. `handle(body, request)` returns the answer: undefined for an empty one, an object for JSON, { status, headers, text } for
// anything else, or null for none at all. A request without a good signature is refused. `requests` has all others.
async function backend(t, handle = () => undefined, { port = 0, signer = secret, server = http.createServer() } = {}) {
	const verifier = new Webhook(signer);
	const self = { requests: [], open: 0, mostOpen: 0, handle };
	server.on("request", async (request, response) => {
		self.mostOpen = Math.max(self.mostOpen, ++self.open);
		const chunks = [];
		for await (const chunk of request) chunks.push(chunk);
		const text = Buffer.concat(chunks).toString();
		try {
			assert.equal(request.method, "POST");
			assert.equal(request.headers["content-type"], "application/json");
			verifier.verify(text, request.headers);
		} catch (problem) {
			self.open--;
			response.writeHead(401).end(problem.message);
			return;
		}
		const body = JSON.parse(text);
		self.requests.push({ body, id: request.headers["webhook-id"], url: request.url, headers: request.headers, text });
		const answer = await self.handle(body, request);
		self.open--;
		if (answer === null) return;
		const { status = 200, headers = {}, text: out } = answer && "text" in answer ? answer : { text: answer === undefined ? "" : JSON.stringify(answer) };
		response.writeHead(status, headers).end(out);
	});
	server.listen(port, "127.0.0.1");
	await once(server, "listening");
	self.port = server.address().port;
	self.url = `http://127.0.0.1:${self.port}/hook`;
	self.stop = async () => {
		server.closeAllConnections();
		server.close();
		await once(server, "close");
	};
	t.after(() => {
		server.closeAllConnections();
		server.close();
	});
	self.of = (type) => self.requests.filter(({ body }) => body.type === type).map(({ body }) => body.data);
	self.events = () => self.of("events").flat();
	return self;
}

const status = (status, text = "") => ({ status, text });
const start = (t, url, args = [], env = {}) =>
	serve(t, ["--webhook-url", url, ...args], { env: { PEAL_WEBHOOK_SECRET: secret, PEAL_API_KEY: key, ...env } });
const metrics = async (node, name) => Object.fromEntries(
	[...(await node.get("/metrics")).body.matchAll(new RegExp(`^peal_webhook_${name}_total\\{outcome="(\\w+)"\\} (\\d+)$`, "gm"))].map(([, outcome, count]) => [outcome, Number(count)]));
const gauge = async (node, name) => Number((await node.get("/metrics")).body.match(new RegExp(`^peal_webhook_${name} (\\d+)$`, "m"))[1]);
const sessions = async (node) => [...(await node.get("/metrics")).body.matchAll(/^peal_sessions(?:\{.*\})? (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
const sockets = async (node, query = "") => (await call(node, "GET", `/api/sockets${query}`)).body.sockets;
const complaints = (node) => node.records.filter(({ message }) => message === "the backend does not answer webhooks");

// Connects and must not succeed. Returns the error.
async function refused(node, options = {}) {
	const socket = client(node, { ...websocket, reconnection: false, ...options });
	return within(new Promise((resolve, reject) => {
		socket.once("connect", () => reject(new Error("it is connected")));
		socket.once("connect_error", ({ message, data }) => resolve({ message, data }));
	}), "a refusal");
}

// --- clients that want to connect -----------------------------------------------------------------------------------

test("the backend is told who wants to connect, and says who it is, where it is and what is known of it", async (t) => {
	const hook = await backend(t, () => ({ allow: true, user: 42, rooms: ["blue", "größe"], data: { name: "A" } }));
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--name", "näm\"e"]);
	const socket = await connected(node, { ...websocket, auth: { ticket: "ä", deep: [1.0] }, extraHeaders: { Cookie: "sid=1", "X-Odd": "q\"" } });
	const [{ body, id, url }] = hook.requests;
	assert.equal(url, "/hook");
	assert.deepEqual(Object.keys(body), ["type", "timestamp", "data"]);
	assert.ok(Math.abs(Date.parse(body.timestamp) - Date.now()) < 60000, body.timestamp);
	const { headers, handler, ...rest } = body.data;
	assert.deepEqual(rest, {
		id, node: "näm\"e", namespace: "/", socket: socket.id, user: null, auth: { ticket: "ä", deep: [1] }, address: "127.0.0.1",
		url: "/socket.io/?EIO=4&transport=websocket",
	});
	assert.equal(headers.cookie, "sid=1");
	assert.equal(headers["x-odd"], "q\"");
	assert.ok(Number.isInteger(handler));
	const [{ rooms, data }] = await sockets(node);
	assert.deepEqual(rooms.sort(), [socket.id, "blue", "größe", "user:42"].sort());
	assert.deepEqual(data, { user: "42", name: "A" });
	assert.deepEqual(await metrics(node, "connects"), { allowed: 1, denied: 0, unavailable: 0, left: 0 });
});

test("a token and the backend go together, and the backend cannot make it another user", async (t) => {
	const hook = await backend(t, ({ data: { auth } }) => auth.answer);
	const node = await start(t, hook.url, ["--webhook-connect", "/"], { PEAL_AUTH_SECRET: tokens });
	const token = await new SignJWT({ sub: "alice", rooms: ["red"], data: { name: "A", n: 1 }, exp: Math.floor(Date.now() / 1000) + 600 })
		.setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(tokens));
	const socket = await connected(node, { ...websocket, auth: { token, answer: { rooms: ["blue"], data: { n: 2 } } } });
	const [{ rooms, data }] = await sockets(node);
	assert.deepEqual(rooms.sort(), [socket.id, "blue", "red", "user:alice"].sort());
	assert.deepEqual(data, { user: "alice", name: "A", n: 2 });
	assert.equal(hook.requests[0].body.data.user, "alice");
	assert.deepEqual(await refused(node, { auth: { token, answer: { user: "bob" } } }), { message: "unauthorized", data: { code: "unavailable" } });
	// Who is refused without it is not asked about.
	assert.deepEqual(await refused(node, { auth: { answer: { user: "bob" } } }), { message: "unauthorized", data: { code: "token_missing" } });
	assert.equal(hook.requests.length, 2);
	assert.match(complaints(node)[0].reason, /"user" is given, and the token has one/);
});

test("the backend refuses, with words of its own or without", async (t) => {
	const hook = await backend(t, ({ data: { auth } }) => auth.answer ?? status(403, "whatever"));
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-unavailable", "allow"]);
	for (const [answer, error] of [
		[{ allow: false }, { message: "unauthorized", data: { code: "forbidden" } }],
		[{ allow: false, error: { message: "banned" } }, { message: "banned", data: { code: "forbidden" } }],
		[{ allow: false, error: { message: "bän\"ned", data: [1, "x"] } }, { message: "bän\"ned", data: [1, "x"] }],
		[undefined, { message: "unauthorized", data: { code: "forbidden" } }],
	]) assert.deepEqual(await refused(node, { auth: { answer } }), error);
	assert.deepEqual(await metrics(node, "connects"), { allowed: 0, denied: 4, unavailable: 0, left: 0 });
	assert.deepEqual(complaints(node), []);
});

test("an answer that makes no sense lets nobody in, whatever the policy", async (t) => {
	const hook = await backend(t, ({ data: { auth } }) => auth.answer);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-unavailable", "allow", "--webhook-timeout", "2000"]);
	const answers = [
		{ text: "ok" }, { text: "<html>" }, { text: "{\"allow\":true}}" }, { room: "x" }, { rooms: ["user:bob"] }, { data: { user: "root" } },
		status(302), status(404, "{}"), status(400), status(401),
	];
	for (const answer of answers) assert.deepEqual((await refused(node, { auth: { answer } })).data, { code: "unavailable" }, JSON.stringify(answer));
	hook.handle = () => ({ text: " ".repeat(2 << 20) });
	assert.deepEqual((await refused(node)).data, { code: "unavailable" });
	hook.handle = () => status(204);
	await connected(node, websocket);
	assert.deepEqual(await metrics(node, "connects"), { allowed: 1, denied: 0, unavailable: 11, left: 0 });
	assert.equal(hook.requests.length, 12);
});

test("a backend that fails about some clients only does not fill the log", async (t) => {
	const hook = await backend(t, ({ data: { auth } }) => auth.answer);
	const node = await start(t, hook.url, ["--webhook-connect", "/"]);
	for (let i = 0; i < 6; i++) {
		await refused(node, { auth: { answer: i % 2 ? status(400) : { text: "ok" } } });
		await connected(node, websocket);
	}
	await node.stop();
	const lines = node.records.filter(({ message }) => /answers? webhooks/.test(message));
	assert.deepEqual(lines.map(({ message }) => message), ["the backend does not answer webhooks", "the backend answers webhooks again"]);
});

test("a redirect is not followed, and the proxies of the environment are not used", async (t) => {
	const other = await backend(t);
	const hook = await backend(t, () => ({ status: 307, headers: { Location: other.url }, text: "" }));
	const node = await start(t, hook.url, ["--webhook-connect", "/"], { http_proxy: other.url, ALL_PROXY: other.url });
	assert.deepEqual((await refused(node)).data, { code: "unavailable" });
	assert.deepEqual([hook.requests.length, other.requests.length], [1, 0]);
});

test("clients with much to say, and those for whom there is no room, are refused whatever the policy", async (t) => {
	const hook = await backend(t, () => null);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-unavailable", "allow", "--webhook-timeout", "60000", "--webhook-queue-bytes", "65536"]);
	assert.deepEqual(await refused(node, { auth: { text: "x".repeat(70000) } }), { message: "unauthorized", data: { code: "too_large" } });
	for (let i = 0; i < 2; i++) client(node, { ...websocket, auth: { text: "x".repeat(30000) } });
	await until(async () => await gauge(node, "waiting_bytes") > 60000, "both to wait");
	assert.deepEqual(await refused(node, { auth: { text: "x".repeat(30000) } }), { message: "unauthorized", data: { code: "unavailable" } });
	assert.equal((await metrics(node, "connects")).unavailable, 2);
	assert.match(complaints(node)[0].reason, /too many clients wait/);
});

test("only the namespaces that are named are asked about", async (t) => {
	const hook = await backend(t, () => ({ rooms: ["seen"] }));
	const node = await start(t, hook.url, ["--namespace", "/chat,*", "--webhook-connect", "/chat,*"]);
	for (const namespace of ["/", "/chat", "/other"]) await connected(node, { ...websocket, namespace });
	assert.deepEqual(hook.of("connect").map(({ namespace }) => namespace), ["/chat", "/other"]);
});

test("a client waits for a backend that comes back in time, and is refused or let in by one that does not", async (t) => {
	const port = await freePort(), url = `http://127.0.0.1:${port}/`;
	const patient = await start(t, url, ["--webhook-connect", "/", "--webhook-timeout", "30000"]);
	const strict = await start(t, url, ["--webhook-connect", "/", "--webhook-timeout", "300"]);
	const open = await start(t, url, ["--webhook-connect", "/", "--webhook-timeout", "300", "--webhook-unavailable", "allow"]);
	const waiting = Array.from({ length: 20 }, () => connected(patient, websocket));
	assert.deepEqual(await refused(strict), { message: "unauthorized", data: { code: "unavailable" } });
	await connected(open, websocket);
	const hook = await backend(t, () => ({ rooms: ["late"] }), { port });
	await Promise.all(waiting);
	assert.equal((await sockets(patient, "?room=late")).length, 20);
	assert.equal(hook.of("connect").length, 20);
	assert.deepEqual(await metrics(patient, "connects"), { allowed: 20, denied: 0, unavailable: 0, left: 0 });
	assert.deepEqual(await metrics(open, "connects"), { allowed: 0, denied: 0, unavailable: 1, left: 0 });
	// The log says it once, and that it is over.
	await until(() => patient.record("the backend answers webhooks again"), "the line");
	for (const node of [patient, strict, open]) assert.equal(complaints(node).length, 1);
	assert.match(complaints(patient)[0].reason, /connect/i);
});

test("a backend that comes back lets clients in, however many are waiting", async (t) => {
	const hook = await backend(t, () => null);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-timeout", "500"]);
	let refusals = 0, connects = 0, over = false;
	const stream = (async () => {
		for (; !over; await sleep(10)) {
			const socket = client(node, { ...websocket, reconnection: false });
			socket.on("connect", () => connects++);
			socket.on("connect_error", () => refusals++);
		}
	})();
	t.after(() => { over = true; });
	await until(() => refusals > 5, "a queue");
	hook.handle = () => sleep(100); // longer than those have who have waited longest
	await until(() => connects > 5, "clients to be let in");
	over = true;
	await stream;
});

test("a backend that fails about one client keeps no other waiting", async (t) => {
	const hook = await backend(t, ({ data: { auth } }) => auth.bad ? status(500) : undefined);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-timeout", "1500"]);
	const bad = refused(node, { auth: { bad: true } });
	await Promise.all(Array.from({ length: 20 }, () => connected(node, websocket)));
	assert.deepEqual((await bad).data, { code: "unavailable" });
	assert.ok(hook.of("connect").filter(({ auth }) => auth.bad).length > 1, "it was asked again");
});

test("no more than so many questions are under way, and all are answered", async (t) => {
	const hook = await backend(t, async () => {
		await sleep(5);
	});
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-connections", "3", "--webhook-timeout", "30000"]);
	await Promise.all(Array.from({ length: 60 }, () => connected(node, websocket)));
	assert.equal(hook.mostOpen, 3);
	assert.deepEqual(await metrics(node, "requests"), { ok: 60, refused: 0, failed: 0 });
});

test("who leaves before the answer is not connected, and the backend is told", async (t) => {
	let answer;
	const hook = await backend(t, ({ type }) => type === "connect" ? new Promise((resolve) => { answer = resolve; }) : undefined);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-disconnect", "/", "--webhook-timeout", "30000"]);
	const socket = client(node, websocket);
	await until(() => answer, "the question");
	socket.disconnect();
	await until(async () => (await sessions(node)) === 0, "the client to be gone");
	answer({ rooms: ["x"] });
	await until(() => hook.events().length, "the disconnect");
	const [{ type, reason, socket: id }] = hook.events();
	assert.deepEqual([type, reason, id], ["disconnect", "never connected", hook.of("connect")[0].socket]);
	assert.deepEqual((await call(node, "GET", "/api/rooms")).body.rooms, []);
	assert.equal((await metrics(node, "connects")).left, 1);
});

test("who is sent away while the backend says yes is told of all the same", async (t) => {
	let answer;
	const hook = await backend(t, ({ type }) => type === "connect" ? new Promise((resolve) => { answer = resolve; }) : undefined);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-disconnect", "/", "--webhook-timeout", "30000"]);
	const { sid } = await handshake(node.port);
	const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
	// An attachment that belongs to no event ends the session, which waits for a GET to say so.
	await request(node.port, { method: "POST", path: target, body: "40\x1ebAAAA" });
	await until(() => answer, "the question");
	answer({ rooms: ["x"] });
	await until(async () => (await metrics(node, "requests")).ok === 1, "the answer to be read");
	await request(node.port, { path: target });
	await until(() => hook.events().length, "the disconnect");
	assert.deepEqual(hook.events().map(({ socket, reason }) => [socket, reason]), [[hook.of("connect")[0].socket, "never connected"]]);
	assert.deepEqual(await metrics(node, "connects"), { allowed: 0, denied: 0, unavailable: 0, left: 1 });
});

test("who leaves while the backend hangs is told of, also when clients are let in without it", async (t) => {
	const hook = await backend(t, ({ type }) => type === "connect" ? null : undefined);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-disconnect", "/", "--webhook-timeout", "500", "--webhook-unavailable", "allow"]);
	const socket = client(node, websocket);
	await until(() => hook.of("connect").length, "the question");
	socket.disconnect();
	await until(() => hook.events().length, "the disconnect");
	assert.equal(hook.events()[0].reason, "never connected");
	assert.deepEqual(await metrics(node, "connects"), { allowed: 0, denied: 0, unavailable: 0, left: 1 });
});

// --- events ---------------------------------------------------------------------------------------------------------

test("events arrive in the order of each client, joined to batches, and are acknowledged", async (t) => {
	const hook = await backend(t, async ({ data }) => {
		await sleep(2);
		return { acks: Object.fromEntries(data.filter(({ ack }) => ack).map(({ id, args }) => [id, { seen: args[1] }])) };
	});
	const node = await start(t, hook.url, ["--webhook-event", "order:*", "--webhook-connections", "2"]);
	const clients = await Promise.all(Array.from({ length: 5 }, () => connected(node, websocket)));
	const answers = [];
	for (let i = 0; i < 100; i++) {
		clients.forEach((socket, c) => {
			if (i % 10) socket.emit("order:seen", c, i);
			else answers.push(ask(socket, "order:new", c, i).then((answer) => assert.deepEqual(answer, { seen: i })));
		});
	}
	await Promise.all(answers);
	await until(() => hook.events().length === 500, "all events");
	const ids = new Set(hook.events().map(({ id }) => id));
	assert.equal(ids.size, 500);
	clients.forEach((socket, c) => {
		const own = hook.events().filter((event) => event.socket === socket.id);
		assert.deepEqual(own.map(({ args }) => args), Array.from({ length: 100 }, (_, i) => [c, i]));
		assert.equal(new Set(own.map(({ handler }) => handler)).size, 1);
	});
	assert.ok(hook.requests.length < 250, `${hook.requests.length} requests`);
	assert.ok(hook.mostOpen <= 2);
	for (const { body } of hook.requests) assert.ok(body.data.length <= 100);
	assert.deepEqual(await metrics(node, "events"), { delivered: 500, refused: 0, expired: 0, overflow: 0, invalid: 0 });
	assert.deepEqual([await gauge(node, "events_waiting"), await gauge(node, "waiting_bytes")], [0, 0]);
});

test("an event has what the client sent, byte for byte, and the acknowledgement comes back the same way", async (t) => {
	let answer;
	const hook = await backend(t, ({ data: [{ id }] }) => ({ text: `{"acks":{"${id}":${answer}}}` }));
	const node = await start(t, hook.url, ["--namespace", "/chat", "--webhook-event", "/chat *"]);
	const socket = await connected(node, { ...websocket, namespace: "/chat" });
	answer = "{\"n\":1.50,\"bytes\":{\"$binary\":\"AAH/\"},\"text\":\"\\u00fc\"}";
	const bytes = Buffer.from([0, 1, 255]);
	assert.deepEqual(await ask(socket, "größe \"x\"", 1, { deep: [bytes] }, bytes), { n: 1.5, bytes, text: "ü" });
	const [{ handler, id, ...rest }] = hook.events();
	assert.deepEqual(rest, {
		type: "event", node: node.listening.name, namespace: "/chat", socket: socket.id, user: null, event: "größe \"x\"",
		args: [1, { deep: [{ $binary: "AAH/" }] }, { $binary: "AAH/" }], ack: true,
	});
	answer = "{\"$binary\":\"x\"}"; // which is none
	assert.equal((await ask(socket, "x")).error.code, "failed");
	hook.handle = () => ({ acks: [] });
	assert.equal(await ask(socket, "x"), null);
	hook.handle = () => undefined;
	assert.equal(await ask(socket, "x"), null);
	hook.handle = () => ({ acks: { another: 1 } });
	assert.equal(await ask(socket, "x"), null);
	// What is peal's own, and what no pattern has, is not sent.
	socket.emit("peal:x");
	socket.emit("a:b");
	(await connected(node, websocket)).emit("x");
	hook.handle = ({ data }) => ({ acks: { [data.at(-1).id]: "last" } });
	assert.equal(await ask(socket, "y"), "last");
	assert.equal(hook.events().length, 6);
});

test("what one client sends, and gets back, spoils no acknowledgement of another", async (t) => {
	const held = [];
	const hook = await backend(t, ({ data }) => new Promise((resolve) => {
		held.push(() => resolve({ acks: Object.fromEntries(data.map(({ id, args }) => [id, args[0]])) }));
	}));
	const nested = (levels) => JSON.parse("[".repeat(levels) + "]".repeat(levels));
	const node = await start(t, hook.url, ["--webhook-event", "*", "--webhook-connections", "1"]);
	const [bad, good] = await Promise.all([connected(node, websocket), connected(node, websocket)]);
	good.emit("first");
	await until(() => held.length === 1, "the first batch");
	// It looks like an attachment, without one.
	const answers = [ask(bad, "echo", { _placeholder: true, num: 0 }), ask(bad, "echo", nested(60)), ask(good, "echo", 7)];
	// What not all backends can read would cost the others of a batch their events.
	assert.equal((await ask(bad, "echo", nested(61))).error.code, "invalid");
	bad.emit("echo", nested(61));
	bad.emit("echo", "cut within 😀".slice(0, -1));
	await until(async () => await gauge(node, "events_waiting") === 5, "all events");
	held[0]();
	await until(() => held.length === 2, "the other batch");
	held[1]();
	assert.deepEqual((await Promise.all(answers)).map((answer) => answer.error?.code ?? answer), ["failed", nested(60), 7]);
	await until(async () => (await metrics(node, "events")).delivered === 5, "the delivery");
	assert.equal((await metrics(node, "events")).invalid, 2);
	assert.equal(hook.events().at(-1).args[0], "cut within \ufffd");
	assert.deepEqual(complaints(node), []);
});

test("events wait for a backend that is away, in their order, and are repeated with the same id", async (t) => {
	const port = await freePort();
	const node = await start(t, `http://127.0.0.1:${port}/`, ["--webhook-event", "*", "--webhook-timeout", "500", "--webhook-connections", "1"]);
	const socket = await connected(node, websocket);
	const answer = ask(socket, "first");
	for (let i = 0; i < 5; i++) socket.emit("next", i);
	assert.deepEqual(await answer, { error: { code: "timeout", message: "nobody has answered in time" } });
	let failures = 2;
	const hook = await backend(t, () => failures-- > 0 ? status(503) : { acks: { too: "late" } }, { port });
	await until(async () => (await metrics(node, "events")).delivered === 6, "the delivery");
	assert.equal(new Set(hook.requests.slice(0, 3).map(({ id }) => id)).size, 1);
	assert.equal(new Set(hook.requests.slice(0, 3).map(({ body }) => JSON.stringify(body.data))).size, 1);
	const taken = hook.requests.slice(2).flatMap(({ body }) => body.data);
	assert.deepEqual(taken.map(({ event, args }) => [event, ...args]), [["first"], ...[0, 1, 2, 3, 4].map((i) => ["next", i])]);
	assert.ok(socket.connected);
	assert.equal(complaints(node).length, 1);
	await until(() => node.record("the backend answers webhooks again"), "the line");
});

test("what nobody takes for too long is dropped, and counted", async (t) => {
	const node = await start(t, `http://127.0.0.1:${await freePort()}/`, ["--webhook-event", "*", "--webhook-retry-seconds", "0"]);
	const socket = await connected(node, websocket);
	socket.emit("a");
	assert.equal((await ask(socket, "b")).error.code, "failed");
	await until(async () => (await metrics(node, "events")).expired === 2, "the end of both");
	assert.equal(await gauge(node, "events_waiting"), 0);
	assert.ok(socket.connected);
});

test("events that the backend takes with too many words are not sent again", async (t) => {
	const hook = await backend(t, () => ({ text: "x".repeat(3 << 20) }));
	const node = await start(t, hook.url, ["--webhook-event", "*"]);
	const socket = await connected(node, websocket);
	assert.equal((await ask(socket, "x")).error.code, "failed");
	assert.deepEqual(await metrics(node, "events"), { delivered: 1, refused: 0, expired: 0, overflow: 0, invalid: 0 });
	assert.equal(hook.requests.length, 1);
	assert.match(complaints(node)[0].reason, /makes no sense: it is too long/);
});

test("a backend may ask for a pause as long as it likes", async (t) => {
	const hook = await backend(t, () => ({ status: 503, headers: { "Retry-After": "1000000" }, text: "" }));
	const node = await start(t, hook.url, ["--webhook-event", "*", "--webhook-retry-seconds", "1"]);
	(await connected(node, websocket)).emit("x");
	await until(async () => (await metrics(node, "events")).expired === 1, "the end of the event");
	assert.equal(hook.requests.length, 1);
});

test("events of some clients make no request too long for a backend that takes those of others", async (t) => {
	const held = [];
	const hook = await backend(t, () => new Promise((resolve) => held.push(resolve)));
	const node = await start(t, hook.url, ["--webhook-event", "*", "--webhook-connections", "1"]);
	const socket = await connected(node, websocket);
	for (let i = 0; i < 12; i++) socket.emit("x", "y".repeat(30000));
	await until(async () => held.length && await gauge(node, "events_waiting") === 12, "all events");
	hook.handle = () => undefined;
	held[0]();
	await until(async () => await gauge(node, "events_waiting") === 0, "the delivery");
	for (const { text } of hook.requests) assert.ok(text.length < 100000, text.length); // what Express takes
	assert.ok(hook.requests.length < 8, hook.requests.length);
});

test("what the backend refuses is not sent again, and the next events are", async (t) => {
	const hook = await backend(t, ({ data }) => data.some(({ event }) => event === "bad") ? status(400) : { acks: Object.fromEntries(data.map(({ id }) => [id, "fine"])) });
	const node = await start(t, hook.url, ["--webhook-event", "*"]);
	const socket = await connected(node, websocket);
	assert.deepEqual(await ask(socket, "bad"), { error: { code: "failed", message: "the backend could not handle the event" } });
	assert.equal(await ask(socket, "good"), "fine");
	assert.deepEqual(await metrics(node, "events"), { delivered: 1, refused: 1, expired: 0, overflow: 0, invalid: 0 });
	assert.equal(hook.requests.length, 2);
});

test("a backend that hangs, breaks off or talks nonsense costs its clients an error and nothing else", async (t) => {
	const hook = await backend(t, () => null);
	const node = await start(t, hook.url, ["--webhook-event", "*", "--webhook-timeout", "300", "--webhook-retry-seconds", "1", "--webhook-connections", "1"]);
	const socket = await connected(node, websocket);
	assert.equal((await ask(socket, "hangs")).error.code, "timeout");
	hook.handle = () => ({ text: "not JSON" });
	await until(async () => (await metrics(node, "events")).delivered >= 1 || (await metrics(node, "events")).expired >= 1, "the first");
	assert.equal((await ask(socket, "nonsense")).error.code, "failed");
	hook.handle = () => ({ status: 200, headers: { "Content-Length": "100" }, text: "{" });
	assert.match((await ask(socket, "short")).error.code, /^(timeout|failed)$/);
	await hook.stop();
	const noise = net.createServer((connection) => connection.on("error", () => {}).end("\0\r\n\r\nHTTP/9 what\r\n")).listen(hook.port, "127.0.0.1");
	await once(noise, "listening");
	t.after(() => noise.close());
	assert.match((await ask(socket, "noise")).error.code, /^(timeout|failed)$/);
	assert.ok(socket.connected);
	assert.equal(complaints(node).filter(({ reason }) => !reason.startsWith("the answer makes no sense")).length, 1);
});

test("what may wait is bounded, per lane, and clients that are turned away are told", async (t) => {
	const node = await start(t, `http://127.0.0.1:${await freePort()}/`, ["--webhook-event", "*", "--webhook-disconnect", "/", "--webhook-queue-bytes", "65536", "--webhook-connections", "1", "--webhook-timeout", "60000", "--shutdown-seconds", "1"]);
	const socket = await connected(node, websocket);
	for (let i = 0; i < 100; i++) socket.emit("fill", "x".repeat(1000));
	assert.deepEqual(await ask(socket, "more", "x".repeat(1000)), { error: { code: "overloaded", message: "too many events wait for an answer" } });
	const waiting = await gauge(node, "events_waiting");
	assert.ok(waiting > 40 && waiting < 66, waiting);
	assert.ok(await gauge(node, "waiting_bytes") <= 65536);
	assert.equal((await metrics(node, "events")).overflow, 101 - waiting);
	// There is still room for what tells who has gone.
	socket.disconnect();
	await until(async () => await gauge(node, "events_waiting") === waiting + 1, "the disconnect");
	assert.equal(complaints(node).length, 1);
	await node.stop();
	assert.equal(node.record("the backend was not told of everything").lost, waiting + 1);
});

test("no client has more than its share of the acknowledgements that are waited for", async (t) => {
	let answer = () => {};
	const hook = await backend(t, ({ data }) => new Promise((resolve) => {
		answer = () => resolve({ acks: Object.fromEntries(data.map(({ id }) => [id, "fine"])) });
	}));
	const node = await start(t, hook.url, ["--webhook-event", "*", "--webhook-timeout", "60000"]);
	const socket = await connected(node, websocket);
	const answers = Array.from({ length: 70 }, (_, i) => ask(socket, "work", i));
	assert.deepEqual((await Promise.all(answers.slice(64))).map(({ error }) => error.code), Array(6).fill("overloaded"));
	const done = Promise.all(answers.slice(0, 64));
	const over = done.then(() => true);
	while (!await Promise.race([over, sleep(20)])) answer();
	assert.deepEqual(await done, Array(64).fill("fine"));
});

test("disconnects are told with their reason, also when the node ends", async (t) => {
	const hook = await backend(t);
	const node = await start(t, hook.url, ["--namespace", "/chat", "--webhook-disconnect", "/"]);
	const [one, two] = await Promise.all([connected(node, websocket), connected(node, websocket), connected(node, { ...websocket, namespace: "/chat" })]);
	const [id, other] = [one.id, two.id];
	one.disconnect();
	await until(() => hook.events().length === 1, "the first");
	await node.stop();
	assert.deepEqual(hook.events().map(({ type, socket, reason, user }) => [type, socket, reason, user]),
		[["disconnect", id, "client namespace disconnect", null], ["disconnect", other, "server shutting down", null]]);
	assert.equal(node.record("the backend was not told of everything"), undefined);
});

test("a node that ends while the backend hangs cuts what is under way, and says what is lost", async (t) => {
	const hook = await backend(t, ({ type }) => type === "events" ? null : undefined);
	const node = await start(t, hook.url, ["--webhook-connect", "/", "--webhook-event", "*", "--webhook-connections", "2", "--shutdown-seconds", "0"]);
	const clients = await Promise.all(Array.from({ length: 8 }, () => connected(node, websocket)));
	for (const socket of clients) socket.emit("x", () => {});
	await until(async () => await gauge(node, "events_waiting") === 8, "all events");
	hook.handle = () => null;
	client(node, websocket);
	await until(() => hook.of("connect").length === 9, "a question");
	await node.stop();
	assert.equal(node.record("the backend was not told of everything").lost, 8);
});

test("an event goes to the backend or to the Node.js servers, not to both", async (t) => {
	const redis = await startRedis(t);
	const hook = await backend(t, ({ data }) => ({ acks: { [data[0].id]: "backend" } }));
	const node = await start(t, hook.url, ["--redis", redis.url, "--forward", "*", "--webhook-event", "order"]);
	const socket = await connected(node, websocket);
	assert.equal(await ask(socket, "order"), "backend");
	assert.equal((await ask(socket, "other")).error.code, "unavailable");
	assert.equal(hook.events().length, 1);
});

// --- set up ---------------------------------------------------------------------------------------------------------

test("a backend behind TLS needs a certificate that is trusted", async (t) => {
	const place = folder(t);
	for (const name of ["one", "two"])
		execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
			"-keyout", `${place}/${name}.key`, "-out", `${place}/${name}.pem`], { stdio: "ignore" });
	const server = https.createServer({ key: readFileSync(`${place}/one.key`), cert: readFileSync(`${place}/one.pem`) });
	const hook = await backend(t, () => ({ rooms: ["safe"] }), { server });
	const url = `https://127.0.0.1:${hook.port}/`, args = ["--webhook-connect", "/", "--webhook-timeout", "1000"];
	const good = await start(t, url, [...args, "--webhook-ca", `${place}/one.pem`]);
	await connected(good, websocket);
	for (const more of [[], ["--webhook-ca", `${place}/two.pem`]]) {
		const bad = await start(t, url, [...args, ...more]);
		assert.deepEqual((await refused(bad)).data, { code: "unavailable" });
		assert.match(complaints(bad)[0].reason, /certificate/i);
		assert.equal(hook.requests.length, 1);
		if (!more.length) continue;
		// The file may be changed in its place.
		writeFileSync(`${place}/two.pem`, readFileSync(`${place}/one.pem`));
		const patient = client(bad, websocket);
		patient.on("connect_error", () => patient.connect());
		await event(patient, "connect");
	}
});

test("a reload changes where to, the secret and what is told, and no client notices", async (t) => {
	const place = folder(t), file = path.join(place, "peal.json"), secretFile = path.join(place, "secret");
	const write = (name, text) => {
		writeFileSync(`${name}.new`, text);
		renameSync(`${name}.new`, name);
	};
	const second = "U2VjcmV0IG51bWJlciB0d28sIHdoaWNoIGlzIGxvbmcgdG9v";
	const hook = await backend(t, ({ data }) => ({ acks: { [data[0].id]: "one" } }));
	const other = await backend(t, ({ data }) => ({ acks: { [data[0].id]: "two" } }), { signer: second });
	write(secretFile, `${secret}\n`);
	const config = { webhookUrl: hook.url, webhookSecretFile: secretFile, webhookEvent: ["a"] };
	write(file, JSON.stringify(config));
	const node = await serve(t, ["--config", file]);
	const reload = async (next) => {
		write(file, JSON.stringify(next));
		const before = node.output.length;
		node.child.kill("SIGHUP");
		await until(() => /configuration (not )?reloaded.*\n/.test(node.output.slice(before)), "the reload");
		return node.output.slice(before).trimEnd().split("\n").map((line) => JSON.parse(line));
	};
	const keys = (records) => records.filter(({ message }) => message.startsWith("setting changed")).map(({ key }) => key);
	const socket = await connected(node, websocket);
	assert.equal(await ask(socket, "a"), "one");
	write(secretFile, `${second}\n`);
	assert.deepEqual(keys(await reload({ ...config, webhookUrl: other.url, webhookEvent: ["b"], webhookConnect: ["/"] })), ["webhookUrl", "webhookConnect", "webhookEvent"]);
	assert.equal(await ask(socket, "b"), "two");
	other.handle = ({ type, data }) => type === "connect" ? { allow: false } : { acks: { [data[0].id]: "two" } };
	assert.deepEqual((await refused(node)).data, { code: "forbidden" });
	write(secretFile, "short\n");
	const [{ error }] = await reload(config);
	assert.match(error, /webhookSecretFile.*base64/);
	assert.doesNotMatch(error, /short/);
	assert.equal(await ask(socket, "b"), "two");
	// The secret alone, which no setting shows.
	write(secretFile, `${second}\n`);
	await reload({ ...config, webhookUrl: other.url, webhookEvent: ["b"] });
	write(secretFile, `${secret}\n`);
	const changed = (await reload({ ...config, webhookUrl: other.url, webhookEvent: ["b"] })).find(({ message }) => /another key/.test(message));
	assert.equal(changed.key, "webhookSecretFile");
	assert.equal((await ask(socket, "b")).error.code, "failed"); // it is the wrong one for this backend
	write(secretFile, `${second}\n`);
	const rest = { webhookDisconnect: ["/"], webhookUnavailable: "allow", webhookTimeout: 100, webhookRetrySeconds: 60, webhookQueueBytes: 1000000 };
	other.handle = () => null;
	assert.deepEqual(keys(await reload({ ...config, webhookUrl: other.url, webhookEvent: ["b"], webhookConnect: ["/"], ...rest })).sort(), ["webhookConnect", ...Object.keys(rest)].sort());
	await connected(node, websocket); // it would be refused, after five seconds
	// Without any there is nothing to change over to.
	const restart = (await reload({})).filter(({ message }) => message === "setting changes with the next start only").map(({ key }) => key);
	assert.deepEqual(restart.length, 4 + Object.keys(rest).length);
	for (const text of [secret, second]) assert.ok(!node.output.includes(text.slice(8)));
});

test("what cannot be meant is refused, and the secret is shown to nobody", async (t) => {
	const url = ["--webhook-url", "http://127.0.0.1:1/"], all = [...url, "--webhook-secret", secret, "--webhook-event", "x"];
	const wrong = [
		[["--webhook-event", "x"], /--webhook-event: does nothing without --webhook-url/],
		[["--webhook-secret", secret], /--webhook-secret: does nothing without --webhook-url/],
		[url, /--webhook-url: does nothing without --webhook-connect, --webhook-event or --webhook-disconnect/],
		[[...url, "--webhook-event", "x"], /--webhook-url: needs --webhook-secret-file or --webhook-secret/],
		[[...url, "--webhook-event", "x", "--webhook-secret", "secret"], /--webhook-secret: the secret must be 24 to 64 bytes in base64/],
		[[...all, "--webhook-secret-file", "/dev/null"], /--webhook-secret-file: --webhook-secret is given too/],
		[[...all, "--webhook-connect", "/chat"], /--webhook-connect: \/chat is not served/],
		[[...all, "--webhook-disconnect", "*"], /--webhook-disconnect: \* is not served/],
		[[...all, "--webhook-event", "peal:x"], /--webhook-event: "peal:x" begins with peal:/],
		[[...all, "--webhook-event", "{user}"], /--webhook-event: "\{user\}" has \{user\}/],
		[[...all, "--webhook-unavailable", "allow"], /--webhook-unavailable: does nothing without --webhook-connect/],
		[[...all, "--webhook-unavailable", "maybe"], /--webhook-unavailable/],
		[[...all, "--webhook-timeout", "99"], /--webhook-timeout/],
		[[...all, "--webhook-connections", "65"], /--webhook-connections/],
		[[...all, "--webhook-queue-bytes", "1"], /--webhook-queue-bytes/],
		[[...all, "--webhook-ca", "/nowhere"], /--webhook-ca: does nothing with a --webhook-url of http/],
		[["--webhook-url", "https://127.0.0.1:1/", "--webhook-secret", secret, "--webhook-event", "x", "--webhook-ca", "/nowhere"], /--webhook-ca: cannot read "\/nowhere"/],
		[["--webhook-url", "https://127.0.0.1:1/", "--webhook-secret", secret, "--webhook-event", "x", "--webhook-ca", "/dev/null"], /--webhook-ca: there is no certificate in PEM in "\/dev\/null"/],
	];
	for (const [other, message] of [["ftp://x/", /does not begin with http/], ["x", /does not begin with http|is not a URL/], ["http://", /is not a URL/], ["http://u:p@x/", /must have no user/], ["http://x/#a", /must have no #/]])
		wrong.push([["--webhook-url", other, "--webhook-secret", secret, "--webhook-event", "x"], message]);
	for (const [args, message] of wrong) {
		const { code, stderr } = await run(["serve", "--port", "0", ...args]);
		assert.equal(code, 2, `${args}: ${stderr}`);
		assert.match(stderr, message);
		assert.ok(!stderr.includes(secret.slice(8)));
	}
	const { stdout } = await run(["config", ...all]);
	assert.match(stdout, /webhookSecret.*\(set\)/);
	assert.ok(!stdout.includes(secret.slice(8)));
	const node = await start(t, "http://127.0.0.1:1/", ["--webhook-event", "x", "--webhook-secret", secret], { PEAL_WEBHOOK_SECRET: undefined });
	assert.ok(!readFileSync(`/proc/${node.child.pid}/cmdline`, "utf8").includes(secret.slice(8)));
});
