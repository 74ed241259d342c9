// Engine.IO on the wire: which requests open a session, and the exact answers to those that do not.
import assert from "node:assert/strict";
import { assertError, jsonError, polling, refusedUpgrade, start, websocket } from "./engine.mjs";
import { isPeal, Polling, received, request, scenario, sleep, Tcp, upgradeRequest, Wire } from "./support.mjs";

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
