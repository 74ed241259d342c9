// Redis goes away, freezes and comes back. Clients of the own node notice nothing, and what others missed is accounted for.
import assert from "node:assert/strict";
import { eventually, isPeal, RedisServer, scenario, settle, sleep, startCluster, startNode } from "./cluster.mjs";
import { openCrowd, Voice } from "./cluster_crowd.mjs";
import { Proxy } from "./cluster_proxy.mjs";

const heard = (voice) => voice.got.filter(([event]) => event === "numbered");
const clusterOf = (node) => node.control({ do: "cluster" });
const accounted = (stats) => stats.cluster_published + stats.cluster_dropped + stats.cluster_in_doubt;

/*
 * Every node numbers broadcasts until told to stop. Returns for each node the times between which each number was
 * emitted.
 */
function publishAll(nodes) {
	const sent = nodes.map(() => []);
	let stopped = false;
	const running = Promise.all(nodes.map(async (node, index) => {
		while (!stopped) {
			// Several in one turn, so that some are under way at any moment.
			const entry = { from: Date.now(), to: Infinity };
			const commands = Array.from({ length: 10 }, () =>
				({ do: "emit", event: "numbered", args: [index, sent[index].push(entry) - 1] }));
			await node.control({ do: "several", commands });
			entry.to = Date.now();
			await sleep(3);
		}
	}));
	return { sent, stop: async () => { stopped = true; await running; } };
}

/*
 * A client must have heard all of its own node, each publisher in order and nothing twice; what it missed lies in its
 * node's gap, or is among what the publisher has dropped or does not know. `before` are the counters of the beginning.
 */
async function checkAccount(nodes, voices, sent, before, after) {
	const gaps = await Promise.all(nodes.map(clusterOf));
	const notes = [];
	for (const voice of voices) {
		const receiver = nodes.indexOf(voice.node);
		for (const [publisher, times] of sent.entries()) {
			const numbers = heard(voice).filter(([, from]) => from === publisher).map(([, , number]) => number);
			for (let at = 1; at < numbers.length; at++)
				assert(numbers[at] > numbers[at - 1], `${numbers[at]} after ${numbers[at - 1]} from node ${publisher} on node ${receiver}`);
			const got = new Set(numbers);
			const missed = times.map((_, number) => number).filter((number) => !got.has(number));
			if (publisher === receiver) {
				assert.deepEqual(missed, [], "a client missed what its own node emitted");
				continue;
			}
			const { gapFrom, gapTo } = gaps[receiver];
			const outside = missed.filter((number) => times[number].to < gapFrom || times[number].from > gapTo);
			const lost = after[publisher].cluster_dropped - before[publisher].cluster_dropped +
				after[publisher].cluster_in_doubt - before[publisher].cluster_in_doubt;
			notes.push(`${publisher}→${receiver}: ${times.length} emitted, ${missed.length} missed, ${outside.length} outside of the gap of ${gapTo - gapFrom} ms, ${lost} dropped or in doubt`);
			assert(outside.length <= lost, notes.at(-1));
		}
	}
	for (const [index, times] of sent.entries())
		assert.equal(accounted(after[index]) - accounted(before[index]), times.length, "each broadcast ends in one counter");
	return notes;
}

// All that was emitted has ended in a counter, and nothing is on its way to a client.
async function quiet(nodes, voices, sent, before) {
	await eventually(async () => {
		const stats = await Promise.all(nodes.map((node) => node.stats()));
		return stats.every((now, index) => accounted(now) - accounted(before[index]) === sent[index].length);
	}, "every broadcast to be accounted for");
	const stats = await Promise.all(nodes.map((node) => node.stats()));
	await nodes[0].control({ do: "emit", event: "end" });
	await eventually(() => voices.every(({ got }) => got.some(([event]) => event === "end")), "the end");
	await sleep(300);
	return stats;
}

if (isPeal) {
	/*
	 * All nodes emit; `trouble` happens to Redis and is over; and then all is accounted for.
	 */
	async function outage(t, settings, trouble) {
		const { nodes, redis } = await startCluster(t, "PPP", { quiet: true, ...settings });
		const voices = await openCrowd(t, nodes, 2);
		const before = await Promise.all(nodes.map((node) => node.stats()));
		const publishing = publishAll(nodes);
		await sleep(1000);
		await trouble(redis, nodes);
		await eventually(async () => (await Promise.all(nodes.map(clusterOf))).every(({ state, members }) => state === "up" && members.length === 3), "the cluster to be whole again");
		await sleep(1000);
		await publishing.stop();
		await settle({ redis, nodes });
		const after = await quiet(nodes, voices, publishing.sent, before);
		for (const note of new Set(await checkAccount(nodes, voices, publishing.sent, before, after))) t.diagnostic(note);
		for (const stats of after) assert(stats.cluster_disconnects >= 1);
		return after;
	}

	async function killed(redis, nodes) {
		await redis.kill();
		await sleep(2500);
		for (const node of nodes) assert.notEqual((await clusterOf(node)).state, "up");
		await redis.launch();
	}

	scenario("Redis is killed and restarted while all nodes emit, and everything that was missed is accounted for", async (t) => {
		for (const stats of await outage(t, {}, killed)) {
			assert(stats.cluster_gaps >= 1, "a node that was not subscribed says so");
			assert(stats.cluster_published_late > 0, "what was emitted without Redis is published when it is back");
		}
	}, 120000);

	scenario("what finds no place to wait for Redis is counted as dropped, and nothing else is missed", async (t) => {
		for (const stats of await outage(t, { queueLimit: 20000 }, killed)) assert(stats.cluster_dropped > 0);
	}, 120000);

	scenario("Redis is frozen for so long that it is given up, and everything that was missed is accounted for", async (t) => {
		await outage(t, {}, async (redis, nodes) => {
			redis.freeze();
			await eventually(async () => (await Promise.all(nodes.map(clusterOf))).every(({ state }) => state !== "up"), "the nodes to give Redis up");
			await sleep(500);
			redis.thaw();
		});
	}, 120000);

	scenario("a node whose connections to Redis are cut again and again delivers in order and nothing twice", async (t) => {
		const redis = await RedisServer.start(t);
		const proxy = await Proxy.start(t, redis.port, 4);
		const nodes = [
			await startNode(t, "P", redis, { name: "node-0", redis: proxy.url, quiet: true }),
			await startNode(t, "P", redis, { name: "node-1", quiet: true }),
		];
		await settle({ redis, nodes });
		const voices = await openCrowd(t, nodes, 1);
		const before = await Promise.all(nodes.map((node) => node.stats()));
		const publishing = publishAll(nodes);
		for (let cut = 0; cut < 3; cut++) {
			await sleep(700);
			proxy.cut();
			await eventually(async () => (await clusterOf(nodes[0])).state === "up", "the node to be back");
		}
		await publishing.stop();
		await settle({ redis, nodes });
		const after = await quiet(nodes, voices, publishing.sent, before);
		const numbers = voices.map((voice) => publishing.sent.map((_, publisher) =>
			heard(voice).filter(([, from]) => from === publisher).map(([, , number]) => number)));
		for (const lists of numbers)
			for (const list of lists)
				for (let at = 1; at < list.length; at++) assert(list[at] > list[at - 1], "order, and nothing twice");
		for (const [own, lists] of numbers.entries()) assert.equal(lists[own].length, publishing.sent[own].length);
		for (const [index, times] of publishing.sent.entries())
			assert.equal(accounted(after[index]) - accounted(before[index]), times.length);
	}, 120000);

	scenario("with Redis frozen, connected clients keep their heartbeat and new ones connect, join and hear their node", async (t) => {
		const { nodes, redis } = await startCluster(t, "PP", { pingInterval: 300, pingTimeout: 1000, quiet: true });
		const voices = await openCrowd(t, nodes, 5);
		redis.freeze();
		try {
			const pings = voices.map(({ pings }) => pings);
			await sleep(2500);
			voices.forEach((voice, index) => {
				assert.equal(voice.socket.readyState, 1);
				assert(voice.pings > pings[index] + 3, "heartbeats went on");
			});
			const late = await Voice.open(nodes[0].port).joined;
			t.after(() => late.socket.terminate());
			await late.ask("join", "while-frozen");
			await nodes[0].control({ do: "emit", rooms: ["while-frozen"], event: "numbered", args: [0, 0] });
			await eventually(() => heard(late).length === 1, "an emit of the own node");
			await eventually(async () => (await clusterOf(nodes[0])).state !== "up", "the node to notice that Redis hangs");
			const round = await nodes[0].control({ do: "emit", event: "ask", timeout: 500 });
			assert.equal(round.expected >= 6, true, "local clients are asked all the same");
		} finally {
			redis.thaw();
		}
		await settle({ redis, nodes });
		for (const voice of voices) voice.on = (event, args, reply) => reply?.(1);
		await nodes[1].control({ do: "emit", rooms: ["while-frozen"], event: "numbered", args: [1, 0] });
		const { error, responses } = await nodes[1].control({ do: "emit", event: "ask", timeout: 5000, except: ["while-frozen"] });
		assert.deepEqual([error, responses.length], [null, 10]);
	}, 120000);

	scenario("a node starts without Redis, serves its own clients, and joins the cluster when Redis is there", async (t) => {
		const redis = await RedisServer.start(t);
		await redis.kill();
		const nodes = [await startNode(t, "P", redis, { name: "node-0" }), await startNode(t, "P", redis, { name: "node-1" })];
		const voices = await openCrowd(t, nodes, 1);
		await nodes[0].control({ do: "emit", flags: ["local"], event: "numbered", args: [0, 0] });
		await eventually(() => heard(voices[0]).length === 1, "the own node");
		await redis.launch();
		await settle({ redis, nodes });
		await nodes[0].control({ do: "emit", event: "numbered", args: [0, 1] });
		await eventually(() => heard(voices[1]).length >= 1, "the other node");
	}, 120000);

	scenario("a stopped node says goodbye and leaves no subscription", async (t) => {
		const { nodes, redis } = await startCluster(t, "PP");
		await nodes[1].stop();
		await eventually(async () => (await clusterOf(nodes[0])).members.length === 1, "the member to be gone");
		assert.equal(await redis.receivers(), 1);
	});
}
