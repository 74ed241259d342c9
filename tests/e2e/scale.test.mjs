// 15 000 idle WebSocket clients on one node: what each of them holds in memory.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { eventually, pealScenario, residentKb, startServer, testapp, wireSocket, within } from "./support.mjs";

const step = 1000;
const program = process.env.PEAL_IDLE_CLIENTS ?? join(dirname(testapp), "idle_clients");

// Processor time of a process in ticks of 10 ms.
function ticks(pid) {
	const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
	return Number(fields[11]) + Number(fields[12]);
}

const hardFileLimit = () => Number(/Max open files\s+\d+\s+(\d+|unlimited)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 1e9) || 1e9;

pealScenario("15 000 idle clients hold at most 3.5 KB each, and the last is served as the first", async (t) => {
	assert(existsSync(program), `${program} does not exist`);
	const count = Math.min(15000, Math.floor((hardFileLimit() - 500) / step) * step);
	if (count < 15000) t.diagnostic(`only ${count} clients: the hard limit of open files is ${hardFileLimit()}`);
	const server = await startServer(t, { maxClients: count + 100, quiet: true });
	const first = await wireSocket(server.port);
	const crowd = spawn(program, [String(server.port), String(count), String(step)], { stdio: ["pipe", "pipe", "inherit"] });
	const exited = once(crowd, "exit");
	t.after(() => crowd.kill());
	let output = "";
	crowd.stdout.on("data", (chunk) => { output += chunk; });
	const reached = (number) => within(Promise.race([
		eventually(() => output.includes(`connected ${number}\n`), `${number} clients`),
		exited.then(([code]) => assert.fail(`idle_clients ended with ${code}`)),
	]), `${number} clients`, 60000);

	const before = residentKb(server.pid);
	const spent = [];
	let at = ticks(server.pid);
	for (let number = step; number <= count; number += step) {
		await reached(number);
		const now = ticks(server.pid);
		spent.push(now - at);
		at = now;
		if (number < count) crowd.stdin.write("\n");
	}
	const stats = await server.stats();
	assert.equal(stats.sessions, count + 1);
	assert.equal(stats.sockets, count + 1);
	assert.equal(stats.sessions_closed_ping_timeout, 0);
	const bytes = ((residentKb(server.pid) - before) * 1024) / count;
	t.diagnostic(`${bytes.toFixed(0)} bytes resident per client; ticks for each 1 000: ${spent.join(" ")}`);
	if (!process.env.ASAN_OPTIONS) assert(bytes <= 3584, `${bytes} bytes per client`);

	// Everyone is reached, and a client among 15 000 is served.
	first.send('421["echo",1]');
	assert.equal(await first.next(), "431[1]");
	const last = await wireSocket(server.port);
	const queued = (await server.stats()).frames_queued;
	await server.control({ do: "emit", event: "cast" });
	assert.equal(await first.next(), '42["cast"]');
	assert.equal(await last.next(), '42["cast"]');
	assert.equal((await server.stats()).frames_queued - queued, count + 2);

	crowd.stdin.end();
	await within(exited, "the clients to leave");
	await eventually(async () => (await server.stats()).sessions === 2, "the sessions to end");
});
