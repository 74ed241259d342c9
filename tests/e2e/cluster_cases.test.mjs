// What the official Redis adapter's own suite asks of a cluster of three, in every mixture of peal and Node.js nodes and
// with either kind as the acting server.
import assert from "node:assert/strict";
import { connectAll, eventually, inEachMixture, receivedFrom, sleep } from "./cluster.mjs";
import { unpack } from "./support.mjs";

const values = ({ responses }) => responses.flatMap(unpack).sort();
// Each node has a socket of its own in each of these lists, so sorted is as good as a set.
const ids = (sockets) => sockets.map(({ id }) => id).sort();
let names = 0;

// Joins and leaves travel; each node tells its own sockets' rooms.
async function roomsBecome(nodes, clients, expected, ns = "/") {
	const rooms = () => Promise.all(nodes.map(async (node, index) => {
		const { sockets } = await node.control({ do: "fetch", ns, flags: ["local"] });
		return sockets.find(({ id }) => id === clients[index].id).rooms.filter((room) => room !== clients[index].id).sort();
	}));
	await eventually(async () => {
		assert.deepEqual(await rooms(), expected);
		return true;
	}, "the rooms");
}

async function join(node, client, names, ns = "/") {
	assert.deepEqual(await node.control({ do: "join", ns, direct: client.id, names }), { error: null });
}

inEachMixture((clusterCase) => {
	clusterCase("an emit reaches all clients, with binary and nested values", async ({ actor, clients }) => {
		await actor.control({
			do: "emit", event: "test",
			args: [1, "2", { _placeholder: true, num: 0 }, { deep: [{ _placeholder: true, num: 1 }, null, true, 1.5] }],
			attachments: ["030405", ""],
		});
		for (const got of await receivedFrom(actor, clients))
			assert.deepEqual(got, [["test", 1, "2", Buffer.from([3, 4, 5]), { deep: [Buffer.alloc(0), null, true, 1.5] }]]);
	});

	clusterCase("an emit reaches all clients of its namespace and nobody else", async ({ actor, clients, t, nodes }) => {
		const others = await connectAll(t, nodes, "/");
		await actor.control({ do: "emit", ns: "/custom", event: "test" });
		const got = await receivedFrom(actor, clients, "/custom");
		assert.deepEqual(got.map((events) => events.filter(([event]) => event !== "auth")), [[["test"]], [["test"]], [["test"]]]);
		assert.deepEqual(await receivedFrom(actor, others), [[], [], []]);
		for (const client of others) client.disconnect();
	}, "/custom");

	clusterCase("an emit to a room reaches its members on other nodes", async ({ actor, nodes, clients }) => {
		await join(nodes[1], clients[1], ["room1"]);
		// Interest of a room travels to Redis; a client that is told of its join hears the next emit, a control route is not one.
		await sleep(100);
		await actor.control({ do: "emit", rooms: ["room1"], event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients), [[], [["test"]], []]);
	});

	clusterCase("an emit leaves out the members of a room elsewhere", async ({ actor, nodes, clients }) => {
		await join(nodes[1], clients[1], ["room1"]);
		await actor.control({ do: "emit", except: ["room1"], event: "test" });
		const got = await receivedFrom(actor, clients);
		assert.deepEqual(got, [[["test"]], [], [["test"]]]);
	});

	clusterCase("an emit to several rooms reaches each client once", async ({ actor, nodes, clients }) => {
		for (const [index, client] of clients.entries()) await join(nodes[index], client, ["room1", "room2", "room3"]);
		await sleep(100);
		await actor.control({ do: "emit", rooms: ["room1", "room2", "room3"], event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients), [[["test"]], [["test"]], [["test"]]]);
	});

	clusterCase("a local emit stays on its node", async ({ actor, clients }) => {
		await actor.control({ do: "emit", flags: ["local"], event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients), [[["test"]], [], []]);
	});

	clusterCase("an emit to one socket's id reaches that client wherever it is", async ({ actor, clients }) => {
		for (const client of clients) await actor.control({ do: "emit", rooms: [client.id], event: "test", args: [client.id] });
		assert.deepEqual(await receivedFrom(actor, clients), clients.map((client) => [["test", client.id]]));
		if (actor.isPeal) return;
		await actor.control({ do: "instance", verb: "emit", rooms: [clients[2].id], event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients), [[], [], [["test"]]]);
	});

	clusterCase("what a socket broadcasts reaches all but itself", async ({ actor, nodes, clients }) => {
		await actor.control({ do: "emit", socket: clients[0].id, event: "test", args: [1] });
		assert.deepEqual(await receivedFrom(actor, clients), [[], [["test", 1]], [["test", 1]]]);
		for (const index of [0, 2]) await join(nodes[index], clients[index], ["room1"]);
		await sleep(100);
		await actor.control({ do: "emit", socket: clients[0].id, rooms: ["room1"], event: "test", args: [2] });
		assert.deepEqual(await receivedFrom(actor, clients), [[], [], [["test", 2]]]);
	});

	clusterCase("flags of an emit travel and do no harm", async ({ actor, clients }) => {
		await actor.control({ do: "emit", flags: ["no-compress"], event: "test", args: [1] });
		await actor.control({ do: "emit", flags: ["volatile"], event: "test", args: [2] });
		for (const got of await receivedFrom(actor, clients))
			assert.deepEqual(got.filter(([, value]) => value === 1), [["test", 1]]);
	});

	clusterCase("a namespace that a client opens by a rule is part of the cluster", async ({ actor, nodes, t, redis }) => {
		const ns = `/dynamic-${++names}`;
		const clients = await connectAll(t, nodes, ns);
		await eventually(async () => await redis.receivers(ns) === 3, "the namespace to be subscribed");
		await actor.control({ do: "emit", ns, event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients, ns), Array(3).fill([["test"]]));
		for (const [index, client] of clients.entries()) client.on("ask", (reply) => reply(index));
		const result = await actor.control({ do: "emit", ns, event: "ask", timeout: 5000 });
		assert.deepEqual([result.error, values(result)], [null, [0, 1, 2]]);
		for (const client of clients) client.disconnect();
	});

	clusterCase("an acknowledged emit collects the answers of all clients", async ({ actor, clients }) => {
		for (const [index, client] of clients.entries()) client.on("test", (argument, reply) => reply(`${argument}${index}`));
		const result = await actor.control({ do: "emit", event: "test", args: ["a"], timeout: 5000 });
		assert.equal(result.error, null);
		assert.deepEqual(values(result), ["a0", "a1", "a2"]);
	});

	clusterCase("an acknowledged emit collects binary answers", async ({ actor, clients }) => {
		for (const [index, client] of clients.entries()) client.on("test", (argument, reply) => {
			assert.deepEqual(argument, Buffer.from([9]));
			reply(Buffer.from([index]));
		});
		const result = await actor.control({
			do: "emit", event: "test", args: [{ _placeholder: true, num: 0 }], attachments: ["09"], timeout: 5000,
		});
		assert.equal(result.error, null);
		assert.deepEqual(values(result).map((value) => value[0]).sort(), [0, 1, 2]);
	});

	clusterCase("an acknowledged emit to one socket's id returns its answer, wherever it is", async ({ actor, clients }) => {
		for (const [index, client] of clients.entries()) {
			client.on("test", (argument, reply) => reply(argument + index));
			const result = await actor.control({ do: "emit", rooms: [client.id], event: "test", args: [10], timeout: 5000 });
			assert.deepEqual([result.error, values(result)], [null, [10 + index]]);
		}
	});

	clusterCase("an acknowledged emit to nobody succeeds with no answer", async ({ actor }) => {
		const result = await actor.control({ do: "emit", rooms: ["nobody-here"], event: "test", timeout: 5000 });
		assert.equal(result.error, null);
		assert.deepEqual(result.responses, []);
	});

	clusterCase("an acknowledged emit that some do not answer times out with the answers of the others", async ({ actor, clients }) => {
		clients[0].on("test", (reply) => reply(1));
		clients[1].on("test", (reply) => reply(2));
		const result = await actor.control({ do: "emit", event: "test", timeout: 500 });
		assert.equal(result.error, "operation has timed out");
		assert.deepEqual(values(result), [1, 2]);
		if (actor.isPeal) assert.deepEqual([result.expected, result.answered], [3, 2]);
	});

	clusterCase("socketsJoin makes all sockets of the cluster join", async ({ actor, nodes, clients }) => {
		await actor.control({ do: "join", names: ["room1"] });
		await roomsBecome(nodes, clients, [["room1"], ["room1"], ["room1"]]);
	});

	clusterCase("socketsJoin makes the selected sockets join", async ({ actor, nodes, clients }) => {
		await join(nodes[0], clients[0], ["room1"]);
		await join(nodes[2], clients[2], ["room1"]);
		await actor.control({ do: "join", rooms: ["room1"], names: ["room2", "room3"] });
		await roomsBecome(nodes, clients, [["room1", "room2", "room3"], [], ["room1", "room2", "room3"]]);
	});

	clusterCase("socketsJoin makes one given socket join", async ({ actor, nodes, clients }) => {
		await actor.control({ do: actor.isPeal ? "join" : "instance", verb: "join", rooms: [clients[1].id], names: ["room3"] });
		await roomsBecome(nodes, clients, [[], ["room3"], []]);
	});

	clusterCase("socketsLeave makes all sockets of the cluster leave", async ({ actor, nodes, clients }) => {
		await join(nodes[0], clients[0], ["room1", "room2"]);
		await join(nodes[2], clients[2], ["room1"]);
		await actor.control({ do: "leave", names: ["room1"] });
		await roomsBecome(nodes, clients, [["room2"], [], []]);
	});

	clusterCase("socketsLeave makes the selected sockets leave", async ({ actor, nodes, clients }) => {
		await join(nodes[0], clients[0], ["room1", "room2"]);
		await join(nodes[1], clients[1], ["room1", "room2"]);
		await join(nodes[2], clients[2], ["room2"]);
		await actor.control({ do: "leave", rooms: ["room1"], names: ["room2"] });
		await roomsBecome(nodes, clients, [["room1"], ["room1"], ["room2"]]);
	});

	clusterCase("socketsLeave makes one given socket leave", async ({ actor, nodes, clients }) => {
		for (const [index, client] of clients.entries()) await join(nodes[index], client, ["room3"]);
		await actor.control({ do: actor.isPeal ? "leave" : "instance", verb: "leave", rooms: [clients[1].id], names: ["room3"] });
		await roomsBecome(nodes, clients, [["room3"], [], ["room3"]]);
	});

	clusterCase("disconnectSockets makes all sockets of the cluster disconnect", async ({ actor, clients }) => {
		const reasons = Promise.all(clients.map((client) => new Promise((resolve) => client.once("disconnect", resolve))));
		await actor.control({ do: "disconnect", close: false });
		assert.deepEqual(await reasons, Array(3).fill("io server disconnect"));
	});

	clusterCase("a packet emitted before disconnectSockets arrives before the disconnect", async ({ actor, clients }) => {
		const done = Promise.all(clients.map((client) => new Promise((resolve) => client.once("disconnect", resolve))));
		await actor.control({ do: "several", commands: [
			{ do: "emit", event: "bye" }, { do: "disconnect", close: true },
		] });
		await done;
		assert.deepEqual(clients.map(({ got }) => got), Array(3).fill([["bye"]]));
	});

	clusterCase("fetchSockets returns all sockets of the cluster", async ({ actor, nodes, clients }) => {
		await nodes[1].control({ do: "data", direct: clients[1].id, data: { color: "blue", deep: [1, null] } });
		await join(nodes[2], clients[2], ["room1"]);
		const { error, sockets } = await actor.control({ do: "fetch" });
		assert.equal(error, null);
		assert.deepEqual(ids(sockets), clients.map(({ id }) => id).sort());
		const by = (client) => sockets.find(({ id }) => id === client.id);
		assert.deepEqual(by(clients[1]).data, { color: "blue", deep: [1, null] });
		assert.deepEqual(by(clients[2]).rooms.sort(), ["room1", clients[2].id].sort());
		for (const [index, client] of clients.entries()) {
			const { handshake } = by(client);
			assert.deepEqual(Object.keys(handshake).sort(), ["address", "auth", "headers", "issued", "query", "secure", "time", "url", "xdomain"]);
			assert.equal(handshake.headers.host, `127.0.0.1:${nodes[index].port}`);
			assert.equal(handshake.query.transport, "websocket");
		}
	});

	clusterCase("fetchSockets returns one socket on another node", async ({ actor, clients }) => {
		const { sockets } = await actor.control({ do: "fetch", rooms: [clients[1].id] });
		assert.deepEqual(ids(sockets), [clients[1].id]);
	});

	clusterCase("fetchSockets with local returns this node's sockets", async ({ actor, clients }) => {
		const { sockets } = await actor.control({ do: "fetch", flags: ["local"] });
		assert.deepEqual(ids(sockets), [clients[0].id]);
	});

	clusterCase("serverSideEmit reaches the other servers and not the own one", async ({ actor, nodes }) => {
		const event = `hello-${++names}`;
		for (const node of nodes) await node.control({ do: "on-server", event });
		await actor.control({ do: "server-emit", event, args: ["world", 1, "2"] });
		for (const node of nodes.slice(1)) {
			const [entry] = await node.logged({ e: "server-event", event });
			assert.deepEqual([entry.args, entry.wants], [["world", 1, "2"], false]);
		}
		assert.deepEqual(await actor.events((entry) => entry.e === "server-event" && entry.event === event), []);
	});

	clusterCase("serverSideEmit collects the answers of the other servers", async ({ actor, nodes }) => {
		const event = `ask-${++names}`;
		for (const [index, node] of nodes.entries()) await node.control({ do: "on-server", event, answer: [index] });
		const result = await actor.control({ do: "server-emit", event, args: ["with ack"], ack: true });
		assert.equal(result.error, null);
		assert.deepEqual(values(result), [1, 2]);
	});

	clusterCase("serverSideEmit times out when one server does not answer", async ({ actor, nodes }) => {
		const event = `silent-${++names}`;
		await nodes[0].control({ do: "on-server", event, answer: [0] });
		await nodes[1].control({ do: "on-server", event, answer: [1] });
		await nodes[2].control({ do: "on-server", event });
		const result = await actor.control({ do: "server-emit", event, args: [], ack: true });
		assert.notEqual(result.error, null);
		assert.deepEqual(values(result), [1]);
	});

	clusterCase("the rooms of all nodes are listed", async ({ actor, nodes, clients }) => {
		await join(nodes[0], clients[0], ["room1"]);
		await join(nodes[1], clients[1], ["room2"]);
		await join(nodes[2], clients[2], ["room2", "room3"]);
		const { error, rooms } = await actor.control({ do: "all-rooms" });
		assert.equal(error, null);
		assert.deepEqual(rooms.filter((room) => room.startsWith("room")), ["room1", "room2", "room3"]);
	});

	// A Node.js server keeps a number as a room of its own beside the text; what it emits to a number reaches either kind.
	clusterCase("an emit to a numeric room reaches its members", async ({ actor, nodes, clients }) => {
		for (const [index, client] of clients.entries()) await join(nodes[index], client, nodes[index].isPeal ? ["123"] : [123, "123"]);
		await sleep(100);
		await actor.control({ do: "emit", rooms: [actor.isPeal ? "123" : 123], event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients), Array(3).fill([["test"]]));
		await actor.control({ do: "emit", rooms: actor.isPeal ? ["123", "x"] : [123, "x"], except: [clients[0].id], event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients), [[], [["test"]], [["test"]]]);
	});

	clusterCase("messages on channels of others are ignored", async ({ actor, redis, clients }) => {
		// One namespace is the beginning of the other's channel, a room of "/" looks like another namespace.
		await redis.command("PUBLISH", "socket.io#/#unknown#", "not MessagePack");
		await redis.command("PUBLISH", "socket.io#/other#", "not MessagePack");
		await redis.command("PUBLISH", "socket.io-request#/other#", "{not JSON");
		await redis.command("PUBLISH", "socket.io-response#/#nobody#", "{not JSON");
		await redis.command("PUBLISH", "other#/#", "not MessagePack");
		await actor.control({ do: "emit", event: "test" });
		assert.deepEqual(await receivedFrom(actor, clients), Array(3).fill([["test"]]));
	});
}, { requestTimeout: 1000 });
