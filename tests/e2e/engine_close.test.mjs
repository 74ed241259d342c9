// Engine.IO on the wire: heartbeat and the ends of a session.
import assert from "node:assert/strict";
import { assertError, beat, polling, start } from "./engine.mjs";
import { pealScenario, Polling, RS, scenario, sleep, Wire, within } from "./support.mjs";

// Heartbeat.
scenario("the server pings and a client that answers stays, on both transports", async (t) => {
	const { port, events } = await start(t, beat);
	const wire = await Wire.open(port, { silent: true });
	const session = await Polling.open(port);
	for (let round = 0; round < 3; round++) {
		const [message, answer] = await Promise.all([wire.next(), session.get()]);
		assert.equal(message, "2");
		assert.equal(answer.body, "2");
		wire.send("3");
		assert.equal((await session.post("3")).body, "ok");
	}
	assert.deepEqual(await events((entry) => entry.e === "session-close"), []);
});

scenario("a client that does not answer pings is closed with a ping timeout", async (t) => {
	const { port, logged } = await start(t, beat);
	const wire = await Wire.open(port, { silent: true });
	const session = await Polling.open(port);
	const unread = await Polling.open(port);
	assert.equal((await session.get()).body, "2");
	assert.equal((await session.get()).body, "1");
	assert.equal(await wire.closed, 1005);
	for (const { sid } of [wire, session, unread]) {
		const [{ reason }] = await logged({ e: "session-close", sid });
		assert.equal(reason, "ping timeout");
	}
	assertError(await session.get(), 1, "Session ID unknown");
});

// Closed after 2 000 ms without an extension, 2 500 with one, 3 800 with two: far from each other against a busy machine.
scenario("another packet extends the wait for a pong once per ping", async (t) => {
	const { port, logged } = await start(t, { pingInterval: 300, pingTimeout: 2000 });
	const wire = await Wire.open(port, { silent: true });
	const lasts = async (messages) => {
		const started = performance.now();
		for (const [after, message] of messages) {
			await sleep(after - (performance.now() - started));
			wire.send(message);
		}
		await wire.closed;
		return performance.now() - started;
	};
	assert.equal(await wire.next(), "2");
	const lasted = await lasts([[500, "4a"], [1800, "4b"]]);
	assert(lasted >= 2300, `closed after ${lasted} ms: the first packet did not extend`);
	assert(lasted < 3500, `closed after ${lasted} ms: the second packet extended again`);
	const [{ reason }] = await logged({ e: "session-close" });
	assert.equal(reason, "ping timeout");
});

scenario("a ping from the client closes the session with a transport error", async (t) => {
	const { port, logged } = await start(t);
	for (const ping of ["2", "2probe"]) {
		const wire = await Wire.open(port);
		wire.send(ping);
		assert.equal(await wire.closed, 1005);
		const session = await Polling.open(port);
		await session.post(ping);
		for (const { sid } of [wire, session]) {
			const [{ reason, description }] = await logged({ e: "session-close", sid });
			assert.equal(reason, "transport error");
			assert.equal(description, "invalid heartbeat direction");
		}
	}
});

// Closing.
scenario("a close packet over polling closes the session, later packets are ignored, and the waiting GET gets a noop", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	const parked = session.get();
	await sleep(50);
	assert.equal((await session.post(`1${RS}4late`)).body, "ok");
	assert.equal((await parked).body, "6");
	const [{ reason }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "transport close");
	assertError(await session.get(), 1, "Session ID unknown");
});

scenario("a WebSocket that closes ends its session with transport close", async (t) => {
	const { port, logged } = await start(t);
	for (const end of [(wire) => wire.socket.close(), (wire) => wire.socket.close(1000), (wire) => wire.socket.terminate()]) {
		const wire = await Wire.open(port);
		end(wire);
		const [{ reason }] = await logged({ e: "session-close", sid: wire.sid });
		assert.equal(reason, "transport close");
	}
});

pealScenario("a close packet over WebSocket closes the session at once", async (t) => {
	const { port, logged } = await start(t);
	const wire = await Wire.open(port);
	wire.send("1");
	await within(wire.closed, "the close");
	const [{ reason }] = await logged({ e: "session-close", sid: wire.sid });
	assert.equal(reason, "transport close");
});

scenario("an orderly close by the server flushes first, then ends a waiting GET or the next one", async (t) => {
	const { port, logged, control } = await start(t);
	const wire = await Wire.open(port);
	wire.send("4one");
	wire.send("4close");
	assert.equal(await wire.next(), "4one");
	assert.equal(await wire.closed, 1005);

	const session = await Polling.open(port);
	await session.post(`4one${RS}4close${RS}4late`);
	assert.equal((await session.get()).body, "4one");
	assert.equal((await session.get()).body, `6${RS}1`);
	assertError(await session.get(), 1, "Session ID unknown");

	const waiting = await Polling.open(port);
	const parked = waiting.get();
	await sleep(50);
	await control({ do: "session", sid: waiting.sid, close: true });
	assert.equal((await parked).body, "1");
	for (const { sid } of [wire, session, waiting]) {
		const [{ reason }] = await logged({ e: "session-close", sid });
		assert.equal(reason, "forced close");
	}
});

scenario("a server that stops ends waiting GETs and WebSockets and discards what is queued", async (t) => {
	const server = await start(t);
	const wire = await Wire.open(server.port);
	const session = await Polling.open(server.port);
	const parked = session.get();
	await sleep(50);
	await server.control({ do: "close" });
	assert.equal(await wire.closed, 1005);
	assert.equal((await parked.catch(() => ({ body: "1" }))).body, "1");
	await within(server.exited, "the server to end");
});
