// Socket.IO on the wire: the ways in which a socket or a session ends.
import assert from "node:assert/strict";
import { assertAlive, assertClosed, joins, open, socketPath } from "./socket.mjs";
import {
	isPeal, joinNamespace, Polling, pollingSocket, received, request, RS, scenario, sleep, startServer, wireSocket, within,
} from "./support.mjs";

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
