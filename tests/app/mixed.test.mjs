// The HTTP API in a cluster of two peal nodes and an official Socket.IO server.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { client, event, run, until, within } from "./program.mjs";
import { call, freePort, key, startNodes, startRedis } from "./redis.mjs";

async function startOfficial(t, redis) {
	const port = await freePort();
	const child = fork(fileURLToPath(new URL("official.mjs", import.meta.url)), [redis.url, String(port)]);
	t.after(() => child.kill("SIGKILL"));
	await within(once(child, "message"), "the official server to be up");
	return { child, url: `http://127.0.0.1:${port}` };
}

async function answering(node, url, answer) {
	const socket = client({ url, clients: node.clients }, { transports: ["websocket"] });
	socket.onAny((name, ...args) => {
		if (typeof args.at(-1) === "function") args.at(-1)(answer);
	});
	await event(socket, "connect");
	return socket;
}

test("the API counts, lists and moves the clients of official servers too, and tells when one is silent", async (t) => {
	const redis = await startRedis(t);
	const official = await startOfficial(t, redis);
	const { nodes: [here, there] } = await startNodes(t, 2, ["--member-timeout", "1500"], redis);
	const far = await answering(here, official.url, "far");
	const near = await answering(here, there.url, Buffer.from([1]));
	const emit = async (order) => (await call(here, "POST", "/api/emit", order)).body;

	const all = await emit({ event: "x", timeout: 20000 });
	assert.deepEqual(all.responses.map((one) => JSON.stringify(one)).sort(), ['"far"', '{"$binary":"AQ=="}']);
	assert.deepEqual({ ...all, responses: [] }, {
		error: null, responses: [], clients: { expected: 2, answered: 2 }, servers: { expected: 3, answered: 3, missing: [], unnamed_missing: 0 },
	});
	const { sockets } = (await call(here, "GET", "/api/sockets")).body;
	assert.deepEqual(sockets.map(({ id, node, data }) => [id, node, data]).sort(), [[far.id, "", { of: "node.js" }], [near.id, "n2", {}]].sort());
	assert.deepEqual((await call(here, "GET", "/api/count")).body, { count: 2, nodes: [{ node: "", count: 1 }, { node: "n2", count: 1 }] });
	assert.deepEqual((await call(here, "GET", "/api/rooms")).body, { rooms: ["official"] });
	assert.deepEqual((await call(here, "POST", "/api/sockets/join", { rooms: ["official"], targets: ["moved"] })).body, { confirmed: 1, expected: 1 });
	await until(async () => (await call(here, "GET", "/api/rooms")).body.rooms.includes("moved"), "the official server to have joined");
	assert.deepEqual((await emit({ event: "x", rooms: ["moved"], timeout: 20000 })).responses, ["far"]);
	const servers = (await call(here, "POST", "/api/server-emit", { event: "question", timeout: 20000 })).body;
	assert.deepEqual(servers.responses.sort(), ["from node.js", null]);
	assert.deepEqual(servers.servers, { expected: 2, answered: 2, missing: [], unnamed_missing: 0 });

	official.child.kill("SIGSTOP");
	const silent = await emit({ event: "x", timeout: 2000 });
	assert.equal(silent.error, "operation has timed out");
	assert.deepEqual([silent.responses, silent.servers], [[{ $binary: "AQ==" }], { expected: 3, answered: 2, missing: [], unnamed_missing: 1 }]);
	const partial = (await call(here, "GET", "/api/sockets?timeout=300")).body;
	assert.deepEqual([partial.error, partial.sockets.map(({ id }) => id)], ["operation has timed out", [near.id]]);
	const count = await run(["count", "--timeout", "300"], { env: { PEAL_URL: here.url, PEAL_API_KEY: key } });
	assert.deepEqual([count.code, count.stdout], [3, "NODE  SOCKETS\nn2    1\nall   1\n"]);
	assert.match(count.stderr, /operation has timed out; this is not all/);
	const emitted = await run(["emit", "x", "--timeout", "1000"], { env: { PEAL_URL: here.url, PEAL_API_KEY: key } });
	assert.equal(emitted.code, 3);
	assert.match(emitted.stdout, /^1 of 1 clients answered, 2 of 3 servers\nmissing servers without a name: 1\n/);
	official.child.kill("SIGCONT");
});
