// Three nodes behind HAProxy are restarted one after the other, each with a drain, while clients are connected and events
// are emitted. PEAL_ROLLING_CLIENTS and PEAL_ROLLING_SECONDS make it larger, such as 10000 and 20.
import assert from "node:assert/strict";
import { fork, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import test from "node:test";
import { folder, request, root, run, serve, sleep, until } from "../app/program.mjs";
import { call, freePort, key, members, startRedis } from "../app/redis.mjs";

const count = Number(process.env.PEAL_ROLLING_CLIENTS ?? 3000);
const seconds = Number(process.env.PEAL_ROLLING_SECONDS ?? 2);
const rate = Math.max(100, Math.ceil(count / seconds / 2)), burst = rate / 10;
// A client costs HAProxy two descriptors, of which a process has only so many: more clients need more balancers. Two are the
// least, so that there is nothing special about many clients.
const shares = Math.max(2, Math.ceil(count / 5000));
const names = ["n1", "n2", "n3"];

async function haproxy(t, ports) {
	const home = folder(t), port = await freePort();
	let file = readFileSync(`${root}deploy/haproxy.cfg`, "utf8").replace("bind :3000", `bind 127.0.0.1:${port}`);
	names.forEach((name, index) => { file = file.replace(`server ${name} ${name}:3000`, `server ${name} 127.0.0.1:${ports[index]}`); });
	writeFileSync(`${home}/haproxy.cfg`, file);
	const child = spawn("haproxy", ["-db", "-f", "haproxy.cfg"], { cwd: home, stdio: "ignore" });
	const exited = once(child, "exit");
	t.after(async () => {
		child.kill("SIGKILL");
		await exited;
	});
	await until(async () => {
		assert.equal(child.exitCode, null, "HAProxy has ended");
		const socket = net.connect(port, "127.0.0.1");
		try {
			await once(socket, "connect");
			return true;
		} catch {
			return false;
		} finally {
			socket.destroy();
		}
	}, "HAProxy");
	return port;
}

// Starts a share of the clients. Returns { state(), heard(number) }, to be asked one after the other.
async function startClients(t, port, first, size) {
	const child = fork(`${root}tests/deploy/rolling_clients.mjs`, [port, first, size, names.length * rate / shares].map(String));
	const exited = once(child, "exit");
	let over = false;
	const failed = new Promise((_, reject) => {
		exited.then(([code, signal]) => { if (!over) reject(new Error(`clients have ended: ${code ?? signal}`)); });
	});
	failed.catch(() => {}); // who asks is told
	t.after(async () => {
		over = true;
		child.kill("SIGKILL");
		await exited;
	});
	const ask = async (question) => {
		const answer = once(child, "message");
		child.send(question);
		return (await Promise.race([answer, failed]))[0];
	};
	return { state: async () => (await ask({})).state, heard: async (number) => (await ask({ number })).names };
}

// The most sessions that were opened between two looks, the begin of one and the end of the other within a second.
function mostInASecond(looks) {
	let most = 0;
	for (let first = 0, last = 0; last < looks.length; last++) {
		while (first < last && looks[last].till - looks[first].at > 1000) first++;
		most = Math.max(most, looks[last].opened - looks[first].opened);
	}
	return most;
}

test(`${count} clients outlive the restart of three nodes, and come back no faster than allowed`, { timeout: 600000 }, async (t) => {
	const redis = await startRedis(t);
	const ports = [await freePort(), await freePort(), await freePort()];
	const watched = new Map(); // node: how many sessions it had opened, and when that was asked for, at each look
	const launch = async (index) => {
		const at = performance.now();
		const node = await serve(t, ["--redis", redis.url, "--name", names[index], "--sid-prefix", names[index], "--connect-rate", String(rate),
			"--max-clients", String(count + 1000)], { port: ports[index], env: { PEAL_API_KEY: key } });
		watched.set(node, [{ at, till: at, opened: 0 }]);
		return node;
	};
	const ready = (node) => until(async () => (await node.get("/readyz")).status === 200 && (await members(node)).length === 3, `${node.listening.name} to be ready`);
	const nodes = await Promise.all(names.map((_, index) => launch(index)));
	for (const node of nodes) await ready(node);
	const balancers = await Promise.all(Array.from({ length: shares }, () => haproxy(t, ports)));
	// Not with a session, which would stay. The nodes have no console: its path is answered by one of them, with 404.
	for (const port of balancers)
		await until(async () => (await request(port, { path: "/" }).catch(() => ({}))).status === 404, "the first health checks");

	// How many were let in between two looks, against what the rate allows in the longest time that may lie between them.
	let over = false;
	t.after(() => { over = true; });
	const watch = async () => {
		while (!over) {
			for (const node of nodes) {
				const before = performance.now();
				const text = await node.get("/metrics").then(({ body }) => body, () => "");
				const opened = Number(/^peal_sessions_opened_total (\d+)$/m.exec(text)?.[1]);
				const last = watched.get(node).at(-1);
				if (Number.isNaN(opened)) continue;
				const allowed = rate * (performance.now() - last.at) / 1000 + burst + 1;
				assert.ok(opened - last.opened <= allowed, `${opened - last.opened} new sessions, ${allowed} allowed`);
				watched.get(node).push({ at: before, till: performance.now(), opened });
			}
			await sleep(20);
		}
	};

	const bound = (share) => Math.floor(count * share / shares);
	const clients = await Promise.all(balancers.map((port, i) => startClients(t, port, bound(i), bound(i + 1) - bound(i))));
	const sum = async (what) => (await Promise.all(clients.map((share) => share.state()))).reduce((all, state) => all + state[what], 0);
	const watching = watch();
	const all = async (what) => {
		const deadline = Date.now() + 60000 + 20 * count;
		while (await sum("inside") < count) {
			assert.ok(Date.now() < deadline, `waited too long for ${what}`);
			await sleep(20);
		}
	};
	await all("all to be in");

	let number = 0, asked = 0;
	const ask = async (node, timeout) => {
		const mine = String(++number);
		const { status, body } = await call(node, "POST", "/api/emit", { event: "question", args: [Number(mine)], timeout });
		assert.equal(status, 200, JSON.stringify(body));
		assert.equal(new Set(body.responses).size, body.clients.answered);
		const heard = new Set((await Promise.all(clients.map((share) => share.heard(mine)))).flat());
		for (const name of body.responses) assert.ok(heard.has(name), `${name} has not answered ${mine}`);
		assert.equal(body.error === null, body.clients.answered === body.clients.expected && body.servers.missing.length === 0, JSON.stringify({ ...body, responses: 0 }));
		asked++;
		return body;
	};
	for (const index of names.keys()) {
		const leaving = nodes[index], witness = nodes[(index + 1) % 3];
		let gone = false;
		leaving.exited.then(() => { gone = true; });
		const { code, stderr } = await run(["drain", "--seconds", String(seconds), "--url", leaving.url], { env: { PEAL_API_KEY: key } });
		assert.equal(code, 0, stderr);
		const begun = performance.now(), answers = [];
		while (!gone) answers.push(await ask(witness, 500 + count / 10));
		const drained = performance.now();
		assert.deepEqual(await leaving.exited, [0, null], leaving.output);
		assert.ok(leaving.record("sending the clients away"), leaving.output);
		nodes[index] = await launch(index);
		await ready(nodes[index]);
		await all("all to be back");
		const expected = answers.map((answer) => answer.clients.expected);
		t.diagnostic(`${names[index]} drained for ${Math.round(drained - begun)} ms, all clients were back ${Math.round(performance.now() - drained)} ms later; ` +
			`${answers.length} questions meanwhile to ${Math.min(...expected)} … ${Math.max(...expected)} clients, ${answers.filter(({ error }) => error === null).length} of them answered by all`);
	}
	over = true;
	await watching;
	assert.ok(asked >= 3);
	assert.ok(await sum("lost") >= count / 2); // two nodes of three had them
	const { error, clients: { answered }, servers } = await ask(nodes[0], 20000);
	assert.deepEqual([error, answered, servers.answered], [null, count, 3]);
	t.diagnostic(`${await sum("lost")} of ${count} clients had to come back; at most ${Math.max(...[...watched.values()].map(mostInASecond))} new sessions of a node in a second, ${rate + burst} allowed`);
});
