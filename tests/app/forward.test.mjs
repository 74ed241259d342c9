// Client events that Node.js servers of the cluster hear of.
import assert from "node:assert/strict";
import test from "node:test";
import { createAdapter } from "@socket.io/redis-adapter";
import { SignJWT } from "jose";
import { createClient } from "redis";
import { Server } from "socket.io";
import { ask, connected, run, serve, until } from "./program.mjs";
import { startNodes, startRedis } from "./redis.mjs";

// An ordinary Socket.IO server of the cluster, with a handler for peal:event. It has what it heard in `heard`.
async function backend(t, redis, handle, namespaces = ["/"]) {
	const publisher = createClient({ url: redis.url }), subscriber = publisher.duplicate();
	for (const one of [publisher, subscriber]) one.on("error", () => {}); // some tests end Redis
	t.after(() => Promise.all([publisher, subscriber].map((one) => one.disconnect())));
	const io = new Server({ adapter: createAdapter(publisher, subscriber) });
	await Promise.all([publisher.connect(), subscriber.connect()]);
	const heard = [];
	for (const name of namespaces)
		io.of(name).on("peal:event", (...args) => {
			heard.push(args);
			handle?.(...args);
		});
	const channels = namespaces.map((name) => `socket.io-request#${name}#`);
	await until(async () => Object.values(await publisher.pubSubNumSub(channels)).every((count) => count > 0), "the server to be subscribed");
	return { io, heard };
}

const websocket = { transports: ["websocket"] };
const metric = async (node, outcome) =>
	Number((await node.get("/metrics")).body.match(new RegExp(`^peal_forwarded_events_total\\{outcome="${outcome}"\\} (\\d+)$`, "m"))[1]);

test("two servers share the work by the handler number, and each event has one effect", async (t) => {
	const redis = await startRedis(t);
	const effects = new Map(), done = [0, 0];
	for (const me of [0, 1])
		await backend(t, redis, (event, callback) => {
			if (event.handler % 2 !== me) return;
			effects.set(event.id, (effects.get(event.id) ?? 0) + 1);
			done[me]++;
			callback?.({ me, args: event.args });
		});
	const { nodes } = await startNodes(t, 2, ["--forward", "order:*"], redis);
	let sent = 0;
	// Until both have something to do. Nobody chooses the ids of the sockets.
	for (let i = 0; i < 64 && (i < 4 || !done[0] || !done[1]); i++) {
		const socket = await connected(nodes[i % 2], websocket);
		const answers = await Promise.all([0, 1, 2, 3, 4].map((k) => ask(socket, "order:new", i, k)));
		assert.deepEqual(answers.map(({ args }) => args), [0, 1, 2, 3, 4].map((k) => [i, k]));
		assert.equal(new Set(answers.map(({ me }) => me)).size, 1, "one client has one handler");
		socket.emit("order:seen", i);
		sent += 6;
	}
	await until(() => effects.size >= sent, "the events without acknowledgement");
	assert.ok(done[0] && done[1], String(done));
	assert.deepEqual([effects.size, [...effects.values()].filter((count) => count !== 1)], [sent, []]);
	assert.equal(await metric(nodes[0], "answered") + await metric(nodes[1], "answered"), sent / 6 * 5);
	assert.equal(await metric(nodes[0], "sent") + await metric(nodes[1], "sent"), sent / 6);
});

test("a handler is told who sent what, byte for byte, and where", async (t) => {
	const redis = await startRedis(t);
	const { heard } = await backend(t, redis, (event, callback) => callback?.(event.args[0]), ["/", "/chat", "/other"]);
	const node = await serve(t, ["--name", "näm\"e", "--redis", redis.url, "--namespace", "/chat,*", "--forward", "/chat *", "--forward", "* any"]);
	const socket = await connected(node, { ...websocket, namespace: "/chat" });
	const bytes = Buffer.from([0, 1, 255]);
	assert.equal(await ask(socket, "größe \"x\"", 1, { deep: [bytes] }, bytes), 1);
	assert.deepEqual(heard.length, 1);
	const [{ id, handler, ...rest }, callback] = heard[0];
	assert.deepEqual(rest, { node: "näm\"e", namespace: "/chat", socket: socket.id, user: null, event: "größe \"x\"", args: [1, { deep: [bytes] }, bytes] });
	assert.match(id, /^[0-9a-f]{16}-1$/);
	assert.ok(Number.isInteger(handler) && handler >= 0 && handler < 2 ** 32);
	assert.equal(typeof callback, "function");

	// Without acknowledgement there is nothing to call; the main namespace has no pattern here, and events of peal are its own.
	for (const name of ["peal:event", "peal:x", "a:b"]) socket.emit(name, { id: "forged" });
	(await connected(node, websocket)).emit("any");
	socket.emit("none");
	const other = await connected(node, { ...websocket, namespace: "/other" });
	other.emit("another");
	assert.equal(await ask(other, "any", "x"), "x");
	assert.deepEqual(heard.slice(1).map(([{ namespace, event }, callback]) => [namespace, event, typeof callback]),
		[["/chat", "none", "undefined"], ["/other", "any", "function"]]);
});

test("the user of a token is told, and a client cannot make one up", async (t) => {
	const redis = await startRedis(t);
	const secret = "a secret of the tests that has more than 32 bytes";
	const { heard } = await backend(t, redis, (event, callback) => callback(event.user));
	const node = await serve(t, ["--redis", redis.url, "--forward", "*", "--auth-optional", "/"], { env: { PEAL_AUTH_SECRET: secret } });
	const token = await new SignJWT({ sub: "al\"ice", data: { name: "A" }, exp: Math.floor(Date.now() / 1000) + 600 })
		.setProtectedHeader({ alg: "HS256" }).sign(new TextEncoder().encode(secret));
	assert.equal(await ask(await connected(node, { ...websocket, auth: { token } }), "who"), "al\"ice");
	assert.equal(await ask(await connected(node, { ...websocket, auth: { user: "al\"ice" } }), "who", { user: "al\"ice" }), null);
	assert.equal(heard.length, 2);
});

test("an acknowledgement that does not come is an error to the client, and says why", async (t) => {
	const { nodes: [node], redis } = await startNodes(t, 2, ["--forward", "*", "--forward-timeout", "300"]);
	const socket = await connected(node, websocket);
	const code = async () => (await ask(socket, "work")).error.code;
	// The other peal node has heard of it and does not count as a handler.
	assert.equal(await code(), "unavailable");
	const { heard } = await backend(t, redis);
	assert.equal(await code(), "timeout");
	assert.deepEqual(await ask(socket, "work"), { error: { code: "timeout", message: "nobody has answered in time" } });
	assert.equal(heard.length, 2);
	assert.equal(heard[0][0].handler, heard[1][0].handler);
	assert.notEqual(heard[0][0].id, heard[1][0].id);
	heard[0][1]("too late");
	assert.equal(await code(), "timeout");
	assert.deepEqual([await metric(node, "unavailable"), await metric(node, "timeout"), await metric(node, "answered")], [1, 3, 0]);
	// The log says it once and then counts.
	assert.equal(node.records.filter(({ message }) => message === "client events are not handled").length, 1);

	await redis.stop();
	assert.match(await code(), /^(timeout|unavailable)$/);
	assert.ok(socket.connected);
});

test("no client has more than its share of the acknowledgements that are waited for", async (t) => {
	const redis = await startRedis(t);
	const { heard } = await backend(t, redis);
	const node = await serve(t, ["--redis", redis.url, "--forward", "*", "--forward-timeout", "60000"]);
	const greedy = await connected(node, websocket), modest = await connected(node, websocket);
	const answers = Array.from({ length: 70 }, (_, i) => ask(greedy, "work", i));
	const refused = await Promise.all(answers.slice(64));
	assert.deepEqual(refused.map(({ error }) => error.code), Array(6).fill("overloaded"));
	await until(() => heard.length === 64, "what was let through");
	const other = ask(modest, "work", "modest");
	await until(() => heard.length === 65, "the event of the other client");
	heard[64][1]("fine");
	assert.equal(await other, "fine");
	for (const [event, callback] of heard.slice(0, 64)) callback(event.args[0]);
	assert.deepEqual(await Promise.all(answers.slice(0, 64)), Array.from({ length: 64 }, (_, i) => i));
	greedy.emit("work", 1, () => assert.fail("an answer for a client that has left"));
	await until(() => heard.length === 66, "the next event");
	// A client that leaves takes nothing with it, and the handler does not notice.
	greedy.disconnect();
	heard[65][1]("nobody is there");
	await until(async () => /^peal_forwarded_events_waiting 0$/m.test((await node.get("/metrics")).body), "nothing to wait for");
	modest.emit("work", () => {});
	await until(() => heard.length === 67, "the last event");
	await node.stop(); // with one that waits
});

test("what the limit of a client refuses is not sent on", async (t) => {
	const redis = await startRedis(t);
	const { heard } = await backend(t, redis, (event, callback) => callback?.("fine"));
	const node = await serve(t, ["--redis", redis.url, "--forward", "*", "--client-events-per-second", "1"]);
	const answers = await Promise.all(await connected(node, websocket).then((socket) => [1, 2, 3].map((i) => ask(socket, "x", i))));
	const passed = answers.filter((answer) => answer === "fine").length;
	assert.equal(answers.filter((answer) => answer?.error?.code === "rate_limited").length, 3 - passed, JSON.stringify(answers));
	assert.ok(passed < 3);
	assert.equal(heard.length, passed);
});

test("an event that the cluster cannot carry is refused and nothing else happens", async (t) => {
	const redis = await startRedis(t);
	const { heard } = await backend(t, redis, (event, callback) => callback?.("fine"));
	const node = await serve(t, ["--redis", redis.url, "--forward", "*"]);
	const socket = await connected(node, websocket);
	assert.equal((await ask(socket, "forged", { _placeholder: true, num: 0 })).error.code, "invalid");
	assert.equal(await ask(socket, "x"), "fine");
	assert.equal(heard.length, 1);
});

test("what cannot be meant is refused", async () => {
	const redis = ["--redis", "redis://127.0.0.1:1"];
	const wrong = [
		[["--forward", "x"], /--forward: does nothing without --redis/],
		[[...redis, "--forward-timeout", "5"], /--forward-timeout: does nothing without --forward/],
		[[...redis, "--forward", "/chat x"], /--forward: \/chat is not served; name it with --namespace too/],
		[[...redis, "--forward", "* x"], /--forward: \* is not served/],
		[[...redis, "--forward", "peal:x"], /--forward: "peal:x" begins with peal:/],
		[[...redis, "--forward", "{user}"], /--forward: "\{user\}" has \{user\}/],
		[[...redis, "--forward", "a**"], /--forward: "a\*\*" has two stars/],
		[[...redis, "--forward", "x", "--forward-timeout", "0"], /--forward-timeout/],
	];
	for (const [args, message] of wrong) {
		const { code, stderr } = await run(["serve", "--port", "0", ...args]);
		assert.equal(code, 2, `${args}: ${stderr}`);
		assert.match(stderr, message);
	}
});
