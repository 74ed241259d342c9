// A node that sends its clients away, one that lets them in at a rate, and what the service manager hears of it.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import test from "node:test";
import { client, connected, endWith, event, folder, run, serve, sleep, until, within } from "./program.mjs";
import { call, key, startNodes } from "./redis.mjs";

const withKey = { env: { PEAL_API_KEY: key } };

// The value, or the sum over its labels.
async function metric(node, name) {
	const samples = [...(await node.get("/metrics")).body.matchAll(new RegExp(`^peal_${name}(?:\\{[^}]*\\})? (\\d+)$`, "mg"))];
	assert.ok(samples.length, name);
	return samples.reduce((sum, [, value]) => sum + Number(value), 0);
}

// A balancer without any finesse: connections go to the node that it is told, and nothing is cut when that changes.
async function balancer(t, node) {
	const relay = { target: node.port };
	const server = net.createServer((socket) => {
		const other = net.connect(relay.target, "127.0.0.1");
		for (const [one, two] of [[socket, other], [other, socket]]) {
			one.pipe(two);
			one.on("error", () => two.destroy());
			one.on("close", () => two.destroy());
		}
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	relay.url = `http://127.0.0.1:${server.address().port}`;
	endWith(t, relay, () => server.close());
	return relay;
}

// --- the stream -----------------------------------------------------------------------------------------------------

test("clients are sent away one after the other, by the transport, and come back elsewhere", async (t) => {
	const leaving = await serve(t, ["--drain-seconds", "2"], withKey), staying = await serve(t);
	const relay = await balancer(t, leaving);
	const sockets = [];
	for (let i = 0; i < 20; i++)
		sockets.push(await connected(relay, { transports: ["websocket"], reconnectionDelay: 20, reconnectionDelayMax: 50 }));
	const polling = await connected(leaving, { transports: ["polling"], reconnection: false });
	const reasons = [];
	for (const socket of [...sockets, polling]) socket.once("disconnect", (reason) => { reasons.push(reason); });
	relay.target = staying.port;
	leaving.child.kill("SIGTERM");
	await until(() => leaving.record("sending the clients away"), "the pause to be over");
	assert.equal(leaving.record("sending the clients away").sessions, 21);
	assert.equal(await metric(leaving, "draining"), 1);
	assert.equal((await leaving.get("/socket.io/?EIO=4&transport=polling")).status, 503);
	await until(() => reasons.length > 0, "the first one to leave");
	// More than an hour for the others: now nobody leaves for minutes. Had they gone all at once, nobody would be there.
	assert.equal((await call(leaving, "POST", "/api/drain", { seconds: 3600 })).status, 202);
	const left = await metric(leaving, "sessions");
	assert.ok(left > 0 && left < 21, leaving.output);
	assert.equal((await call(leaving, "POST", "/api/drain", { seconds: 1 })).status, 202);
	assert.deepEqual(await within(leaving.exited, "the program to end"), [0, null]);
	await until(() => reasons.length === 21, "all to have left");
	assert.deepEqual([...new Set(reasons)], ["transport close"]);
	const steps = leaving.records.filter(({ message }) => message === "draining");
	assert.ok(steps.length >= 1 && steps.length <= 10, leaving.output);
	for (const { sessions_gone: gone, sessions_left: rest } of steps) assert.equal(gone + rest, 21);
	await until(() => sockets.every((socket) => socket.connected), "all to be back");
	assert.equal(await metric(staying, "sessions"), 20);
});

test("an acknowledged emit during a drain tells truly who got it", async (t) => {
	const { nodes: [leaving, staying] } = await startNodes(t, 2);
	const relay = await balancer(t, leaving);
	const options = { transports: ["websocket"], reconnectionDelay: 20, reconnectionDelayMax: 50 };
	const heard = new Map(); // number of the emit: names that have answered it
	const start = async (node, name) => {
		const socket = client(node, options);
		socket.on("question", (number, answer) => {
			if (!heard.has(number)) heard.set(number, new Set());
			heard.get(number).add(name);
			answer(name);
		});
		await event(socket, "connect");
		return socket;
	};
	const moving = [], still = [];
	for (let i = 0; i < 12; i++) moving.push(await start(relay, `m${i}`));
	for (let i = 0; i < 4; i++) still.push(await start(staying, `s${i}`));
	relay.target = staying.port;
	assert.equal((await call(leaving, "POST", "/api/drain", { seconds: 1 })).status, 202);
	let number = 0, over = false, partial = 0;
	leaving.exited.then(() => { over = true; });
	while (!over) {
		const mine = ++number;
		const { status, body } = await call(staying, "POST", "/api/emit", { event: "question", args: [mine], timeout: 400 });
		assert.equal(status, 200);
		assert.equal(body.clients.answered, body.responses.length);
		assert.equal(new Set(body.responses).size, body.responses.length);
		for (const name of body.responses) assert.ok(heard.get(mine)?.has(name), `${name} has not answered ${mine}`);
		// Who was there all the time is in it, or it says that somebody is missing.
		if (body.error === null) for (let i = 0; i < 4; i++) assert.ok(body.responses.includes(`s${i}`), `s${i} is missing in ${mine}`);
		assert.equal(body.error === null, body.clients.expected === body.clients.answered && body.servers.missing.length === 0, JSON.stringify(body));
		partial += body.clients.answered > 4;
	}
	assert.ok(partial > 0, "the node that drains never answered");
	assert.equal((await within(leaving.exited, "the program to end"))[0], 0);
	await until(() => moving.every((socket) => socket.connected), "all to be back");
	const { body } = await call(staying, "POST", "/api/emit", { event: "question", args: ["last"], timeout: 5000 });
	assert.equal(body.error, null);
	assert.equal(body.responses.length, 16);
});

test("who waits for acknowledgements through the node that drains gets them", async (t) => {
	const { nodes: [leaving, staying] } = await startNodes(t, 2);
	const socket = client(staying, { transports: ["websocket"] });
	const question = event(socket, "question");
	await event(socket, "connect");
	const asked = call(leaving, "POST", "/api/emit", { event: "question", timeout: 30000 });
	const [answer] = await question;
	// The first order makes the pause short, the second one the time long.
	for (const seconds of [2, 3600]) assert.equal((await call(leaving, "POST", "/api/drain", { seconds })).body.seconds, seconds);
	await until(() => leaving.record("sending the clients away"), "the pause to be over");
	answer("at last");
	assert.deepEqual((await asked).body.responses, ["at last"]);
	assert.deepEqual(await within(leaving.exited, "the program to end"), [0, null]);
});

// --- orders ---------------------------------------------------------------------------------------------------------

test("POST /api/drain wants the key and one whole number", async (t) => {
	const node = await serve(t, [], withKey);
	const refused = async (body, status, pattern) => {
		const answer = await call(node, "POST", "/api/drain", body);
		assert.equal(answer.status, status, answer.text);
		assert.match(answer.body.error.message, pattern);
	};
	assert.equal((await call(node, "POST", "/api/drain", "{}", { Authorization: "Bearer no" })).status, 401);
	assert.equal((await call(node, "GET", "/api/drain")).status, 405);
	await refused("[]", 400, /must be an object/);
	await refused("{", 400, /not one JSON value/);
	await refused('{"minutes":1}', 400, /^minutes: there is no such key/);
	await refused('{"seconds":"1"}', 400, /^seconds: must be a number/);
	await refused('{"seconds":null}', 400, /^seconds: must be a number/);
	await refused('{"seconds":1.5}', 400, /^seconds: must be a whole number from 0 to 3600/);
	await refused('{"seconds":-1}', 400, /from 0 to 3600/);
	await refused('{"seconds":3601}', 400, /from 0 to 3600/);
	await refused('{"seconds":1,"seconds":2}', 400, /is there twice/);
	assert.equal((await node.get("/readyz")).status, 200);
	assert.equal(await metric(node, "draining"), 0);
});

test("peal drain ends a node, and a shorter time replaces a longer one", async (t) => {
	const node = await serve(t, [], withKey);
	const socket = await connected(node, { transports: ["websocket"], reconnection: false });
	const gone = event(socket, "disconnect");
	const args = ["drain", "--url", node.url];
	const env = { PEAL_API_KEY: key };
	const long = await run([...args, "--seconds", "3600"], { env });
	assert.equal(long.code, 0, long.stderr);
	assert.equal(long.stdout, "the node ends; its sessions (1) are sent away within 3600 seconds\n");
	assert.equal((await node.get("/readyz")).status, 503);
	assert.ok(socket.connected);
	const wrong = await run([...args, "--seconds", "3601"], { env });
	assert.equal(wrong.code, 2);
	assert.match(wrong.stderr, /whole number from 0 to 3600/);
	const short = await run([...args, "--seconds", "0", "--json"], { env });
	assert.deepEqual([short.code, short.stdout], [0, '{"seconds":0,"sessions":1}\n']);
	assert.equal((await gone)[0], "transport close");
	assert.deepEqual(await within(node.exited, "the program to end"), [0, null]);
});

test("SIGTERM ends a drain that was asked for over HTTP when its own time is shorter", async (t) => {
	const node = await serve(t, [], withKey);
	assert.equal((await call(node, "POST", "/api/drain", { seconds: 3600 })).status, 202);
	node.child.kill("SIGTERM");
	assert.deepEqual(await within(node.exited, "the program to end"), [0, null]);
	const slow = await serve(t, ["--drain-seconds", "3600"], withKey);
	// No body is one without a time.
	const bare = await slow.get("/api/drain", { method: "POST", headers: { Authorization: `Bearer ${key}` } });
	assert.deepEqual([bare.status, bare.body], [202, '{"seconds":3600,"sessions":0}']);
	assert.equal((await call(slow, "POST", "/api/drain", { seconds: 1 })).status, 202);
	slow.child.kill("SIGTERM");
	assert.deepEqual(await within(slow.exited, "the program to end"), [0, null]);
});

// --- the rate -------------------------------------------------------------------------------------------------------

test("--connect-rate lets all stock clients in, in the end and no faster", async (t) => {
	const node = await serve(t, ["--connect-rate", "20"]);
	const begun = performance.now();
	const sockets = Array.from({ length: 14 }, (_, i) =>
		client(node, { transports: i % 2 ? ["websocket"] : ["polling"], reconnectionDelay: 50, reconnectionDelayMax: 200 }));
	await until(() => sockets.every((socket) => socket.connected), "all to be in");
	// Two at once, and one each twentieth of a second.
	assert.ok(performance.now() - begun >= 1000 * (14 - 2) / 20, `${performance.now() - begun} ms`);
	assert.equal(await metric(node, "sessions_opened_total"), 14);
	assert.ok(await metric(node, "sessions_refused_rate_total") > 0);
	// Those that are in are not held up.
	const refused = await metric(node, "sessions_refused_rate_total");
	await sleep(100);
	assert.equal(await metric(node, "sessions_refused_rate_total"), refused);
	assert.ok(sockets.every((socket) => socket.connected));
});

// --- the service manager --------------------------------------------------------------------------------------------

const ear = `import socket, sys
ear = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
ear.bind(sys.argv[1].replace("@", "\\0", 1))
print("bound", flush=True)
while True:
    print(repr(ear.recv(4096)), flush=True)`;

async function listen(t, address) {
	const child = spawn("python3", ["-c", ear, address], { stdio: ["ignore", "pipe", "inherit"] });
	const exited = once(child, "exit");
	const manager = { heard: "" };
	child.stdout.on("data", (chunk) => { manager.heard += chunk; });
	t.after(async () => {
		child.kill("SIGKILL");
		await exited;
	});
	await until(() => manager.heard.includes("bound"), "the service manager");
	return manager;
}

for (const kind of ["a path", "an abstract name"])
	test(`the service manager hears that the node is ready, lives and ends, through ${kind}`, async (t) => {
		const address = kind === "a path" ? `${folder(t)}/notify` : `@peal-test-${process.pid}`;
		const manager = await listen(t, address);
		const node = await serve(t, ["--drain-seconds", "1", "--shutdown-seconds", "7"],
			{ env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "200000" } });
		await until(() => /^b'READY=1\\nSTATUS=.*'$/m.test(manager.heard), "the readiness");
		await until(() => manager.heard.match(/^b'WATCHDOG=1'$/mg)?.length >= 3, "signs of life");
		assert.ok(!manager.heard.includes("STOPPING"));
		node.child.kill("SIGTERM");
		await until(() => /^b'STOPPING=1\\nSTATUS=.*\\nEXTEND_TIMEOUT_USEC=13000000'$/m.test(manager.heard), "the end");
		assert.deepEqual(await within(node.exited, "the program to end"), [0, null]);
		assert.equal(manager.heard.match(/READY=1/g).length, 1);
	});

test("a watchdog of another process and a manager that is not there are left alone", async (t) => {
	const address = `${folder(t)}/notify`;
	const manager = await listen(t, address);
	const node = await serve(t, [], { env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "20000", WATCHDOG_PID: "1" } });
	await until(() => manager.heard.includes("READY=1"), "the readiness");
	await sleep(100);
	assert.ok(!manager.heard.includes("WATCHDOG"));
	await node.stop();
	for (const nobody of [`${folder(t)}/nobody`, "relative", "@", `/${"x".repeat(200)}`]) {
		const lonely = await serve(t, [], { env: { NOTIFY_SOCKET: nobody, WATCHDOG_USEC: "20000" } });
		await until(() => lonely.records.some(({ level, message }) => level === "warning" && /service manager|NOTIFY_SOCKET/.test(message)), "the warning");
		await sleep(100);
		assert.equal(lonely.records.filter(({ level }) => level === "warning").length, 1, lonely.output);
		await lonely.stop();
	}
});
