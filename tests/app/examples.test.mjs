// The examples run and do what they show.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import test from "node:test";
import { ask, connected, endWith, event, handshake, peal, until, within } from "./program.mjs";
import { startRedis } from "./redis.mjs";

async function example(t, name, args = []) {
	const program = path.join(path.dirname(peal), "../../examples", name);
	const child = spawn(program, ["--port", "0", ...args], { stdio: ["ignore", "pipe", "inherit"] });
	const node = { output: "" };
	child.stdout.on("data", (chunk) => { node.output += chunk; });
	const exited = once(child, "exit");
	endWith(t, node, async () => {
		child.kill("SIGTERM");
		assert.deepEqual(await within(exited, `${name} to end`), [null, "SIGTERM"]);
	});
	const [, port] = await until(() => {
		assert.equal(child.exitCode, null, `${name} ended`);
		return /listening on port (\d+)/.exec(node.output);
	}, `${name} to listen`);
	node.port = Number(port);
	node.url = `http://127.0.0.1:${port}`;
	return node;
}

// --- broadcasting ---------------------------------------------------------------------------------------------------

test("broadcasting: each form reaches those that the page says", async (t) => {
	const node = await example(t, "broadcasting");
	const sockets = { a: await connected(node), b: await connected(node), n: await connected(node, { namespace: "/the-namespace" }) };
	let heard = [];
	for (const [name, socket] of Object.entries(sockets))
		socket.on("hello", (text, answer) => {
			heard.push(name);
			assert.equal(text, "world");
			answer?.(`from ${name}`);
		});
	const forms = {
		"everyone": ["a", "b"], "everyone-else": ["b"], "local": ["a", "b"],
		"everyone-ack": ["a", "b"], "room-ack": ["a", "b"], "everyone-else-ack": ["b"], "namespace-ack": ["n"],
	};
	for (const [form, expected] of Object.entries(forms)) {
		heard = [];
		const result = form.endsWith("-ack") ? event(sockets.a, "result") : undefined;
		assert.equal(await ask(sockets.a, "run", form), true);
		if (result) {
			assert.deepEqual(await result, [expected.length, expected.length], form);
			for (const name of expected) await until(() => node.output.includes(`response: "from ${name}"`), `what ${name} answered`);
		} else {
			await ask(sockets.b, "run", "none"); // behind the answer everything has arrived
		}
		assert.deepEqual(heard.sort(), expected, form);
		node.output = "";
	}
	assert.equal(await ask(sockets.a, "run", "none"), false);
});

test("broadcasting: with --redis each form reaches the clients of other nodes too", async (t) => {
	const redis = await startRedis(t);
	const nodes = await Promise.all([1, 2].map(() => example(t, "broadcasting", ["--redis", redis.url])));
	const sockets = await Promise.all(nodes.map((node) => connected(node)));
	let heard = [];
	sockets.forEach((socket, i) => socket.on("hello", (text, answer) => { heard.push(i); answer?.(i); }));
	// They may have to find each other first.
	await until(async () => {
		const result = event(sockets[0], "result");
		assert.equal(await ask(sockets[0], "run", "everyone-ack"), true);
		return (await result)[1] === 2;
	}, "both nodes to be asked");
	for (const [form, expected] of Object.entries({ "everyone": [0, 1], "everyone-else": [1], "local": [0] })) {
		heard = [];
		await ask(sockets[0], "run", form);
		await until(() => heard.length >= expected.length, form);
		assert.deepEqual(heard.sort(), expected, form);
	}
});

// --- chat -----------------------------------------------------------------------------------------------------------

test("chat: people in a room hear each other and who comes and goes", async (t) => {
	const node = await example(t, "chat");
	const [ada, grace, alan] = [await connected(node), await connected(node), await connected(node)];
	assert.equal(await ask(ada, "enter", "Ada", "tea"), 1);
	const entered = event(ada, "entered");
	assert.equal(await ask(grace, "enter", "Grace", "tea"), 2);
	assert.deepEqual(await entered, ["Grace", "tea"]);
	assert.equal(await ask(alan, "enter", "Alan", "coffee"), 1);
	assert.equal(await ask(alan, "enter", "Alan", "tea"), null); // once is enough
	const wrong = [];
	alan.onAny((name) => wrong.push(name));

	grace.on("said", (name, text, answer) => { answer?.(); grace.heard = [name, text]; });
	const confirmed = await within(new Promise((resolve) => ada.emit("say", "hello", (...counts) => resolve(counts))), "confirmation");
	assert.deepEqual(confirmed, [1, 1]);
	assert.deepEqual(grace.heard, ["Ada", "hello"]);
	const typing = event(ada, "typing");
	grace.emit("typing");
	assert.deepEqual(await typing, ["Grace"]);
	const left = event(ada, "left");
	grace.disconnect();
	assert.deepEqual(await left, ["Grace", "tea"]);
	assert.equal(await ask(alan, "enter", "x", "y"), null);
	assert.deepEqual(wrong, []);
});

// --- conformance ----------------------------------------------------------------------------------------------------

test("conformance: Socket.IO's test application and a bare Engine.IO echo server on one port", async (t) => {
	const node = await example(t, "conformance");
	const open = await handshake(node.port, "/engine.io/", { Origin: "http://a" });
	assert.deepEqual([open.pingInterval, open.pingTimeout, open.maxPayload], [300, 200, 1000000]);
	assert.equal(open.headers["access-control-allow-origin"], "*");
	const socket = await connected(node, { auth: { token: 1 } });
	const back = event(socket, "message-back");
	socket.emit("message", 1, "two", { three: Buffer.from("3") });
	assert.deepEqual(await back, [1, "two", { three: Buffer.from("3") }]);
	assert.deepEqual(await within(new Promise((resolve) => socket.emit("message-with-ack", 1, "2", (...args) => resolve(args))), "ack"), [1, "2"]);
});
