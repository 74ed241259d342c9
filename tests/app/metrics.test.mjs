// /metrics, /readyz and /readyz/cluster: the names are documented, and the numbers are those that clients counted.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import net from "node:net";
import test from "node:test";
import { configFile, connected, event, handshake, request, root, run, serve, until, within } from "./program.mjs";
import { answering, call, key, startNodes, startRedis } from "./redis.mjs";
import { metricsOf, parse } from "./metrics.mjs";

const withKey = { env: { PEAL_API_KEY: key } };
const headerFile = readFileSync(`${root}include/peal/stats.h`, "utf8");
const members = [...headerFile.matchAll(/X\((counter|gauge), ([a-z0-9_]+),/g)].map(([, type, name]) => ({ type, name }));

// Settings with metrics of their own.
const everything = ["--forward", "x", "--webhook-url", "http://127.0.0.1:1/", "--webhook-secret", "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "--webhook-event", "y"];

// What a command is answered by Redis, as text.
async function tellRedis(redis, command) {
	const socket = net.connect(redis.port, "127.0.0.1");
	socket.write(`${command}\r\n`);
	const [answer] = await within(once(socket, "data"), "Redis to answer");
	socket.destroy();
	return answer.toString();
}

// --- names ----------------------------------------------------------------------------------------------------------

test("every member of stats.h is in /metrics, under its name or in a table of metrics_names.h", async (t) => {
	const node = await serve(t);
	const { status, headers, body } = await node.get("/metrics");
	assert.equal(status, 200);
	assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
	const families = parse(body);
	const tables = new Set([...readFileSync(`${root}src/app/metrics_names.h`, "utf8").matchAll(/PEAL_METRICS_MEMBER\(([a-z0-9_]+)\)/g)].map(([, name]) => name));
	assert.ok(members.length > 100);
	for (const { type, name } of members) {
		const metric = `peal_${name.replace(/_ms$/, "_seconds")}${type === "counter" ? "_total" : ""}`;
		assert.ok(tables.has(name) || families.get(metric)?.type === type, name);
	}
	assert.equal(families.get("peal_build_info").samples[0].labels.version, (await run(["--version"])).stdout.trim().split(" ").at(-1));
});

test("docs/metrics.md lists every metric with its type and labels, and no others", async (t) => {
	const { nodes: [node] } = await startNodes(t, 1, everything);
	const families = await until(async () => {
		const { families } = await metricsOf(node);
		return families.has("peal_cluster_echo_age_seconds") && families;
	}, "an echo");
	const documented = [...readFileSync(`${root}docs/metrics.md`, "utf8").matchAll(/^\| `([a-z_]+)(?:\{([a-z_]+)\})?` \| (\w+) \|/gm)]
		.map(([, name, label = "", type]) => `${name} ${label} ${type}`);
	const shown = [...families.values()].map(({ name, type, samples }) =>
		`${name} ${type === "histogram" ? "" : Object.keys(samples[0].labels).join(",")} ${type}`);
	// Kernels before Linux 6.2 do not tell it.
	if (!families.has("process_open_fds")) shown.push("process_open_fds  gauge");
	assert.deepEqual(shown.filter((one) => !documented.includes(one)), [], "metrics that docs/metrics.md does not list");
	assert.deepEqual(documented.filter((one) => !shown.includes(one)), [], "metrics that only docs/metrics.md knows");
	assert.equal(documented.length, new Set(documented).size);
});

test("docs/metrics.md lists every value of a label that is the program's own", async (t) => {
	const { nodes: [node] } = await startNodes(t, 1, everything);
	const text = readFileSync(`${root}docs/metrics.md`, "utf8");
	for (const { name, type, samples } of (await metricsOf(node)).families.values()) {
		if (type === "histogram") continue;
		const line = text.split("\n").find((row) => row.startsWith(`| \`${name}`));
		for (const { labels } of samples)
			for (const [label, value] of Object.entries(labels))
				if (!["version", "namespace"].includes(label)) assert.ok(line.includes(`\`${value}\``), `${name}: ${value}`);
	}
});

test("the names are as Prometheus wants them", async (t) => {
	const command = [`${root}build/tools`, ...process.env.PATH.split(":")].map((folder) => `${folder}/promtool`).find(existsSync);
	if (!command) {
		t.skip("there is no promtool; scripts/setup fetches it where it can");
		return;
	}
	const { nodes: [node] } = await startNodes(t, 1, ["--namespace", "/chat", ...everything]);
	// What it complains about, to see that it is asked.
	for (const [text, code, said] of [[(await node.get("/metrics")).body, 0, ""], ["# HELP a_ms x\n# TYPE a_ms counter\na_ms 1\n", 3, /a_ms/]]) {
		const child = spawn(command, ["check", "metrics"], { stdio: ["pipe", "pipe", "pipe"] });
		const output = [];
		for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => output.push(chunk));
		child.stdin.end(text);
		const [status] = await within(once(child, "close"), command);
		assert.equal(status, code, output.join(""));
		if (said) assert.match(output.join(""), said);
		else assert.equal(output.join(""), "");
	}
});

// --- numbers --------------------------------------------------------------------------------------------------------

test("the numbers are those that the clients counted", async (t) => {
	const node = await serve(t, ["--demo", "--namespace", "/fixed", "--namespace", "*"], withKey);
	const before = await metricsOf(node);
	const sockets = await Promise.all([
		...Array.from({ length: 6 }, () => answering(node, "yes")),
		...Array.from({ length: 3 }, () => answering(node, "yes", { transports: ["polling"], upgrade: false })),
	]);
	await connected(node, { namespace: "/fixed", transports: ["websocket"] });
	await connected(node, { namespace: "/by-a-client", transports: ["websocket"] });
	await within(new Promise((resolve) => sockets[0].emit("join", "red", resolve)), "the room");
	for (let i = 0; i < 5; i++) assert.equal((await call(node, "POST", "/api/emit", { event: "count", args: [i] })).status, 202);
	assert.equal((await call(node, "POST", "/api/emit", { event: "asked", timeout: 20000 })).body.responses.length, 9);
	await within((async () => {
		while (!sockets.every(({ heard }) => heard.length === 6)) await new Promise((resolve) => setTimeout(resolve, 5));
	})(), "the events");

	const after = await metricsOf(node);
	const grown = (name, labels) => after.get(name, labels) - before.get(name, labels);
	assert.equal(grown("peal_connects_total"), 11);
	assert.equal(after.get("peal_sessions", { transport: "websocket" }), 8);
	assert.equal(after.get("peal_sessions", { transport: "polling" }), 3);
	assert.equal(after.get("peal_sockets", { namespace: "/" }), 9);
	assert.equal(after.get("peal_sockets", { namespace: "/fixed" }), 1);
	assert.equal(after.get("peal_sockets", { namespace: "*" }), 1);
	assert.ok(!after.body.includes("by-a-client"));
	assert.equal(after.get("peal_rooms", { namespace: "/" }), 1);
	assert.equal(grown("peal_emits_total"), 6);
	assert.equal(grown("peal_deliveries_total"), 6 * 9);
	assert.equal(grown("peal_acks_received_total"), 9);
	assert.equal(grown("peal_rounds_ended_total", { outcome: "complete" }), 1);
	for (const transport of ["polling", "websocket"]) assert.ok(grown("peal_sent_bytes_total", { transport }) > 0, transport);
	assert.equal(after.get("peal_outbox_bytes"), 0);

	// A message of known length: 42["x"] without its first character, which is Engine.IO's.
	const received = (await metricsOf(node)).get("peal_received_bytes_total");
	sockets[0].emit("x");
	await until(async () => (await metricsOf(node)).get("peal_received_bytes_total") - received === '2["x"]'.length, "the message");
});

test("what has ended is counted by its reason", async (t) => {
	const node = await serve(t, ["--demo"], withKey);
	const gone = async (reason, number) => until(async () => (await metricsOf(node)).get("peal_disconnects_total", { reason }) === number, reason);
	const [left, closed, kicked] = await Promise.all(["websocket", "websocket", "polling"].map((one) => connected(node, { transports: [one] })));
	left.disconnect();
	await gone("client namespace disconnect", 1);
	closed.io.engine.close();
	await gone("transport close", 1);
	const room = kicked.id;
	assert.equal((await call(node, "POST", "/api/sockets/disconnect", { rooms: [room] })).status, 202);
	await gone("server namespace disconnect", 1);

	const { sid } = await handshake(node.port);
	const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
	await request(node.port, { method: "POST", path: target, body: "40" });
	await request(node.port, { method: "POST", path: target, body: "x" });
	await gone("parse error", 1);
	const metrics = await metricsOf(node);
	assert.equal(metrics.get("peal_disconnects_total"), 4);
	assert.equal(metrics.get("peal_disconnects_total", { reason: "other" }), 0);

	await answering(node, undefined);
	await call(node, "POST", "/api/emit", { event: "asked", timeout: 100 });
	assert.equal((await metricsOf(node)).get("peal_rounds_ended_total", { outcome: "timeout" }), 1);
});

test("a client that does not read is a drop: volatile packets at once, the others when it is closed", async (t) => {
	const node = await serve(t, ["--demo", "--outbox-limit", "4096"], withKey);
	const dropped = async (reason) => (await metricsOf(node)).get("peal_drops_total", { reason });
	const { sid } = await handshake(node.port);
	const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
	await request(node.port, { method: "POST", path: target, body: "40" });
	await request(node.port, { path: target });
	const closed = await dropped("closed");
	assert.equal((await call(node, "POST", "/api/emit", { event: "a", flags: { volatile: true } })).status, 202);
	assert.equal(await dropped("volatile"), 1);
	for (let i = 0; i < 3; i++) await call(node, "POST", "/api/emit", { event: "a", args: ["x".repeat(1500)] });
	await until(async () => (await metricsOf(node)).get("peal_sessions") === 0, "the session to be closed");
	assert.equal((await metricsOf(node)).get("peal_sessions_closed_outbox_total"), 1);
	assert.ok(await dropped("closed") - closed >= 3);
});

test("refused requests are counted by their code and by what was wrong", async (t) => {
	const node = await serve(t, ["--max-clients", "1"], withKey);
	const refused = async (code) => (await metricsOf(node)).get("peal_http_refused_total", { code });
	const wrong = async (reason) => (await metricsOf(node)).get("peal_handshakes_refused_total", { reason });
	for (const [path, reason] of [
		["/socket.io/?EIO=4&transport=pigeon", "transport unknown"], ["/socket.io/?EIO=4&transport=polling&sid=nobody", "session id unknown"],
		["/socket.io/?EIO=4&transport=websocket", "bad request"], ["/socket.io/?EIO=3&transport=polling", "unsupported protocol version"],
	]) {
		const before = await refused("400");
		assert.equal((await node.get(path)).status, 400);
		assert.equal(await wrong(reason), 1, reason);
		assert.equal(await refused("400"), before + 1);
	}
	assert.equal((await node.get("/socket.io/?EIO=4&transport=polling", { method: "POST" })).status, 400);
	assert.equal(await wrong("bad handshake method"), 1);
	await handshake(node.port);
	for (const [path, code, options] of [
		["/nowhere", "404"], ["/api/nodes", "401"], ["/healthz", "405", { method: "POST" }], ["/socket.io/?EIO=4&transport=polling", "503"],
		["/api/nodes", "403", { headers: { Origin: "null" } }], ["/metrics", "other", { headers: { "X-Long": "x".repeat(100) }, method: "GET", expect: 200 }],
	]) {
		const { expect = Number(code), ...rest } = options ?? {};
		assert.equal((await node.get(path, rest)).status, expect, path);
		assert.equal(await refused(code), code === "other" ? 0 : 1, code);
	}
	assert.equal((await metricsOf(node)).get("peal_http_refused_total"), (await refused("400")) + 5);
});

test("names of namespaces are labels whatever they are made of", async (t) => {
	const name = '/a"b\\c {d}=é';
	const node = await serve(t, ["--demo", "--namespace", name]);
	const { io } = await connected(node, { transports: ["websocket"] });
	const socket = io.socket(name); // not as part of a URL
	node.clients.push(socket);
	await event(socket, "connect");
	assert.equal((await metricsOf(node)).get("peal_sockets", { namespace: name }), 1);
});

test("a thousand namespaces of the program have a series each, and all others one together", async (t) => {
	const names = Array.from({ length: 1100 }, (_, i) => `/n${i}`);
	const node = await serve(t, ["--config", configFile(t, { namespace: names })]);
	await Promise.all(names.filter((_, i) => i % 50 === 0).map((namespace) => connected(node, { namespace, transports: ["websocket"] })));
	const metrics = await metricsOf(node);
	assert.equal(metrics.families.get("peal_sockets").samples.length, 1001);
	assert.equal(metrics.get("peal_sockets"), 22);
	assert.equal(metrics.get("peal_namespaces"), 1101);
});

test("a node that was stopped finds its timers late", async (t) => {
	const node = await serve(t);
	const late = async () => {
		const metrics = await metricsOf(node);
		return metrics.get("peal_loop_lag_seconds_count") - metrics.get("peal_loop_lag_seconds_bucket", { le: "0.05" });
	};
	const before = await late();
	node.child.kill("SIGSTOP");
	await new Promise((resolve) => setTimeout(resolve, 700)); // the tick of the loop is half a second
	node.child.kill("SIGCONT");
	await until(async () => await late() > before, "a timer that is late");
	const metrics = await metricsOf(node);
	const buckets = metrics.families.get("peal_loop_lag_seconds").samples.filter(({ name }) => name.endsWith("_bucket"));
	for (let i = 1; i < buckets.length; i++) assert.ok(buckets[i].value >= buckets[i - 1].value, buckets[i].labels.le);
	assert.deepEqual([buckets.at(-1).labels.le, buckets.at(-1).value], ["+Inf", metrics.get("peal_loop_lag_seconds_count")]);
	assert.ok(metrics.get("peal_loop_lag_seconds_sum") > 0.05);
});

test("the process tells its memory, time, files and start, as the kernel does", async (t) => {
	const began = Date.now() / 1000;
	const node = await serve(t);
	const metrics = await metricsOf(node);
	const status = readFileSync(`/proc/${node.child.pid}/status`, "utf8");
	const kilobytes = (name) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)[1]) * 1024;
	const near = (value, other, share) => assert.ok(Math.abs(value - other) <= share * other, `${value} is not ${other}`);
	near(metrics.get("process_resident_memory_bytes"), kilobytes("VmRSS"), 0.3);
	near(metrics.get("process_virtual_memory_bytes"), kilobytes("VmSize"), 0.3);
	near(metrics.get("process_start_time_seconds"), began, 120 / began);
	assert.ok(metrics.get("process_cpu_seconds_total") > 0);
	assert.equal(metrics.get("process_max_fds"), Number(/^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${node.child.pid}/limits`, "utf8"))[1]));
	if (metrics.families.has("process_open_fds"))
		near(metrics.get("process_open_fds"), readdirSync(`/proc/${node.child.pid}/fd`).length, 0.3);
});

// --- readiness ------------------------------------------------------------------------------------------------------

test("/readyz/cluster is ready only while what the node publishes comes back to it", async (t) => {
	const { redis, nodes: [node] } = await startNodes(t, 1);
	const reached = async () => (await node.get("/readyz/cluster")).status === 200;
	await until(reached, "an echo");
	assert.match((await node.get("/readyz/cluster")).body, /^ready\ncluster: up \(redis\), 0 other nodes, 0 of them silent\necho: \d+ ms ago\n$/);
	assert.equal((await metricsOf(node)).get("peal_cluster_state", { state: "up" }), 1);
	assert.equal((await call(node, "GET", "/api/nodes")).body.echo_ms < 60000, true);
	// Redis still answers and still sends what others publish, but takes nothing: only the way through it shows that.
	assert.match(await tellRedis(redis, "CLIENT PAUSE 60000 WRITE"), /^\+OK/);
	await until(async () => !await reached(), "the echo to be missed");
	assert.match((await node.get("/readyz/cluster")).body, /^not ready\ncluster: /);
	assert.equal((await node.get("/readyz")).status, 200);
	assert.match(await tellRedis(redis, "CLIENT UNPAUSE"), /^\+OK/);
	await until(reached, "an echo again");
	await redis.stop();
	await until(async () => !await reached(), "the loss to be noticed");
	assert.equal((await node.get("/readyz")).status, 200);
	assert.equal((await metricsOf(node)).get("peal_cluster_state", { state: "down" }), 1);
});

test("without Redis there is nothing to be reached, and without an echo nothing is proved", async (t) => {
	const alone = await serve(t);
	const { status, body } = await alone.get("/readyz/cluster");
	assert.deepEqual([status, body], [200, "ready\ncluster: alone\n"]);
	assert.ok(!(await metricsOf(alone)).families.has("peal_cluster_echo_age_seconds"));
	const redis = await startRedis(t);
	await redis.stop();
	const lost = await serve(t, ["--redis", redis.url]);
	assert.match((await lost.get("/readyz/cluster")).body, /^not ready\ncluster: down \(redis\).*\necho: none yet\n$/);
});
