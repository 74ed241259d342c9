// Redis and nodes that share it, for tests.
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";
import { folder, request, serve, until, within } from "./program.mjs";

export const key = "the-key-of-the-tests";

export function freePort() {
	return new Promise((resolve, reject) => {
		const server = net.createServer();
		server.on("error", reject);
		server.listen(0, "127.0.0.1", () => {
			const { port } = server.address();
			server.close(() => resolve(port));
		});
	});
}

function answers(port) {
	return new Promise((resolve) => {
		const socket = net.connect(port, "127.0.0.1", () => socket.write("PING\r\n"));
		socket.on("data", () => { socket.destroy(); resolve(true); });
		socket.on("error", () => resolve(false));
	});
}

// A Redis of its own, which ends with the test.
export async function startRedis(t, { port, args = [] } = {}) {
	port ??= await freePort();
	const child = spawn("redis-server",
		["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder(t), ...args], { stdio: "ignore" });
	const exited = once(child, "exit");
	const redis = {
		port, child, url: `redis://127.0.0.1:${port}`,
		async stop() {
			if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
			await within(exited, "redis-server to end");
		},
	};
	t.after(redis.stop);
	await until(() => answers(port), "Redis to answer");
	return redis;
}

// A call of the API: { status, body, headers }, the body parsed.
export async function call(node, method, path, body, headers = {}) {
	const answer = await request(node.apiPort ?? node.port, {
		method, path, headers: { Authorization: `Bearer ${key}`, ...headers },
		body: body === undefined || typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
	});
	return { ...answer, text: answer.body, body: answer.body ? JSON.parse(answer.body) : undefined };
}

export async function members(node) {
	return (await call(node, "GET", "/api/nodes")).body.nodes.map(({ name }) => name);
}

// Nodes n1, n2 … that know each other, with the API.
export async function startNodes(t, count, args = [], redis) {
	redis ??= await startRedis(t);
	const nodes = await Promise.all(Array.from({ length: count }, (_, i) =>
		serve(t, ["--name", `n${i + 1}`, "--redis", redis.url, "--namespace", "*", ...args], { env: { PEAL_API_KEY: key } })));
	for (const node of nodes)
		await until(async () => (await members(node)).length === count && (await node.get("/readyz")).status === 200, "the nodes to know each other");
	return { redis, nodes };
}
