// The events of --demo, as the stock client sees them.
import assert from "node:assert/strict";
import test from "node:test";
import { ask, client, connected, event, serve, sleep } from "./program.mjs";
import { startNodes } from "./redis.mjs";

async function people(node, names, options = {}) {
	const all = {};
	for (const name of names) {
		const socket = all[name] = await connected(node, { auth: { name }, ...options });
		socket.seen = [];
		socket.on("message", (message, answer) => {
			socket.seen.push(message);
			if (answer && socket.answers !== false) answer({ name });
		});
	}
	return all;
}

// Waits until everything that was sent to these clients before has arrived: an answer comes behind it.
async function settled(...sockets) {
	for (const socket of sockets) await ask(socket, "name", "settled");
}

test("without --demo there are no demo events and no page", async (t) => {
	const node = await serve(t);
	const socket = await connected(node);
	let answered = false;
	socket.emit("join", "a", () => { answered = true; });
	const other = await connected(node);
	other.on("message", () => { answered = true; });
	socket.emit("broadcast", { to: "everyone", text: "x" }, () => { answered = true; });
	await sleep(300);
	assert.equal(answered, false);
	assert.equal((await node.get("/")).status, 404);
	assert.equal((await node.get("/console.js")).status, 404);
});

test("a client is welcomed with its name, and may change it", async (t) => {
	const node = await serve(t, ["--demo", "--name", "north"]);
	const socket = client(node, { auth: { name: "Ada" } });
	const [welcome] = await event(socket, "welcome");
	assert.equal(welcome.id, socket.id);
	assert.equal(welcome.name, "Ada");
	assert.equal(welcome.namespace, "/");
	assert.equal(welcome.server, "north");
	assert.deepEqual(await ask(socket, "name", "Grace"), { ok: true, name: "Grace" });
	const received = event(socket, "message");
	assert.deepEqual(await ask(socket, "broadcast", { to: "everyone", text: "hi" }), { ok: true });
	assert.deepEqual(await received, [{ from: socket.id, name: "Grace", text: "hi", to: "everyone" }]);
});

test("a client without a name, or with a bad one, is called by its id", async (t) => {
	const node = await serve(t, ["--demo"]);
	for (const name of [undefined, 5, "", "x".repeat(65), "a\0b"]) {
		const socket = client(node, { auth: { name } });
		const [welcome] = await event(socket, "welcome");
		assert.equal(welcome.name, socket.id, JSON.stringify(name));
		assert.equal((await ask(socket, "name", name)).ok, false);
	}
});

for (const transports of [["websocket"], ["polling"]]) {
	test(`everyone, everyone else and a room, over ${transports}`, async (t) => {
		const node = await serve(t, ["--demo"]);
		const { a, b, c } = await people(node, ["a", "b", "c"], { transports });
		assert.deepEqual(await ask(b, "join", "red"), { ok: true, rooms: ["red"] });
		assert.deepEqual(await ask(b, "join", "blue"), { ok: true, rooms: ["red", "blue"] });
		assert.deepEqual(await ask(c, "join", "red"), { ok: true, rooms: ["red"] });
		assert.deepEqual(await ask(b, "leave", "blue"), { ok: true, rooms: ["red"] });

		for (const order of [{ to: "everyone", text: "1" }, { to: "others", text: "2" }, { to: "room", room: "red", text: "3" }, { to: "room", room: "blue", text: "4" }])
			assert.deepEqual(await ask(a, "broadcast", order), { ok: true });
		await settled(a, b, c);
		const texts = (socket) => socket.seen.map(({ text }) => text);
		assert.deepEqual(texts(a), ["1"]);
		assert.deepEqual(texts(b), ["1", "2", "3"]);
		assert.deepEqual(texts(c), ["1", "2", "3"]);
		assert.deepEqual(b.seen[2], { from: a.id, name: "a", text: "3", to: "room", room: "red" });
	});
}

test("acknowledgements tell who answered", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { a, b, c } = await people(node, ["a", "b", "c"]);
	await ask(c, "join", "red");
	const names = (answer) => answer.responses.map(({ name }) => name).sort();

	const everyone = await ask(a, "broadcast", { to: "everyone", text: "x", timeout: 20000 });
	assert.deepEqual(names(everyone), ["a", "b", "c"]);
	assert.deepEqual({ ...everyone, responses: [] }, {
		ok: true, error: null, responses: [], clients: { expected: 3, answered: 3 },
		servers: { expected: 1, answered: 1 }, missing: [], missingServers: [], unnamedMissing: 0,
	});
	assert.deepEqual(names(await ask(a, "broadcast", { to: "others", text: "x", timeout: 20000 })), ["b", "c"]);
	assert.deepEqual(names(await ask(a, "broadcast", { to: "room", room: "red", text: "x", timeout: 20000 })), ["c"]);
	const nobody = await ask(a, "broadcast", { to: "room", room: "empty", text: "x", timeout: 20000 });
	assert.equal(nobody.ok, true);
	assert.deepEqual(nobody.clients, { expected: 0, answered: 0 });
	assert.equal(b.seen.length, 2);
});

test("a broadcast can stay on this node, and the members of the cluster are told", async (t) => {
	const { nodes } = await startNodes(t, 2, ["--demo"]);
	const { a } = await people(nodes[0], ["a"]);
	const { b } = await people(nodes[1], ["b"]);
	assert.equal((await ask(a, "broadcast", { to: "everyone", text: "x", local: true, timeout: 20000 })).clients.expected, 1);
	assert.equal((await ask(a, "broadcast", { to: "others", text: "y", timeout: 20000 })).clients.expected, 1);
	assert.equal(b.seen.length, 1);
	assert.equal((await ask(a, "broadcast", { to: "everyone", text: "x", local: 1 })).error, "local must be true or false");
	const answer = await ask(a, "nodes");
	assert.deepEqual([answer.ok, answer.state, answer.count, answer.unnamed], [true, "up", 2, 0]);
	assert.deepEqual(answer.nodes.map(({ name, self, silent }) => [name, self, silent]), [["n1", true, false], ["n2", false, false]]);
});

test("those who do not answer in time are named", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { a, b, c } = await people(node, ["a", "b", "c"]);
	b.answers = false;
	const answer = await ask(a, "broadcast", { to: "others", text: "x", timeout: 300 });
	assert.equal(answer.ok, false);
	assert.equal(answer.error, "operation has timed out");
	assert.deepEqual(answer.responses, [{ name: "c" }]);
	assert.deepEqual(answer.clients, { expected: 2, answered: 1 });
	assert.deepEqual(answer.missing, [{ id: b.id, name: "b" }]);
	assert.ok(c.connected);
});

test("an event of one's own with arguments of one's own, binary ones too", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { a, b } = await people(node, ["a", "b"]);
	const received = event(b, "draw");
	const args = [1, "two", { three: [null, true] }, Buffer.from([1, 2, 3]), 1.5];
	assert.deepEqual(await ask(a, "broadcast", { to: "others", event: "draw", args }), { ok: true });
	assert.deepEqual(await received, args);
});

test("a sender that leaves before the answers, and an order without acknowledgement, do no harm", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { a, b, c } = await people(node, ["a", "b", "c"]);
	b.answers = c.answers = false;
	a.emit("broadcast", { to: "others", text: "x", timeout: 200 }, () => {});
	c.emit("broadcast", { to: "everyone", text: "y", timeout: 200 });
	a.emit("broadcast", { to: "others", text: "z" });
	await event(b, "message");
	a.disconnect();
	await sleep(500);
	assert.deepEqual((await ask(c, "broadcast", { to: "others", text: "x", timeout: 200 })).clients, { expected: 1, answered: 0 });
});

test("the events hold on every namespace that is served", async (t) => {
	const node = await serve(t, ["--demo", "--namespace", "fixed", "--namespace", "*", "--namespace", "/fixed"]);
	for (const namespace of ["/", "/fixed", "/any/thing"]) {
		const { a, b } = await people(node, ["a", "b"], { namespace });
		await ask(a, "broadcast", { to: "everyone", text: namespace });
		await settled(b);
		assert.deepEqual(b.seen.map(({ text }) => text), [namespace]);
	}
});

test("what a client can ask for is bounded", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { a, b } = await people(node, ["a", "b"]);
	const wrong = async (expected, ...args) => {
		const answer = await ask(a, ...args);
		assert.equal(answer.ok, false, JSON.stringify(args));
		assert.match(answer.error, expected);
	};
	await wrong(/to must be/, "broadcast", {});
	await wrong(/to must be/, "broadcast", { to: "all" });
	await wrong(/needs an object/, "broadcast");
	await wrong(/needs an object/, "broadcast", "everyone");
	await wrong(/needs an object/, "broadcast", null);
	await wrong(/a room is/, "broadcast", { to: "room", text: "x" });
	await wrong(/a room is/, "broadcast", { to: "room", room: "", text: "x" });
	await wrong(/a room is/, "broadcast", { to: "room", room: ["a"], text: "x" });
	await wrong(/a room is/, "broadcast", { to: "room", room: "x".repeat(129), text: "x" });
	await wrong(/longer than 4096/, "broadcast", { to: "others", text: "x".repeat(4097) });
	await wrong(/event must be/, "broadcast", { to: "others", event: "x".repeat(65) });
	await wrong(/event must be/, "broadcast", { to: "others", event: "" });
	await wrong(/reserved/, "broadcast", { to: "others", event: "disconnect" });
	await wrong(/reserved/, "broadcast", { to: "others", event: "connect", timeout: 100 });
	await wrong(/args must be/, "broadcast", { to: "others", args: "x" });
	await wrong(/args must be/, "broadcast", { to: "others", args: Array(17).fill(0) });
	for (const timeout of [0, -1, 60001, "100", 1e300])
		await wrong(/timeout must be/, "broadcast", { to: "others", text: "x", timeout });
	await wrong(/U\+0000/, "broadcast", { to: "room", room: "a\0b", text: "x" });
	await wrong(/U\+0000/, "broadcast", { to: "others", args: ["\0"] });
	await wrong(/a room is/, "join");
	await wrong(/a room is/, "join", 5);
	await wrong(/a room is/, "join", "a\0b");
	await wrong(/a room is/, "leave", a.id);
	assert.deepEqual(b.seen, []);
	// A backslash in front of u0000 is only text.
	assert.equal((await ask(a, "broadcast", { to: "others", text: "\\u0000" })).ok, true);

	for (let i = 0; i < 32; i++) assert.equal((await ask(a, "join", `room ${i}`)).ok, true);
	await wrong(/as many rooms/, "join", "one more");
	assert.equal((await ask(a, "join", "room 3")).rooms.length, 32); // one that it is in already
	assert.equal((await ask(a, "leave", "room 3")).rooms.length, 31);
	assert.equal((await ask(a, "join", "one more")).ok, true);

	b.answers = false;
	const rounds = Array.from({ length: 17 }, () => ask(a, "broadcast", { to: "others", text: "x", timeout: 1000 }));
	const answers = await Promise.all(rounds);
	assert.deepEqual(answers.map(({ error }) => error), [
		...Array(16).fill("operation has timed out"), "too many broadcasts wait for acknowledgements",
	]);
	assert.equal((await ask(a, "broadcast", { to: "others", text: "x", timeout: 100 })).error, "operation has timed out");
});

test("a broadcast can ask for acknowledgements while the node closes", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { a, b } = await people(node, ["a", "b"]);
	b.answers = false;
	a.emit("broadcast", { to: "others", text: "x", timeout: 60000 }, () => {});
	await event(b, "message");
	await node.stop();
});
