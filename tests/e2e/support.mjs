// What every end-to-end test needs: a server of its own (peal or the Node.js reference, by TARGET), the control route
// of the test application, and raw clients that hide nothing of the wire.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import assert from "node:assert/strict";
import test from "node:test";
import { WebSocket } from "ws";
import { patience, sleep, within } from "../support/common.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));
export const target = process.env.TARGET ?? "peal";
export const isPeal = target === "peal";
export const testapp = process.env.PEAL_TESTAPP ?? resolve(root, process.env.PEAL_BUILD ?? "build", "tests/support/testapp");
export const RS = "\x1e";
export { sleep, within };

// A test that holds for both targets, and one for peal alone.
export function scenario(name, run, timeout = patience * 2) {
	test(name, { timeout }, run);
}
export function pealScenario(name, run, timeout) {
	if (isPeal) scenario(name, run, timeout);
}

// Starts the test application for one test; it is ended, and its exit status checked, when the test is over.
export async function startServer(t, settings = {}, kind = target) {
	const peal = kind === "peal";
	const [program, ...args] = peal ? [testapp] : [process.execPath, `${root}tests/e2e/reference.mjs`];
	const child = spawn(program, [...args, JSON.stringify(settings)], { stdio: ["ignore", "pipe", "pipe"] });
	const exited = once(child, "exit");
	let errors = "";
	child.stderr.on("data", (chunk) => { errors = (errors + chunk).slice(-20000); });
	const port = await within(new Promise((resolve, reject) => {
		let output = "";
		child.stdout.on("data", (chunk) => {
			output += chunk;
			const match = /listening (\d+)\n/.exec(output);
			if (match) resolve(Number(match[1]));
		});
		child.on("error", reject);
		exited.then(() => reject(new Error(`the server did not start: ${errors}`)));
	}), "the server to listen");
	const server = {
		port, pid: child.pid, child, url: `http://127.0.0.1:${port}`, kind,
		errors: () => errors,
		exited,
		control: (command) => control(port, command),
		async events(predicate = () => true) {
			return (await control(port, { do: "events" })).events.filter(predicate);
		},
		// Waits until the server's log holds `count` matching entries and returns them.
		async logged(pattern, count = 1) {
			const deadline = Date.now() + patience;
			for (;;) {
				const found = await server.events((entry) =>
					Object.entries(pattern).every(([key, value]) => entry[key] === value));
				if (found.length >= count) return found;
				if (Date.now() > deadline)
					throw new Error(`the server never logged ${JSON.stringify(pattern)}, but ${JSON.stringify(await server.events())}`);
				await sleep(10);
			}
		},
		async stats() {
			return JSON.parse((await request(port, { path: "/stats" })).body);
		},
		async stop() {
			if (child.exitCode === null && child.signalCode === null) {
				child.kill("SIGTERM");
				child.kill("SIGCONT");
				const hard = setTimeout(() => child.kill("SIGKILL"), 15000);
				await exited;
				clearTimeout(hard);
			}
			if (peal && !server.killed)
				assert.equal(child.exitCode, 0, `exit status ${child.exitCode}, signal ${child.signalCode}: ${errors}`);
		},
	};
	t.after(() => server.stop());
	return server;
}

async function control(port, command) {
	const { status, body } = await request(port, {
		method: "POST", path: "/control", headers: { "Content-Type": "application/json" }, body: JSON.stringify(command),
	});
	assert.equal(status, 200, `control ${JSON.stringify(command).slice(0, 200)}: ${status} ${body}`);
	return JSON.parse(body);
}

// One HTTP request on a connection of its own unless `agent` says otherwise.
export function request(port, { method = "GET", path, headers = {}, body, agent = false, signal } = {}) {
	return within(new Promise((resolve, reject) => {
		const bytes = body === undefined ? undefined : Buffer.from(body);
		const sent = http.request({
			host: "127.0.0.1", port, method, path, agent, signal,
			headers: { ...(bytes && !headers["Transfer-Encoding"] ? { "Content-Length": bytes.length } : {}), ...headers },
		}, (response) => {
			const chunks = [];
			response.on("data", (chunk) => chunks.push(chunk));
			response.on("error", reject);
			response.on("end", () => resolve({
				status: response.statusCode, headers: response.headers, raw: response.rawHeaders,
				bytes: Buffer.concat(chunks), body: Buffer.concat(chunks).toString(),
			}));
		});
		sent.on("error", reject);
		sent.end(bytes);
	}), `${method} ${path}`);
}

// An Engine.IO client over polling that does only what it is told to.
export class Polling {
	constructor(port, { path = "/engine.io/", query = "" } = {}) {
		this.port = port;
		this.base = `${path}?EIO=4&transport=polling${query}`;
	}

	static async open(port, options = {}) {
		const polling = new Polling(port, options);
		const { status, body } = await request(port, { path: polling.base, headers: options.headers });
		assert.equal(status, 200, body);
		assert.equal(body[0], "0");
		const [open, ...rest] = body.split(RS);
		polling.handshake = JSON.parse(open.slice(1));
		polling.rest = rest;
		polling.sid = polling.handshake.sid;
		return polling;
	}

	get path() {
		return `${this.base}&sid=${this.sid}`;
	}

	get(options = {}) {
		return request(this.port, { path: this.path, ...options });
	}

	post(body, options = {}) {
		return request(this.port, {
			method: "POST", path: this.path, body, ...options,
			headers: { "Content-Type": "text/plain;charset=UTF-8", ...options.headers },
		});
	}

	// Packets until one satisfies `last`, over as many GETs as it takes.
	async packetsUntil(last) {
		const packets = [];
		for (;;) {
			const { status, body } = await this.get();
			assert.equal(status, 200, body);
			packets.push(...body.split(RS));
			if (packets.some(last)) return packets;
		}
	}

	async isOpen() {
		return (await this.post("6")).status === 200;
	}
}

// A Socket.IO client over polling: joined to a namespace.
export async function pollingSocket(port, { nsp = "", auth = "", query = "" } = {}) {
	const polling = await Polling.open(port, { path: "/socket.io/", query });
	await polling.post(`40${nsp}${nsp && ","}${auth}`);
	const packets = await polling.packetsUntil((packet) => packet.startsWith(`40${nsp}`));
	const connect = packets.find((packet) => packet.startsWith(`40${nsp}`));
	polling.id = JSON.parse(connect.slice(connect.indexOf("{"))).sid;
	polling.before = packets;
	return polling;
}

// A WebSocket whose messages are kept in a queue; text arrives as string, binary as Buffer. Pings of Engine.IO are
// answered and not shown unless `silent`.
export class Wire {
	constructor(port, { path = "/engine.io/", query = "EIO=4&transport=websocket", silent = false, ...options } = {}) {
		this.socket = new WebSocket(`ws://127.0.0.1:${port}${path}?${query}`, options.protocols ?? [], options);
		this.queue = [];
		this.waiting = [];
		this.closed = new Promise((resolve) => {
			this.socket.on("close", (code) => {
				this.code = code;
				for (const { reject } of this.waiting.splice(0)) reject(new Error(`closed with ${code}`));
				resolve(code);
			});
		});
		this.opened = new Promise((resolve, reject) => {
			this.socket.on("open", resolve);
			this.socket.on("error", reject);
		});
		this.opened.catch(() => {});
		this.socket.on("upgrade", (response) => { this.response = response; });
		this.socket.on("message", (data, binary) => {
			const message = binary ? data : data.toString();
			if (message === "2" && !silent) return this.socket.send("3");
			const waiter = this.waiting.shift();
			if (waiter) waiter.resolve(message);
			else this.queue.push(message);
		});
	}

	static async open(port, options = {}) {
		const wire = new Wire(port, options);
		await within(wire.opened, "the WebSocket to open");
		if (!/[?&]sid=/.test(options.query ?? "")) {
			const open = await wire.next();
			assert.equal(open[0], "0", open);
			wire.handshake = JSON.parse(open.slice(1));
			wire.sid = wire.handshake.sid;
		}
		return wire;
	}

	send(data) {
		this.socket.send(data);
	}

	next() {
		if (this.queue.length > 0) return Promise.resolve(this.queue.shift());
		if (this.code !== undefined) return Promise.reject(new Error(`closed with ${this.code}`));
		return within(new Promise((resolve, reject) => this.waiting.push({ resolve, reject })), "a WebSocket message");
	}

	async nextThat(predicate) {
		for (;;) {
			const message = await this.next();
			if (predicate(message)) return message;
		}
	}

	close() {
		this.socket.close();
		return within(this.closed, "the WebSocket to close");
	}
}

// A Socket.IO client over a raw WebSocket, joined to a namespace.
export async function wireSocket(port, { nsp = "", auth = "", query = "", ...options } = {}) {
	const wire = await Wire.open(port, { path: "/socket.io/", query: `EIO=4&transport=websocket${query}`, ...options });
	await joinNamespace(wire, nsp, auth);
	return wire;
}

export async function joinNamespace(wire, nsp = "", auth = "") {
	wire.send(`40${nsp}${nsp && ","}${auth}`);
	wire.before = [];
	for (;;) {
		const message = await wire.next();
		if (typeof message === "string" && message.startsWith(`40${nsp}`)) {
			wire.id = JSON.parse(message.slice(message.indexOf("{"))).sid;
			return wire.id;
		}
		wire.before.push(message);
	}
}

// A bare TCP connection.
export class Tcp {
	constructor(port) {
		this.socket = net.connect({ port, host: "127.0.0.1" });
		this.bytes = Buffer.alloc(0);
		this.ended = false;
		this.changed = [];
		const wake = () => { for (const resolve of this.changed.splice(0)) resolve(); };
		this.socket.on("data", (chunk) => { this.bytes = Buffer.concat([this.bytes, chunk]); wake(); });
		this.socket.on("error", () => {});
		this.closed = new Promise((resolve) => this.socket.on("close", () => { this.ended = true; wake(); resolve(); }));
		this.socket.on("end", () => { this.ended = true; wake(); });
	}

	static async open(port) {
		const tcp = new Tcp(port);
		await within(once(tcp.socket, "connect"), "a TCP connection");
		return tcp;
	}

	send(data) {
		this.socket.write(data);
		return this;
	}

	get text() {
		return this.bytes.toString("latin1");
	}

	async until(predicate, what = "bytes") {
		await within((async () => {
			while (!predicate(this.text)) {
				assert(!this.ended, `the connection ended while waiting for ${what}; received ${JSON.stringify(this.text.slice(0, 300))}`);
				await new Promise((resolve) => this.changed.push(resolve));
			}
		})(), what);
		return this.text;
	}

	// Everything received until the server ends the connection.
	async rest() {
		await within(this.closed, "the server to close the connection");
		return this.text;
	}

	// The responses received so far, which must be `count` complete ones with Content-Length.
	async responses(count) {
		await this.until((text) => parseResponses(text).length >= count, `${count} responses`);
		return parseResponses(this.text);
	}

	destroy() {
		this.socket.destroy();
	}
}

export function parseResponses(text) {
	const found = [];
	for (let at = 0; at < text.length;) {
		const end = text.indexOf("\r\n\r\n", at);
		if (end < 0) break;
		const head = text.slice(at, end);
		const status = Number(head.slice(9, 12));
		const length = Number(/^content-length: *(\d+)/im.exec(head)?.[1] ?? 0);
		if (text.length < end + 4 + length) break;
		found.push({ status, head, body: text.slice(end + 4, end + 4 + length) });
		at = end + 4 + length;
		if (status === 101) break;
	}
	return found;
}

export const upgradeRequest = (path, more = "") =>
	`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
	`Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;

// A masked client frame, well-formed unless told otherwise.
export function clientFrame(data, { opcode = 1, fin = true, masked = true, reserved = 0 } = {}) {
	const payload = Buffer.from(data);
	const head = [(fin ? 0x80 : 0) | reserved | opcode];
	const bit = masked ? 0x80 : 0;
	if (payload.length < 126) head.push(bit | payload.length);
	else if (payload.length < 65536) head.push(bit | 126, payload.length >> 8, payload.length & 255);
	else head.push(bit | 127, 0, 0, 0, 0, ...[24, 16, 8, 0].map((shift) => (payload.length >>> shift) & 255));
	if (!masked) return Buffer.concat([Buffer.from(head), payload]);
	const mask = [1, 2, 3, 4];
	return Buffer.concat([Buffer.from(head), Buffer.from(mask), payload.map((byte, index) => byte ^ mask[index & 3])]);
}

// Waits for a condition that has no event of its own.
export async function eventually(check, what) {
	const deadline = Date.now() + patience;
	for (let last; ;) {
		try {
			const result = await check();
			if (result) return result;
		} catch (error) {
			last = error;
		}
		if (Date.now() > deadline) throw last ?? new Error(`never came true: ${what}`);
		await sleep(20);
	}
}

// Open sockets of a process, as /proc shows them.
export const descriptors = (pid) => readdirSync(`/proc/${pid}/fd`).length;
export const residentKb = (pid) => Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]);

// Turns a packed argument list of the control route into values, with Buffers for attachments.
export function unpack({ args, attachments = [] }) {
	const walk = (value) => {
		if (Array.isArray(value)) return value.map(walk);
		if (value && typeof value === "object") {
			if (value._placeholder === true) return Buffer.from(attachments[value.num], "hex");
			return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, walk(member)]));
		}
		return value;
	};
	return args.map(walk);
}

// Emits a last event to each client and returns what each of them received before it: shows absence without waiting.
let fences = 0;
export async function received(server, clients, ns = "") {
	const name = `fence-${++fences}`;
	await server.control({ do: "emit", ns: ns || "/", event: name });
	const fence = `42${ns}${ns && ","}["${name}"]`;
	return Promise.all(clients.map(async (client) => {
		if (client instanceof Polling) {
			const packets = await client.packetsUntil((packet) => packet === fence);
			return packets.filter((packet) => packet !== fence && packet !== "6");
		}
		const packets = [];
		for (;;) {
			const packet = await client.next();
			if (packet === fence) return packets;
			packets.push(packet);
		}
	}));
}
