// What the tests in JavaScript have in common: patience, free ports, and Redis.
import { spawn } from "node:child_process";
import { once } from "node:events";
import net from "node:net";

// Far above what any test needs: it ends a hanging test, it never decides one.
export const patience = 30000;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function within(promise, what, ms = patience) {
	let timer;
	const late = new Promise((_, reject) => {
		timer = setTimeout(() => reject(new Error(`waited too long for ${what}`)), ms);
	});
	try {
		return await Promise.race([promise, late]);
	} finally {
		clearTimeout(timer);
	}
}

// A port that nobody listens on, and that no connection of another test gets meanwhile: those are of higher numbers.
export async function freePort() {
	for (;;) {
		const port = 16384 + Math.floor(Math.random() * 16384);
		const server = net.createServer();
		try {
			await once(server.listen(port, "127.0.0.1"), "listening");
		} catch (problem) {
			if (problem.code !== "EADDRINUSE") throw problem;
			continue;
		}
		server.close();
		await once(server, "close");
		return port;
	}
}

// Starts a redis-server and waits until it accepts. Who starts it has to end it.
export async function launchRedis(port, folder, more = []) {
	const child = spawn("redis-server",
		["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", folder, ...more],
		{ stdio: ["ignore", "pipe", "pipe"] });
	const exited = once(child, "exit");
	let output = "";
	try {
		await within(new Promise((resolve, reject) => {
			child.stdout.on("data", (chunk) => {
				output += chunk;
				if (output.includes("Ready to accept connections")) resolve();
			});
			child.stderr.resume();
			exited.then(() => reject(new Error(`redis-server did not start: ${output}`)), reject);
		}), "redis-server");
	} catch (problem) {
		child.kill("SIGKILL");
		throw problem;
	}
	return { child, exited };
}
