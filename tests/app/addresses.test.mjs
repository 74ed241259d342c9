// The limits of a client address: who counts as one, behind a proxy or not, and what happens beyond them.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { client, connected, folder, request, serve, until } from "./program.mjs";
import { metricsOf } from "./metrics.mjs";

const OPEN = "/socket.io/?EIO=4&transport=polling";
const REFUSED = "an address is at its limit: sessions refused";
const behindProxy = ["--trusted-proxy", "127.0.0.1", "--trusted-proxy", "10.0.0.0/8"];
const forwarded = (address) => ({ "X-Forwarded-For": address });

// Opens a polling session. Returns the answer, with the sid of the session.
async function open(node, headers = {}, options = {}) {
	const answer = await request(node.port, { path: OPEN, headers, ...options });
	answer.sid = /"sid":"([^"]+)"/.exec(answer.body)?.[1];
	return answer;
}

const end = (node, sid) => request(node.port, { method: "POST", path: `${OPEN}&sid=${sid}`, body: "1" });

const sessions = async (node) => (await metricsOf(node)).get("peal_sessions");

// --- who is one address ---------------------------------------------------------------------------------------------

test("behind a trusted proxy an address is what that proxy saw, whatever the client has written before", async (t) => {
	const node = await serve(t, [...behindProxy, "--address-clients", "1"]);
	const one = forwarded("203.0.113.9");
	for (const [title, first, second, same] of [
		["another address", one, forwarded("203.0.113.10"), false],
		["a claim of its own in front", forwarded("1.1.1.1, 203.0.113.9"), forwarded("2.2.2.2, 203.0.113.9"), true],
		["many claims", one, forwarded(`${"8.8.8.8,".repeat(200)} 203.0.113.9`), true],
		["a claim to be the proxy", one, forwarded("127.0.0.1, 203.0.113.9"), true],
		["one proxy more on the way", one, forwarded("203.0.113.9, 10.1.2.3"), true],
		["several headers", one, { "X-Forwarded-For": ["6.6.6.6", "203.0.113.9"] }, true],
		["several headers, with a proxy in the last one", one, { "X-Forwarded-For": ["7.7.7.7, 203.0.113.9", "10.1.2.3"] }, true],
		["garbage in front", one, forwarded("<script>, ::g, 203.0.113.9"), true],
		["garbage at the end, which is the proxy", forwarded("203.0.113.9, unknown"), forwarded("203.0.113.8, 1.2.3.4.5"), true],
		["nothing at all, which is the proxy", forwarded(""), forwarded(" , "), true],
		["ports", forwarded("203.0.113.9:1000"), forwarded("203.0.113.9:2000"), true],
		["other headers", one, { ...one, "Forwarded": "for=9.9.9.9", "X-Real-IP": "9.9.9.9", "X-Client-IP": "9.9.9.9" }, true],
		["IPv4 as a part of IPv6", one, forwarded("::ffff:203.0.113.9"), true],
		["another one of IPv4 as a part of IPv6", forwarded("::ffff:203.0.113.9"), forwarded("::ffff:203.0.113.10"), false],
		["the same /64", forwarded("2001:db8:1:2::3"), forwarded("2001:DB8:1:2:ffff:0:0:1"), true],
		["the same /64 with a port", forwarded("2001:db8:1:2::3"), forwarded("[2001:db8:1:2:4::]:99"), true],
		["another /64", forwarded("2001:db8:1:2::3"), forwarded("2001:db8:1:3::3"), false],
	]) {
		const [{ sid, status, body }, other] = [await open(node, first), await open(node, second)];
		assert.equal(status, 200, `${title}: ${body}`);
		assert.equal(other.status, same ? 429 : 200, `${title}: ${other.body}`);
		for (const id of [sid, other.sid]) if (id) await end(node, id);
	}
	assert.equal((await metricsOf(node)).get("peal_addresses"), 0);
});

test("who is no trusted proxy gets nothing by X-Forwarded-For", async (t) => {
	const node = await serve(t, ["--trusted-proxy", "127.0.0.2", "--address-clients", "2", "--address-connect-rate", "1000"]);
	const direct = (headers) => open(node, headers, { localAddress: "127.0.0.1" });
	const proxied = (headers) => open(node, headers, { localAddress: "127.0.0.2" });
	const answers = [];
	for (let i = 0; i < 20; i++) answers.push(await direct(forwarded(`198.51.100.${i}`)));
	// To have come through the trusted one is easily said as well.
	answers.push(await direct(forwarded("198.51.100.77, 127.0.0.2")));
	assert.deepEqual(answers.map(({ status }) => status), [200, 200, ...Array(19).fill(429)]);
	// Nor can it take the places of others.
	for (let i = 0; i < 4; i++) assert.equal((await direct(forwarded("203.0.113.9"))).status, 429);
	for (let i = 0; i < 3; i++) assert.equal((await proxied(forwarded("203.0.113.9"))).status, i < 2 ? 200 : 429);
	assert.ok(!node.records.some(({ message }) => message.includes("trusted proxy")), node.output);
});

// --- sessions -------------------------------------------------------------------------------------------------------

const kinds = {
	polling: { transports: ["polling"] },
	websocket: { transports: ["websocket"] },
	upgrade: { transports: ["polling", "websocket"] },
};

for (const [kind, options] of Object.entries(kinds))
	test(`stock clients of one address have so many sessions and no more, and get in when one leaves: ${kind}`, async (t) => {
		const node = await serve(t, [...behindProxy, "--address-clients", "3"]);
		const here = { ...options, extraHeaders: forwarded("203.0.113.9"), reconnectionDelay: 20, reconnectionDelayMax: 50 };
		const inside = [];
		for (let i = 0; i < 3; i++) inside.push(await connected(node, here));
		if (kind === "upgrade") await until(async () => (await metricsOf(node)).get("peal_upgrades_total") === 3, "the upgrades");
		const late = Array.from({ length: 4 }, () => client(node, here));
		const errors = [];
		for (const socket of late) socket.on("connect_error", (error) => { errors.push(error); });
		await until(() => errors.length > 12, "refusals");
		for (const { description } of errors) assert.match(String(description?.message ?? description), /\b429$/);
		assert.ok(late.every((socket) => !socket.connected));
		// Others notice nothing, and those that are in go on.
		await connected(node, { ...options, extraHeaders: forwarded("203.0.113.10") });
		assert.ok(inside.every((socket) => socket.connected));
		assert.equal(await sessions(node), 4);
		inside[0].disconnect();
		await until(() => late.some((socket) => socket.connected), "the first one");
		inside[1].io.engine.close();
		inside[1].disconnect();
		await until(() => late.filter((socket) => socket.connected).length === 2, "the second one");
		const seen = errors.length;
		await until(() => errors.length > seen + 4, "more refusals");
		assert.equal(late.filter((socket) => socket.connected).length, 2);
		assert.equal(await sessions(node), 4);
		assert.equal((await metricsOf(node)).get("peal_addresses"), 2);
	});

test("a refused client is told by a status, by when to come again and by a text, also across origins", async (t) => {
	const node = await serve(t, ["--address-clients", "1", "--cors-origin", "https://a.example"]);
	const { sid } = await open(node);
	const refused = await open(node, { Origin: "https://a.example" });
	assert.equal(refused.status, 429);
	assert.equal(refused.headers["retry-after"], "5");
	assert.equal(refused.headers["content-type"], "application/json");
	assert.equal(refused.headers["access-control-allow-origin"], "https://a.example");
	assert.deepEqual(JSON.parse(refused.body), { code: 3, message: "Too many clients with this address" });
	const upgrade = await request(node.port, { path: "/socket.io/?EIO=4&transport=websocket", headers: {
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
	} });
	assert.deepEqual([upgrade.status, upgrade.headers["retry-after"], upgrade.body], [429, "5", "Too many clients with this address"]);
	const poll = await request(node.port, { method: "POST", path: `${OPEN}&sid=${sid}`, body: "40" });
	assert.equal(poll.status, 200);
});

test("a flood of an address stays within its limit at any time", async (t) => {
	const node = await serve(t, [...behindProxy, "--address-clients", "5"]);
	let over = false, most = 0;
	const flood = Promise.all(Array.from({ length: 16 }, async (_, i) => {
		while (!over) {
			const { sid } = await open(node, forwarded(`10.9.9.${i}, 2001:db8:1:2:${i}::`));
			if (sid) await end(node, sid);
		}
	}));
	for (let i = 0; i < 40; i++) most = Math.max(most, await sessions(node));
	over = true;
	await flood;
	assert.ok(most > 0 && most <= 5, `${most} sessions`);
	const metrics = await metricsOf(node);
	assert.equal(metrics.get("peal_addresses"), 0);
	assert.ok(metrics.get("peal_sessions_refused_address_clients_total") > 0);
});

// --- the rate -------------------------------------------------------------------------------------------------------

test("--address-connect-rate lets the stock clients of an address in, in the end and no faster, and others at once", async (t) => {
	const node = await serve(t, [...behindProxy, "--address-connect-rate", "4", "--connect-rate", "1000"]);
	const begun = performance.now();
	const sockets = Array.from({ length: 10 }, (_, i) => client(node, {
		...Object.values(kinds)[i % 3], extraHeaders: forwarded("203.0.113.9"), reconnectionDelay: 50, reconnectionDelayMax: 200,
	}));
	await connected(node, { extraHeaders: forwarded("203.0.113.10") });
	await until(() => sockets.every((socket) => socket.connected), "all to be in");
	// Four at once, and one each quarter of a second.
	assert.ok(performance.now() - begun >= 1000 * (10 - 4) / 4, `${performance.now() - begun} ms`);
	const metrics = await metricsOf(node);
	assert.equal(metrics.get("peal_sessions_opened_total"), 11);
	assert.ok(metrics.get("peal_sessions_refused_address_rate_total") > 0);
	assert.equal(metrics.get("peal_sessions_refused_rate_total"), 0);
	assert.ok(sockets.every((socket) => socket.connected));
	await until(async () => {
		for (const socket of sockets) socket.disconnect();
		return (await metricsOf(node)).get("peal_addresses") === 0;
	}, "all addresses to be forgotten");
});

// --- what the operator sees -----------------------------------------------------------------------------------------

test("refusals are counted, and the log has one line for all of them", async (t) => {
	const node = await serve(t, [...behindProxy, "--address-clients", "1"]);
	for (let i = 0; i < 3; i++) await open(node, forwarded(`203.0.113.${i}`));
	for (let i = 0; i < 60; i++) assert.equal((await open(node, forwarded(`203.0.113.${i % 3}`))).status, 429);
	const metrics = await metricsOf(node);
	assert.equal(metrics.get("peal_addresses"), 3);
	assert.equal(metrics.get("peal_sessions_refused_address_clients_total"), 60);
	assert.equal(metrics.get("peal_sessions_refused_address_rate_total"), 0);
	assert.equal(metrics.get("peal_http_refused_total", { code: "429" }), 60);
	const lines = node.records.filter(({ message }) => message === REFUSED);
	assert.deepEqual(lines.map(({ level, address, limit, refused }) => [level, address, limit, refused]), [["info", "203.0.113.0", "clients", 1]]);
});

const PROXY = /no trusted proxy, but a request has X-Forwarded-For/;
const warnings = (node) => node.records.filter(({ level, message }) => level === "warning" && PROXY.test(message));

test("a limit behind a balancer that is not trusted is warned of, once", async (t) => {
	const node = await serve(t, ["--address-connect-rate", "1000"]);
	await open(node);
	assert.equal(warnings(node).length, 0);
	for (let i = 0; i < 3; i++) await open(node, forwarded("203.0.113.9"));
	await until(() => warnings(node).length, "the warning");
	await node.stop();
	assert.deepEqual(warnings(node).map(({ address }) => address), ["127.0.0.1"]);
	for (const args of [[], [...behindProxy, "--address-clients", "5"]]) {
		const quiet = await serve(t, args);
		await open(quiet, forwarded("203.0.113.9"));
		await quiet.stop();
		assert.equal(warnings(quiet).length, 0, quiet.output);
	}
});

test("a reload brings limits, which count who is there, and takes them away again; nobody is dropped", async (t) => {
	const file = path.join(folder(t), "peal.json");
	const write = (config) => writeFileSync(file, JSON.stringify({ trustedProxy: ["127.0.0.1"], ...config }));
	write({});
	const node = await serve(t, ["--config", file]);
	const reload = async (config) => {
		const before = node.records.length;
		write(config);
		node.child.kill("SIGHUP");
		await until(() => node.records.slice(before).some(({ message }) => message === "configuration reloaded"), "the reload");
	};
	const here = forwarded("203.0.113.9");
	const sockets = [await connected(node, { extraHeaders: here }), await connected(node, { extraHeaders: here, ...kinds.websocket })];
	let lost = 0;
	for (const socket of sockets) socket.on("disconnect", () => { lost++; });
	assert.equal((await metricsOf(node)).get("peal_addresses"), 0);
	await reload({ addressClients: 2 });
	assert.equal((await open(node, here)).status, 429);
	assert.equal((await metricsOf(node)).get("peal_addresses"), 1);
	await reload({ addressClients: 3 });
	assert.deepEqual([(await open(node, here)).status, (await open(node, here)).status], [200, 429]);
	await reload({ addressClients: 1 });
	assert.equal((await open(node, here)).status, 429);
	await reload({});
	assert.equal((await metricsOf(node)).get("peal_addresses"), 0);
	for (let i = 0; i < 5; i++) assert.equal((await open(node, here)).status, 200);
	await reload({ addressConnectRate: 1 });
	await until(async () => (await open(node, here)).status === 429, "to be too fast");
	await reload({ addressConnectRate: 1000 });
	for (let i = 0; i < 5; i++) assert.equal((await open(node, here)).status, 200);
	await reload({ addressClients: 1, trustedProxy: [] });
	// Those that are there are of the address that they came with.
	assert.deepEqual([(await open(node, here)).status, (await open(node, here)).status], [200, 429]);
	assert.equal(lost, 0);
	assert.ok(sockets.every((socket) => socket.connected));
});
