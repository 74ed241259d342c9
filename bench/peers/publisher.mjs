#!/usr/bin/env node
// What it costs a node on Node.js to publish: a Socket.IO server without clients emits through the official Redis adapter, or
// with --emitter a process that is no server does it with the official emitter.
//
//   node publisher.mjs --redis URL [--emits M] [--at-once K] [--form all|room] [--emitter]
//
// Emits M events of 32 bytes, K in each turn of the event loop while no more than a bounded number waits for Redis; to
// everyone, or to a room that nobody is in. Prints {"emits","seconds","cpu_us","user_us","system_us"} of its own process for
// that part. bench/publisher does the same with peal.
import { parseArgs } from "node:util";
import { createAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { Server } from "socket.io";

const BACKLOG = 2000;
const GROUP = 100; // emits whose end is waited for together
const PADDING = "x".repeat(32);

function fail(message) {
	console.error(`publisher.mjs: ${message}`);
	process.exit(2);
}

function settings() {
	const number = (name, text) => (/^[1-9]\d{0,8}$/.test(text) ? Number(text) : fail(`--${name} is a number above zero`));
	let values;
	try {
		({ values } = parseArgs({
			options: {
				redis: { type: "string" },
				emits: { type: "string", default: "100000" },
				"at-once": { type: "string", default: "100" },
				form: { type: "string", default: "room" },
				emitter: { type: "boolean", default: false },
			},
		}));
	} catch (error) {
		fail(error.message);
	}
	if (!values.redis) fail("--redis says where Redis is");
	if (!["all", "room"].includes(values.form)) fail("--form is all or room");
	return { ...values, emits: number("emits", values.emits), atOnce: number("at-once", values["at-once"]) };
}

async function connected(url) {
	const client = createClient({ url });
	client.on("error", (error) => fail(`redis: ${error.message}`));
	await client.connect();
	return client;
}

// What emits, and a promise that is kept when all that was emitted before is published: commands are answered in their order.
async function open({ redis, emitter }) {
	const publisher = await connected(redis);
	const published = () => publisher.ping();
	if (emitter) return { io: new Emitter(publisher), published };
	const subscriber = await connected(redis);
	const io = new Server({ serveClient: false, adapter: createAdapter(publisher, subscriber) });
	await subscriber.subscribe("peal-bench-ready", () => {});
	return { io, published };
}

async function run({ io, published }, { emits, atOnce, form }) {
	const turn = () => new Promise((resolve) => setImmediate(resolve));
	const groups = []; // for each that is on its way, when it is published
	for (let number = 1; number <= emits; ) {
		const end = Math.min(number + atOnce, emits + 1);
		for (; number < end; number++) {
			(form === "room" ? io.to("nobody") : io).emit("bench", number, PADDING);
			if (number % GROUP === 0) groups.push(published());
		}
		while (groups.length * GROUP >= BACKLOG) await groups.shift();
		await turn();
	}
	await Promise.all([...groups, published()]);
}

const options = settings();
const target = await open(options);
await run(target, { ...options, emits: Math.min(options.emits, 20000) }); // the compiler's work is no part of it
const before = { cpu: process.cpuUsage(), time: performance.now() };
await run(target, options);
const { user, system } = process.cpuUsage(before.cpu);
const seconds = (performance.now() - before.time) / 1000;
console.log(JSON.stringify({ emits: options.emits, seconds, cpu_us: user + system, user_us: user, system_us: system }));
process.exit(0);
