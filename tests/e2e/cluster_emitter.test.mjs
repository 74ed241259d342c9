// What the official Redis emitter's own suite asks, towards two peal nodes (or two official servers, by TARGET).
import assert from "node:assert/strict";
import { after } from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { connectAll, eventually, isPeal, scenario, sharedCluster, sleep } from "./cluster.mjs";

const cluster = sharedCluster(isPeal ? "PP" : "NN");
let publisher;
let fences = 0;

after(() => publisher?.destroy());

function emitterCase(title, run, ns = "/") {
	scenario(`the emitter ${title}`, async (t) => {
		const { nodes, redis } = await cluster();
		publisher ??= await createClient({ url: redis.url }).on("error", () => {}).connect();
		const clients = await connectAll(t, nodes, ns);
		const emitter = new Emitter(publisher);
		// What each client got before an event that the emitter sent last.
		const received = async () => {
			const name = `fence-${++fences}`;
			emitter.of(ns).emit(name);
			return Promise.all(clients.map(async (client) => {
				await eventually(() => client.got.some(([event]) => event === name), name);
				const got = client.got.splice(0);
				return got.slice(0, got.findIndex(([event]) => event === name)).filter(([event]) => event !== "auth");
			}));
		};
		await run({ t, nodes, redis, clients, emitter, received });
		for (const client of clients) client.disconnect();
		await eventually(async () => (await Promise.all(nodes.map((node) => node.control({ do: "fetch", ns, flags: ["local"] }))))
			.every(({ sockets }) => sockets.length === 0), "the clients to be gone");
	});
}

async function roomsBecome(nodes, clients, expected) {
	await eventually(async () => {
		const rooms = await Promise.all(nodes.map(async (node, index) => {
			const { sockets } = await node.control({ do: "fetch", flags: ["local"] });
			return sockets.find(({ id }) => id === clients[index].id).rooms.filter((room) => room !== clients[index].id).sort();
		}));
		assert.deepEqual(rooms, expected);
		return true;
	}, "the rooms");
}

const join = (node, client, names) => node.control({ do: "join", direct: client.id, names });

emitterCase("emits any kind of data", async ({ emitter, received }) => {
	const buffer = Buffer.from("asdfasdf", "utf8");
	const more = [1, "2", 3.5, { 4: ["5", buffer] }, null, true, [], {}, "ü€😀", Number.MAX_SAFE_INTEGER, -(2 ** 31), 2 ** 40];
	emitter.emit("payload", ...more);
	for (const got of await received()) assert.deepEqual(got, [["payload", ...more]]);
});

emitterCase("calls toJSON()", async ({ emitter, received }) => {
	class Thing {
		toJSON() {
			return 123;
		}
	}
	emitter.emit("payload", new Thing());
	for (const got of await received()) assert.deepEqual(got, [["payload", 123]]);
});

emitterCase("knows all modifiers", async ({ emitter, received, clients, nodes }) => {
	await join(nodes[0], clients[0], ["room1"]);
	await join(nodes[1], clients[1], ["room1"]);
	emitter.to("room1").except("room2").volatile.compress(false).emit("payload", 1);
	emitter.in(["room1", "room3"]).except(["room2", "room4"]).emit("payload", 2);
	for (const got of await received()) {
		// A volatile packet may be dropped.
		assert.deepEqual(got.filter(([, value]) => value === 2), [["payload", 2]]);
		assert(got.length <= 2);
	}
});

emitterCase("reaches the main namespace only", async ({ emitter, received, nodes, t }) => {
	const others = await connectAll(t, nodes, "/custom");
	emitter.emit("broadcast event", "broadcast payload");
	assert.deepEqual(await received(), Array(2).fill([["broadcast event", "broadcast payload"]]));
	assert.deepEqual(others.map(({ got }) => got.filter(([event]) => event !== "auth")), [[], []]);
});

emitterCase("reaches a namespace", async ({ emitter, received }) => {
	emitter.of("/custom").emit("broadcast event", "broadcast payload");
	assert.deepEqual(await received(), Array(2).fill([["broadcast event", "broadcast payload"]]));
}, "/custom");

emitterCase("puts the missing slash before a namespace", async ({ emitter, received }) => {
	emitter.of("custom").emit("broadcast event", "broadcast payload");
	assert.deepEqual(await received(), Array(2).fill([["broadcast event", "broadcast payload"]]));
}, "/custom");

emitterCase("reaches a room", async ({ emitter, received, nodes, clients }) => {
	await join(nodes[0], clients[0], ["room1"]);
	await sleep(100);
	emitter.to("room1").emit("broadcast event", "broadcast payload");
	assert.deepEqual(await received(), [[["broadcast event", "broadcast payload"]], []]);
});

emitterCase("reaches a socket by its id", async ({ emitter, received, clients }) => {
	emitter.to(clients[1].id).emit("broadcast event", "broadcast payload");
	assert.deepEqual(await received(), [[], [["broadcast event", "broadcast payload"]]]);
});

emitterCase("leaves out a socket by its id", async ({ emitter, received, clients }) => {
	emitter.except(clients[0].id).emit("broadcast event", "broadcast payload");
	assert.deepEqual(await received(), [[], [["broadcast event", "broadcast payload"]]]);
});

emitterCase("makes all sockets join", async ({ emitter, nodes, clients }) => {
	emitter.socketsJoin("room1");
	await roomsBecome(nodes, clients, [["room1"], ["room1"]]);
});

emitterCase("makes the sockets of a room join", async ({ emitter, nodes, clients }) => {
	await join(nodes[0], clients[0], ["room1"]);
	emitter.in("room1").socketsJoin(["room2", "room3"]);
	await roomsBecome(nodes, clients, [["room1", "room2", "room3"], []]);
});

emitterCase("makes all sockets leave", async ({ emitter, nodes, clients }) => {
	await join(nodes[0], clients[0], ["room1", "room2"]);
	await join(nodes[1], clients[1], ["room1"]);
	emitter.socketsLeave("room1");
	await roomsBecome(nodes, clients, [["room2"], []]);
});

emitterCase("makes the sockets of a room leave", async ({ emitter, nodes, clients }) => {
	await join(nodes[0], clients[0], ["room1", "room2"]);
	await join(nodes[1], clients[1], ["room2"]);
	emitter.in("room1").socketsLeave("room2");
	await roomsBecome(nodes, clients, [["room1"], ["room2"]]);
});

emitterCase("makes all sockets disconnect", async ({ emitter, clients }) => {
	const reasons = Promise.all(clients.map((client) => new Promise((resolve) => client.once("disconnect", resolve))));
	emitter.disconnectSockets(false);
	assert.deepEqual(await reasons, Array(2).fill("io server disconnect"));
});

emitterCase("makes the sockets of a room disconnect", async ({ emitter, nodes, clients, received }) => {
	await join(nodes[0], clients[0], ["room1"]);
	const reason = new Promise((resolve) => clients[0].once("disconnect", resolve));
	emitter.in("room1").disconnectSockets(true);
	assert(["io server disconnect", "transport close"].includes(await reason));
	clients.shift();
	await received();
	assert.equal(clients[0].connected, true);
});

emitterCase("sends an event to the servers", async ({ emitter, nodes }) => {
	for (const node of nodes) await node.control({ do: "on-server", event: "hello-servers" });
	emitter.serverSideEmit("hello-servers", "world", 1, { a: [null] });
	for (const node of nodes) {
		const [entry] = await node.logged({ e: "server-event", event: "hello-servers" });
		assert.deepEqual([entry.args, entry.wants], [["world", 1, { a: [null] }], false]);
	}
});
