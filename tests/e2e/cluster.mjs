// A cluster for the end-to-end tests: a Redis of its own, and peal nodes (P) and official Node.js servers (N) in any
// mixture, all driven over the same control route.
import { mkdtempSync, rmSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { createClient } from "redis";
import { io } from "socket.io-client";
import { freePort, launchRedis } from "../support/common.mjs";
import { eventually, isPeal, scenario, sleep, startServer, within } from "./support.mjs";

// The mixtures that a case runs in: peal's, or the one of official servers alone, which shows that the case is true.
export const mixtures = isPeal ? ["PPP", "PPN", "PNN"] : ["NNN"];

// A redis-server of one test.
export class RedisServer {
	static async start(t, more = []) {
		const redis = new RedisServer();
		redis.folder = mkdtempSync(join(tmpdir(), "peal-redis-"));
		redis.port = await freePort();
		redis.url = `redis://127.0.0.1:${redis.port}`;
		redis.more = more;
		t.after(async () => {
			await redis.observer?.disconnect().catch(() => {});
			await redis.kill();
			rmSync(redis.folder, { recursive: true, force: true });
		});
		await redis.launch();
		return redis;
	}

	async launch() {
		Object.assign(this, await launchRedis(this.port, this.folder, this.more));
	}

	freeze() {
		this.child.kill("SIGSTOP");
	}

	thaw() {
		this.child.kill("SIGCONT");
	}

	async kill() {
		if (!this.child || this.child.exitCode !== null || this.child.signalCode !== null) return;
		this.child.kill("SIGKILL");
		await this.exited;
	}

	// The test's own connection, made when it is needed.
	async command(...words) {
		if (!this.observer) {
			this.observer = createClient({ url: this.url });
			this.observer.on("error", () => {});
			await this.observer.connect();
		}
		return this.observer.sendCommand(words);
	}

	// How many connections hear requests of a namespace.
	async receivers(ns = "/", prefix = "socket.io") {
		return Number((await this.command("PUBSUB", "NUMSUB", `${prefix}-request#${ns}#`))[1]);
	}

	// Number of calls of each command since the last reset.
	async calls() {
		const info = await this.command("INFO", "commandstats");
		return Object.fromEntries([...info.matchAll(/^cmdstat_(\S+?):calls=(\d+)/gm)].map(([, name, calls]) => [name, Number(calls)]));
	}

	// Every command that Redis executes from now on, as MONITOR shows it, until stopped.
	async monitor() {
		const socket = net.connect(this.port, "127.0.0.1");
		let text = "";
		socket.on("data", (chunk) => { text += chunk.toString("latin1"); });
		socket.on("error", () => {});
		socket.write("MONITOR\r\n");
		await eventually(() => text.startsWith("+OK"), "MONITOR to begin");
		const lines = () => text.split("\r\n").slice(1).filter(Boolean);
		return {
			lines,
			// What was executed until now: a marker shows that nothing is under way.
			until: async () => {
				const marker = `marker-${Math.random()}`;
				await this.command("ECHO", marker);
				await eventually(() => text.includes(marker), "the marker");
				return lines().filter((line) => !line.includes("marker-"));
			},
			stop: () => socket.destroy(),
		};
	}
}

// Starts one more node; `kind` is "P" or "N".
export async function startNode(t, kind, redis, settings = {}) {
	const node = await startServer(t, { redis: redis.url, ...settings }, kind === "P" ? "peal" : "reference");
	node.isPeal = kind === "P";
	return node;
}

// Starts the nodes that `mixture` spells and waits until they know each other.
export async function startCluster(t, mixture, settings = {}, { redisOptions, redis } = {}) {
	redis ??= await RedisServer.start(t, redisOptions);
	const nodes = await Promise.all([...mixture].map((kind, index) =>
		startNode(t, kind, redis, { name: `node-${index}`, ...settings, ...settings.each?.[index], each: undefined })));
	const cluster = { redis, nodes, settings };
	await settle(cluster);
	return cluster;
}

// Waits until each of the running nodes is subscribed, and every peal node knows every other.
export async function settle({ redis, nodes, settings = {} }, namespaces = settings.namespaces ?? ["/", "/custom"]) {
	const running = nodes.filter((node) => node.child.exitCode === null && node.child.signalCode === null);
	const peal = running.filter((node) => node.isPeal);
	await eventually(async () => {
		for (const ns of namespaces)
			if (await redis.receivers(ns, settings.prefix) !== running.length) return false;
		for (const node of peal) {
			const { state, members } = await node.control({ do: "cluster" });
			if (state !== "up" || members.length !== peal.length) return false;
			for (const member of members)
				if (member.silent || !namespaces.every((ns) => member.namespaces.includes(ns))) return false;
		}
		return true;
	}, "the nodes to know each other");
}

// A stock client on one node. What it received is in `got`, as [event, ...args].
export function connect(t, node, ns = "/", options = {}) {
	const client = io(`${node.url}${ns}`, { transports: ["websocket"], forceNew: true, ...options });
	client.got = [];
	client.onAny((...event) => client.got.push(event.filter((value) => typeof value !== "function")));
	t.after(() => client.disconnect());
	client.joined = within(new Promise((resolve, reject) => {
		client.once("connect", resolve);
		client.once("connect_error", reject);
	}), "a client to connect");
	return client;
}

// One client on each node, all connected.
export async function connectAll(t, nodes, ns = "/", options = {}) {
	const clients = nodes.map((node) => connect(t, node, ns, options));
	await Promise.all(clients.map((client) => client.joined));
	return clients;
}

// Emits a last event to everyone and returns what each client received before it: shows absence without waiting. It
// comes from the acting node, since order between publishers is not promised.
let fences = 0;
export async function receivedFrom(node, clients, ns = "/") {
	const name = `fence-${++fences}`;
	await node.control({ do: "emit", ns, event: name });
	return Promise.all(clients.map(async (client) => {
		await eventually(() => client.got.some(([event]) => event === name), `${name} to come`);
		const got = client.got.splice(0);
		return got.slice(0, got.findIndex(([event]) => event === name)).filter(([event]) => !event.startsWith("fence-"));
	}));
}

// A cluster that many cases use, one after the other: started by the first, stopped when all have run.
export function sharedCluster(order, settings = {}) {
	const cleanups = [];
	let started;
	after(async () => {
		for (const cleanup of cleanups) await cleanup();
	});
	return () => started ??= startCluster({ after: (fn) => cleanups.push(fn) }, order, settings);
}

// The mixtures with each kind of node as the one that acts: it is the first.
export const orders = mixtures.flatMap((mixture) => [...new Set(mixture)].map((actor) => actor + mixture.replace(actor, "")));

/*
 * Runs cases in each mixture, with each kind of node as the one that acts, and once more with official servers that
 * answer on private channels. `define(clusterCase)` names the cases: `clusterCase(title, run, ns)`, where `run` gets the
 * cluster with the acting node first, and one client on each node.
 */
export function inEachMixture(define, settings = {}) {
	const variants = orders.map((order) => ({ order, label: order, more: {} }));
	for (const order of orders.filter((name) => name.includes("NN") || name === "NPN"))
		variants.push({ order, label: `${order} (private answers, ioredis)`, more: { specificResponse: true, client: "ioredis" } });
	for (const { order, label, more } of variants) {
		// The last of several official servers uses the client library before the present one.
		const each = /N.*N/.test(order) && !more.client ? { [order.lastIndexOf("N")]: { client: "redis-4" } } : {};
		const cluster = sharedCluster(order, { ...settings, ...more, each });
		define((title, run, ns = "/") => scenario(`${label}: ${title}`, async (t) => {
			const { redis, nodes } = await cluster();
			const clients = await connectAll(t, nodes, ns);
			await run({ t, redis, nodes, clients, actor: nodes[0] });
			for (const client of clients) client.disconnect();
			await eventually(async () => {
				const counts = await Promise.all(nodes.map((node) => node.control({ do: "fetch", ns, flags: ["local"] })));
				return counts.every(({ sockets }) => sockets.length === 0);
			}, "the clients to be gone");
		}));
	}
}

// An event that clients answer with `values[index]`; undefined stands for one that does not answer.
export function answering(clients, event, values) {
	clients.forEach((client, index) => client.on(event, (...args) => {
		const reply = args.at(-1);
		if (values[index] !== undefined) reply(values[index]);
	}));
}

export { eventually, isPeal, scenario, sleep, startServer, within };
