// Socket.IO on the wire: joining namespaces, middlewares and dynamic namespaces.
import assert from "node:assert/strict";
import { assertAlive, assertClosed, joins, open } from "./socket.mjs";
import { joinNamespace, scenario, startServer, wireSocket } from "./support.mjs";

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
