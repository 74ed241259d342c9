// From which pages clients may connect, and what must not get around it.
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import test from "node:test";
import WebSocket from "ws";
import { api, env, sign } from "./clients.mjs";
import { client, configFile, connected, handshake, request, run, serve, until, within } from "./program.mjs";

const engine = "/socket.io/?EIO=4&transport=";

// What a CONNECT is answered with, over long-polling and over WebSocket, in a session that was opened with these headers.
async function polling(node, headers, packet = "40", later = headers) {
	const { sid } = await handshake(node.port, "/socket.io/", headers);
	const path = `${engine}polling&sid=${sid}`;
	assert.equal((await request(node.port, { method: "POST", path, headers: later, body: packet })).status, 200);
	return (await request(node.port, { path, headers: later })).body;
}

async function websocket(node, headers, packet = "40") {
	const socket = new WebSocket(`${node.url.replace("http", "ws")}${engine}websocket`, { headers });
	try {
		await within(once(socket, "message"), "the handshake");
		socket.send(packet);
		return String((await within(once(socket, "message"), "the answer"))[0]);
	} finally {
		socket.terminate();
	}
}

const REFUSED = /^44(\/[^,]*,)?\{"message":"unauthorized","data":\{"code":"origin_not_allowed"\}\}$/;
const LET_IN = /^40(\/[^,]*,)?\{"sid":"[\w-]{20}"\}$/;

async function all(node, origins, expected, packet) {
	for (const origin of origins)
		for (const how of [polling, websocket])
			assert.match(await how(node, origin === undefined ? {} : { Origin: origin }, packet), expected, `${how.name}: ${origin}`);
}

const tricks = [
	"https://example.org.evil.net", "https://example.orgevil.net", "https://evilexample.org", "https://evil.net", "https://sub.example.org", "https://example.com",
	"https://example.org@evil.net", "https://user@example.org", "https://user:pass@example.org", "https://evil.net/https://example.org", "https://evil.net#https://example.org",
	"http://example.org", "wss://example.org", "ftp://example.org", "example.org", "//example.org", "https:example.org", "https:/example.org", "https:///example.org",
	"https://example.org:8443", "https://example.org:80", "https://example.org:0443", "https://example.org:", "https://example.org:443:443", "https://example.org:443@evil.net",
	"https://example.org.", "https://example.org/", "https://example.org/path", "https://example.org?", "https://example.org#", "https://example.org\\", "https://example.org;",
	"https://example.org https://evil.net", "https://evil.net https://example.org", "https://example.org,https://evil.net", "https://example.org, https://example.org",
	"https://example%2eorg", "https://ex%61mple.org", "https://*.example.org", "https://*", "*", "null", "file://", "undefined", "\"https://example.org\"", "<https://example.org>",
	"https://xn--example-.org", `https://example.org${"/".repeat(4000)}`, "https://ex\u00e4mple.org", "https://example\u00b7org", "",
];

test("without the setting pages of any origin may connect", async (t) => {
	await all(await serve(t), ["https://evil.net", "null", "whatever", "", undefined], LET_IN);
});

test("with it those of the listed origins may, over both transports, and no other", async (t) => {
	const node = await serve(t, ["--allow-origin", "https://example.org", "--allow-origin", "HTTP://LocalHost:3000,capacitor://localhost,http://[::1]:80", "--log-level", "debug"]);
	await all(node, [
		"https://example.org", "HTTPS://EXAMPLE.ORG", "https://Example.Org:443", "http://localhost:3000", "capacitor://localhost", "http://[::1]", "http://[::1]:80",
	], LET_IN);
	await all(node, [...tricks, "http://localhost", "https://localhost:3000", "http://localhost:30000", "http://127.0.0.1:3000", "capacitor://localhost:80", "http://[::1]:81"], REFUSED);
	// Requests of programs, and of pages that the node's own origin has, have no such header.
	await all(node, [undefined], LET_IN);
	const lines = node.records.filter(({ message }) => message === "a client may not connect");
	assert.ok(lines.some(({ level, namespace, address, origin, reason }) =>
		level === "debug" && namespace === "/" && address === "127.0.0.1" && origin === "https://evil.net" && reason === "its origin is not allowed"), node.output);
});

test("a star is one label, and null is a word of its own", async (t) => {
	const node = await serve(t, ["--allow-origin", "https://*.example.org,null"]);
	await all(node, ["https://a.example.org", "https://xn--gre-6ka8i.example.org", "https://A.example.org:443", "null"], LET_IN);
	await all(node, [
		...tricks.filter((origin) => !["null", "https://sub.example.org"].includes(origin)), "https://example.org", "https://a.b.example.org", "https://.example.org", "https://a..example.org",
		"https://a.example.org.evil.net", "https://evil.net.example.org", "https://aexample.org", "http://a.example.org", "https://a.example.org:8443", "https://a:443.example.org",
		"https://evil.net/a.example.org", "https://[::1].example.org", "Null", "null, null", "file://",
	], REFUSED);
});

test("a request with two origins is refused, whatever they are", async (t) => {
	const node = await serve(t, ["--allow-origin", "https://example.org", "--cors-origin", "reflect"]);
	const good = "https://example.org", evil = "https://evil.net";
	for (const origins of [[good, evil], [evil, good], [good, good], ["", good]]) {
		assert.equal((await request(node.port, { path: `${engine}polling`, headers: { Origin: origins } })).status, 400);
		const upgrade = { Origin: origins, Connection: "Upgrade", Upgrade: "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==" };
		assert.equal((await request(node.port, { path: `${engine}websocket`, headers: upgrade })).status, 400);
	}
	// Nor do other headers stand in for it.
	const others = { Origin: evil, Referer: `${good}/`, Host: "example.org", "X-Forwarded-Host": "example.org", "X-Origin": good, "Sec-WebSocket-Origin": good, "Access-Control-Allow-Origin": good };
	for (const how of [polling, websocket]) assert.match(await how(node, others), REFUSED);
});

test("what counts is the request that opened the session", async (t) => {
	const node = await serve(t, ["--namespace", "/chat", "--allow-origin", "https://example.org", "--allow-origin", "/chat https://example.org"]);
	const good = { Origin: "https://example.org" }, evil = { Origin: "https://evil.net" };
	for (const packet of ["40", "40/chat,"]) {
		for (const later of [good, {}]) assert.match(await polling(node, evil, packet, later), REFUSED);
		for (const later of [evil, {}]) assert.match(await polling(node, good, packet, later), LET_IN);
		assert.match(await polling(node, {}, packet, evil), LET_IN);
	}
	// Nor does it help to change to WebSocket, or to ask again.
	const { sid } = await handshake(node.port, "/socket.io/", evil);
	const socket = new WebSocket(`${node.url.replace("http", "ws")}${engine}websocket&sid=${sid}`, { headers: good });
	t.after(() => socket.terminate());
	await within(once(socket, "open"), "the WebSocket");
	socket.send("2probe");
	assert.equal(String((await within(once(socket, "message"), "the probe"))[0]), "3probe");
	socket.send("5");
	for (const packet of ["40", "40", "40/chat,", "40"]) {
		socket.send(packet);
		assert.match(String((await within(once(socket, "message"), "the answer"))[0]), REFUSED);
	}
});

test("it is judged before the token, and a good origin is no token", async (t) => {
	const node = await serve(t, ["--allow-origin", "https://example.org"], { env });
	const connect = (token) => `40${JSON.stringify({ token })}`;
	const good = sign({ sub: "alice" }), expired = sign({ sub: "alice", exp: 1 });
	for (const token of [good, expired, "x", undefined]) await all(node, ["https://evil.net", "null"], REFUSED, connect(token));
	for (const origin of ["https://example.org", undefined]) {
		await all(node, [origin], LET_IN, connect(good));
		await all(node, [origin], /"code":"token_expired"/, connect(expired));
		await all(node, [origin], /"code":"token_missing"/, "40");
	}
	// As the stock client tells it.
	const socket = client(node, { auth: { token: good }, reconnection: false, extraHeaders: { Origin: "https://evil.net" } });
	const [error] = await within(once(socket, "connect_error"), "the refusal");
	assert.deepEqual([error.message, error.data], ["unauthorized", { code: "origin_not_allowed" }]);
	const page = await connected(node, { auth: { token: good }, extraHeaders: { Origin: "https://example.org" } });
	assert.deepEqual((await api(node, "/api/sockets")).sockets.filter(({ id }) => id === page.id).map(({ data }) => data), [{ user: "alice" }]);
});

test("each namespace has its own list, and one without is open and warned of", async (t) => {
	const node = await serve(t, ["--namespace", "/chat,/open,*", "--allow-origin", "https://main.example", "--allow-origin", "/chat https://chat.example", "--allow-origin", "* https://any.example"]);
	const spaces = [["40", "https://main.example"], ["40/chat,", "https://chat.example"], ["40/other,", "https://any.example"]];
	for (const [packet, mine] of spaces) {
		await all(node, [mine], LET_IN, packet);
		await all(node, ["https://evil.net", ...spaces.map(([, origin]) => origin).filter((origin) => origin !== mine)], REFUSED, packet);
	}
	await all(node, ["https://evil.net", "null"], LET_IN, "40/open,");
	const warned = node.records.filter(({ message }) => message === "a namespace has no allowed origin: pages of any may connect to it");
	assert.deepEqual(warned.map(({ namespace, level }) => [namespace, level]), [["/open", "warning"]]);
});

test("--cors-origin lets nobody in that is not listed, and is needed beside it", async (t) => {
	const node = await serve(t, ["--cors-origin", "https://evil.net", "--allow-origin", "https://example.org"]);
	await all(node, ["https://evil.net"], REFUSED);
	await all(node, ["https://example.org"], LET_IN);
	// Browsers would not let the page of the one read this, and let that of the other.
	const allowed = async (origin) => (await handshake(node.port, "/socket.io/", { Origin: origin })).headers["access-control-allow-origin"];
	assert.notEqual(await allowed("https://example.org"), "https://example.org");
	assert.equal(await allowed("https://evil.net"), "https://evil.net");
});

test("a reload changes who may connect, and those who are connected stay", async (t) => {
	const file = configFile(t, { allowOrigin: ["https://a.example"] });
	const node = await serve(t, ["--config", file]);
	const [a, b] = ["https://a.example", "https://b.example"];
	const socket = await connected(node, { extraHeaders: { Origin: a }, transports: ["polling"] });
	const gone = [];
	socket.on("disconnect", (reason) => gone.push(reason));
	const reload = async (config, times) => {
		writeFileSync(file, JSON.stringify(config));
		node.child.kill("SIGHUP");
		await until(() => node.records.filter(({ message }) => message === "configuration reloaded").length === times, "the reload");
	};
	await all(node, [b], REFUSED);
	await reload({ allowOrigin: [b] }, 1);
	await all(node, [a], REFUSED);
	await all(node, [b], LET_IN);
	await reload({}, 2);
	await all(node, [a, b, "null"], LET_IN);
	await reload({ allowOrigin: [a] }, 3);
	await all(node, [a], LET_IN);
	await all(node, [b, "null"], REFUSED);
	assert.deepEqual(gone, []);
});

test("what is no origin is refused at the start", async () => {
	const form = /--allow-origin: ".*" is not an origin as browsers write it/;
	for (const [args, expected] of [
		[["--allow-origin", "example.org"], form], [["--allow-origin", "https://example.org/"], form], [["--allow-origin", "https://example.org/path"], form],
		[["--allow-origin", "https://user@example.org"], form], [["--allow-origin", "https://größe.example"], form], [["--allow-origin", "https://*.org"], form],
		[["--allow-origin", "https://*"], form], [["--allow-origin", "https://a.*.org"], form], [["--allow-origin", "https://example.org:0"], form], [["--allow-origin", "https://example.org."], form],
		[["--allow-origin", "https://example.org;https://a.example"], form], [["--allow-origin", "reflect"], form],
		[["--allow-origin", "*"], /--allow-origin: "\*" would be any origin/], [["--allow-origin", "/chat https://example.org"], /--allow-origin: \/chat is not served; name it with --namespace too/],
		[["--allow-origin", "* https://example.org"], /--allow-origin: \* is not served/],
		[["--allow-origin", Array.from({ length: 257 }, (_, i) => `https://e${i}.example`).join(",")], /--allow-origin: there are more than 256/],
	]) {
		const result = await run(["serve", "--port", "0", ...args]);
		assert.equal(result.code, 2, `${args}: ${result.stderr}`);
		assert.match(result.stderr, expected);
	}
});
