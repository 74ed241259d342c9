// The program as an operator meets it: health, metrics, limits, signals, the files it serves.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync, mkdirSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { metricsOf } from "./metrics.mjs";
import { client, connected, event, folder, handshake, peal, root, run, serve, until, within } from "./program.mjs";

// Sends bytes and returns everything that comes until the connection closes.
function raw(port, bytes) {
	return within(new Promise((resolve, reject) => {
		const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
		let text = "";
		socket.on("data", (chunk) => { text += chunk; });
		socket.on("close", () => resolve(text));
		socket.on("error", reject);
	}), "the connection to close");
}

const upgrade = (port) => raw(port, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n" +
	"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n");

function fileLimit(node) {
	const [, soft, hard] = /^Max open files\s+(\d+)\s+(\d+)/m.exec(readFileSync(`/proc/${node.child.pid}/limits`, "utf8"));
	return { soft: Number(soft), hard: Number(hard) };
}

function addressSpace(node) {
	return Number(/^VmSize:\s+(\d+) kB/m.exec(readFileSync(`/proc/${node.child.pid}/status`, "utf8"))[1]);
}

// --- health ---------------------------------------------------------------------------------------------------------

test("/healthz and /readyz answer 200 while the node serves", async (t) => {
	const node = await serve(t);
	for (const target of ["/healthz", "/readyz", "/readyz/cluster", "/readyz?verbose"]) {
		const { status, headers } = await node.get(target);
		assert.equal(status, 200);
		assert.equal(headers["cache-control"], "no-store");
	}
	const head = await node.get("/healthz", { method: "HEAD" });
	assert.equal(head.status, 200);
	assert.equal(head.body, "");
	const post = await node.get("/healthz", { method: "POST" });
	assert.equal(post.status, 405);
	assert.ok(post.headers.allow.includes("GET"));
});

// --- the end --------------------------------------------------------------------------------------------------------

test("SIGTERM ends orderly: clients see the transport close and come back by themselves", async (t) => {
	const first = await serve(t);
	const sockets = [];
	for (const transports of [["polling"], ["websocket"]])
		sockets.push(await connected(first, { transports, reconnectionDelay: 50, reconnectionDelayMax: 100 }));
	const reasons = sockets.map((socket) => event(socket, "disconnect"));
	first.child.kill("SIGTERM");
	for (const reason of reasons) assert.equal((await reason)[0], "transport close");
	const [code, signal] = await within(first.exited, "the program to end");
	assert.deepEqual([code, signal], [0, null]);
	assert.equal(first.record("shutting down").signal, "SIGTERM");
	assert.ok(first.record("closed"));

	const back = sockets.map((socket) => event(socket, "connect"));
	await serve(t, [], { port: first.port });
	await Promise.all(back);
});

test("SIGINT ends orderly too, and an idle node at once", async (t) => {
	const node = await serve(t);
	node.child.kill("SIGINT");
	assert.deepEqual(await within(node.exited, "the program to end"), [0, null]);
});

test("a client that does not go is cut when --shutdown-seconds are over", async (t) => {
	const node = await serve(t, ["--shutdown-seconds", "1"]);
	const { sid } = await handshake(node.port);
	// A connection that sends half a request and never the rest.
	const stuck = net.connect(node.port, "127.0.0.1");
	t.after(() => stuck.destroy());
	stuck.on("error", () => {});
	await event(stuck, "connect");
	stuck.write(`POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nhalf`);
	await node.get("/healthz");
	node.child.kill("SIGTERM");
	assert.deepEqual(await within(node.exited, "the program to end"), [0, null]);
});

test("while it drains, /readyz says so, new sessions are refused, and the clients stay", async (t) => {
	const node = await serve(t, ["--drain-seconds", "3600", "--demo"]);
	node.mayDie = true;
	const socket = await connected(node);
	node.child.kill("SIGTERM");
	await until(async () => (await node.get("/readyz")).status === 503, "/readyz to change");
	assert.equal((await node.get("/healthz")).status, 200);
	assert.match((await node.get("/metrics")).body, /^peal_ready 0$/m);
	const refused = await node.get("/socket.io/?EIO=4&transport=polling");
	assert.equal(refused.status, 503);
	assert.match(await upgrade(node.port), /^HTTP\/1\.1 503 /);
	const received = event(socket, "message");
	socket.emit("broadcast", { to: "everyone", text: "still here" });
	assert.equal((await received)[0].text, "still here");

	// The second signal ends it at once, in the middle of the hour that it would wait.
	node.child.kill("SIGTERM");
	const [code, signal] = await within(node.exited, "the program to end");
	assert.deepEqual([code, signal], [null, "SIGTERM"]);
});

test("a second signal of the other kind ends it at once too", async (t) => {
	const node = await serve(t, ["--drain-seconds", "3600"]);
	node.mayDie = true;
	node.child.kill("SIGTERM");
	await until(() => node.record("shutting down"), "the first signal to be seen");
	node.child.kill("SIGINT");
	assert.deepEqual(await within(node.exited, "the program to end"), [null, "SIGINT"]);
});

test("after --drain-seconds it closes by itself", async (t) => {
	const node = await serve(t, ["--drain-seconds", "1"]);
	const socket = await connected(node);
	const reason = event(socket, "disconnect");
	node.child.kill("SIGTERM");
	assert.equal((await reason)[0], "transport close");
	assert.deepEqual(await within(node.exited, "the program to end"), [0, null]);
});

// --- limits ---------------------------------------------------------------------------------------------------------

test("more clients than --max-clients are refused with 503, until one leaves", async (t) => {
	const node = await serve(t, ["--max-clients", "2"]);
	const sockets = [await connected(node), await connected(node, { transports: ["websocket"] })];
	const polling = await node.get("/socket.io/?EIO=4&transport=polling");
	assert.equal(polling.status, 503);
	assert.equal(polling.headers["retry-after"], "5");
	assert.equal(polling.headers["content-type"], "application/json");
	assert.equal(polling.body, '{"code":3,"message":"Bad request"}');
	const [head, body] = (await upgrade(node.port)).split("\r\n\r\n");
	assert.match(head, /^HTTP\/1\.1 503 /);
	assert.match(head, /^Retry-After: 5$/mi);
	assert.match(head, /^Content-type: text\/html$/mi);
	assert.equal(body, "Bad request");
	assert.match((await node.get("/metrics")).body, /^peal_sessions_refused_full_total 2$/m);
	assert.equal((await node.get("/readyz")).status, 200); // full is not unhealthy
	// Those that are in stay in, and a place that becomes free is given again.
	assert.ok(sockets.every((socket) => socket.connected));
	sockets[0].disconnect();
	await until(async () => (await metricsOf(node)).get("peal_sessions") === 1, "a place to be free");
	await connected(node);
});

test("the soft limit of open files is raised to what the clients need", async (t) => {
	const node = await serve(t, ["--max-clients", "400"], { wrap: (command) => ["sh", "-c", 'ulimit -Sn 256; exec "$@"', "sh", ...command] });
	assert.equal(fileLimit(node).soft, 928);
	assert.equal(node.records.filter(({ level }) => level === "warning").length, 0);
	await connected(node);
});

test("it starts under `ulimit -n 1024` and lowers --max-clients with a warning", async (t) => {
	const node = await serve(t, [], { wrap: (command) => ["sh", "-c", 'ulimit -n 1024; exec "$@"', "sh", ...command] });
	assert.deepEqual(fileLimit(node), { soft: 1024, hard: 1024 });
	const warning = node.record("max clients lowered to what the hard limit of open files allows");
	assert.equal(warning.level, "warning");
	assert.equal(warning.from, 10000);
	assert.equal(warning.to, 896);
	await connected(node);
});

test("a hard limit that allows for no client ends the program with 1", async () => {
	const { code, stderr } = await run(["-c", 'ulimit -n 100; exec "$@"', "sh", peal, "serve", "--port", "0"], { command: "sh" });
	assert.equal(code, 1);
	assert.match(stderr, /too small for any client.* limit=100/);
});

test("it starts under the limit of containers, 1 073 741 816, and sizes itself to --max-clients", async (t) => {
	const place = folder(t), library = path.join(place, "interpose.so"), log = path.join(place, "log");
	execFileSync("gcc", ["-shared", "-fPIC", "-D_GNU_SOURCE", "-O2", "-o", library, `${root}tests/app/interpose.c`]);
	const env = { LD_PRELOAD: library, INTERPOSE_LOG: log, ASAN_OPTIONS: "verify_asan_link_order=0" };
	const node = await serve(t, ["--max-clients", "2000"], { env });
	assert.equal(readFileSync(log, "utf8"), "4128 1073741816\n");
	assert.equal(node.records.filter(({ level }) => level === "warning").length, 0);
	const socket = await connected(node);
	await until(() => socket.io.engine.transport.name === "websocket", "the upgrade");
	await connected(node, { transports: ["websocket"] });
	// Tables that were sized by the huge limit would show beside a node that never saw it.
	const usual = await serve(t, ["--max-clients", "2000"]);
	assert.ok(addressSpace(node) < addressSpace(usual) + 200000, `${addressSpace(node)} kB and ${addressSpace(usual)} kB`);
});

// --- the stock client -----------------------------------------------------------------------------------------------

test("the stock client is served under the path, with entity tags", async (t) => {
	const node = await serve(t, ["--path", "/live"]);
	const { version } = JSON.parse(readFileSync(`${root}client/node_modules/socket.io-client/package.json`));
	assert.equal(node.record("serving the stock client").version, version);
	for (const name of ["socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"]) {
		for (const file of [name, `${name}.map`]) {
			const target = `/live/${file}`;
			const { status, headers, body } = await node.get(target);
			assert.equal(status, 200, target);
			assert.equal(headers.etag, `"${version}"`);
			assert.equal(headers["cache-control"], "public, max-age=0");
			assert.equal(headers["content-type"], `application/${file.endsWith(".map") ? "json" : "javascript"}; charset=utf-8`);
			assert.equal(body, readFileSync(`${root}client/node_modules/socket.io-client/dist/${file}`, "utf8"));
			for (const tag of [`"${version}"`, `W/"${version}"`, `"0", W/"${version}"`, "*"]) {
				const known = await node.get(target, { headers: { "If-None-Match": tag } });
				assert.equal(known.status, 304, tag);
				assert.equal(known.body, "");
			}
			for (const tag of ['"0.0.0"', version, `"${version}`, `x"${version}"`])
				assert.equal((await node.get(target, { headers: { "If-None-Match": tag } })).status, 200, tag);
		}
	}
	const head = await node.get("/live/socket.io.min.js", { method: "HEAD" });
	assert.ok(Number(head.headers["content-length"]) > 10000);
	assert.equal(head.body, "");
	// As in the reference, another name under the path is a request to Engine.IO.
	const unknown = await node.get("/live/socket.io.unknown.js");
	assert.equal(unknown.status, 400);
	assert.equal(JSON.parse(unknown.body).code, 0);
});

test("the stock client gets the CORS headers of the path", async (t) => {
	const node = await serve(t, ["--cors-origin", "*"]);
	const { headers } = await node.get("/socket.io/socket.io.js", { headers: { Origin: "https://a.example" } });
	assert.equal(headers["access-control-allow-origin"], "*");
});

test("--client-dir serves another folder, and one without a client ends the program with 2", async (t) => {
	const place = folder(t);
	mkdirSync(path.join(place, "empty"));
	writeFileSync(path.join(place, "socket.io.min.js"), "/*!\n * Socket.IO v9.8.7-rc.1\n */\n");
	const node = await serve(t, ["--client-dir", place]);
	const { headers } = await node.get("/socket.io/socket.io.min.js");
	assert.equal(headers.etag, '"9.8.7-rc.1"');
	const { code, stderr } = await run(["serve", "--port", "0", "--client-dir", path.join(place, "empty")]);
	assert.equal(code, 2);
	assert.match(stderr, /--client-dir: there is no socket\.io\.min\.js to read in/);
});

// --- the console page ------------------------------------------------------------------------------------------------

test("the console page comes with a strict policy and names the path of Socket.IO", async (t) => {
	const node = await serve(t, ["--demo", "--path", "/a\"b<&'/"]);
	const types = { "/": "text/html", "/console.css": "text/css", "/console.js": "text/javascript" };
	for (const [target, type] of Object.entries(types)) {
		const { status, headers, body } = await node.get(target);
		assert.equal(status, 200);
		assert.equal(headers["content-type"], `${type}; charset=utf-8`);
		assert.equal(headers["x-content-type-options"], "nosniff");
		assert.equal(headers["referrer-policy"], "no-referrer");
		assert.match(headers["content-security-policy"], /^default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; /);
		assert.doesNotMatch(headers["content-security-policy"], /unsafe/);
		const source = readFileSync(`${root}src/app/console/${target === "/" ? "index.html" : target.slice(1)}`, "utf8");
		assert.equal(body, source.replaceAll("@PATH@", "/a&#34;b&#60;&#38;&#39;/").replaceAll(/@HOST@|@PORT@/g, ""));
	}
	const page = (await node.get("/")).body;
	assert.doesNotMatch(page, /<script(?![^>]* src=)|<style| style=| on[a-z]+=/, "something is inline");
});

test("connections that are reset while they are written to do not end the program", async (t) => {
	const node = await serve(t);
	for (let i = 0; i < 20; i++) {
		const socket = net.connect(node.port, "127.0.0.1");
		await event(socket, "connect");
		socket.write("GET /socket.io/socket.io.js.map HTTP/1.1\r\nHost: a\r\n\r\n".repeat(5));
		await event(socket, "data");
		socket.resetAndDestroy();
	}
	assert.equal((await node.get("/healthz")).status, 200);
	assert.ok(client(node));
});
