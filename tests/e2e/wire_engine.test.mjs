// Engine.IO on the wire: what stock clients hide. Raw HTTP and WebSockets against the bare echo server on /engine.io/.
import assert from "node:assert/strict";
import http from "node:http";
import { gunzipSync, inflateSync } from "node:zlib";
import {
	clientFrame, eventually, isPeal, pealScenario, Polling, request, RS, scenario, sleep, startServer, Tcp, upgradeRequest, Wire, within,
} from "./support.mjs";

const start = (t, settings) => startServer(t, { engine: true, ...settings });
const polling = "/engine.io/?EIO=4&transport=polling";
const websocket = "/engine.io/?EIO=4&transport=websocket";
const jsonError = (code, message) => JSON.stringify({ code, message });

// The stated error reply on plain HTTP.
function assertError(response, code, message, status = 400) {
	assert.equal(response.status, status, response.body);
	assert.equal(response.body, jsonError(code, message));
	assert.equal(response.headers["content-type"], "application/json");
	assert.equal(response.headers["cache-control"], undefined);
}

// The stated error reply on an upgrade: always 400, bare text, and the connection ends.
async function refusedUpgrade(port, path, message, more = "") {
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest(path, more));
	const text = await tcp.rest();
	assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
	assert.match(text, /\r\nConnection: close\r\n/i);
	assert.match(text, /\r\nContent-type: text\/html\r\n/i);
	assert.equal(text.slice(text.indexOf("\r\n\r\n") + 4), message);
	return text;
}

async function accepted(port, path, more = "") {
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest(path, more));
	const text = await tcp.until((received) => received.includes("\r\n\r\n"), "the answer to an upgrade");
	assert.match(text, /^HTTP\/1\.1 101 /);
	assert.match(text, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
	return tcp;
}

scenario("an unknown transport is refused before anything else", async (t) => {
	const { port, logged } = await start(t);
	for (const query of ["EIO=4&transport=abc", "EIO=4", "EIO=3&transport=abc", "EIO=4&transport=Polling", "transport=&EIO=4",
		"EIO=4&transport=constructor", "EIO=4&transport=__proto__", "EIO=4&transport=abc&sid=none", ""])
		assertError(await request(port, { path: `/engine.io/?${query}` }), 0, "Transport unknown");
	assertError(await request(port, { path: "/engine.io/", method: "POST", body: "x" }), 0, "Transport unknown");
	await refusedUpgrade(port, "/engine.io/?EIO=4&transport=abc", "Transport unknown");
	await refusedUpgrade(port, "/engine.io/?EIO=4&transport=__proto__", "Transport unknown");
	await logged({ e: "connection-error", code: 0, message: "Transport unknown" }, 12);
});

scenario("an unknown session is refused on both transports", async (t) => {
	const { port, logged } = await start(t);
	for (const method of ["GET", "POST", "PUT"])
		assertError(await request(port, { path: `${polling}&sid=none`, method }), 1, "Session ID unknown");
	assertError(await request(port, { path: "/engine.io/?EIO=3&transport=polling&sid=none" }), 1, "Session ID unknown");
	await refusedUpgrade(port, `${websocket}&sid=none`, "Session ID unknown");
	await refusedUpgrade(port, `${websocket}&sid=%00`, "Session ID unknown");
	await logged({ e: "connection-error", code: 1 }, 6);
});

scenario("an empty sid opens a new session", async (t) => {
	const { port } = await start(t);
	assert.match((await request(port, { path: `${polling}&sid=` })).body, /^0\{"sid":"/);
});

scenario("a handshake with another method than GET is refused", async (t) => {
	const { port, logged } = await start(t);
	for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
		assertError(await request(port, { path: polling, method }), 2, "Bad handshake method");
	assertError(await request(port, { path: "/engine.io/?EIO=3&transport=polling", method: "POST" }), 2, "Bad handshake method");
	const head = await request(port, { path: polling, method: "HEAD" });
	assert.equal(head.status, 400);
	assert.equal(head.body, "");
	await logged({ e: "connection-error", code: 2 }, 7);
});

scenario("a WebSocket handshake without an upgrade is refused", async (t) => {
	const { port, logged } = await start(t);
	assertError(await request(port, { path: websocket }), 3, "Bad request");
	await logged({ e: "connection-error", code: 3, check: "TRANSPORT_HANDSHAKE_ERROR" });
});

scenario("a session is refused to requests of another transport or revision, and stays", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	assertError(await request(port, { path: `${websocket}&sid=${session.sid}` }), 3, "Bad request");
	await logged({ e: "connection-error", code: 3, check: "TRANSPORT_MISMATCH" });
	assertError(await request(port, { path: `/engine.io/?EIO=3&transport=polling&sid=${session.sid}` }), 3, "Bad request");
	await logged({ e: "connection-error", code: 3, check: "PROTOCOL_MISMATCH" });
	await refusedUpgrade(port, `/engine.io/?EIO=3&transport=websocket&sid=${session.sid}`, "Bad request");
	assert(await session.isOpen());
});

scenario("other protocol revisions are refused after every other check", async (t) => {
	const { port, logged } = await start(t, { allowRequest: true });
	for (const query of ["EIO=3&transport=polling", "transport=polling", "EIO=abc&transport=polling", "EIO=5&transport=polling", "EIO=&transport=polling"])
		assertError(await request(port, { path: `/engine.io/?${query}` }), 5, "Unsupported protocol version");
	assertError(await request(port, { path: "/engine.io/?EIO=3&transport=polling&deny=no" }), 4, "denied: no", 403);
	await logged({ e: "connection-error", code: 5 }, 5);
	if (isPeal) {
		await refusedUpgrade(port, "/engine.io/?EIO=3&transport=websocket", "Unsupported protocol version");
		await refusedUpgrade(port, "/engine.io/?transport=websocket", "Unsupported protocol version");
	}
});

scenario("an Origin with control characters is refused", async (t) => {
	const { port } = await start(t);
	const tcp = await Tcp.open(port);
	tcp.send(`GET ${polling} HTTP/1.1\r\nHost: localhost\r\nOrigin: a\x01b\r\n\r\n`);
	const text = await tcp.until((received) => received.includes("\r\n\r\n"));
	assert.match(text, /^HTTP\/1\.1 400 /);
	tcp.destroy();
});

scenario("allowRequest accepts, refuses with its message or the default, and may answer later", async (t) => {
	const { port, control, logged, events } = await start(t, { allowRequest: true });
	assertError(await request(port, { path: `${polling}&deny=no%21` }), 4, "denied: no!", 403);
	assertError(await request(port, { path: `${polling}&deny=plain` }), 4, "Forbidden", 403);
	await refusedUpgrade(port, `${websocket}&deny=no`, "denied: no");
	await refusedUpgrade(port, `${websocket}&deny=plain`, "Forbidden");
	await logged({ e: "connection-error", code: 4 }, 4);

	const later = request(port, { path: `${polling}&deny=later` });
	await logged({ e: "pending" });
	await control({ do: "next" });
	assert.match((await later).body, /^0\{"sid"/);

	const refused = request(port, { path: `${polling}&deny=later` });
	await logged({ e: "pending" }, 2);
	await control({ do: "next", accept: false, message: "not today" });
	assertError(await refused, 4, "not today", 403);

	const opening = Wire.open(port, { query: "EIO=4&transport=websocket&deny=later" });
	await logged({ e: "pending" }, 3);
	await control({ do: "next" });
	const wire = await opening;
	wire.send("4hello");
	assert.equal(await wire.next(), "4hello");

	const session = await Polling.open(port);
	const asked = (await events((entry) => entry.e === "allow-request")).length;
	assert(await session.isOpen());
	assert.equal((await events((entry) => entry.e === "allow-request")).length, asked);
});

scenario("a client that leaves before allowRequest answers leaves nothing behind", async (t) => {
	const { port, control, logged, events } = await start(t, { allowRequest: true });
	const sessions = (await events((entry) => entry.e === "session")).length;
	for (const path of [`${polling}&deny=later`, `${websocket}&deny=later`]) {
		const tcp = await Tcp.open(port);
		const before = (await events((entry) => entry.e === "pending")).length;
		tcp.send(path.includes("websocket") ? upgradeRequest(path) : `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
		await logged({ e: "pending" }, before + 1);
		tcp.destroy();
		await sleep(50);
		await control({ do: "next" });
	}
	if (isPeal) assert.equal((await events((entry) => entry.e === "session")).length, sessions);
	assert.match((await request(port, { path: polling })).body, /^0/);
});

scenario("a polling handshake has exactly the stated keys and headers", async (t) => {
	const { port } = await start(t, { pingInterval: 12345, pingTimeout: 6789, maxHttpBufferSize: 54321 });
	const response = await request(port, { path: polling });
	assert.equal(response.status, 200);
	assert.equal(response.headers["content-type"], "text/plain; charset=UTF-8");
	assert.equal(response.headers["cache-control"], "no-store");
	assert.equal(Number(response.headers["content-length"]), response.bytes.length);
	assert.equal(response.headers["set-cookie"], undefined);
	assert.equal(response.headers["access-control-allow-origin"], undefined);
	assert.match(response.body, /^0\{"sid":"[A-Za-z0-9_-]{20}","upgrades":\["websocket"\],"pingInterval":12345,"pingTimeout":6789,"maxPayload":54321\}$/);
	const wire = await Wire.open(port);
	assert.deepEqual(Object.keys(wire.handshake), ["sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"]);
	assert.deepEqual(wire.handshake.upgrades, []);
	assert.notEqual(wire.sid, JSON.parse(response.body.slice(1)).sid);
});

scenario("the path is a prefix, compared byte for byte", async (t) => {
	const { port } = await start(t);
	assert.match((await request(port, { path: "/engine.io/any/thing?EIO=4&transport=polling" })).body, /^0/);
	assertError(await request(port, { path: "/engine.io/unknown.js" }), 0, "Transport unknown");
	for (const path of ["/engine.io?EIO=4&transport=polling", "/Engine.io/?EIO=4&transport=polling", "/other", "/"])
		assert.equal((await request(port, { path })).status, 404, path);
});

scenario("query parameters are decoded as URLs are, and the last of a name wins", async (t) => {
	const { port, logged } = await start(t, { allowRequest: true });
	for (const query of ["transport=abc&transport=polling&EIO=3&EIO=4", "%45IO=4&transport=%70olling", "EIO=4&transport=polling&x=%zz&y=%&=&&"])
		assert.match((await request(port, { path: `/engine.io/?${query}` })).body, /^0/, query);
	assertError(await request(port, { path: `${polling}&transport=` }), 0, "Transport unknown");
	await request(port, { path: `${polling}&deny=a+b%2B%20c` });
	await logged({ e: "allow-request", deny: "a+b%2B%20c".replace("+", " ").replace("%2B", "+").replace("%20", " ") });
});

scenario("only the enabled transports open sessions, and only available upgrades are announced", async (t) => {
	const one = await start(t, { transports: ["polling"] });
	assert.deepEqual((await Polling.open(one.port)).handshake.upgrades, []);
	assertError(await request(one.port, { path: websocket }), 0, "Transport unknown");
	const two = await start(t, { transports: ["websocket"] });
	assertError(await request(two.port, { path: polling }), 0, "Transport unknown");
	await Wire.open(two.port);
	const three = await start(t, { allowUpgrades: false });
	assert.deepEqual((await Polling.open(three.port)).handshake.upgrades, []);
});

scenario("an upgrade request without enabled WebSocket is answered as a plain request", async (t) => {
	const { port } = await start(t, { transports: ["polling"] });
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest(websocket));
	const text = await tcp.until((received) => received.includes("}"), "the error");
	assert.match(text, /^HTTP\/1\.1 400 /);
	assert(text.includes(jsonError(0, "Transport unknown")));
	tcp.destroy();
});

scenario("an initial packet follows the handshake in the same payload or as the next message", async (t) => {
	const { port } = await start(t, { initialPacket: "faster" });
	assert.deepEqual((await Polling.open(port)).rest, ["4faster"]);
	const wire = await Wire.open(port);
	assert.equal(await wire.next(), "4faster");
});

// Messages.
scenario("polling carries text and binary packets of one payload in order", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const posted = await session.post(`4hello${RS}4${RS}bAQIDBA==${RS}4héllo 🚀`);
	assert.equal(posted.status, 200);
	assert.equal(posted.body, "ok");
	assert.equal(posted.headers["content-type"], "text/html");
	assert.equal(posted.headers["content-length"], "2");
	assert.equal(posted.headers["cache-control"], "no-store");
	const answer = await session.get();
	assert.equal(answer.status, 200);
	assert.equal(answer.headers["content-type"], "text/plain; charset=UTF-8");
	assert.equal(answer.headers["cache-control"], "no-store");
	assert.equal(answer.body, ["4hello", "4", "bAQIDBA==", "4héllo 🚀"].join(RS));
});

scenario("base64 is decoded leniently", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	for (const text of ["bAQIDBA", "bAQID_-8", "bAQ\nID BA=="]) {
		assert.equal((await session.post(text)).status, 200);
		const { body } = await session.get();
		assert.equal(body, `b${Buffer.from(text.slice(1), "base64").toString("base64")}`);
	}
	const wire = await Wire.open(port);
	wire.send("bAQIDBA==");
	assert.deepEqual(await wire.next(), Buffer.from([1, 2, 3, 4]));
});

scenario("a poll body may come in pieces or chunked, and packets count only when it is complete", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const tcp = await Tcp.open(port);
	tcp.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n4abc\r\n`);
	await sleep(50);
	tcp.send(`3\r\ndef\r\n0\r\n\r\n`);
	assert.equal((await tcp.responses(1))[0].body, "ok");
	assert.equal((await session.get()).body, "4abcdef");
	tcp.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n4h`);
	await sleep(50);
	tcp.send(Buffer.from("éllo!!"));
	assert.equal((await tcp.responses(2))[1].body, "ok");
	assert.equal((await session.get()).body, "4héllo!!");
	tcp.destroy();
});

scenario("exactly maxHttpBufferSize bytes are accepted in a POST, one more is 413 and the session stays", async (t) => {
	const { port } = await start(t, { maxHttpBufferSize: 1000 });
	const session = await Polling.open(port);
	assert.equal((await session.post("4" + "x".repeat(999))).status, 200);
	const over = await session.post("4" + "x".repeat(1000)).catch((error) => error);
	if (over.status !== undefined) {
		assert.equal(over.status, 413);
		assert.equal(over.body, "");
	}
	const chunked = await Tcp.open(port);
	chunked.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3e9\r\n${"4".repeat(1001)}\r\n0\r\n\r\n`);
	assert.match(await chunked.until((text) => text.includes("\r\n\r\n")), /^HTTP\/1\.1 413 /);
	chunked.destroy();
	assert.equal((await session.get()).body.length, 1000);
	assert(await session.isOpen());
});

scenario("a WebSocket message of exactly maxHttpBufferSize is accepted, one more closes with 1009", async (t) => {
	const { port, logged } = await start(t, { maxHttpBufferSize: 1000 });
	const wire = await Wire.open(port);
	wire.send("4" + "y".repeat(999));
	assert.equal((await wire.next()).length, 1000);
	wire.send(Buffer.alloc(1000, 1));
	assert.equal((await wire.next()).length, 1000);
	wire.send("4" + "y".repeat(1000));
	assert.equal(await wire.closed, 1009);
	const [{ reason }] = await logged({ e: "session-close", sid: wire.sid });
	assert.equal(reason, "transport error");
});

scenario("a second GET is refused and closes the session, and the first gets a close packet", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	const answers = await Promise.all([session.get(), session.get()]);
	answers.sort((a, b) => a.status - b.status);
	assert.equal(answers[0].status, 200);
	assert.equal(answers[0].body, "1");
	assert.equal(answers[1].status, 400);
	assert.equal(answers[1].body, "");
	const [{ reason, description }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "transport error");
	assert.equal(description, "overlap from client");
	assertError(await session.get(), 1, "Session ID unknown");
});

scenario("a second POST is refused and closes the session, and the first loses its connection", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	const first = await Tcp.open(port);
	first.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n4abc`);
	await sleep(100);
	const second = await session.post("4b");
	assert.equal(second.status, 400);
	assert.equal(second.body, "");
	await within(first.closed, "the first POST to be dropped");
	const [{ reason, description }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "transport error");
	assert.equal(description, "data request overlap from client");
});

scenario("a POST of application/octet-stream closes the session, a parameterised one is text", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	assert.equal((await session.post("4a", { headers: { "Content-Type": "application/octet-stream; x=y" } })).status, 200);
	assert.equal((await session.get()).body, "4a");
	const parked = session.get();
	await sleep(50);
	const refused = await session.post("4a", { headers: { "Content-Type": "application/octet-stream" } });
	assert.equal(refused.status, 400);
	assert.equal(refused.body, "");
	assert.equal((await parked).body, "1");
	const [{ reason, description }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "transport error");
	assert.equal(description, "invalid content");
});

scenario("methods that polling does not know get 500 and the session stays", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	for (const method of ["PUT", "DELETE", "OPTIONS", "HEAD", "PATCH"]) {
		const response = await request(port, { path: session.path, method });
		assert.equal(response.status, 500, method);
		assert.equal(response.body, "");
	}
	assert(await session.isOpen());
});

scenario("a cancelled GET closes the session before the very next request", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	const tcp = await Tcp.open(port);
	tcp.send(`GET ${session.path} HTTP/1.1\r\nHost: a\r\n\r\n`);
	await sleep(50);
	tcp.socket.end();
	tcp.destroy();
	assertError(await eventually(async () => {
		const response = await session.post("4x");
		return response.status === 400 && response;
	}, "the session to be gone"), 1, "Session ID unknown");
	const [{ reason, description }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "transport error");
	assert.equal(description, "poll connection closed prematurely");
});

scenario("an aborted POST closes the session", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	const tcp = await Tcp.open(port);
	tcp.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n4abc`);
	await sleep(50);
	tcp.destroy();
	const [{ reason, description }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "transport error");
	assert.equal(description, "data request connection closed prematurely");
});

scenario("a GET that asks for Connection: close keeps its session", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	await session.post("4a", { headers: { Connection: "close" } });
	assert.equal((await session.get({ headers: { Connection: "close" } })).body, "4a");
	assert(await session.isOpen());
});

for (const [what, packet] of [["unknown type", "abc"], ["empty body", ""], ["empty first packet", `${RS}4a`], ["empty last packet", `4a${RS}`], ["doubled separator", `4a${RS}${RS}4b`]]) {
	scenario(`a malformed payload (${what}) closes the session with a parse error`, async (t) => {
		const { port, logged } = await start(t);
		const session = await Polling.open(port);
		const parked = session.get();
		await sleep(30);
		const response = await session.post(packet);
		assert([200, 400].includes(response.status), String(response.status));
		assert.match((await parked).body, /^(1|4a)$/);
		const [{ reason }] = await logged({ e: "session-close", sid: session.sid });
		assert.equal(reason, "parse error");
		assertError(await session.get(), 1, "Session ID unknown");
	});
}

for (const [what, message] of [["unknown type", "abc"], ["empty text", ""]]) {
	scenario(`a malformed WebSocket message (${what}) closes the session with a parse error`, async (t) => {
		const { port, logged } = await start(t);
		const wire = await Wire.open(port);
		wire.send(message);
		assert.equal(await wire.closed, 1005);
		const [{ reason }] = await logged({ e: "session-close", sid: wire.sid });
		assert.equal(reason, "parse error");
	});
}

scenario("packets that mean nothing to a server are ignored", async (t) => {
	const { port } = await start(t);
	const wire = await Wire.open(port);
	for (const packet of ["0", "0{}", "5", "6", "3", "3x"]) wire.send(packet);
	wire.send("4still");
	assert.equal(await wire.next(), "4still");
	const session = await Polling.open(port);
	assert.equal((await session.post(["0", "5", "6", "3", "4still"].join(RS))).body, "ok");
	assert.equal((await session.get()).body, "4still");
});

scenario("an empty binary message is legal", async (t) => {
	const { port } = await start(t);
	const wire = await Wire.open(port);
	wire.send(Buffer.alloc(0));
	assert.deepEqual(await wire.next(), Buffer.alloc(0));
	const session = await Polling.open(port);
	await session.post("b");
	assert.equal((await session.get()).body, "b");
});

// Heartbeat.
const beat = { pingInterval: 300, pingTimeout: 200 };

scenario("the server pings and a client that answers stays, on both transports", async (t) => {
	const { port, events } = await start(t, beat);
	const wire = await Wire.open(port, { silent: true });
	const session = await Polling.open(port);
	for (let round = 0; round < 3; round++) {
		const [message, answer] = await Promise.all([wire.next(), session.get()]);
		assert.equal(message, "2");
		assert.equal(answer.body, "2");
		wire.send("3");
		assert.equal((await session.post("3")).body, "ok");
	}
	assert.deepEqual(await events((entry) => entry.e === "session-close"), []);
});

scenario("a client that does not answer pings is closed with a ping timeout", async (t) => {
	const { port, logged } = await start(t, beat);
	const wire = await Wire.open(port, { silent: true });
	const session = await Polling.open(port);
	const unread = await Polling.open(port);
	assert.equal((await session.get()).body, "2");
	assert.equal((await session.get()).body, "1");
	assert.equal(await wire.closed, 1005);
	for (const { sid } of [wire, session, unread]) {
		const [{ reason }] = await logged({ e: "session-close", sid });
		assert.equal(reason, "ping timeout");
	}
	assertError(await session.get(), 1, "Session ID unknown");
});

// Relations between moments that one clock saw; bounds are wide against a busy machine, and far from each other.
scenario("another packet extends the wait for a pong once per ping", async (t) => {
	const { port, logged } = await start(t, { pingInterval: 600, pingTimeout: 900 });
	const wire = await Wire.open(port, { silent: true });
	const lasts = async (messages) => {
		const started = performance.now();
		for (const [after, message] of messages) {
			await sleep(after - (performance.now() - started));
			wire.send(message);
		}
		await wire.closed;
		return performance.now() - started;
	};
	assert.equal(await wire.next(), "2");
	const lasted = await lasts([[300, "4a"], [600, "4b"]]);
	assert(lasted >= 1150, `closed after ${lasted} ms: the first packet did not extend`);
	assert(lasted < 1450, `closed after ${lasted} ms: the second packet extended again`);
	const [{ reason }] = await logged({ e: "session-close" });
	assert.equal(reason, "ping timeout");
});

scenario("a ping from the client closes the session with a transport error", async (t) => {
	const { port, logged } = await start(t);
	for (const ping of ["2", "2probe"]) {
		const wire = await Wire.open(port);
		wire.send(ping);
		assert.equal(await wire.closed, 1005);
		const session = await Polling.open(port);
		await session.post(ping);
		for (const { sid } of [wire, session]) {
			const [{ reason, description }] = await logged({ e: "session-close", sid });
			assert.equal(reason, "transport error");
			assert.equal(description, "invalid heartbeat direction");
		}
	}
});

// Closing.
scenario("a close packet over polling closes the session, later packets are ignored, and the waiting GET gets a noop", async (t) => {
	const { port, logged } = await start(t);
	const session = await Polling.open(port);
	const parked = session.get();
	await sleep(50);
	assert.equal((await session.post(`1${RS}4late`)).body, "ok");
	assert.equal((await parked).body, "6");
	const [{ reason }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "transport close");
	assertError(await session.get(), 1, "Session ID unknown");
});

scenario("a WebSocket that closes ends its session with transport close", async (t) => {
	const { port, logged } = await start(t);
	for (const end of [(wire) => wire.socket.close(), (wire) => wire.socket.close(1000), (wire) => wire.socket.terminate()]) {
		const wire = await Wire.open(port);
		end(wire);
		const [{ reason }] = await logged({ e: "session-close", sid: wire.sid });
		assert.equal(reason, "transport close");
	}
});

pealScenario("a close packet over WebSocket closes the session at once", async (t) => {
	const { port, logged } = await start(t);
	const wire = await Wire.open(port);
	wire.send("1");
	await within(wire.closed, "the close");
	const [{ reason }] = await logged({ e: "session-close", sid: wire.sid });
	assert.equal(reason, "transport close");
});

scenario("an orderly close by the server flushes first, then ends a waiting GET or the next one", async (t) => {
	const { port, logged, control } = await start(t);
	const wire = await Wire.open(port);
	wire.send("4one");
	wire.send("4close");
	assert.equal(await wire.next(), "4one");
	assert.equal(await wire.closed, 1005);

	const session = await Polling.open(port);
	await session.post(`4one${RS}4close${RS}4late`);
	assert.equal((await session.get()).body, "4one");
	assert.equal((await session.get()).body, `6${RS}1`);
	assertError(await session.get(), 1, "Session ID unknown");

	const waiting = await Polling.open(port);
	const parked = waiting.get();
	await sleep(50);
	await control({ do: "session", sid: waiting.sid, close: true });
	assert.equal((await parked).body, "1");
	for (const { sid } of [wire, session, waiting]) {
		const [{ reason }] = await logged({ e: "session-close", sid });
		assert.equal(reason, "forced close");
	}
});

scenario("a server that stops ends waiting GETs and WebSockets and discards what is queued", async (t) => {
	const server = await start(t);
	const wire = await Wire.open(server.port);
	const session = await Polling.open(server.port);
	const parked = session.get();
	await sleep(50);
	await server.control({ do: "close" });
	assert.equal(await wire.closed, 1005);
	assert.equal((await parked.catch(() => ({ body: "1" }))).body, "1");
	await within(server.exited, "the server to end");
});

// WebSocket.
for (const [what, frame, code] of [
	["a reserved bit", clientFrame("4a", { reserved: 0x40 }), 1002],
	["a reserved opcode", clientFrame("4a", { opcode: 3 }), 1002],
	["a fragmented control frame", clientFrame("", { opcode: 9, fin: false }), 1002],
	["a continuation of nothing", clientFrame("4a", { opcode: 0 }), 1002],
	["invalid UTF-8", clientFrame(Buffer.from([0x34, 0xff, 0xfe])), 1007],
	["a cut UTF-8 sequence", clientFrame(Buffer.from([0x34, 0xe2, 0x82])), 1007],
	["an encoded surrogate", clientFrame(Buffer.from([0x34, 0xed, 0xa0, 0x80])), 1007],
]) {
	scenario(`${what} closes the WebSocket with ${code} and the session with a transport error`, async (t) => {
		const { port, logged } = await start(t);
		const tcp = await accepted(port, websocket);
		await tcp.until((text) => text.includes('"maxPayload"'));
		tcp.send(frame);
		await tcp.until((text) => text.includes(`\x88\x02${String.fromCharCode(code >> 8, code & 255)}`) || text.includes("\x88"), "a close frame");
		const at = tcp.bytes.lastIndexOf(0x88);
		assert.equal(tcp.bytes.readUInt16BE(at + 2), code);
		tcp.destroy();
		const [{ reason }] = await logged({ e: "session-close" });
		assert.equal(reason, "transport error");
	});
}

scenario("fragmented messages are put together, with control frames between them", async (t) => {
	const { port } = await start(t);
	const tcp = await accepted(port, websocket);
	const text = Buffer.from("4héllo");
	tcp.send(Buffer.concat([
		clientFrame(text.subarray(0, 3), { fin: false }), clientFrame("ping", { opcode: 9 }),
		clientFrame(text.subarray(3, 4), { opcode: 0, fin: false }), clientFrame(text.subarray(4), { opcode: 0 }), clientFrame("4second"),
	]));
	await tcp.until((received) => received.includes("\x81\x084second".replace("\x08", String.fromCharCode(7))), "the second message");
	assert(tcp.bytes.includes(Buffer.concat([Buffer.from([0x81, text.length]), text])));
	assert(tcp.text.includes("\x8a\x04ping"));
	tcp.destroy();
});

scenario("messages may share a segment or come byte by byte", async (t) => {
	const { port } = await start(t);
	const tcp = await accepted(port, websocket);
	const frames = Buffer.concat([clientFrame("4a"), clientFrame("4b"), clientFrame(Buffer.from([1, 2]), { opcode: 2 })]);
	tcp.send(frames);
	await tcp.until((text) => text.includes("\x81\x024a\x81\x024b\x82\x02\x01\x02"));
	tcp.socket.setNoDelay(true);
	for (const byte of frames) {
		tcp.send(Buffer.from([byte]));
		await sleep(1);
	}
	await tcp.until((text) => text.split("\x81\x024a").length === 3 && text.split("\x82\x02\x01\x02").length === 3);
	tcp.destroy();
});

scenario("the first offered subprotocol is echoed and extensions are ignored", async (t) => {
	const { port } = await start(t);
	const tcp = await accepted(port, websocket, "Sec-WebSocket-Protocol: chat, other\r\nSec-WebSocket-Extensions: permessage-deflate\r\n");
	assert.match(tcp.text, /\r\nSec-WebSocket-Protocol: chat\r\n/i);
	assert.doesNotMatch(tcp.text, /Sec-WebSocket-Extensions/i);
	tcp.destroy();
	const plain = await accepted(port, websocket);
	assert.doesNotMatch(plain.text, /Sec-WebSocket-Protocol/i);
	plain.destroy();
});

for (const [what, replace] of [
	["without a key", [/Sec-WebSocket-Key:.*\r\n/, ""]], ["with a malformed key", [/Key: .*\r\n/, "Key: short\r\n"]],
	["of another version", [/Version: 13/, "Version: 12"]],
]) {
	scenario(`a WebSocket handshake ${what} is refused with 400`, async (t) => {
		const { port } = await start(t);
		const tcp = await Tcp.open(port);
		tcp.send(upgradeRequest(websocket).replace(...replace));
		const text = await tcp.rest();
		assert.match(text, /^HTTP\/1\.1 400 /);
		if (what.includes("version")) assert.match(text, /\r\nSec-WebSocket-Version: 13, 8\r\n/i);
		assert.match((await request(port, { path: polling })).body, /^0/);
	});
}

pealScenario("an upgrade with transport=polling is refused with 400", async (t) => {
	const { port } = await start(t);
	await refusedUpgrade(port, polling, "Bad request");
});

scenario("an upgrade on a foreign path is dropped silently after a second", async (t) => {
	const { port } = await start(t);
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest("/other"));
	assert.equal(await tcp.rest(), "");
});

// Upgrade.
const candidate = (port, session) => Wire.open(port, { query: `EIO=4&transport=websocket&sid=${session.sid}` });

async function probed(port, session) {
	const wire = await candidate(port, session);
	wire.send("2probe");
	assert.equal(await wire.next(), "3probe");
	return wire;
}

scenario("a session upgrades, then refuses polling requests and further WebSockets", async (t) => {
	const { port, logged, control } = await start(t);
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	assert.equal((await control({ do: "session", sid: session.sid })).transport, "polling");
	wire.send("5");
	wire.send("4hello");
	assert.equal(await wire.next(), "4hello");
	assert.equal((await control({ do: "session", sid: session.sid })).transport, "websocket");
	assertError(await session.get(), 3, "Bad request");
	assertError(await session.post("4x"), 3, "Bad request");
	await logged({ e: "connection-error", check: "TRANSPORT_MISMATCH" }, 2);
	const second = await candidate(port, session);
	assert.equal(await second.closed, 1005);
	wire.send("4again");
	assert.equal(await wire.next(), "4again");
});

scenario("a probe releases a waiting GET, and later ones, with a noop", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const parked = session.get();
	await sleep(50);
	const wire = await probed(port, session);
	assert.equal((await parked).body, "6");
	assert.equal((await session.get()).body, "6");
	wire.send("2probe");
	assert.equal(await wire.next(), "3probe");
	wire.send("5");
	wire.send("4x");
	assert.equal(await wire.next(), "4x");
});

scenario("messages sent during an upgrade arrive in order on the WebSocket", async (t) => {
	const { port, control } = await start(t);
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	for (const text of ["m1", "m1b"]) await control({ do: "session", sid: session.sid, text });
	await session.post("4m2");
	wire.send("5");
	for (const text of ["4m1", "4m1b", "4m2"]) assert.equal(await wire.next(), text);
});

scenario("an upgrade without a probe is accepted", async (t) => {
	const { port, control } = await start(t);
	const session = await Polling.open(port);
	await control({ do: "session", sid: session.sid, hex: "0102" });
	const wire = await candidate(port, session);
	wire.send("5");
	assert.deepEqual(await wire.next(), Buffer.from([1, 2]));
});

scenario("a GET that waits when the upgrade completes is ended", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const wire = await candidate(port, session);
	const parked = session.get();
	await sleep(50);
	wire.send("5");
	assert.match((await parked).body, /^[16]$/);
	wire.send("4x");
	assert.equal(await wire.next(), "4x");
});

for (const packet of ["2", "4hello", "abc", "6", "3probe", Buffer.from([1])]) {
	scenario(`a candidate that sends ${JSON.stringify(packet.toString())} is closed, the session stays and may try again`, async (t) => {
		const { port } = await start(t);
		const session = await Polling.open(port);
		const wire = await candidate(port, session);
		wire.send(packet);
		assert.equal(await wire.closed, 1005);
		await session.post("4poll");
		assert.equal((await session.get()).body, "4poll");
		const again = await probed(port, session);
		again.send("5");
		again.send("4ws");
		assert.equal(await again.next(), "4ws");
	});
}

scenario("only one candidate is taken at a time", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	const first = await candidate(port, session);
	const second = await candidate(port, session);
	assert.equal(await second.closed, 1005);
	first.send("2probe");
	assert.equal(await first.next(), "3probe");
});

scenario("a candidate that does nothing is closed after upgradeTimeout and the session stays", async (t) => {
	const { port } = await start(t, { upgradeTimeout: 200 });
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	assert.equal(await wire.closed, 1005);
	assert(await session.isOpen());
	const again = await probed(port, session);
	again.send("5");
	again.send("4x");
	assert.equal(await again.next(), "4x");
	await sleep(400);
	again.send("4y");
	assert.equal(await again.next(), "4y");
});

scenario("a candidate that goes away leaves the session on polling", async (t) => {
	const { port } = await start(t);
	const session = await Polling.open(port);
	(await probed(port, session)).socket.terminate();
	await session.post("4a");
	assert((await session.packetsUntil((packet) => packet === "4a")).every((packet) => ["4a", "6"].includes(packet)));
	const again = await eventually(async () => {
		const wire = await candidate(port, session);
		wire.send("2probe");
		return (await wire.next().catch(() => "")) === "3probe" && wire;
	}, "another attempt");
	again.send("5");
	again.send("4x");
	assert.equal(await again.next(), "4x");
});

scenario("a session that closes takes its candidate with it", async (t) => {
	const { port, control } = await start(t);
	const session = await Polling.open(port);
	const wire = await probed(port, session);
	await control({ do: "session", sid: session.sid, close: true });
	await session.get();
	await within(wire.closed, "the candidate to be closed");
});

scenario("the heartbeat goes on after an upgrade", async (t) => {
	const { port, logged } = await start(t, beat);
	const session = await Polling.open(port);
	const wire = await Wire.open(port, { query: `EIO=4&transport=websocket&sid=${session.sid}`, silent: true });
	wire.send("5");
	assert.equal(await wire.next(), "2");
	wire.send("3");
	assert.equal(await wire.next(), "2");
	assert.equal(await wire.closed, 1005);
	const [{ reason }] = await logged({ e: "session-close", sid: session.sid });
	assert.equal(reason, "ping timeout");
});

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
