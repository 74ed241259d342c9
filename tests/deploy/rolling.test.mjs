// Three nodes behind HAProxy are restarted one after the other, each with a drain, while clients are connected and events
// are emitted. PEAL_ROLLING_CLIENTS and PEAL_ROLLING_SECONDS make it larger.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import net from "node:net";
import test from "node:test";
import WebSocket from "ws";
import { folder, request, root, run, serve, sleep, until } from "../app/program.mjs";
import { call, freePort, key, members, startRedis } from "../app/redis.mjs";

const count = Number(process.env.PEAL_ROLLING_CLIENTS ?? 120);
const seconds = Number(process.env.PEAL_ROLLING_SECONDS ?? 1);
const rate = Math.max(100, Math.ceil(count / seconds / 2));
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

// A client that speaks just enough, and does what stock clients do when the transport closes: wait a moment, come back.
// Thousands of stock ones would keep this process busy with themselves.
function start(port, name, heard) {
	const client = { name, connected: false, lost: 0, attempts: 0, over: false };
	const connect = () => {
		if (client.over) return;
		client.attempts++;
		const socket = client.socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
		socket.on("message", (data) => {
			const text = data.toString();
			if (text === "2") socket.send("3");
			else if (text[0] === "0") socket.send("40");
			else if (text.startsWith("40")) client.connected = true;
			else if (text.startsWith("41")) assert.fail("a DISCONNECT packet would keep stock clients away");
			const [, id, number] = /^42(\d+)\["question",(\d+)\]$/.exec(text) ?? [];
			if (!id) return;
			if (!heard.has(number)) heard.set(number, new Set());
			heard.get(number).add(name);
			socket.send(`43${id}["${name}"]`);
		});
		socket.on("error", () => {});
		socket.on("close", () => {
			client.lost += client.connected;
			client.connected = false;
			setTimeout(connect, 50 + Math.random() * 150);
		});
	};
	connect();
	return client;
}

test(`${count} clients outlive the restart of three nodes, and come back no faster than allowed`, { timeout: 600000 }, async (t) => {
	const redis = await startRedis(t);
	const ports = [await freePort(), await freePort(), await freePort()];
	const launch = (index) => serve(t, ["--redis", redis.url, "--name", names[index], "--sid-prefix", names[index], "--connect-rate", String(rate),
		"--max-clients", String(count + 1000)], { port: ports[index], env: { PEAL_API_KEY: key } });
	const ready = (node) => until(async () => (await node.get("/readyz")).status === 200 && (await members(node)).length === 3, `${node.listening.name} to be ready`);
	const nodes = await Promise.all(names.map((_, index) => launch(index)));
	for (const node of nodes) await ready(node);
	const port = await haproxy(t, ports);
	// Not with a session, which would stay. The nodes have no console: its path is answered by one of them, with 404.
	await until(async () => (await request(port, { path: "/" }).catch(() => ({}))).status === 404, "the first health checks");

	// How many were let in between two looks, against what the rate allows in the longest time that may lie between them.
	const watched = new Map();
	let over = false;
	const watch = async () => {
		while (!over) {
			for (const node of nodes) {
				const before = performance.now();
				const text = await node.get("/metrics").then(({ body }) => body, () => "");
				const opened = Number(/^peal_sessions_opened_total (\d+)$/m.exec(text)?.[1]);
				const last = watched.get(node);
				if (Number.isNaN(opened)) continue;
				if (last) {
					const allowed = rate * (performance.now() - last.at) / 1000 + rate / 10 + 1;
					assert.ok(opened - last.opened <= allowed, `${opened - last.opened} new sessions, ${allowed} allowed`);
				}
				watched.set(node, { at: before, opened });
			}
			await sleep(20);
		}
	};

	const heard = new Map();
	const clients = Array.from({ length: count }, (_, i) => start(port, `c${i}`, heard));
	t.after(() => {
		for (const client of clients) {
			client.over = true;
			client.socket.terminate();
		}
	});
	const watching = watch();
	const all = async (what) => {
		const deadline = Date.now() + 30000 + 60 * count;
		while (!clients.every(({ connected }) => connected)) {
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
		for (const name of body.responses) assert.ok(heard.get(mine)?.has(name), `${name} has not answered ${mine}`);
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
		while (!gone) await ask(witness, 500);
		assert.deepEqual(await leaving.exited, [0, null], leaving.output);
		assert.ok(leaving.record("sending the clients away"), leaving.output);
		nodes[index] = await launch(index);
		await ready(nodes[index]);
		await all("all to be back");
	}
	over = true;
	await watching;
	assert.ok(asked >= 3);
	assert.ok(clients.filter(({ lost }) => lost > 0).length >= count / 2); // two nodes of three had them
	const { error, clients: { answered }, servers } = await ask(nodes[0], 20000);
	assert.deepEqual([error, answered, servers.answered], [null, count, 3]);
});
