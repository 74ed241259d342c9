// The program's HTTP API in a cluster: what it has answered to one caller holds for the next, on any node.
import assert from "node:assert/strict";
import { serve } from "../app/program.mjs";
import { eventually, isPeal, RedisServer, scenario } from "./cluster.mjs";
import { openCrowd } from "./cluster_crowd.mjs";
import { Proxy } from "./cluster_proxy.mjs";
import { request } from "./support.mjs";

const key = "the-key-of-this-test";

async function startProgram(t, name, redis) {
	const node = await serve(t, ["--name", name, "--redis", redis], { env: { PEAL_API_KEY: key } });
	node.api = async (path, body) => {
		const answer = await request(node.port, {
			method: body === undefined ? "GET" : "POST", path: `/api/${path}`,
			headers: { Authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
			body: body === undefined ? undefined : JSON.stringify(body),
		});
		return { status: answer.status, ...(answer.body ? JSON.parse(answer.body) : {}) };
	};
	return node;
}

if (isPeal) {
	scenario("/readyz tells the state of the cluster and stays 200 while Redis is away", async (t) => {
		const redis = await RedisServer.start(t);
		const node = await startProgram(t, "a", redis.url);
		const ready = async () => {
			const { status, body } = await request(node.port, { path: "/readyz" });
			assert.equal(status, 200, body);
			return body;
		};
		const whole = await eventually(async () => /up/.test(await ready()) && ready(), "the cluster to be up");
		await redis.kill();
		const alone = await eventually(async () => /down/.test(await ready()) && ready(), "the cluster to be down");
		assert.notEqual(alone, whole);
		await redis.launch();
		await eventually(async () => /up/.test(await ready()), "the cluster to be up again");
		const states = node.records.filter(({ message }) => /redis|cluster/i.test(message));
		assert(states.length >= 2, JSON.stringify(node.records));
	}, 120000);

	scenario("of 1000 joins over HTTP on one node, each is followed by an emit over HTTP on another that all members on a third hear", async (t) => {
		const redis = await RedisServer.start(t);
		const nodes = [];
		for (const name of ["a", "b", "c"]) nodes.push(await startProgram(t, name, (await Proxy.start(t, redis.port, 20)).url));
		for (const node of nodes) await eventually(async () => (await node.api("nodes")).nodes?.length === 3, "three nodes");
		// In the beginning a node hears all rooms, and no join needs a subscription.
		for (const node of nodes)
			await eventually(async () => /interest_changes(_total)? [1-9]/.test((await request(node.port, { path: "/metrics" })).body), "every node to choose rooms");
		const voices = await openCrowd(t, nodes.slice(2), 5);
		await Promise.all(Array.from({ length: 20 }, async (_, lane) => {
			for (let round = 0; round < 50; round++) {
				const room = `room-${lane}-${round}`;
				const joined = await nodes[0].api("sockets/join", { targets: [room] });
				assert.deepEqual(joined, { status: 200, confirmed: 2, expected: 2 });
				const emitted = await nodes[1].api("emit", { rooms: [room], event: "numbered", args: [lane, round] });
				assert.equal(emitted.status, 202);
				if (round >= 5) await nodes[0].api("sockets/leave", { targets: [`room-${lane}-${round - 5}`] });
			}
		}));
		await eventually(() => voices.every(({ got }) => got.filter(([event]) => event === "numbered").length >= 1000), "all to be heard").catch(() => {});
		for (const { got } of voices) {
			const numbers = got.filter(([event]) => event === "numbered").map(([, lane, round]) => lane * 50 + round).sort((a, b) => a - b);
			assert.deepEqual(numbers, Array.from({ length: 1000 }, (_, number) => number));
		}
	}, 200000);
}
