// A share of the clients of rolling.test.mjs, in a process of its own: it has descriptors of its own, and what thousands of
// clients do does not hold up the test. Says { state } or { names } when it is asked to.
//
// The clients speak just enough, and do what stock clients do when the transport closes: they wait a while and come back,
// after twice that when it was in vain, up to five seconds. Thousands of stock ones would keep this process busy with
// themselves.
import assert from "node:assert/strict";
import WebSocket from "ws";

const [port, first, count, rate] = process.argv.slice(2).map(Number);
const heard = new Map(); // number of a question: names of those that have answered it
const clients = [];

function start(name) {
	const client = { connected: false, lost: 0, vain: 0 };
	const connect = () => {
		const socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);
		client.vain++;
		socket.on("message", (data) => {
			const text = data.toString();
			if (text === "2") socket.send("3");
			else if (text[0] === "0") socket.send("40");
			else if (text.startsWith("40")) [client.connected, client.vain] = [true, 0];
			else if (text.startsWith("41")) assert.fail("a DISCONNECT packet would keep stock clients away");
			const [, id, number] = /^42(\d+)\["question",(\d+)\]$/.exec(text) ?? [];
			if (!id) return;
			if (!heard.has(number)) heard.set(number, []);
			heard.get(number).push(name);
			socket.send(`43${id}["${name}"]`);
		});
		socket.on("error", () => {});
		socket.on("close", () => {
			client.lost += client.connected;
			client.connected = false;
			setTimeout(connect, Math.min(5000, 100 * 2 ** client.vain) * (0.5 + Math.random()));
		});
	};
	connect();
	return client;
}

process.on("message", ({ number }) => {
	if (number === undefined) {
		const inside = clients.filter(({ connected }) => connected).length;
		process.send({ state: { inside, lost: clients.filter(({ lost }) => lost > 0).length } });
		return;
	}
	process.send({ names: heard.get(number) ?? [] });
	heard.delete(number);
});
process.on("disconnect", () => process.exit());

// The first time they come as fast as they are let in.
const begun = performance.now();
const timer = setInterval(() => {
	const due = Math.min(count, rate * (performance.now() - begun) / 1000);
	while (clients.length < due) clients.push(start(`c${first + clients.length}`));
	if (clients.length === count) clearInterval(timer);
}, 10);
