// What a delivery costs in system calls, all of the program's counted: beyond its own counters, which know only writes.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { ask, connected, folder, root, serve, within } from "./program.mjs";
import { startRedis } from "./redis.mjs";

const clientCount = 100;

// A node with clients whose system calls are counted: `count(run)` returns those of a run, by kind.
async function countedNode(t, args = []) {
	const place = folder(t), counter = path.join(place, "count_calls"), counts = path.join(place, "counts");
	execFileSync("gcc", ["-D_GNU_SOURCE", "-O2", "-o", counter, `${root}tests/app/count_calls.c`]);
	// Leaks cannot be looked for while somebody traces.
	const env = { ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ""}:detect_leaks=0` };
	const node = await serve(t, args, { env, wrap: (command) => [counter, counts, ...command] });
	const read = () => {
		const bytes = readFileSync(counts);
		return Object.fromEntries(["writes", "reads", "waits", "others"].map((kind, at) => [kind, Number(bytes.readBigUInt64LE(8 * at))]));
	};
	node.count = async (run) => {
		const before = read(), started = performance.now();
		await run();
		const after = read();
		const calls = Object.fromEntries(Object.keys(after).map((kind) => [kind, after[kind] - before[kind]]));
		calls.seconds = (performance.now() - started) / 1000;
		return calls;
	};
	node.crowd = await Promise.all(Array.from({ length: clientCount }, () => connected(node, { transports: ["websocket"] })));
	return node;
}

// What the program does by itself meanwhile: to tell the other nodes, each now and then, that it is there.
const aside = ({ seconds }) => 4 * (1 + Math.ceil(seconds));

function costs(calls, kind, least, most = least) {
	assert.ok(calls[kind] >= least && calls[kind] <= most + aside(calls), `${kind}: ${JSON.stringify(calls)}`);
}

test("a delivery costs one system call with one message in flight, an eighth with eight, and the turn a few", async (t) => {
	const redis = await startRedis(t);
	const node = await countedNode(t, ["--redis", redis.url]);
	const publisher = createClient({ url: redis.url });
	publisher.on("error", () => {});
	t.after(() => publisher.disconnect());
	await publisher.connect();
	const emitter = new Emitter(publisher);
	const turns = 20;
	let number = 0;
	const publish = async (inFlight, times) => {
		for (let turn = 0; turn < times; turn++) {
			const last = number + inFlight - 1;
			const heard = node.crowd.map((socket) => new Promise((resolve) => {
				const listener = (got) => {
					if (got !== last) return;
					socket.off("cast", listener);
					resolve();
				};
				socket.on("cast", listener);
			}));
			// They leave in one piece, so they arrive in one.
			for (let i = 0; i < inFlight; i++) emitter.emit("cast", number++);
			await within(Promise.all(heard), "a broadcast");
		}
	};
	await publish(1, 2);
	for (const inFlight of [1, 8]) {
		const calls = await node.count(() => publish(inFlight, turns));
		costs(calls, "writes", turns * clientCount);
		costs(calls, "reads", turns, 2 * turns);
		costs(calls, "waits", turns, 3 * turns);
		costs(calls, "others", 0, 3 * turns);
	}
});

test("a message and its acknowledgement cost one read and one write, and alone in a turn at most six system calls more", async (t) => {
	const node = await countedNode(t, ["--demo"]);
	const join = (socket) => ask(socket, "join", "a");
	await Promise.all(node.crowd.map(join));
	const together = await node.count(() => Promise.all(node.crowd.map(join)));
	costs(together, "writes", clientCount);
	costs(together, "reads", clientCount);
	const alone = await node.count(async () => {
		for (const socket of node.crowd) await join(socket);
	});
	costs(alone, "writes", clientCount);
	costs(alone, "reads", clientCount);
	costs(alone, "waits", clientCount, 4 * clientCount);
	costs(alone, "others", 0, 2 * clientCount);
});

test("a message of 16 KB is read in pieces, and the loop does not turn for each of them", async (t) => {
	const node = await countedNode(t, ["--demo"]);
	const [socket] = node.crowd, times = 50, text = "x".repeat(16384);
	await ask(socket, "join", "a");
	const calls = await node.count(async () => {
		for (let i = 0; i < times; i++) {
			socket.emit("nobody listens", text);
			await ask(socket, "join", "a");
		}
	});
	costs(calls, "writes", times);
	costs(calls, "reads", 32 * times, 40 * times);
	costs(calls, "waits", times, 16 * times);
	costs(calls, "others", 0, 8 * times);
});
