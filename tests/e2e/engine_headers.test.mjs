// Engine.IO on the wire: cookies, header hooks, CORS, compression, and the use of connections.
import assert from "node:assert/strict";
import http from "node:http";
import { gunzipSync, inflateSync } from "node:zlib";
import { assertError, polling, start, websocket } from "./engine.mjs";
import { clientFrame, Polling, request, scenario, Tcp, upgradeRequest, Wire } from "./support.mjs";

// Headers.
for (const [cookie, expected] of [
	[true, (sid) => `io=${sid}; Path=/; HttpOnly; SameSite=Lax`],
	[{ name: "woot" }, (sid) => `woot=${sid}; Path=/; HttpOnly; SameSite=Lax`],
	[{ path: "/custom" }, (sid) => `io=${sid}; Path=/custom; HttpOnly; SameSite=Lax`],
	[{ path: false }, (sid) => `io=${sid}; HttpOnly; SameSite=Lax`],
	[{ httpOnly: false, sameSite: "strict" }, (sid) => `io=${sid}; Path=/; SameSite=Strict`],
	[{ maxAge: 60, domain: "example.org", secure: true, sameSite: "none" },
		(sid) => `io=${sid}; Max-Age=60; Domain=example.org; Path=/; HttpOnly; Secure; SameSite=None`],
]) {
	scenario(`the cookie ${JSON.stringify(cookie)} is set on the first polling response only`, async (t) => {
		const { port } = await start(t, { cookie });
		const response = await request(port, { path: polling });
		const { sid } = JSON.parse(response.body.slice(1));
		assert.deepEqual(response.headers["set-cookie"], [expected(sid)]);
		const path = `${polling}&sid=${sid}`;
		assert.equal((await request(port, { path, method: "POST", body: "4a" })).headers["set-cookie"], undefined);
		assert.equal((await request(port, { path })).headers["set-cookie"], undefined);
		const wire = await Wire.open(port);
		assert.equal(wire.response.headers["set-cookie"], undefined);
	});
}

scenario("header hooks add to the first and to every response of a session", async (t) => {
	const { port } = await start(t, { headers: true });
	const first = await request(port, { path: polling });
	const path = `${polling}&sid=${JSON.parse(first.body.slice(1)).sid}`;
	assert.equal(first.headers["x-initial"], "1");
	assert.equal(first.headers["x-every"], "1");
	for (const response of [await request(port, { path, method: "POST", body: "4a" }), await request(port, { path })]) {
		assert.equal(response.headers["x-initial"], undefined);
		assert.equal(response.headers["x-every"], "1");
	}
	const wire = await Wire.open(port);
	assert.equal(wire.response.headers["x-initial"], "1");
	assert.equal(wire.response.headers["x-every"], "1");
});

const origin = "http://example.org";
const asking = { Origin: origin };
const preflight = { Origin: origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-A, x-b" };
for (const [cors, allowed, vary] of [
	[{ origin: "*" }, "*", undefined], [{}, "*", undefined], [{ origin: "http://fixed" }, "http://fixed", "Origin"],
	[{ origin: ["http://a", origin] }, origin, "Origin"], [{ origin: ["http://a"] }, undefined, "Origin"], [{ origin: true }, origin, "Origin"],
]) {
	scenario(`CORS ${JSON.stringify(cors)} applies to every response under the path, errors included`, async (t) => {
		const { port } = await start(t, { cors });
		const opened = await request(port, { path: polling, headers: asking });
		const path = `${polling}&sid=${JSON.parse(opened.body.slice(1)).sid}`;
		const responses = [
			opened, await request(port, { path, method: "POST", body: "4a", headers: asking }), await request(port, { path, headers: asking }),
			await request(port, { path: `${polling}&sid=none`, headers: asking }), await request(port, { path: "/engine.io/?x", headers: asking }),
		];
		for (const { headers } of responses) {
			assert.equal(headers["access-control-allow-origin"], allowed);
			assert.equal(headers.vary, vary);
			assert.equal(headers["access-control-allow-credentials"], undefined);
		}
		const wire = await Wire.open(port, { origin });
		assert.equal(wire.response.headers["access-control-allow-origin"], allowed);
		const { status, headers, body } = await request(port, { path: "/engine.io/", method: "OPTIONS", headers: preflight });
		assert.equal(status, 204);
		assert.equal(body, "");
		assert.equal(headers["content-length"], "0");
		assert.equal(headers["access-control-allow-origin"], allowed);
		assert.equal(headers["access-control-allow-methods"], "GET,HEAD,PUT,PATCH,POST,DELETE");
		assert.equal(headers["access-control-allow-headers"], "X-A, x-b");
		assert.equal(headers.vary, vary ? `${vary}, Access-Control-Request-Headers` : "Access-Control-Request-Headers");
	});
}

scenario("every CORS option appears in the preflight answer", async (t) => {
	const { port } = await start(t, {
		cors: {
			origin: "http://fixed", credentials: true, methods: ["GET", "POST"], allowedHeaders: ["x-one", "x-two"],
			exposedHeaders: ["x-three", "x-four"], maxAge: 86400, optionsSuccessStatus: 200,
		},
	});
	const { status, headers } = await request(port, { path: polling, method: "OPTIONS", headers: preflight });
	assert.equal(status, 200);
	assert.equal(headers["access-control-allow-origin"], "http://fixed");
	assert.equal(headers["access-control-allow-credentials"], "true");
	assert.equal(headers["access-control-allow-methods"], "GET,POST");
	assert.equal(headers["access-control-allow-headers"], "x-one,x-two");
	assert.equal(headers["access-control-expose-headers"], "x-three,x-four");
	assert.equal(headers["access-control-max-age"], "86400");
	assert.equal(headers.vary, "Origin");
	const actual = await request(port, { path: polling, headers: asking });
	assert.equal(actual.headers["access-control-expose-headers"], "x-three,x-four");
	assert.equal(actual.headers["access-control-allow-credentials"], "true");
	assert.equal(actual.headers["access-control-allow-methods"], undefined);
});

scenario("preflightContinue lets an OPTIONS request go on", async (t) => {
	const { port } = await start(t, { cors: { origin: "*", preflightContinue: true } });
	const response = await request(port, { path: polling, method: "OPTIONS", headers: preflight });
	assertError(response, 2, "Bad handshake method");
	assert.equal(response.headers["access-control-allow-origin"], "*");
});

// Compression of poll responses.
async function echoed(t, settings, encoding, size) {
	const { port } = await start(t, settings);
	const session = await Polling.open(port);
	const text = "4" + "z".repeat(size - 1);
	await session.post(text);
	const response = await session.get({ headers: encoding === undefined ? {} : { "Accept-Encoding": encoding } });
	assert.equal(response.headers["content-type"], "text/plain; charset=UTF-8");
	return { text, response };
}

for (const [encoding, expected] of [
	["gzip", "gzip"], ["deflate", "deflate"], ["gzip, deflate", "gzip"], ["deflate;q=0.5, gzip", "gzip"], ["*", "gzip"], ["br", undefined], [undefined, undefined],
	["gzip;q=0", undefined], ["identity", undefined],
]) {
	scenario(`a large poll response with Accept-Encoding ${encoding} is encoded as ${expected ?? "it is"}`, async (t) => {
		const { text, response } = await echoed(t, {}, encoding, 1024);
		assert.equal(response.headers["content-encoding"], expected);
		const plain = expected === "gzip" ? gunzipSync(response.bytes) : expected === "deflate" ? inflateSync(response.bytes) : response.bytes;
		assert.equal(plain.toString(), text);
	});
}

scenario("a poll response below the threshold, or with compression off, is sent as it is", async (t) => {
	assert.equal((await echoed(t, {}, "gzip", 1023)).response.headers["content-encoding"], undefined);
	assert.equal((await echoed(t, { httpCompression: { threshold: 2000 } }, "gzip", 1999)).response.headers["content-encoding"], undefined);
	assert.equal((await echoed(t, { httpCompression: { threshold: 10 } }, "gzip", 10)).response.headers["content-encoding"], "gzip");
	assert.equal((await echoed(t, { httpCompression: false }, "gzip", 5000)).response.headers["content-encoding"], undefined);
});

scenario("old Internet Explorer gets X-XSS-Protection: 0", async (t) => {
	const { port } = await start(t);
	for (const agent of ["Mozilla/4.0 (compatible;MSIE 8.0; Windows NT 6.0)", "Mozilla/5.0 (Windows NT 6.3; Trident/7.0; rv:11.0) like Gecko"])
		assert.equal((await request(port, { path: polling, headers: { "User-Agent": agent } })).headers["x-xss-protection"], "0");
	assert.equal((await request(port, { path: polling })).headers["x-xss-protection"], undefined);
});

// Connections.
scenario("one connection serves many requests, and a parked GET does not hold up another connection", async (t) => {
	const { port } = await start(t);
	const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
	t.after(() => agent.destroy());
	const session = await Polling.open(port);
	const parked = session.get();
	for (let at = 0; at < 5; at++) assert.equal((await session.post("6", { agent })).body, "ok");
	await session.post("4x", { agent });
	assert.equal((await parked).body, "4x");
});

scenario("an upgrade is taken on a connection that has served polls", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const tcp = await Tcp.open(port);
	tcp.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n4a`);
	await tcp.responses(1);
	tcp.send(`GET ${session.path} HTTP/1.1\r\nHost: a\r\n\r\n`);
	assert.equal((await tcp.responses(2))[1].body, "4a");
	tcp.send(upgradeRequest(`${websocket}&sid=${session.sid}`));
	await tcp.until((text) => text.includes("HTTP/1.1 101"));
	tcp.send(clientFrame("2probe"));
	await tcp.until((text) => text.includes("\x81\x063probe"));
	tcp.destroy();
});

scenario("pipelined requests are answered in order", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const tcp = await Tcp.open(port);
	tcp.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n4a` +
		`GET ${session.path} HTTP/1.1\r\nHost: a\r\n\r\nGET /none HTTP/1.1\r\nHost: a\r\n\r\n`);
	const responses = await tcp.responses(3);
	assert.deepEqual(responses.map(({ status }) => status), [200, 200, 404]);
	assert.deepEqual(responses.slice(0, 2).map(({ body }) => body), ["ok", "4a"]);
	tcp.destroy();
});
