// What a broadcast costs, by the node's own counters, and what becomes of clients that do not read.
import assert from "node:assert/strict";
import net from "node:net";
import { clientFrame, eventually, pealScenario, pollingSocket, residentKb, scenario, startServer, upgradeRequest, wireSocket, within } from "./support.mjs";

// A minimal WebSocket client for tests with very many: it keeps all bytes, or stops reading.
class Bare {
	static async open(port) {
		const bare = new Bare();
		bare.chunks = [];
		bare.length = 0;
		bare.socket = net.connect({ port, host: "127.0.0.1" });
		bare.socket.on("error", () => {});
		bare.closed = new Promise((resolve) => bare.socket.on("close", resolve));
		bare.socket.on("data", (chunk) => {
			bare.chunks.push(chunk);
			bare.length += chunk.length;
			bare.wake?.();
			// The server's close frame.
			if (chunk.subarray(-2).equals(Buffer.from([0x88, 0]))) bare.socket.end();
		});
		bare.socket.write(upgradeRequest("/socket.io/?EIO=4&transport=websocket"));
		await bare.until("maxPayload");
		bare.socket.write(clientFrame("40"));
		bare.id = JSON.parse(/40(\{"sid":"[^"]*"\})/.exec(await bare.until('40{"sid":"[^"]*"}'))[1]).sid;
		bare.reset();
		return bare;
	}

	reset() {
		this.chunks = [];
		this.length = 0;
	}

	get bytes() {
		return Buffer.concat(this.chunks);
	}

	until(text) {
		const pattern = new RegExp(text);
		return within((async () => {
			for (;;) {
				const received = this.bytes.toString("latin1");
				if (pattern.test(received)) return received;
				await new Promise((resolve) => { this.wake = resolve; });
			}
		})(), text);
	}
}

// The server's text frame.
function serverFrame(text) {
	const payload = Buffer.from(text);
	if (payload.length < 126) return Buffer.concat([Buffer.from([0x81, payload.length]), payload]);
	if (payload.length < 65536) return Buffer.concat([Buffer.from([0x81, 126, payload.length >> 8, payload.length & 255]), payload]);
	const head = Buffer.alloc(10);
	head[0] = 0x81;
	head[1] = 127;
	head.writeUInt32BE(payload.length, 6);
	return Buffer.concat([head, payload]);
}

async function crowd(port, count) {
	const clients = [];
	while (clients.length < count)
		clients.push(...await Promise.all(Array.from({ length: Math.min(50, count - clients.length) }, () => Bare.open(port))));
	return clients;
}

pealScenario("a broadcast to 1 000 clients builds one frame and makes 1 000 writes, and eight in one turn as many", async (t) => {
	const server = await startServer(t);
	const clients = await crowd(server.port, 1000);
	t.after(() => clients.forEach(({ socket }) => socket.destroy()));
	const measure = async (commands, last) => {
		clients.forEach((client) => client.reset());
		await eventually(async () => (await server.stats()).outbox_bytes === 0, "a quiet node");
		const before = await server.stats();
		await server.control({ do: "several", commands });
		await Promise.all(clients.map((client) => client.until(last)));
		const after = await server.stats();
		return (name) => after[name] - before[name];
	};
	const emit = (number) => ({ do: "emit", event: "cast", args: [number, "x".repeat(80)] });
	const frame = (number) => serverFrame(`42["cast",${number},"${"x".repeat(80)}"]`);

	const one = await measure([emit(0)], 'cast",0.*\\]');
	assert.equal(one("frames_built"), 1);
	assert.equal(one("frames_queued"), 1000);
	assert.equal(one("writes"), 1000);
	assert.equal(one("writes_partial"), 0);
	assert.equal(one("bytes_written"), 1000 * frame(0).length);
	assert.equal(one("deliveries"), 1000);
	for (const client of clients) assert(client.bytes.equals(frame(0)));

	const eight = await measure(Array.from({ length: 8 }, (_, number) => emit(number)), 'cast",7.*\\]');
	assert.equal(eight("frames_built"), 8);
	assert.equal(eight("frames_queued"), 8000);
	assert.equal(eight("writes"), 1000);
	// One joined buffer a slice of the flush.
	assert(1000 - eight("joins_reused") <= 1 + eight("flush_slices"), `${eight("joins_reused")} reused`);
	const all = Buffer.concat(Array.from({ length: 8 }, (_, number) => frame(number)));
	for (const client of clients) assert(client.bytes.equals(all));

	const binary = await measure([{ do: "emit", event: "b", args: [{ _placeholder: true, num: 0 }, "x"], attachments: ["00ff"] }], "\\x82\\x02");
	assert.equal(binary("frames_built"), 2);
	assert.equal(binary("writes"), 1000);

	const nobody = await measure([{ do: "emit", event: "n", rooms: ["nobody"] }], "");
	assert.equal(nobody("frames_built"), 0);
	assert.equal(nobody("writes"), 0);
	assert.equal(nobody("emits"), 1);
});

pealScenario("a slow reader that reads at last gets every frame intact, and its neighbours had theirs long before", async (t) => {
	const server = await startServer(t, { outboxLimit: 40 << 20 });
	const [slow, ...neighbours] = await crowd(server.port, 4);
	t.after(() => [slow, ...neighbours].forEach(({ socket }) => socket.destroy()));
	slow.socket.pause();
	const frames = [];
	for (let number = 0; number < 120; number++) {
		const text = `${number}:${"y".repeat(number % 2 === 0 ? 200000 : 5000 + number)}`;
		frames.push(serverFrame(`42["n","${text}"]`));
		await server.control({ do: "emit", event: "n", args: [text] });
	}
	const all = Buffer.concat(frames);
	await Promise.all(neighbours.map((client) => eventually(() => client.length === all.length, "a neighbour's frames")));
	for (const client of neighbours) assert(client.bytes.equals(all));
	assert((await server.stats()).writes_partial > 0, "the reader was not slow");
	assert((await server.stats()).outbox_bytes > 0, "nothing is left to be read");
	slow.socket.resume();
	await eventually(() => slow.length >= all.length, "the slow reader's frames");
	assert(slow.bytes.equals(all));
	await eventually(async () => (await server.stats()).outbox_bytes === 0, "an empty outbox");
});

pealScenario("a reader that never reads is closed at the outbox limit, its neighbours have every frame, and memory is bounded", async (t) => {
	const server = await startServer(t);
	const clients = await crowd(server.port, 6);
	t.after(() => clients.forEach(({ socket }) => socket.destroy()));
	const stuck = clients.slice(0, 3);
	const neighbours = clients.slice(3);
	stuck.forEach(({ socket }) => socket.pause());
	const text = "z".repeat(100000);
	const total = 200;
	const length = serverFrame(`42["n",100,"${text}"]`).length;
	let largest = 0;
	const start = residentKb(server.pid);
	for (let number = 100; number < 100 + total; number++) {
		await server.control({ do: "emit", event: "n", args: [number, text] });
		largest = Math.max(largest, residentKb(server.pid));
		await Promise.all(neighbours.map((client) => eventually(() => client.length >= (number - 99) * length, "a neighbour's frame")));
	}
	const closed = await server.logged({ e: "disconnect", reason: "transport error" }, 3);
	assert.deepEqual(closed.map(({ id }) => id).sort(), stuck.map(({ id }) => id).sort());
	for (const { description } of closed) assert.equal(description, "outbox limit exceeded");
	const stats = await server.stats();
	assert.equal(stats.sessions_closed_outbox, 3);
	assert.equal(stats.sessions, 3);
	assert.equal(stats.outbox_bytes, 0);
	for (const client of neighbours) {
		assert.equal(client.length, total * length);
		client.bytes.toString("latin1").match(/"n",\d+/g).forEach((name, at) => assert.equal(name, `"n",${100 + at}`));
	}
	// Three outboxes of 2 MB share their frames; what was sent is 20 MB a client. AddressSanitizer keeps what is freed.
	if (!process.env.ASAN_OPTIONS) assert(largest - start < 16 << 10, `grew by ${largest - start} KB`);
});

pealScenario("a polling client that never polls is closed at the outbox limit", async (t) => {
	const server = await startServer(t, { outboxLimit: 300000 });
	const polling = await pollingSocket(server.port);
	const wire = await wireSocket(server.port);
	for (let number = 0; number < 20; number++) {
		await server.control({ do: "emit", event: "n", args: ["q".repeat(20000)] });
		await wire.next();
	}
	const [{ id, description }] = await server.logged({ e: "disconnect", reason: "transport error" });
	assert.equal(id, polling.id);
	assert.equal(description, "outbox limit exceeded");
	assert.equal((await polling.get()).status, 400);
	assert.equal((await server.stats()).outbox_bytes, 0);
});

pealScenario("after everybody has left, nothing of them is left in the counters", async (t) => {
	const server = await startServer(t);
	const clients = await crowd(server.port, 50);
	for (const { id } of clients.slice(0, 10)) await server.control({ do: "join", direct: id, names: ["a", "b"] });
	await server.control({ do: "emit", event: "n", args: [1] });
	assert.equal((await server.stats()).memberships, 20);
	assert.equal((await server.stats()).rooms, 2);
	clients.forEach(({ socket }, at) => (at % 2 ? socket.destroy() : socket.end()));
	await eventually(async () => {
		const stats = await server.stats();
		for (const name of ["sessions", "sessions_websocket", "sockets", "rooms", "memberships", "outbox_bytes", "rounds", "websocket_connections"])
			assert.equal(stats[name], 0, name);
		return true;
	}, "everything to be gone");
});

scenario("a client that was paused for a while gets what was sent meanwhile, in order", async (t) => {
	const server = await startServer(t);
	const client = await Bare.open(server.port);
	t.after(() => client.socket.destroy());
	client.socket.pause();
	const frames = [];
	for (let number = 0; number < 20; number++) {
		frames.push(serverFrame(`42["n",${number},"${"w".repeat(30000)}"]`));
		await server.control({ do: "emit", event: "n", args: [number, "w".repeat(30000)] });
	}
	client.socket.resume();
	const all = Buffer.concat(frames);
	await eventually(() => client.length >= all.length, "all frames");
	assert(client.bytes.equals(all));
});
