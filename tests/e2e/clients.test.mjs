// Stock clients: JavaScript 4.x and 3.x, and Debian's python3-socketio, over polling only, over WebSocket only, and with
// upgrade, with traffic in both directions.
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { io as io4 } from "socket.io-client";
import io3module from "socket.io-client-3";
import { eventually, isPeal, scenario, startServer, unpack, within } from "./support.mjs";

const io3 = io3module.io;
const ways = [
	["over polling only", { transports: ["polling"] }],
	["over WebSocket only", { transports: ["websocket"] }],
	["with upgrade", { transports: ["polling", "websocket"] }],
];

function connect(t, io, url, options = {}) {
	const socket = io(url, { forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100, ...options });
	t.after(() => socket.io._close());
	return socket;
}

const event = (socket, name) => within(new Promise((resolve) => socket.once(name, (...args) => resolve(args))), `event ${name}`);
const ask = (socket, name, ...args) =>
	within(new Promise((resolve) => socket.emit(name, ...args, (...answer) => resolve(answer))), `the answer to ${name}`);
const connected = async (socket) => { if (!socket.connected) await event(socket, "connect"); };

async function upgraded(socket, options) {
	await connected(socket);
	if (options.transports.length < 2) return;
	await eventually(() => socket.io.engine.transport.name === "websocket", "the upgrade");
}

for (const [version, io] of [["4.x", io4], ["3.x", io3]]) {
	for (const [way, options] of ways) {
		const title = (text) => `a JavaScript client ${version} ${way} ${text}`;

		scenario(title("exchanges events of every type"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			await connected(socket);
			const values = [1, -2.5, 0, 1e21, "text", "", "héllo 日本語 🚀  \u2028", true, false, null, [], {}, [1, [2, { a: null }]],
				{ deep: { list: [1, "2", { three: 3 }] } }, "\"quoted\\ \n\t\u0001", Number.MAX_SAFE_INTEGER];
			socket.emit("echo", ...values);
			assert.deepEqual(await event(socket, "echo-back"), values);
			socket.emit("echo");
			assert.deepEqual(await event(socket, "echo-back"), []);
			await upgraded(socket, options);
			socket.emit("echo", ...values);
			assert.deepEqual(await event(socket, "echo-back"), values);
		});

		scenario(title("exchanges binary data at any depth"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			await connected(socket);
			const values = [Buffer.from([1, 2, 3]), { nested: [Buffer.from("abc"), "text"] }, Buffer.alloc(0)];
			socket.emit("echo", ...values);
			assert.deepEqual(await event(socket, "echo-back"), values);
			await upgraded(socket, options);
			assert.deepEqual(await ask(socket, "echo", ...values), values);
		});

		scenario(title("gets acknowledgements with plain and binary arguments"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			await connected(socket);
			assert.deepEqual(await ask(socket, "echo", 1, { a: "b" }), [1, { a: "b" }]);
			assert.deepEqual(await ask(socket, "echo"), []);
			assert.deepEqual(await ask(socket, "echo", Buffer.from("xyz")), [Buffer.from("xyz")]);
			assert.deepEqual(await ask(socket, "twice"), [1]);
		});

		scenario(title("acknowledges events of the server"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			await connected(socket);
			socket.on("question", (...args) => args.pop()(...args));
			socket.on("silence", () => {});
			const answered = await server.control({
				do: "emit", direct: socket.id, event: "question", timeout: 10000,
				args: ["x", { _placeholder: true, num: 0 }], attachments: ["0a0b"],
			});
			assert.equal(answered.error, null);
			assert.deepEqual(unpack(answered.response), ["x", Buffer.from([10, 11])]);
			const none = await server.control({ do: "emit", direct: socket.id, event: "silence", timeout: 50 });
			assert.equal(none.error, "operation has timed out");
		});

		scenario(title("exchanges messages of 900 kB"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			await upgraded(socket, options);
			const text = "0123456789é".repeat(75000);
			assert.deepEqual(await ask(socket, "echo", text), [text]);
			const bytes = Buffer.alloc(options.transports[0] === "polling" ? 600000 : 900000, "peal");
			assert(bytes.equals((await ask(socket, "echo", bytes))[0]));
		});

		scenario(title("loses, repeats and reorders nothing in either direction, from before the connection is complete"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			const received = [];
			socket.on("count", (number) => received.push(number));
			const total = 400;
			const answers = [];
			const sending = (async () => {
				for (let number = 0; number < total; number++) {
					socket.emit("echo", number, (answer) => answers.push(answer));
					if (number % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
				}
			})();
			await connected(socket);
			for (let number = 0; number < total; number += 20)
				await server.control({
					do: "several",
					commands: Array.from({ length: 20 }, (_, at) => ({ do: "emit", direct: socket.id, event: "count", args: [number + at] })),
				});
			await sending;
			await eventually(() => received.length >= total && answers.length >= total, "all messages");
			await upgraded(socket, options);
			assert.deepEqual(await ask(socket, "echo", "last"), ["last"]);
			const all = Array.from({ length: total }, (_, number) => number);
			assert.deepEqual(received, all);
			assert.deepEqual(answers, all);
		});

		scenario(title("joins several namespaces on one connection"), async (t) => {
			const server = await startServer(t);
			const main = connect(t, io, server.url, options);
			const custom = main.io.socket("/custom", { auth: { token: "123" } });
			const auth = event(custom, "auth");
			await connected(main);
			assert.deepEqual(await auth, [{ token: "123" }]);
			assert.notEqual(main.id, custom.id);
			assert.deepEqual(await ask(custom, "echo", "c"), ["c"]);
			const unknown = main.io.socket("/unknown");
			const [error] = await event(unknown, "connect_error");
			assert.equal(error.message, "Invalid namespace");
			custom.disconnect();
			await server.logged({ e: "disconnect", ns: "/custom", reason: "client namespace disconnect" });
			assert.deepEqual(await ask(main, "echo", "m"), ["m"]);
		});

		scenario(title("gets the error and its data when a middleware refuses"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, `${server.url}/refused`, options);
			const [error] = await event(socket, "connect_error");
			assert.equal(error.message, "not authorized");
			assert.deepEqual(error.data, { content: "later" });
		});

		scenario(title("reconnects by itself after the server restarts"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			await upgraded(socket, options);
			const before = socket.id;
			const gone = event(socket, "disconnect");
			await server.control({ do: "close" });
			const [reason] = await gone;
			assert(["transport close", "transport error"].includes(reason), reason);
			await within(server.exited, "the server to end");
			const again = await startServer(t, { port: server.port });
			await event(socket, "connect");
			assert.notEqual(socket.id, before);
			socket.emit("echo", "again");
			assert.deepEqual(await event(socket, "echo-back"), ["again"]);
			assert.equal(again.port, server.port);
		});

		scenario(title("is told of a disconnect by the server and stays away"), async (t) => {
			const server = await startServer(t);
			const socket = connect(t, io, server.url, options);
			await upgraded(socket, options);
			const gone = event(socket, "disconnect");
			await server.control({ do: "disconnect", direct: socket.id, close: true });
			assert.deepEqual((await gone)[0], "io server disconnect");
			await server.logged({ e: "disconnect", reason: "server namespace disconnect" });
		});
	}

	scenario(`a JavaScript client ${version} gives its query, headers and auth to the handshake`, async (t) => {
		const server = await startServer(t);
		const socket = connect(t, io, server.url, {
			query: { color: "r%d & blue" }, auth: { token: [1] }, extraHeaders: { "X-Test": "header" }, transports: ["polling"],
		});
		await connected(socket);
		const [who] = await ask(socket, "whoami");
		assert.equal(who.id, socket.id);
		assert.deepEqual(who.auth, { token: [1] });
		assert.equal(who.color, "r%d & blue");
		assert.equal(who.header, "header");
		assert.equal(who.secure, false);
		assert.equal(who.xdomain, false);
		assert.match(who.address, /127\.0\.0\.1/);
		assert.equal(who.transport, "polling");
	});

	scenario(`a JavaScript client ${version} sees the query of its first namespace in a second namespace`, async (t) => {
		const server = await startServer(t);
		const main = connect(t, io, server.url, { query: { color: "green" } });
		const custom = main.io.socket("/custom", { auth: { a: 1 } });
		await connected(custom);
		const [who] = await ask(custom, "whoami");
		assert.equal(who.color, "green");
		assert.deepEqual(who.auth, { a: 1 });
	});

	scenario(`a JavaScript client ${version} gets events that were emitted before its connection was complete`, async (t) => {
		const server = await startServer(t);
		const socket = connect(t, io, `${server.url}/order`);
		const early = event(socket, "early");
		await connected(socket);
		assert.deepEqual(await early, [1]);
	});

	scenario(`a JavaScript client ${version} that is slow to be accepted connects when the middleware says so`, async (t) => {
		const server = await startServer(t);
		const socket = connect(t, io, `${server.url}/delayed`);
		await server.logged({ e: "pending", kind: "middleware" });
		assert.equal(socket.connected, false);
		assert.deepEqual(await server.events((entry) => entry.e === "connection"), []);
		await server.control({ do: "next" });
		await connected(socket);
		await server.logged({ e: "connection", ns: "/delayed" });
	});
}

scenario("many clients in many namespaces at once all connect and talk", async (t) => {
	const server = await startServer(t);
	const sockets = [];
	for (let at = 0; at < 40; at++)
		sockets.push(connect(t, io4, `${server.url}${["/", "/custom", "/any", "/dynamic-1"][at % 4]}`, { transports: ways[at % 3][1].transports }));
	await Promise.all(sockets.map(async (socket, at) => {
		await connected(socket);
		assert.deepEqual(await ask(socket, "echo", at), [at]);
	}));
	assert.equal(new Set(sockets.map((socket) => socket.id)).size, 40);
});

scenario("a manual disconnect and connect gives a new socket whose events arrive once", async (t) => {
	const server = await startServer(t);
	const socket = connect(t, io4, server.url);
	await connected(socket);
	const first = socket.id;
	socket.disconnect().connect();
	await connected(socket);
	assert.notEqual(socket.id, first);
	let times = 0;
	socket.on("echo-back", () => times++);
	socket.emit("echo", 1);
	await ask(socket, "echo");
	assert.equal(times, 1);
});

const python = "/usr/bin/python3";
for (const way of ["polling", "websocket", "upgrade"]) {
	scenario(`a Python client (${way}) uses events, acknowledgements, binary data, namespaces and rooms`, async (t) => {
		if (!existsSync(python)) return t.skip("no Debian python3");
		const server = await startServer(t);
		const script = fileURLToPath(new URL("python_client.py", import.meta.url));
		const { code, output } = await within(new Promise((resolve) =>
			execFile(python, [script, server.url, way], { timeout: 50000 }, (error, stdout, stderr) =>
				resolve({ code: error ? error.code : 0, output: stdout + stderr }))), "the Python client", 55000);
		if (code === 77) return t.skip("no python3-socketio");
		assert.equal(code, 0, output);
		assert.match(output, /all good/);
		if (isPeal) await eventually(async () => (await server.stats()).sockets === 0, "the Python sockets to leave");
	});
}
