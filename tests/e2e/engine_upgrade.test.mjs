// Engine.IO on the wire: the upgrade from polling to WebSocket.
import assert from "node:assert/strict";
import { accepted, assertError, beat, polling, start, websocket } from "./engine.mjs";
import { eventually, Polling, request, scenario, sleep, Wire, within } from "./support.mjs";

const candidate = (port, session) => Wire.open(port, { query: `EIO=4&transport=websocket&sid=${session.sid}` });

async function probed(port, session) {
	const wire = await candidate(port, session);
	wire.send("2probe");
	assert.equal(await wire.next(), "3probe");
	return wire;
}

scenario("a session upgrades, then refuses polling requests and further WebSockets", async (t) => {
	const { port, logged, control } = await start(t);
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	assert.equal((await control({ do: "session", sid: session.sid })).transport, "polling");
	wire.send("5");
	wire.send("4hello");
	assert.equal(await wire.next(), "4hello");
	assert.equal((await control({ do: "session", sid: session.sid })).transport, "websocket");
	assertError(await session.get(), 3, "Bad request");
	assertError(await session.post("4x"), 3, "Bad request");
	await logged({ e: "connection-error", check: "TRANSPORT_MISMATCH" }, 2);
	const second = await candidate(port, session);
	assert.equal(await second.closed, 1005);
	wire.send("4again");
	assert.equal(await wire.next(), "4again");
});

scenario("a probe releases a waiting GET, and later ones, with a noop", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const parked = session.get();
	await sleep(50);
	const wire = await probed(port, session);
	assert.equal((await parked).body, "6");
	assert.equal((await session.get()).body, "6");
	wire.send("2probe");
	assert.equal(await wire.next(), "3probe");
	wire.send("5");
	wire.send("4x");
	assert.equal(await wire.next(), "4x");
});

scenario("messages sent during an upgrade arrive in order on the WebSocket", async (t) => {
	const { port, control } = await start(t);
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	for (const text of ["m1", "m1b"]) await control({ do: "session", sid: session.sid, text });
	await session.post("4m2");
	wire.send("5");
	for (const text of ["4m1", "4m1b", "4m2"]) assert.equal(await wire.next(), text);
});

scenario("an upgrade without a probe is accepted", async (t) => {
	const { port, control } = await start(t);
	const session = await Polling.open(port);
	await control({ do: "session", sid: session.sid, hex: "0102" });
	const wire = await candidate(port, session);
	wire.send("5");
	assert.deepEqual(await wire.next(), Buffer.from([1, 2]));
});

scenario("a GET that waits when the upgrade completes is ended", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const wire = await candidate(port, session);
	const parked = session.get();
	await sleep(50);
	wire.send("5");
	assert.match((await parked).body, /^[16]$/);
	wire.send("4x");
	assert.equal(await wire.next(), "4x");
});

for (const packet of ["2", "4hello", "abc", "6", "3probe", Buffer.from([1])]) {
	scenario(`a candidate that sends ${JSON.stringify(packet.toString())} is closed, the session stays and may try again`, async (t) => {
		const { port } = await start(t);
		const session = await Polling.open(port);
		const wire = await candidate(port, session);
		wire.send(packet);
		assert.equal(await wire.closed, 1005);
		await session.post("4poll");
		assert.equal((await session.get()).body, "4poll");
		const again = await probed(port, session);
		again.send("5");
		again.send("4ws");
		assert.equal(await again.next(), "4ws");
	});
}

scenario("only one candidate is taken at a time", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const first = await candidate(port, session);
	const second = await candidate(port, session);
	assert.equal(await second.closed, 1005);
	first.send("2probe");
	assert.equal(await first.next(), "3probe");
});

scenario("a candidate that does nothing is closed after upgradeTimeout and the session stays", async (t) => {
	const { port } = await start(t, { upgradeTimeout: 200 });
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	assert.equal(await wire.closed, 1005);
	assert(await session.isOpen());
	const again = await probed(port, session);
	again.send("5");
	again.send("4x");
	assert.equal(await again.next(), "4x");
	await sleep(400);
	again.send("4y");
	assert.equal(await again.next(), "4y");
});

scenario("a candidate that goes away leaves the session on polling", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	(await probed(port, session)).socket.terminate();
	await session.post("4a");
	assert((await session.packetsUntil((packet) => packet === "4a")).every((packet) => ["4a", "6"].includes(packet)));
	const again = await eventually(async () => {
		const wire = await candidate(port, session);
		wire.send("2probe");
		return (await wire.next().catch(() => "")) === "3probe" && wire;
	}, "another attempt");
	again.send("5");
	again.send("4x");
	assert.equal(await again.next(), "4x");
});

scenario("a session that closes takes its candidate with it", async (t) => {
	const { port, control } = await start(t);
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	await control({ do: "session", sid: session.sid, close: true });
	await session.get();
	await within(wire.closed, "the candidate to be closed");
});

scenario("the heartbeat goes on after an upgrade", async (t) => {
	const { port, logged } = await start(t, beat);
	const session = await Polling.open(port);
	const wire = await Wire.open(port, { query: `EIO=4&transport=websocket&sid=${session.sid}`, silent: true });
	wire.send("5");
	assert.equal(await wire.next(), "2");
	wire.send("3");
	assert.equal(await wire.next(), "2");
	assert.equal(await wire.closed, 1005);
	const [{ reason }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "ping timeout");
});
