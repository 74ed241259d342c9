// Starts the program for tests: on a free port, with JSON logs, and without the PEAL_* variables of the test run.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { io } from "socket.io-client";
import { patience, sleep, within } from "../support/common.mjs";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const peal = process.env.PEAL_BIN ?? `${root}${process.env.PEAL_BUILD ?? "build"}/src/app/peal`;
export { patience, sleep, within };
export async function until(predicate, what) {
	const deadline = Date.now() + patience;
	for (;;) {
		const value = await predicate();
		if (value) return value;
		if (Date.now() > deadline) throw new Error(`waited too long for ${what}`);
		await sleep(10);
	}
}

function environment(extra) {
	const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PEAL_")));
	return { ...clean, ...extra };
}

// Runs the program to its end.
export async function run(args, { env = {}, command = peal } = {}) {
	const child = spawn(command, args, { env: environment(env), stdio: ["ignore", "pipe", "pipe"] });
	const result = { stdout: "", stderr: "" };
	child.stdout.on("data", (chunk) => { result.stdout += chunk; });
	child.stderr.on("data", (chunk) => { result.stderr += chunk; });
	try {
		[result.code, result.signal] = await within(once(child, "close"), `${command} ${args.join(" ")} to end`);
	} finally {
		if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
	}
	return result;
}

// Starts `peal serve` and waits until it listens. It is ended, and its exit status checked, when the test is over.
// `wrap` turns [program, arguments] into another command line.
export async function serve(t, args = [], { env = {}, port = 0, wrap = (command) => command } = {}) {
	const [command, ...all] = wrap([peal, "serve", "--log-format", "json", "--port", String(port), ...args]);
	const child = spawn(command, all, { env: environment(env), stdio: ["ignore", "ignore", "pipe"] });
	const exited = once(child, "exit");
	const node = { child, exited, records: [], output: "", mayDie: false };
	const listening = new Promise((resolve, reject) => {
		let rest = "";
		child.stderr.on("data", (chunk) => {
			node.output += chunk;
			rest += chunk;
			const lines = rest.split("\n");
			rest = lines.pop();
			for (const line of lines) {
				let record;
				try {
					record = JSON.parse(line);
				} catch {
					continue; // what a sanitizer says is in node.output
				}
				node.records.push(record);
				if (record.message === "listening") resolve(record);
			}
		});
		child.on("error", reject);
		exited.then(([code]) => reject(new Error(`the program ended with ${code}: ${node.output}`)));
	});
	node.stop = async () => {
		if (child.exitCode === null && child.signalCode === null) {
			child.kill("SIGTERM");
			try {
				await within(exited, "the program to end");
			} finally {
				child.kill("SIGKILL");
			}
		}
		if (!node.mayDie) assert.equal(child.exitCode, 0, `exit ${child.exitCode} ${child.signalCode}: ${node.output}`);
	};
	endWith(t, node, node.stop);
	node.listening = await within(listening, "the program to listen");
	node.url = node.listening.url;
	node.port = Number(new URL(node.url).port);
	node.record = (message) => node.records.find((record) => record.message === message);
	node.get = (target, options = {}) => request(node.port, { path: target, ...options });
	return node;
}

// Ends a node when the test is over, and then, also when that fails, its clients: they would try to reconnect for ever.
export function endWith(t, node, stop) {
	node.clients = [];
	t.after(async () => {
		try {
			await runFirst(t);
		} finally {
			try {
				await stop();
			} finally {
				for (const socket of node.clients) socket.disconnect();
			}
		}
	});
}

const firsts = new WeakMap();
async function runFirst(t) {
	for (const fn of firsts.get(t)?.splice(0) ?? []) await fn();
}

// Runs a function when the test is over, but before its nodes end: a page would complain that they are gone.
export function beforeNodesEnd(t, fn) {
	if (!firsts.has(t)) {
		firsts.set(t, []);
		t.after(() => runFirst(t));
	}
	firsts.get(t).push(fn);
}

// One HTTP request on a connection of its own, from another address of this machine if need be.
export function request(port, { method = "GET", path: target, headers = {}, body, agent = false, localAddress }) {
	return within(new Promise((resolve, reject) => {
		const sent = http.request({ host: "127.0.0.1", port, method, path: target, headers, agent, localAddress }, (response) => {
			const chunks = [];
			response.on("data", (chunk) => chunks.push(chunk));
			response.on("error", reject);
			response.on("end", () => resolve({
				status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks).toString(),
			}));
		});
		sent.on("error", reject);
		sent.end(body);
	}), `${method} ${target}`);
}

// Opens a polling session by hand. Returns what the open packet says, with `cookie` and `headers` of the answer.
export async function handshake(port, prefix = "/socket.io/", headers = {}) {
	const answer = await request(port, { path: `${prefix}?EIO=4&transport=polling`, headers });
	assert.equal(answer.status, 200, answer.body);
	const [open, ...packets] = answer.body.split("\x1e");
	return { ...JSON.parse(open.slice(1)), packets, headers: answer.headers };
}

// A stock client that is closed when the test is over.
export function client(node, { namespace = "", ...options } = {}) {
	const socket = io(node.url + namespace, { forceNew: true, ...options });
	node.clients.push(socket);
	return socket;
}

export async function connected(node, options) {
	const socket = client(node, options);
	await within(new Promise((resolve, reject) => {
		socket.once("connect", resolve);
		socket.once("connect_error", reject);
	}), "a client to connect");
	return socket;
}

export function event(socket, name, what = `the event ${name}`) {
	return within(new Promise((resolve) => socket.once(name, (...args) => resolve(args))), what);
}

export function ask(socket, ...args) {
	return within(new Promise((resolve) => socket.emit(...args, resolve)), `an answer to ${args[0]}`);
}

// A folder for the files of one test.
export function folder(t) {
	const name = mkdtempSync(path.join(tmpdir(), "peal-"));
	t.after(() => rmSync(name, { recursive: true, force: true }));
	return name;
}

export function configFile(t, content) {
	const name = path.join(folder(t), "peal.json");
	writeFileSync(name, typeof content === "string" ? content : JSON.stringify(content, null, 2));
	return name;
}
