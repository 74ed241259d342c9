// Many raw Socket.IO clients in one process: no more per client than a WebSocket and what it heard.
import { WebSocket } from "ws";
import { within } from "./support.mjs";

export class Voice {
	// `on` is called with (event, args, reply); reply is null when nothing is to be acknowledged.
	static open(port, { ns = "/", on = null, forget = false } = {}) {
		const voice = new Voice();
		voice.got = forget ? null : [];
		voice.on = on;
		voice.prefix = ns === "/" ? "" : `${ns},`;
		voice.waiting = new Map();
		voice.nextAck = 0;
		voice.socket = new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: false });
		voice.pings = 0;
		voice.socket.on("error", () => {});
		voice.closed = new Promise((resolve) => voice.socket.on("close", resolve));
		voice.joined = within(new Promise((resolve, reject) => {
			voice.socket.on("message", (data, binary) => {
				if (!binary) voice.hear(data.toString(), resolve);
			});
			voice.closed.then(() => reject(new Error("closed before it had joined")));
		}), "a client to connect", 60000).then(() => voice);
		voice.joined.catch(() => {});
		return voice;
	}

	hear(message, joined) {
		if (message[0] === "0") return this.socket.send(`40${this.prefix}`);
		if (message === "2") {
			this.pings++;
			return this.socket.send("3");
		}
		const body = message.slice(2 + this.prefix.length);
		if (message.startsWith("40")) {
			this.id = JSON.parse(body).sid;
			return joined();
		}
		const digits = /^\d*/.exec(body)[0];
		const args = JSON.parse(body.slice(digits.length) || "[]");
		if (message.startsWith("43")) {
			this.waiting.get(Number(digits))?.(args);
			return this.waiting.delete(Number(digits));
		}
		if (!message.startsWith("42")) return undefined;
		const [event, ...rest] = args;
		this.got?.push(args);
		const reply = digits === "" ? null : (value) => this.socket.send(`43${this.prefix}${digits}${JSON.stringify([value])}`);
		return this.on?.(event, rest, reply);
	}

	emit(...args) {
		this.socket.send(`42${this.prefix}${JSON.stringify(args)}`);
	}

	// Resolves with the arguments of the acknowledgement.
	ask(...args) {
		const id = this.nextAck++;
		return within(new Promise((resolve) => {
			this.waiting.set(id, resolve);
			this.socket.send(`42${this.prefix}${id}${JSON.stringify(args)}`);
		}), `an answer to ${args[0]}`);
	}

	close() {
		this.socket.close();
		return this.closed;
	}
}

// `count` clients on each of the nodes, a few at a time.
export async function openCrowd(t, nodes, count, options = {}) {
	const voices = [];
	t.after(() => { for (const voice of voices) voice.socket.terminate(); });
	await Promise.all(nodes.map(async (node) => {
		for (let opened = 0; opened < count; opened += 50) {
			const some = Array.from({ length: Math.min(50, count - opened) }, () => Voice.open(node.port, options));
			for (const voice of some) voice.node = node;
			voices.push(...some);
			await Promise.all(some.map((voice) => voice.joined));
		}
	}));
	return voices;
}
