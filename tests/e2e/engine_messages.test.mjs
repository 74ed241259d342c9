// Engine.IO on the wire: what goes over polling, and what polling refuses.
import assert from "node:assert/strict";
import { accepted, assertError, polling, start } from "./engine.mjs";
import { eventually, Polling, request, RS, scenario, sleep, Tcp, Wire, within } from "./support.mjs";

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
