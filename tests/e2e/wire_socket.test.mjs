// Socket.IO on the wire: packets that stock clients never send, and the exact text of what the server sends.
import assert from "node:assert/strict";
import {
	isPeal, joinNamespace, pealScenario, Polling, pollingSocket, received, request, RS, scenario, sleep, startServer, Wire, wireSocket, within,
} from "./support.mjs";

const socketPath = { path: "/socket.io/" };
const open = (port, options) => Wire.open(port, { ...socketPath, ...options });

// Answers whatever is asked; shows that the session lives and that nothing else is on the way.
async function assertAlive(wire, nsp = "") {
	const prefix = nsp && `${nsp},`;
	wire.send(`42${prefix}77["echo","alive"]`);
	assert.equal(await wire.next(), `43${prefix}77["alive"]`);
}

// The session closes orderly and nothing was sent before.
async function assertClosed(wire) {
	const code = await within(wire.closed, "the session to close");
	assert.deepEqual(wire.queue, []);
	assert.equal(code, 1005);
}

const joins = (text) => /^40(?:(\/[^,]*),)?\{"sid":"[A-Za-z0-9_-]{20}"\}$/.test(text);

scenario("the transcript of a session over WebSocket", async (t) => {
	const { port } = await startServer(t);
	const wire = await open(port);
	wire.send('40/custom,{"token":"123"}');
	assert(joins(await wire.next()));
	assert.equal(await wire.next(), '42/custom,["auth",{"token":"123"}]');
	wire.send("40");
	const connect = await wire.next();
	assert(joins(connect), connect);
	assert.notEqual(JSON.parse(connect.slice(2)).sid, wire.sid);
	wire.send('42456["message-with-ack",1,"2",{"3":[false]}]');
	assert.equal(await wire.next(), '43456[1,"2",{"3":[false]}]');
	wire.send('42["message",1,"2",{"3":[true]}]');
	assert.equal(await wire.next(), '42["message-back",1,"2",{"3":[true]}]');
	wire.send("40/random,");
	assert.equal(await wire.next(), '44/random,{"message":"Invalid namespace"}');
	wire.send("41");
	await assertAlive(wire, "/custom");
	await wire.close();
});

// Joining.
for (const packet of ["40", "40/", "40/,", "40{}", '40{"a":1}', '40/,{"a":1}'])
	scenario(`${packet} joins the main namespace`, async (t) => {
		const { port } = await startServer(t);
		const wire = await open(port);
		wire.send(packet);
		const connect = await wire.next();
		assert.match(connect, /^40\{"sid":"[^"]{20}"\}$/);
		wire.send('420["whoami"]');
		const [who] = JSON.parse((await wire.next()).slice(3));
		assert.deepEqual(who.auth, packet.includes('"a"') ? { a: 1 } : {});
	});

for (const packet of ["40/custom", "40/custom,", '40/custom,{"a":1}'])
	scenario(`${packet} joins a custom namespace`, async (t) => {
		const { port } = await startServer(t);
		const wire = await open(port);
		wire.send(packet);
		assert.match(await wire.next(), /^40\/custom,\{"sid":"[^"]{20}"\}$/);
		assert.equal(await wire.next(), `42/custom,["auth",${packet.includes("{") ? '{"a":1}' : "{}"}]`);
	});

for (const [packet, name] of [["40/unknown", "/unknown"], ["40/unknown,", "/unknown"], ['40/unknown,{"a":1}', "/unknown"], ["40/custom?x=1,", "/custom?x=1"], ["40//,", "//"], ["40/Custom,", "/Custom"]])
	scenario(`${packet} is refused as an invalid namespace and the session stays`, async (t) => {
		const { port } = await startServer(t);
		const wire = await wireSocket(port);
		wire.send(packet);
		assert.equal(await wire.next(), `44${name},{"message":"Invalid namespace"}`);
		await assertAlive(wire);
	});

for (const packet of ["40[]", "40null", '40"text"', "401", "40{", "40{}x", "40/custom,[]", '40/custom,"x"'])
	scenario(`${packet} is no valid CONNECT and closes the session`, async (t) => {
		const { port } = await startServer(t);
		const wire = await open(port);
		wire.send(packet);
		if (packet === "401") return assert.match(await Promise.race([wire.next(), wire.closed.then(() => "40{")]), /^40\{/);
		await assertClosed(wire);
	});

scenario("each join has an id of its own, and never the session's", async (t) => {
	const { port } = await startServer(t);
	const wire = await open(port);
	const ids = [wire.sid];
	for (const nsp of ["", "/custom", "/any", "/dynamic-1", "/order"]) ids.push(await joinNamespace(wire, nsp));
	const other = await wireSocket(port);
	assert.equal(new Set([...ids, other.id, other.sid]).size, 8);
});

scenario("what a middleware emits arrives before the CONNECT reply", async (t) => {
	const { port, logged, events } = await startServer(t);
	const wire = await open(port);
	await joinNamespace(wire, "/order");
	assert.deepEqual(wire.before, ['42/order,["early",1]']);
	const entries = await events((entry) => entry.ns === "/order" && ["first", "second", "connection"].includes(entry.e));
	assert.deepEqual(entries.map(({ e }) => e), ["first", "second", "connection"]);
	assert.deepEqual(entries.map(({ connected }) => connected), [false, false, undefined]);
	await logged({ e: "join-room", room: "joined-early", id: wire.id });
});

scenario("a refusing middleware answers with message and data, and leaves no rooms behind", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	wire.send("40/refused,");
	assert.equal(await wire.next(), '44/refused,{"message":"not authorized","data":{"content":"later"}}');
	wire.send("40/refused-plain,");
	assert.equal(await wire.next(), '44/refused-plain,{"message":"nope"}');
	await assertAlive(wire);
	await server.logged({ e: "delete-room", room: "lost" });
	assert.deepEqual((await server.control({ do: "rooms", ns: "/refused" })).rooms, {});
	assert.deepEqual(await server.events(({ e, ns }) => e === "unreachable" || (e === "connection" && ns === "/refused")), []);
	wire.send("40/refused,");
	assert.match(await wire.next(), /^44\/refused,/);
});

scenario("a middleware that answers later refuses or accepts then", async (t) => {
	const { port, logged, control } = await startServer(t);
	const wire = await wireSocket(port);
	wire.send("40/delayed,");
	await logged({ e: "pending" });
	await assertAlive(wire);
	await control({ do: "next", accept: false, message: "no", data: [1, { a: null }] });
	assert.equal(await wire.next(), '44/delayed,{"message":"no","data":[1,{"a":null}]}');
	wire.send("40/delayed,");
	await logged({ e: "pending" }, 2);
	await control({ do: "next" });
	assert(joins(await wire.next()));
	await logged({ e: "connection", ns: "/delayed" });
});

scenario("a session that ends before its middleware answers leaves nothing behind", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	wire.send("40/delayed,");
	await server.logged({ e: "pending" });
	await wire.close();
	await server.logged({ e: "disconnect", id: wire.id });
	await server.control({ do: "next" });
	assert.deepEqual((await server.control({ do: "fetch", ns: "/delayed" })).sockets, []);
	assert.deepEqual(await server.events(({ e, ns }) => e === "connection" && ns === "/delayed"), []);
});

// Dynamic namespaces.
scenario("dynamic namespaces come to be by pattern and by function, with the handlers of their rule", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	await joinNamespace(wire, "/dynamic-101");
	await assertAlive(wire, "/dynamic-101");
	await joinNamespace(wire, "/function-yes", '{"ok":true}');
	await assertAlive(wire, "/function-yes");
	for (const name of ["/dynamic-", "/dynamic-x", "/xdynamic-1", "/function-no"]) {
		wire.send(`40${name},`);
		assert.equal(await wire.next(), `44${name},{"message":"Invalid namespace"}`);
	}
	wire.send('40/dynamic-7,{"bad":true}');
	assert.equal(await wire.next(), '44/dynamic-7,{"message":"bad"}');
	const created = await server.events(({ e, ns }) => e === "new-namespace" && /dyn|func/.test(ns));
	assert.deepEqual(created.map(({ ns }) => ns), ["/dynamic-101", "/function-yes", "/dynamic-7"]);
});

scenario("a rule may decide later, for several clients at once", async (t) => {
	const server = await startServer(t);
	const wires = [await open(server.port), await open(server.port), await open(server.port)];
	for (const wire of wires) wire.send("40/function-later,");
	await server.logged({ e: "pending" }, 3);
	for (let at = 0; at < 3; at++) await server.control({ do: "next" });
	for (const wire of wires) assert(joins(await wire.next()));
	assert.equal((await server.events(({ e, ns }) => e === "new-namespace" && ns === "/function-later")).length, 1);
	assert.equal((await server.control({ do: "fetch", ns: "/function-later" })).sockets.length, 3);
});

scenario("a rule that refuses later yields an invalid namespace", async (t) => {
	const server = await startServer(t);
	const wire = await open(server.port);
	wire.send("40/function-later,");
	await server.logged({ e: "pending" });
	await server.control({ do: "next", accept: false });
	assert.equal(await wire.next(), '44/function-later,{"message":"Invalid namespace"}');
});

scenario("a namespace made by hand whose name a pattern matches gets the pattern's handlers", async (t) => {
	const server = await startServer(t);
	await server.control({ do: "of", name: "/dynamic-55" });
	await server.logged({ e: "new-namespace", ns: "/dynamic-55" });
	const wire = await wireSocket(server.port, { nsp: "/dynamic-55" });
	await assertAlive(wire, "/dynamic-55");
	await server.control({ do: "emit", ns: "<pattern>", event: "e" });
	assert.equal(await wire.next(), '42/dynamic-55,["e"]');
});

for (const cleanup of [true, false])
	scenario(`an empty child namespace is ${cleanup ? "" : "not "}removed ${cleanup ? "when so configured and can come back" : "by default"}`, async (t) => {
		const server = await startServer(t, { cleanupEmptyChildNamespaces: cleanup });
		const count = async () => (await server.control({ do: "namespaces" })).count;
		const before = await count();
		const wire = await wireSocket(server.port, { nsp: "/dynamic-1" });
		const other = await wireSocket(server.port, { nsp: "/dynamic-1" });
		assert.equal(await count(), before + 1);
		other.send('40/dynamic-2,{"bad":true}');
		assert.match(await other.next(), /^44\/dynamic-2,/);
		await wire.close();
		await server.logged({ e: "disconnect", id: wire.id });
		await assertAlive(other, "/dynamic-1");
		assert.equal(await count(), before + (cleanup ? 1 : 2));
		other.send("41/dynamic-1,");
		await server.logged({ e: "disconnect", id: other.id });
		assert.equal(await count(), before + (cleanup ? 0 : 2));
		await joinNamespace(other, "/dynamic-1");
		await assertAlive(other, "/dynamic-1");
		assert.equal((await server.control({ do: "fetch", ns: "/dynamic-1" })).sockets.length, 1);
	});

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

// Leaving.
scenario("a client leaves a namespace, its rooms are seen while it goes, and it may join again", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	const first = wire.id;
	await server.control({ do: "join", direct: first, names: ["a", "b"] });
	wire.send("41");
	const [left] = await server.logged({ e: "disconnect" });
	assert.equal(left.reason, "client namespace disconnect");
	assert.deepEqual(left.rooms, []);
	const [leaving] = await server.logged({ e: "disconnecting" });
	assert.equal(leaving.reason, "client namespace disconnect");
	assert.deepEqual(leaving.rooms.sort(), [first, "a", "b"].sort());
	assert.deepEqual((await server.control({ do: "rooms" })).rooms, {});
	assert.notEqual((await server.control({ do: "emit", direct: first, event: "x" })).error, null);
	await joinNamespace(wire);
	assert.notEqual(wire.id, first);
	await assertAlive(wire);
});

scenario("a session without any namespace left stays open", async (t) => {
	const { port, logged } = await startServer(t, { connectTimeout: 200 });
	const wire = await wireSocket(port);
	wire.send("41");
	await logged({ e: "disconnect" });
	await sleep(500);
	await joinNamespace(wire);
	await assertAlive(wire);
});

scenario("an event behind a DISCONNECT of its namespace is not delivered, and a later one closes the session", async (t) => {
	const { port, events, logged } = await startServer(t);
	const polling = await pollingSocket(port);
	await joinNamespace(await wireSocket(port), "/any");
	await polling.post(`41${RS}42["echo",1]`);
	await logged({ e: "disconnect", id: polling.id, reason: "client namespace disconnect" });
	assert(!(await polling.post("40").then(() => polling.get())).body.includes("echo-back"));
	const wire = await wireSocket(port);
	wire.send("41");
	await logged({ e: "disconnect", id: wire.id });
	wire.send('42["echo",1]');
	await assertClosed(wire);
	assert.deepEqual((await events(({ e, id }) => e === "disconnect" && id === wire.id)).map(({ reason }) => reason), ["client namespace disconnect"]);
});

scenario("a socket kicked from one namespace keeps the others", async (t) => {
	const { port, logged } = await startServer(t);
	const wire = await wireSocket(port);
	await joinNamespace(wire, "/any");
	wire.send('42/any,["kick",false]');
	assert.equal(await wire.next(), "41/any,");
	const [{ reason }] = await logged({ e: "disconnect", ns: "/any" });
	assert.equal(reason, "server namespace disconnect");
	await assertAlive(wire);
	wire.send('42["kick",false]');
	assert.equal(await wire.next(), "41");
	await joinNamespace(wire);
});

scenario("a kick with close leaves every namespace of the session and then closes it", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	await joinNamespace(wire, "/any");
	wire.send('42["kick",true]');
	assert.deepEqual([await wire.next(), await wire.next()].sort(), ["41", "41/any,"]);
	assert.equal(await wire.closed, 1005);
	for (const { reason } of await server.logged({ e: "disconnect" }, 2)) assert.equal(reason, "server namespace disconnect");

	const polling = await pollingSocket(server.port);
	await polling.post("40/any,");
	await polling.get();
	await polling.post('42["kick",true]');
	assert.deepEqual((await polling.get()).body.split(RS).sort(), ["41", "41/any,"]);
	assert.equal((await polling.get()).body, `6${RS}1`);
	assert.equal((await polling.get()).body, '{"code":1,"message":"Session ID unknown"}');
});

scenario("every way to end a connection has its reason", async (t) => {
	const { port, logged } = await startServer(t, { pingInterval: 400, pingTimeout: 300 });
	const ends = {
		"transport close": [async (wire) => wire.socket.close(), async (wire) => wire.socket.terminate()],
		"transport error": [async (wire) => wire.send("2"), async (wire) => wire.socket._socket.write(Buffer.from([0x8f, 0x80, 0, 0, 0, 0]))],
		"parse error": [async (wire) => wire.send("x")],
		"ping timeout": [async () => {}],
	};
	for (const [expected, ways] of Object.entries(ends)) {
		for (const end of ways) {
			const wire = await wireSocket(port, { silent: expected === "ping timeout" });
			await end(wire);
			const [{ reason }] = await logged({ e: "disconnect", id: wire.id });
			assert.equal(reason, expected);
		}
	}
	const polling = await pollingSocket(port);
	await polling.post("1");
	assert.equal((await logged({ e: "disconnect", id: polling.id }))[0].reason, "transport close");
	const aborted = await pollingSocket(port);
	const controller = new AbortController();
	const parked = aborted.get({ signal: controller.signal }).catch(() => {});
	await sleep(50);
	controller.abort();
	await parked;
	const [{ reason, description }] = await logged({ e: "disconnect", id: aborted.id });
	assert.equal(reason, "transport error");
	assert.equal(description, "poll connection closed prematurely");
});

scenario("an undecodable packet over polling ends the session on the next GET", async (t) => {
	const { port, logged } = await startServer(t);
	const polling = await pollingSocket(port);
	assert.equal((await polling.post("4abc")).body, "ok");
	assert.equal((await polling.get()).body, `6${RS}1`);
	assert.equal((await polling.get()).status, 400);
	await logged({ e: "disconnect", id: polling.id });
});

scenario("a session that joins nothing is closed after connectTimeout", async (t) => {
	const server = await startServer(t, { connectTimeout: 300 });
	const wire = await open(server.port);
	const refused = await open(server.port);
	refused.send("40/delayed,");
	const joined = await wireSocket(server.port);
	const polling = await Polling.open(server.port, socketPath);
	assert.match((await polling.get()).body, /^(1|6\x1e1)$/);
	assert.equal((await polling.get()).status, 400);
	await assertClosed(wire);
	await assertClosed(refused);
	await assertAlive(joined);
});

scenario("a server that stops sends no DISCONNECT and reports server shutting down", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	await server.control({ do: "close" });
	assert.equal(await wire.closed, 1005);
	assert.deepEqual(wire.queue, []);
	await within(server.exited, "the server to end");
});

scenario("nothing else lives under the path, and other paths are not found", async (t) => {
	const { port } = await startServer(t, { serveClient: false });
	for (const path of ["/socket.io/socket.io.js", "/socket.io/none"]) {
		const response = await request(port, { path });
		assert.equal(response.status, 400);
		assert.equal(response.body, '{"code":0,"message":"Transport unknown"}');
	}
	for (const path of ["/socket.iofoo?EIO=4&transport=polling", "/socket.io?EIO=4&transport=polling", "/none"])
		assert.equal((await request(port, { path })).status, 404, path);
});

scenario("two joins of a namespace in one payload never make two sockets", async (t) => {
	if (!isPeal) return t.skip("the reference makes two by accident");
	const server = await startServer(t);
	const polling = await Polling.open(server.port, socketPath);
	await polling.post(`40${RS}40`);
	await polling.packetsUntil((packet) => packet === "1");
	assert.equal((await server.events(({ e }) => e === "connection")).length <= 1, true);
	assert.deepEqual((await server.control({ do: "fetch" })).sockets, []);
});

scenario("a full poll payload of events is handled in order", async (t) => {
	const server = await startServer(t);
	const polling = await pollingSocket(server.port);
	await polling.post(Array.from({ length: 300 }, (_, number) => `42["echo",${number}]`).join(RS));
	const [packets] = await received(server, [polling]);
	assert.deepEqual(packets, Array.from({ length: 300 }, (_, number) => `42["echo-back",${number}]`));
});
