// Who is told that it joined hears the next emit from any node; nothing arrives twice, and little arrives in vain.
import assert from "node:assert/strict";
import { createClient } from "redis";
import { eventually, isPeal, orders, RedisServer, scenario, settle, sleep, startCluster, startNode } from "./cluster.mjs";
import { openCrowd, Voice } from "./cluster_crowd.mjs";
import { Proxy } from "./cluster_proxy.mjs";

const heard = (voice, name = "numbered") => voice.got.filter(([event]) => event === name).map(([, value]) => value);

// Nodes that reach Redis through a proxy each, which makes a round trip cost 20 ms.
async function slowCluster(t, mixture, settings = {}) {
	const redis = await RedisServer.start(t);
	const nodes = [];
	for (const [index, kind] of [...mixture].entries()) {
		const proxy = await Proxy.start(t, redis.port, 20);
		nodes.push(await startNode(t, kind, redis, { name: `node-${index}`, ...settings, redis: proxy.url }));
	}
	await settle({ redis, nodes, settings });
	return { redis, nodes };
}

// In the beginning a node hears all rooms, and no join needs a subscription. Among peal nodes alone that does not last.
async function roomsChosen(nodes) {
	await eventually(async () => (await Promise.all(nodes.map((node) => node.stats()))).every((stats) => stats.cluster_interest_changes > 0), "every node to choose rooms");
}

// Each lane is a client that joins a room, is told so, and at once another node emits to that room.
async function joinAndEmit(t, nodes, lanes, enough) {
	const done = typeof enough === "function" ? enough : (round) => round >= enough;
	const voices = await openCrowd(t, nodes.slice(0, 1), lanes);
	const counts = await Promise.all(voices.map(async (voice, lane) => {
		let round = 0;
		for (let left = 0; !done(round); round++) {
			const room = `room-${lane}-${round}`;
			await voice.ask("join", room);
			const emitter = nodes[1 + ((lane + round) % (nodes.length - 1))];
			const { error } = await emitter.control({ do: "emit", rooms: [room], event: "numbered", args: [round] });
			assert.equal(error, null);
			// Rooms come and go; a room is left when its emit was heard, whenever that is.
			for (const all = heard(voice); left < all.length; left++) voice.emit("leave", `room-${lane}-${all[left]}`);
		}
		return round;
	}));
	await eventually(() => voices.every((voice, lane) => heard(voice).length >= counts[lane]), "all to be heard").catch(() => {});
	const missed = voices.flatMap((voice, lane) => {
		const got = new Set(heard(voice));
		return Array.from({ length: counts[lane] }, (_, round) => round).filter((round) => !got.has(round)).map((round) => `${lane}-${round}`);
	});
	const notes = await Promise.all(nodes.filter(({ isPeal }) => isPeal).map(async (node) => {
		const stats = await node.stats();
		return Object.fromEntries(["barrier_waits", "barrier_timeouts", "cluster_dropped", "cluster_in_doubt", "cluster_gaps", "cluster_interest_changes", "standstills"]
			.map((name) => [name, stats[name]]));
	}));
	assert.deepEqual(missed, [], JSON.stringify(notes));
	voices.forEach((voice, lane) => assert.equal(heard(voice).length, counts[lane], "something arrived twice"));
}

if (isPeal) {
	scenario("of 10000 joins that a client was told of, each hears the emit of another node that follows", async (t) => {
		const { nodes } = await slowCluster(t, "PPP", { quiet: true });
		await roomsChosen(nodes);
		const before = (await nodes[0].stats()).barrier_waits;
		await joinAndEmit(t, nodes, 100, 100);
		const stats = await nodes[0].stats();
		assert(stats.barrier_waits - before >= 5000, `only ${stats.barrier_waits - before} joins waited for a subscription`);
		assert.equal(stats.barrier_timeouts, 0);
	}, 200000);

	scenario("nor is one missed while the nodes change from hearing everything to hearing rooms", async (t) => {
		const { nodes } = await slowCluster(t, "PPP", { quiet: true });
		let until = Infinity;
		const changed = eventually(async () => (await nodes[0].stats()).cluster_interest_changes > 0, "the node to choose rooms")
			.then(() => { until = Date.now() + 1500; });
		await joinAndEmit(t, nodes, 20, () => Date.now() > until);
		await changed;
	}, 200000);

	scenario("a client that joined on a peal node hears a Node.js server's next emit", async (t) => {
		const { nodes } = await slowCluster(t, "PN", { quiet: true });
		await joinAndEmit(t, nodes, 20, 25);
	}, 120000);

	scenario("a client that has connected hears the next emit to its id, from any node", async (t) => {
		const { nodes } = await slowCluster(t, "PPP", { quiet: true });
		await Promise.all(Array.from({ length: 20 }, async () => {
			for (let round = 0; round < 10; round++) {
				const voice = await Voice.open(nodes[0].port).joined;
				await nodes[1 + (round % 2)].control({ do: "emit", rooms: [voice.id], event: "numbered", args: [round] });
				await eventually(() => heard(voice).length === 1, "the emit to its id");
				await voice.close();
			}
		}));
	}, 120000);

	scenario("while interest changes between rooms and pattern, each of 10000 emits arrives exactly once and in order", async (t) => {
		const { nodes, redis } = await startCluster(t, "PP", { quiet: true });
		const voice = await Voice.open(nodes[1].port).joined;
		t.after(() => voice.socket.terminate());
		await voice.ask("join", "target");
		const stray = await createClient({ url: redis.url }).on("error", () => {}).connect();
		t.after(() => stray.destroy());
		const changes = async () => (await nodes[1].stats()).cluster_interest_changes;
		const first = await eventually(async () => await changes() > 0 && { count: await changes() }, "interest to settle on rooms");
		let done = false;
		const toggling = (async () => {
			for (let change = 1; change <= 10; change++) {
				if (change % 2) await stray.subscribe("socket.io-request#/#", () => {});
				else await stray.unsubscribe("socket.io-request#/#");
				await eventually(async () => await changes() >= first.count + change, `change ${change} of the interest`);
			}
		})().finally(() => { done = true; });
		let sent = 0;
		while (sent < 10000 || !done) {
			await nodes[0].control({ do: "several", commands: Array.from({ length: 5 }, () =>
				({ do: "emit", rooms: ["target"], event: "numbered", args: [sent++] })) });
			await sleep(5);
		}
		await toggling;
		await eventually(() => heard(voice).at(-1) === sent - 1, "the last one").catch(() => {});
		assert.deepEqual(heard(voice), Array.from({ length: sent }, (_, number) => number));
	}, 200000);

	scenario("with sixteen nodes and rooms of ten, at most 5 % of what reaches a node selects nobody", async (t) => {
		const { nodes } = await startCluster(t, "P".repeat(16), { quiet: true, namespaces: ["/"] });
		const voices = await openCrowd(t, nodes, 20);
		const rooms = Array.from({ length: 32 }, (_, room) => ({ name: `room-${room}`, nodes: new Set() }));
		// Ten members for each room, on nodes in no order.
		voices.forEach((voice, index) => { voice.room = rooms[(index * 7 + Math.floor(index / 32)) % 32]; });
		await Promise.all(voices.map(async (voice) => {
			voice.room.nodes.add(voice.node);
			await voice.ask("join", voice.room.name);
		}));
		const total = async (name) => (await Promise.all(nodes.map((node) => node.stats()))).map((stats) => stats[name]);
		await roomsChosen(nodes);
		// Subscriptions that covered everything before are given up a moment later.
		await eventually(async () => {
			const before = await total("cluster_messages_useless");
			await nodes[0].control({ do: "emit", rooms: ["nobody"], event: "numbered" });
			await sleep(300);
			return (await total("cluster_messages_useless")).every((count, index) => count === before[index]);
		}, "the patterns to be given up");
		const before = await total("cluster_messages_useless");
		let wanted = 0;
		for (let round = 0; round < 10; round++)
			for (const [index, room] of rooms.entries()) {
				const node = nodes[(index + round * 3) % 16];
				wanted += [...room.nodes].filter((other) => other !== node).length;
				await node.control({ do: "emit", rooms: [room.name], event: "numbered", args: [round] });
			}
		await eventually(() => voices.every((voice) => heard(voice).length >= 10), "all members to hear");
		for (const voice of voices) assert.equal(heard(voice).length, 10);
		const useless = (await total("cluster_messages_useless")).reduce((sum, count, index) => sum + count - before[index], 0);
		t.diagnostic(`useless: ${useless} of ${useless + wanted}`);
		assert(useless <= 0.05 * (useless + wanted), `${useless} useless messages beside ${wanted} wanted ones`);
	}, 150000);

	scenario("a confirmed join answers when the other peal nodes have it", async (t) => {
		const { nodes } = await slowCluster(t, "PPP", { quiet: true });
		await roomsChosen(nodes);
		const voices = await openCrowd(t, nodes.slice(2), 10);
		for (let round = 0; round < 100; round++) {
			const room = `confirmed-${round}`;
			const joined = await nodes[0].control({ do: "join", confirmed: true, names: [room] });
			assert.deepEqual(joined, { error: null, confirmed: 2, expected: 2 });
			await nodes[1].control({ do: "emit", rooms: [room], event: "numbered", args: [round] });
		}
		await eventually(() => voices.every((voice) => heard(voice).length >= 100), "all to be heard").catch(() => {});
		for (const voice of voices) assert.deepEqual(heard(voice), Array.from({ length: 100 }, (_, round) => round));
		const left = await nodes[0].control({ do: "leave", confirmed: true, names: ["confirmed-1"] });
		assert.deepEqual(left, { error: null, confirmed: 2, expected: 2 });
		await nodes[1].control({ do: "emit", rooms: ["confirmed-1"], event: "numbered", args: ["gone"] });
		await nodes[1].control({ do: "emit", event: "numbered", args: ["end"] });
		await eventually(() => voices.every((voice) => heard(voice).at(-1) === "end"), "the end");
		for (const voice of voices) assert.equal(heard(voice).includes("gone"), false);
	}, 120000);

	for (const interest of ["rooms", "pattern"])
		scenario(`an emit to two rooms and one to a room arrive once when interest is ${interest}`, async (t) => {
			const { nodes } = await startCluster(t, "PPN", { interest, namespaces: ["/"] });
			const voices = await openCrowd(t, nodes, 1);
			for (const voice of voices) for (const room of ["a", "b"]) await voice.ask("join", room);
			for (const [index, node] of nodes.entries()) {
				await node.control({ do: "emit", rooms: ["a", "b"], event: "numbered", args: [index * 2] });
				await node.control({ do: "emit", rooms: ["a"], event: "numbered", args: [index * 2 + 1] });
				await eventually(() => voices.every((voice) => heard(voice).length >= index * 2 + 2), "both");
			}
			for (const voice of voices) assert.deepEqual(heard(voice), [0, 1, 2, 3, 4, 5]);
		});

	scenario("nodes with another prefix hear nothing of this cluster", async (t) => {
		const { nodes, redis } = await startCluster(t, "PN", { prefix: "mine", namespaces: ["/"] });
		const others = await startCluster(t, "PN", { namespaces: ["/"] }, { redis });
		const voices = await openCrowd(t, [...nodes, ...others.nodes], 1);
		await nodes[0].control({ do: "emit", event: "numbered", args: [1] });
		await nodes[1].control({ do: "emit", event: "numbered", args: [2] });
		await others.nodes[0].control({ do: "emit", event: "numbered", args: [3] });
		await others.nodes[1].control({ do: "emit", event: "numbered", args: [4] });
		await eventually(() => voices.every((voice) => heard(voice).length === 2), "the emits of one's own cluster");
		assert.deepEqual(voices.map((voice) => heard(voice).sort().join()), ["1,2", "1,2", "3,4", "3,4"]);
	});
}

// A Node.js server lets sockets of others join and emits to the room at once.
for (const order of orders.filter((name) => !name.startsWith("PN")))
	scenario(`${order}: 200 times socketsJoin() followed at once by an emit to the room, and all clients of others hear it`, async (t) => {
		const { nodes } = await startCluster(t, order, { namespaces: ["/"] });
		const voices = await openCrowd(t, nodes.slice(1), 3);
		if (order === "PPP") await roomsChosen(nodes);
		// Beside an official server they must not choose rooms, however long they wait.
		else if (isPeal) await sleep(3000);
		for (let at = 0; at < 200; at += 20)
			await nodes[0].control({ do: "several", commands: Array.from({ length: 20 }, (_, index) => [
				{ do: "join", names: [`at-once-${at + index}`] },
				{ do: "emit", rooms: [`at-once-${at + index}`], event: "numbered", args: [at + index] },
			]).flat() });
		await eventually(() => voices.every((voice) => heard(voice).length >= 200), "all to be heard").catch(() => {});
		for (const voice of voices) assert.deepEqual(heard(voice), Array.from({ length: 200 }, (_, number) => number));
	});

const three = isPeal ? "PPP" : "NNN";
scenario("what is local publishes nothing", async (t) => {
	const { nodes, redis } = await startCluster(t, three, { namespaces: ["/"] });
	const voices = await openCrowd(t, nodes, 1);
	for (const voice of voices) voice.on = (event, args, reply) => reply?.(1);
	const monitor = await redis.monitor();
	const before = (await monitor.until()).length;
	await nodes[0].control({ do: "emit", flags: ["local"], event: "numbered", args: [1] });
	await nodes[0].control({ do: "emit", flags: ["local"], rooms: ["a", "b"], event: "numbered", args: [2] });
	await nodes[0].control({ do: "emit", flags: ["local"], socket: voices[0].id, event: "numbered", args: [3] });
	await nodes[0].control({ do: "emit", flags: [], direct: voices[0].id, event: "numbered", args: [4] });
	await nodes[0].control({ do: "join", flags: ["local"], names: ["c"] });
	await nodes[0].control({ do: "leave", flags: ["local"], names: ["c"] });
	await nodes[0].control({ do: "fetch", flags: ["local"] });
	if (isPeal) await nodes[0].control({ do: "emit", flags: ["local"], timeout: 5000, event: "numbered", args: [5] });
	await nodes[0].control({ do: "disconnect", flags: ["local"] });
	await voices[0].joined;
	const lines = (await monitor.until()).slice(before).filter((line) => /"PUBLISH"/i.test(line) && !line.includes("-peal#"));
	monitor.stop();
	assert.deepEqual(lines, []);
	assert.deepEqual(heard(voices[0]), isPeal ? [1, 4, 5] : [1, 4]);
});
