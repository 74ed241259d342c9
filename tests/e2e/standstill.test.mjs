// A node that stood still (SIGSTOP, a paused virtual machine) must not kill clients that still answer.
import assert from "node:assert/strict";
import { eventually, pealScenario, Polling, sleep, startServer, Wire } from "./support.mjs";

const beat = { engine: true, pingInterval: 400, pingTimeout: 300 };

pealScenario("a node that was stopped for longer than its heartbeat allows closes no client that still answers", async (t) => {
	const server = await startServer(t, beat);
	const wires = [];
	for (let at = 0; at < 20; at++) wires.push(await Wire.open(server.port));
	// A polling client that always has a GET waiting and answers each ping.
	const polling = await Polling.open(server.port);
	const seen = [];
	let leaving = false;
	const loop = (async () => {
		while (!leaving) {
			const { status, body } = await polling.get();
			assert.equal(status, 200, body);
			seen.push(body);
			if (body === "2") await polling.post("3");
			if (body === "1") return;
		}
	})();
	for (const pause of [1500, 2500]) {
		await sleep(300);
		process.kill(server.pid, "SIGSTOP");
		await sleep(pause);
		process.kill(server.pid, "SIGCONT");
		await eventually(async () => (await server.stats()).standstills >= 1, "the standstill to be noticed");
		await sleep(1000);
		assert.deepEqual(await server.events(({ e }) => e === "session-close"), []);
	}
	for (const [at, wire] of wires.entries()) {
		wire.send(`4alive${at}`);
		assert.equal(await wire.next(), `4alive${at}`);
	}
	assert(!seen.includes("1"));
	assert((await server.stats()).standstill_ms >= 2000);
	leaving = true;
	await polling.post("1");
	await loop;
});

pealScenario("a client that died while the node was stopped is still found", async (t) => {
	const server = await startServer(t, beat);
	const silent = await Wire.open(server.port, { silent: true });
	const alive = await Wire.open(server.port);
	process.kill(server.pid, "SIGSTOP");
	await sleep(2000);
	process.kill(server.pid, "SIGCONT");
	const [{ reason }] = await server.logged({ e: "session-close", sid: silent.sid });
	assert.equal(reason, "ping timeout");
	alive.send("4x");
	assert.equal(await alive.next(), "4x");
	assert.deepEqual(await server.events(({ e, sid }) => e === "session-close" && sid === alive.sid), []);
});

pealScenario("what clients sent while the node was stopped is all handled", async (t) => {
	const server = await startServer(t, beat);
	const wire = await Wire.open(server.port);
	process.kill(server.pid, "SIGSTOP");
	for (let at = 0; at < 50; at++) wire.send(`4${at}`);
	await sleep(1500);
	process.kill(server.pid, "SIGCONT");
	for (let at = 0; at < 50; at++) assert.equal(await wire.next(), `4${at}`);
});
