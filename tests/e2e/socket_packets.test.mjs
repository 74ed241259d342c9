// Socket.IO on the wire: what is legal and what closes the session, binary data, acknowledgements, listeners.
import assert from "node:assert/strict";
import { assertAlive, assertClosed, open } from "./socket.mjs";
import { joinNamespace, pealScenario, scenario, startServer, wireSocket } from "./support.mjs";

// What closes the session before any join.
for (const packet of ['42["x"]', "41", "431[]", "43[]", "44{}", "4abc", "4", "47", '451-["x",{"_placeholder":true,"num":0}]', "42/custom,[\"x\"]"])
	scenario(`${packet} as the first packet closes the session without a word`, async (t) => {
		const { port, events } = await startServer(t);
		const wire = await open(port);
		wire.send(packet);
		if (packet.startsWith("45")) wire.send(Buffer.from([1]));
		await assertClosed(wire);
		assert.deepEqual(await events(({ e }) => e === "connection"), []);
	});

// What closes the session after a join: illegal in that state.
for (const packet of ["40", "40/", '42/custom,["x"]', "43/custom,1[]", "41/custom,", "41/custom"])
	scenario(`${packet} in a state where it is illegal closes the session with all its sockets`, async (t) => {
		const { port, logged, events } = await startServer(t);
		const wire = await open(port);
		await joinNamespace(wire, "/any");
		await joinNamespace(wire, "");
		wire.send(packet);
		await assertClosed(wire);
		const left = await logged({ e: "disconnect" }, 2);
		for (const { reason } of left) assert(["forced close", "forced server close"].includes(reason), reason);
		assert.deepEqual(await events(({ e }) => e === "error"), []);
	});

// What the decoder refuses.
const undecodable = [
	"4", "47", "4a", "4 2[]", '42abc["x"]', '42-1["x"]', '421.5["x"]', "42{}", "42[]", '42"x"', "42null", "42[null]", "42[true]", "42[{}]",
	'42["x"', '42["x"]]', '42["x"] y', "42['x']", '42["x",]', '42["x\x01"]', '42[x]', '42/,{}', '42["x",01]', '42["x",+1]', '42["x",.5]', '42["\\x"]',
	...["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map((name) => `42["${name}"]`),
	"41{}", '41"x"', "431{}", '431"x"', "431[", "44x", "45", '45["x"]', '450-["x"]', '4511-["x"]', '45-1-["x"]', '45x-["x"]', '451["x"]', "461", "46[]",
	`42["x",${"[".repeat(5000)}`,
];
for (const packet of undecodable)
	scenario(`${packet.slice(0, 40)} is undecodable: error event, then the session closes`, async (t) => {
		const { port, logged } = await startServer(t);
		const wire = await wireSocket(port);
		wire.send(packet);
		await assertClosed(wire);
		const [{ reason }] = await logged({ e: "disconnect" });
		assert(["forced close", "forced server close"].includes(reason), reason);
		await logged({ e: "error" });
	});

pealScenario("packets that the reference takes by loose parsing are refused", async (t) => {
	const { port } = await startServer(t);
	for (const packet of ['451.0-["x"]', '451e0-["x"]', '450x1-["x"]', '45 1-["x"]', '42', '4299999999999999999999["echo"]', '42/custom\x01,["x"]']) {
		const wire = await wireSocket(port);
		wire.send(packet);
		await assertClosed(wire);
	}
});

pealScenario("names with U+0000 are refused everywhere", async (t) => {
	const { port, control } = await startServer(t);
	const named = await wireSocket(port);
	named.send('42["a\\u0000b"]');
	await assertClosed(named);
	const joining = await wireSocket(port);
	joining.send("40/cus\u0000tom,");
	await assertClosed(joining);
	const room = await wireSocket(port);
	room.send('425["join","a\\u0000b"]');
	assert.equal(await room.next(), "435[]");
	assert.deepEqual((await control({ do: "rooms" })).rooms, {});
	const wire = await wireSocket(port);
	wire.send('421["echo","value with \\u0000 is fine"]');
	assert.equal(await wire.next(), '431["value with \\u0000 is fine"]');
});

scenario("unknown acknowledgements are ignored", async (t) => {
	const { port } = await startServer(t);
	const wire = await wireSocket(port);
	for (const packet of ["430[]", "4399999[1]", '43[]', '439007199254740991["x"]']) wire.send(packet);
	await assertAlive(wire);
});

scenario("events with odd but legal names are delivered or ignored, and the session stays", async (t) => {
	const { port } = await startServer(t);
	const wire = await wireSocket(port, { nsp: "/any" });
	for (const name of ['1', '"connection"', '"error"', '"__proto__"', '"toString"', '""', '"é🚀"']) {
		wire.send(`42/any,[${name},2]`);
		await assertAlive(wire, "/any");
	}
});

scenario("placeholders in a plain event are ordinary objects", async (t) => {
	const { port } = await startServer(t);
	const wire = await wireSocket(port);
	wire.send('421["echo",{"_placeholder":true,"num":0},{"_placeholder":false,"num":7}]');
	assert.equal(await wire.next(), '431[{"_placeholder":true,"num":0},{"_placeholder":false,"num":7}]');
});

scenario("arguments come back with every JSON detail", async (t) => {
	const { port } = await startServer(t);
	const wire = await wireSocket(port);
	const text = '1,-2.5,"é\u2028🚀 \\" \\\\ /",{"a":{"b":[null,true,{}]},"":1},[]';
	wire.send(`42["echo",${text}]`);
	assert.equal(await wire.next(), `42["echo-back",${text}]`);
	wire.send(`42  ["echo"]`.replace("  ", ""));
	assert.equal(await wire.next(), '42["echo-back"]');
	wire.send('42 \t["echo" , [ 1 ] ]'.replace(" \t", ""));
	assert.deepEqual(JSON.parse((await wire.next()).slice(2)), ["echo-back", [1]]);
});

// Binary.
scenario("a binary event and its binary acknowledgement", async (t) => {
	const { port } = await startServer(t);
	const wire = await wireSocket(port);
	wire.send('452-789["message-with-ack",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
	wire.send(Buffer.from([1, 2, 3]));
	wire.send(Buffer.from([4, 5, 6]));
	assert.equal(await wire.next(), '462-789[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]');
	assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3]));
	assert.deepEqual(await wire.next(), Buffer.from([4, 5, 6]));
});

scenario("engine packets may come between the parts of a binary packet", async (t) => {
	const { port } = await startServer(t);
	const wire = await wireSocket(port);
	wire.send('451-["echo",{"_placeholder":true,"num":0}]');
	for (const packet of ["3", "6"]) wire.send(packet);
	wire.send(Buffer.from("x"));
	assert.equal(await wire.next(), '451-["echo-back",{"_placeholder":true,"num":0}]');
	assert.deepEqual(await wire.next(), Buffer.from("x"));
});

scenario("attachments may be used in any order, twice, or not at all", async (t) => {
	const { port, logged } = await startServer(t);
	const wire = await wireSocket(port, { nsp: "/any" });
	wire.send('453-/any,["x",{"_placeholder":true,"num":1},[{"_placeholder":true,"num":0}],{"_placeholder":true,"num":1}]');
	for (const byte of [1, 2, 3]) wire.send(Buffer.from([byte]));
	const [{ args, attachments }] = await logged({ e: "any", event: "x" });
	const bytes = (value) => attachments[value.num];
	assert.deepEqual([bytes(args[0]), bytes(args[1][0]), bytes(args[2])], ["02", "01", "02"]);
	await assertAlive(wire, "/any");
});

for (const [what, packets] of [
	["a number out of range", ['451-["x",{"_placeholder":true,"num":1}]', Buffer.from([1])]],
	["a negative number", ['451-["x",{"_placeholder":true,"num":-1}]', Buffer.from([1])]],
	["a number that is text", ['451-["x",{"_placeholder":true,"num":"0"}]', Buffer.from([1])]],
	["no number", ['451-["x",{"_placeholder":true}]', Buffer.from([1])]],
	["a text message in its place", ['451-["x",{"_placeholder":true,"num":0}]', '42["y"]']],
	["binary that nobody waits for", [Buffer.from([1])]],
	["more binary than announced", ['451-["x",{"_placeholder":true,"num":0}]', Buffer.from([1]), Buffer.from([2])]],
])
	scenario(`an attachment with ${what} closes the session`, async (t) => {
		const { port, logged } = await startServer(t);
		const wire = await wireSocket(port);
		for (const packet of packets) wire.send(packet);
		await assertClosed(wire);
		const [{ reason }] = await logged({ e: "disconnect" });
		assert(["forced close", "forced server close"].includes(reason), reason);
	});

// Acknowledgements.
scenario("an acknowledgement is sent once and may be sent later", async (t) => {
	const { port, logged, control } = await startServer(t);
	const wire = await wireSocket(port);
	wire.send('421["twice"]');
	assert.equal(await wire.next(), "431[1]");
	wire.send('422["hold","x"]');
	await logged({ e: "held" });
	await assertAlive(wire);
	await control({ do: "respond", args: ["late", { _placeholder: true, num: 0 }], attachments: ["ff"] });
	assert.equal(await wire.next(), '461-2["late",{"_placeholder":true,"num":0}]');
	assert.deepEqual(await wire.next(), Buffer.from([255]));
	wire.send('42007["echo"]');
	assert.equal(await wire.next(), "437[]");
});

scenario("an acknowledgement for a socket that is gone is dropped", async (t) => {
	const { port, logged, control } = await startServer(t);
	const wire = await wireSocket(port);
	wire.send('422["hold","x"]');
	await logged({ e: "held" });
	await wire.close();
	await logged({ e: "disconnect", id: wire.id });
	assert.equal((await control({ do: "respond", args: [1] })).error ?? null, (await control({ do: "respond", args: [1] })).error ?? null);
	await assertAlive(await wireSocket(port));
});

scenario("ids of acknowledgements that the server asks for count per namespace from zero", async (t) => {
	const server = await startServer(t);
	const one = await wireSocket(server.port);
	const two = await wireSocket(server.port);
	await joinNamespace(two, "/any");
	const main = one.id;
	const ask = (direct, ns) => server.control({ do: "emit", ns, direct, event: "q", timeout: 20000 });
	const first = ask(main, "/");
	assert.equal(await one.next(), '420["q"]');
	const other = ask(two.id, "/any");
	assert.equal(await two.next(), '42/any,0["q"]');
	const broadcast = server.control({ do: "emit", rooms: [main], event: "q", timeout: 20000 });
	assert.equal(await one.next(), '421["q"]');
	one.send("431[2]");
	one.send("430[1,2]");
	two.send("43/any,0[]");
	assert.deepEqual((await first).response.args, [1, 2]);
	assert.deepEqual((await other).response.args, []);
	assert.deepEqual((await broadcast).responses.map(({ args }) => args), [[2]]);
});

scenario("one socket's acknowledgement in time, too late, and never", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	const ask = (timeout) => server.control({ do: "emit", direct: wire.id, event: "q", timeout });
	const late = ask(100);
	assert.equal(await wire.next(), '420["q"]');
	assert.equal((await late).error, "operation has timed out");
	wire.send('430["late"]');
	const good = ask(20000);
	assert.equal(await wire.next(), '421["q"]');
	wire.send('431["good"]');
	assert.deepEqual((await good).response.args, ["good"]);
});

// Middlewares and listeners.
scenario("a packet middleware that refuses drops the event, tells the error handler, and the session stays", async (t) => {
	const { port, logged, events } = await startServer(t);
	const wire = await wireSocket(port);
	wire.send('42["forbidden",1]');
	await assertAlive(wire);
	const [{ message }] = await logged({ e: "error" });
	assert.equal(message, "forbidden event");
	assert.deepEqual(await events(({ e }) => e === "forbidden-handled"), []);
});

scenario("catch-all listeners see what comes before the middlewares, and what goes, in their order", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port, { nsp: "/any" });
	wire.send('42/any,["echo",1,"a"]');
	assert.equal(await wire.next(), '42/any,["echo-back",1,"a"]');
	wire.send('42/any,["forbidden"]');
	wire.send('42/any,5["echo"]');
	assert.equal(await wire.next(), "43/any,5[]");
	await server.control({ do: "emit", ns: "/any", event: "cast", args: [{ _placeholder: true, num: 0 }], attachments: ["0102"] });
	assert.equal(await wire.next(), '451-/any,["cast",{"_placeholder":true,"num":0}]');
	await server.control({ do: "emit", ns: "/any", direct: wire.id, event: "direct" });
	const seen = await server.events(({ e, ns }) => ns === "/any" && /^(any|out)/.test(e));
	assert.deepEqual(seen.map(({ e, event, args, attachments }) => [e, event, args, attachments]), [
		["any-first", "echo", [1, "a"], []], ["any", "echo", [1, "a"], []],
		["out-first", "echo-back", [1, "a"], []], ["out", "echo-back", [1, "a"], []],
		["any-first", "forbidden", [], []], ["any", "forbidden", [], []],
		["any-first", "echo", [], []], ["any", "echo", [], []],
		["out-first", "cast", [{ _placeholder: true, num: 0 }], ["0102"]], ["out", "cast", [{ _placeholder: true, num: 0 }], ["0102"]],
		["out-first", "direct", [], []], ["out", "direct", [], []],
	]);
});
