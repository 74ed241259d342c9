// Redis and nodes that share it, the API and clients that answer, for tests.
import { freePort, launchRedis } from "../support/common.mjs";
import { checkAnswer } from "./openapi.mjs";
import { client, event, folder, request, serve, until, within } from "./program.mjs";

export { freePort };

export const key = "the-key-of-the-tests";

// A Redis of its own, which ends with the test.
export async function startRedis(t, { port, args = [] } = {}) {
	port ??= await freePort();
	const { child, exited } = await launchRedis(port, folder(t), args);
	const redis = {
		port, child, url: `redis://127.0.0.1:${port}`,
		async stop() {
			if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
			await within(exited, "redis-server to end");
		},
	};
	t.after(redis.stop);
	return redis;
}

// A call of the API: { status, body, text, headers }, the body parsed, and all of it as openapi.json says.
export async function call(node, method, path, body, headers = {}) {
	const answer = await request(node.apiPort ?? node.port, {
		method, path, headers: { Authorization: `Bearer ${key}`, ...headers },
		body: body === undefined || typeof body === "string" || Buffer.isBuffer(body) ? body : JSON.stringify(body),
	});
	checkAnswer({ method, path, body }, { ...answer, text: answer.body });
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

// A client that answers every event that asks: with `answer`, or not at all when that is undefined.
export async function answering(node, answer, options) {
	const socket = client(node, { transports: ["websocket"], ...options });
	socket.heard = [];
	socket.onAny((name, ...args) => {
		const reply = typeof args.at(-1) === "function" ? args.pop() : null;
		if (name === "welcome") return;
		socket.heard.push([name, ...args]);
		if (reply && answer !== undefined) reply(answer);
	});
	await event(socket, "connect");
	return socket;
}
