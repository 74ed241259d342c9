// Nothing that a client can offer makes a node publish what a Node.js peer cannot take: generated broadcasts and requests
// with awkward values are received by both kinds alike.
import assert from "node:assert/strict";
import { connectAll, eventually, isPeal, scenario, startCluster } from "./cluster.mjs";
import { openCrowd } from "./cluster_crowd.mjs";
import { request, unpack } from "./support.mjs";

const seed = Number(process.env.PEAL_SEED ?? Date.now() % 1000000);

// With `safe`, whole numbers that official servers damage when they encode them (from 2^63 up) are left out.
function generator(state, safe = false) {
	const next = () => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return state / 2 ** 32;
	};
	const pick = (list) => list[Math.floor(next() * list.length)];
	const text = () => {
		const kind = next();
		if (kind < 0.2) return pick(["", "\u0001\u001f\u007f", "\"\\/\b\f\n\r\t", "\u2028\u2029", "ü€😀", "{", "[", "_placeholder", "constructor", "toString", "\uffff", "\ufeff", " ", "a".repeat(31), "b".repeat(32), "c".repeat(255), "d".repeat(256), "é".repeat(16)]);
		if (kind < 0.22) return "x".repeat(pick([65535, 65536]));
		return Array.from({ length: Math.floor(next() * 12) }, () => pick([...'abc"\\\u0002ß中😀\u0000{}[]:,'])).join("");
	};
	const number = () => pick([
		0, -0, 1, -1, 31, -32, -33, 127, 128, -128, -129, 255, 256, 32767, -32768, -32769, 65535, 65536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31),
		-(2 ** 31) - 1, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, -(2 ** 53) + 1, -1e-300, 5e-324,
		...(safe ? [] : [2 ** 53, 2 ** 63, 2 ** 64, -(2 ** 63), 1e21, 1e300]),
		0.1, 1.5, Math.PI, next(), Math.floor(next() * 1e15),
	]);
	const value = (depth = 0) => {
		const kind = next();
		if (kind < 0.15) return pick([null, true, false]);
		if (kind < 0.35) return number();
		if (kind < 0.55) return text();
		if (kind < 0.65) return Buffer.from(Array.from({ length: pick([0, 1, 5, 31, 32, 255, 256]) }, () => Math.floor(next() * 256)));
		if (depth > 5) return [];
		if (kind < 0.68) return pick([[], {}, [[]], [{}], { "": {} }, { a: [] }]);
		if (kind < 0.7) return Array.from({ length: pick([15, 16, 17, 300]) }, (_, index) => index);
		if (kind < 0.71) {
			let deep = 1;
			for (let level = 0; level < 60; level++) deep = level % 2 ? [deep] : { d: deep };
			return deep;
		}
		if (kind < 0.85) return Array.from({ length: Math.floor(next() * 5) }, () => value(depth + 1));
		const object = {};
		// "__proto__" as a key of JSON.parse() is an own member, but assigning to it is not; leave it out of the comparison.
		for (let count = Math.floor(next() * 5); count > 0; count--) object[pick(["a", "b", "1", "10", "type", "uid", "", "ä", "toJSON2", text().slice(0, 20)])] = value(depth + 1);
		// Beside real attachments either kind of server closes the client for it.
		delete object._placeholder;
		return object;
	};
	return { next, pick, text, number, value };
}

// With more than ten attachments in a packet either kind of server closes the client.
function fit(make) {
	for (;;) {
		const made = make();
		if (attachments(made) <= 10) return made;
	}
}

const attachments = (value) => Buffer.isBuffer(value) ? 1
	: value && typeof value === "object" ? Object.values(value).reduce((sum, member) => sum + attachments(member), 0) : 0;

// -0 is written as 0 by JSON already.
const plain = (value) => (Object.is(value, -0) ? 0 : Array.isArray(value) ? value.map(plain)
	: value && typeof value === "object" && !Buffer.isBuffer(value)
		? Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)])) : value);

// Everything in `sent` arrived at the clients of all nodes, in order and unchanged.
async function arrived(clients, sent) {
	await eventually(() => clients.every(({ got }) => got.length >= sent.length), "all to be heard").catch(() => {});
	for (const [index, client] of clients.entries()) {
		assert.equal(client.got.length, sent.length, `client ${index}`);
		for (const [at, event] of sent.entries())
			assert.deepEqual(client.got[at], event, `client ${index}, event ${at}: ${JSON.stringify(event).slice(0, 300)}`);
		client.got.length = 0;
	}
}

// No node has ended, and no official server met anything that it could not take.
async function well(nodes) {
	for (const node of nodes) {
		assert.equal(node.child.exitCode, null);
		if (!node.isPeal) assert.deepEqual(await node.events((entry) => entry.e === "redis-error"), []);
	}
}

for (const order of isPeal ? ["PPN", "NPP"] : ["NNN"]) {
	scenario(`${order}: generated broadcasts with awkward values arrive alike everywhere`, async (t) => {
		const { nodes } = await startCluster(t, order, { quiet: true, maxHttpBufferSize: 4e6 });
		const clients = await connectAll(t, nodes);
		const random = generator(seed, order.startsWith("N"));
		t.diagnostic(`PEAL_SEED=${seed}`);
		const rounds = order === "PPN" ? 100 : 20;
		for (let round = 0; round < rounds; round++) {
			const sent = [];
			for (let count = 0; count < 100; count++) {
				const args = fit(() => Array.from({ length: Math.floor(random.next() * 4) }, () => plain(random.value())));
				sent.push(["relayed", ...args]);
				clients[0].emit("relay", ...args);
			}
			await arrived(clients, sent);
		}
		await well(nodes);
	}, 200000);

	scenario(`${order}: requests with awkward rooms, events and answers are understood alike`, async (t) => {
		const { nodes } = await startCluster(t, order, { quiet: true, maxHttpBufferSize: 4e6 });
		const clients = await connectAll(t, nodes);
		const random = generator(seed + 1, true);
		t.diagnostic(`PEAL_SEED=${seed}`);
		// Names of rooms: text without U+0000, at least one character, within peal's ceiling.
		const room = () => `room:${random.text().replaceAll("\0", "")}`.slice(0, 200);
		const own = async () => Promise.all(nodes.map(async (node, index) => {
			const { sockets } = await node.control({ do: "fetch", flags: ["local"] });
			return sockets.find(({ id }) => id === clients[index].id).rooms.filter((name) => name !== clients[index].id).sort();
		}));
		for (let round = 0; round < 50; round++) {
			const names = [...new Set(Array.from({ length: 1 + Math.floor(random.next() * 5) }, room))];
			await nodes[0].control({ do: "join", names });
			const sorted = [...names].sort();
			await eventually(async () => (await own()).every((rooms) => JSON.stringify(rooms) === JSON.stringify(sorted)), `all to be in ${JSON.stringify(names).slice(0, 400)}`);
			const listed = await nodes[0].control({ do: "all-rooms" });
			assert.deepEqual(listed.rooms.filter((name) => name.startsWith("room:")).sort(), sorted);
			await nodes[0].control({ do: "emit", rooms: [names[0]], event: "to-room", args: [round] });
			await nodes[0].control({ do: "leave", rooms: [names[0]], names });
			await eventually(async () => (await own()).every((rooms) => rooms.length === 0), "all to have left");
		}
		await arrived(clients, Array.from({ length: 50 }, (_, round) => ["to-room", round]));

		// Acknowledgements, with binary values among them.
		for (let round = 0; round < 100; round++) {
			const answers = clients.map(() => fit(() => plain(random.value())));
			clients.forEach((client, index) => client.removeAllListeners("ask").on("ask", (reply) => reply(answers[index])));
			const { error, responses } = await nodes[0].control({ do: "emit", event: "ask", timeout: 5000 });
			assert.equal(error, null);
			const key = (value) => JSON.stringify(value, (_, member) => member);
			const left = responses.map(unpack).map(([value]) => key(plain(value))).sort();
			assert.deepEqual(left, answers.map(key).sort());
		}

		// Data of sockets; it is JSON. U+0000 and the last digits of long numbers do not pass the control route.
		for (let round = 0; round < 30; round++) {
			let data = plain(random.value());
			while (/"Buffer"|\\u0000|\d{15}|\de/.test(JSON.stringify(data))) data = plain(random.value());
			await nodes[1].control({ do: "data", direct: clients[1].id, data });
			const { sockets } = await nodes[0].control({ do: "fetch", rooms: [clients[1].id] });
			assert.deepEqual(sockets[0].data, data);
		}
		await well(nodes);
	}, 200000);
}

if (isPeal)
	scenario("wrong bytes of a client are never published", async (t) => {
		const { nodes } = await startCluster(t, "PN", { quiet: true });
		const [, witness] = await connectAll(t, nodes);
		const texts = [
			'42["relay","\\ud800"]', '42["relay","a\\udc00b"]', '42["relay",9007199254740993,-9223372036854775809,18446744073709551616,1E400,-1E400]',
			'42["relay",123456789012345678901234567890]', '42["relay",{"__proto__":{"polluted":true},"a":1}]', '42["relay",{"a":1,"a":2}]',
			'42["relay",1e2,1.0,-0.0,0e0]', `42["relay",${"[".repeat(400)}${"]".repeat(400)}]`, '42["relay","\\u0000"]', '42["relay",{"\\u0000":1}]',
		];
		const bytes = [
			Buffer.from('42["relay","\xff\xfe"]', "latin1"), Buffer.from('42["relay","\xed\xa0\x80"]', "latin1"),
			Buffer.from('42["relay","\xc0\x80"]', "latin1"), Buffer.from('42["relay","\xf4\x90\x80\x80"]', "latin1"),
		];
		// Each on a connection of its own, which the node may end.
		for (const message of [...texts, ...bytes]) {
			const [voice] = await openCrowd(t, nodes.slice(0, 1), 1);
			voice.socket.send(message, { binary: false });
			await eventually(() => voice.socket.readyState === 3 || voice.got.length > 0, "its own broadcast, or its end");
			voice.socket.terminate();
			// Polling has no check of UTF-8 by the WebSocket layer.
			const open = await request(nodes[0].port, { path: "/socket.io/?EIO=4&transport=polling" });
			const { sid } = JSON.parse(open.body.slice(1));
			await request(nodes[0].port, { path: `/socket.io/?EIO=4&transport=polling&sid=${sid}`, method: "POST", body: "40" });
			await request(nodes[0].port, { path: `/socket.io/?EIO=4&transport=polling&sid=${sid}`, method: "POST", body: message });
		}
		await nodes[0].control({ do: "emit", event: "end" });
		await eventually(() => witness.got.some(([event]) => event === "end"), "the Node.js server to be well");
		// What is legal arrives: most of the texts, twice each.
		assert(witness.got.length > texts.length, `${witness.got.length} events`);
		for (const [event, ...args] of witness.got) {
			assert(["relayed", "end"].includes(event));
			assert.equal({}.polluted, undefined, JSON.stringify(args));
		}
		await well(nodes);
	}, 120000);
