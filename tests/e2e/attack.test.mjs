// The HTTP front under attack, over the full node: the stated answer or a close, other clients unaffected, no spinning
// while the attacking connection stays open, and no session or descriptor left behind.
import assert from "node:assert/strict";
import {
	clientFrame, descriptors, eventually, pealScenario, Polling, pollingSocket, received, request, sleep, startServer, Tcp,
	upgradeRequest, wireSocket, within,
} from "./support.mjs";

const polling = "/socket.io/?EIO=4&transport=polling";
const websocket = "/socket.io/?EIO=4&transport=websocket";
const get = (path, more = "") => `GET ${path} HTTP/1.1\r\nHost: a\r\n${more}\r\n`;
const post = (path, body, more = "") => `POST ${path} HTTP/1.1\r\nHost: a\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

// A server with two innocent clients. `idle` shows that nothing spins; `calm` that the innocent notice nothing and that
// everything of the attack is gone.
async function besieged(t, settings) {
	const server = await startServer(t, settings);
	const wire = await wireSocket(server.port);
	const other = await pollingSocket(server.port);
	await eventually(async () => (await server.stats()).http_connections <= 1, "a quiet start");
	const before = { stats: await server.stats(), files: descriptors(server.pid) };
	const innocent = async () => {
		assert.deepEqual(await received(server, [wire, other]), [[], []]);
		wire.send('421["echo",1]');
		assert.equal(await wire.next(), "431[1]");
		await other.post('422["echo",2]');
		assert.equal((await other.get()).body, "432[2]");
	};
	const idle = async () => {
		const first = await server.stats();
		await sleep(400);
		const second = await server.stats();
		// An idle node does a handful of turns, for the question itself and its timers; a spinning one many thousands.
		assert(second.loop_turns - first.loop_turns < 60, `${second.loop_turns - first.loop_turns} turns of the loop while idle`);
		assert(second.http_reads - first.http_reads < 15, `${second.http_reads - first.http_reads} reads while idle`);
	};
	const calm = async () => {
		await innocent();
		await eventually(async () => {
			const now = await server.stats();
			assert.equal(now.sessions, before.stats.sessions, "sessions");
			assert.equal(now.sockets, before.stats.sockets, "sockets");
			assert(now.http_connections <= before.stats.http_connections, "HTTP connections");
			assert.equal(now.websocket_connections, before.stats.websocket_connections, "WebSocket connections");
			assert(descriptors(server.pid) <= before.files, "descriptors");
			return true;
		}, "everything of the attack to be gone");
	};
	return { server, port: server.port, wire, other, innocent, idle, calm };
}

// Statuses of all answers until the server closes the connection.
async function answersOf(port, bytes) {
	const tcp = await Tcp.open(port);
	tcp.send(bytes);
	const text = await tcp.rest();
	return [...text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
}

pealScenario("requests with bodies in one segment are all answered in order", async (t) => {
	const { port, calm, idle } = await besieged(t);
	const session = await Polling.open(port, { path: "/socket.io/" });
	const tcp = await Tcp.open(port);
	tcp.send(post(session.path, "40") + post(session.path, '42["echo",1]') + post("/none", "x".repeat(100)) + post(session.path, "6") + get("/none"));
	const statuses = (await tcp.responses(5)).map(({ status }) => status);
	assert.deepEqual(statuses, [200, 200, 404, 200, 404]);
	await idle();
	tcp.destroy();
	await session.post("1");
	await calm();
});

pealScenario("an early answer to a request with a body leaves its connection usable or closes it", async (t) => {
	const { port, calm, idle } = await besieged(t);
	for (const early of [post(`${polling}&sid=none`, "4".repeat(50000)), post("/none", "x".repeat(50000)), post(polling, "y".repeat(1000))]) {
		const tcp = await Tcp.open(port);
		const half = Math.floor(early.length / 2);
		tcp.send(early.slice(0, half));
		await sleep(30);
		tcp.send(early.slice(half) + get("/none"));
		await within(Promise.race([tcp.closed, tcp.responses(2)]), "two answers or a close");
		const statuses = [...tcp.text.matchAll(/^HTTP\/1\.1 (\d+)/gm)].map(([, status]) => Number(status));
		assert([400, 404].includes(statuses[0]), tcp.text);
		assert(statuses.length === 1 || statuses[1] === 404, tcp.text);
		await idle();
		tcp.destroy();
	}
	await calm();
});

for (const [what, act, ends] of [
	["is reset", (tcp) => tcp.socket.resetAndDestroy(), true],
	["is closed", (tcp) => tcp.destroy(), true],
	["is half closed", (tcp) => tcp.socket.end(), true],
	["gets one byte more", (tcp) => tcp.send("x"), false],
	["gets half a request more", (tcp) => tcp.send("GET / HT"), false],
	["gets a complete request more", (tcp) => tcp.send(get("/none")), false],
])
	pealScenario(`a waiting GET whose connection ${what} does not spin`, async (t) => {
		const { server, port, calm, idle } = await besieged(t);
		const session = await Polling.open(port, { path: "/socket.io/" });
		const tcp = await Tcp.open(port);
		tcp.send(get(session.path));
		await sleep(50);
		act(tcp);
		await sleep(50);
		await idle();
		if (ends) {
			await eventually(async () => (await server.stats()).sessions === 2, "the session to end");
		} else {
			const answered = await session.post("40");
			if (answered.status === 200) await tcp.until((text) => text.includes('40{"sid"'), "the answer to the GET");
			await session.post("1");
		}
		tcp.destroy();
		await calm();
	});

pealScenario("more bytes than may wait behind an unanswered request close the connection", async (t) => {
	const { port, calm, idle } = await besieged(t);
	const session = await Polling.open(port, { path: "/socket.io/" });
	const tcp = await Tcp.open(port);
	tcp.send(get(session.path));
	await sleep(50);
	for (let at = 0; at < 40; at++) tcp.send(get("/none", `X-Fill: ${"x".repeat(4000)}\r\n`));
	await Promise.race([within(tcp.closed, "a close"), sleep(1000)]);
	await idle();
	tcp.destroy();
	await session.post("1").catch(() => {});
	await calm();
});

pealScenario("a slow reader of a long poll answer does not spin, whatever it sends, and gets every byte", async (t) => {
	const { server, port, calm, idle } = await besieged(t, { httpCompression: false });
	const session = await pollingSocket(port);
	const tcp = await Tcp.open(port);
	tcp.socket.pause();
	const text = "0123456789".repeat(40000);
	for (let at = 0; at < 4; at++) await server.control({ do: "emit", direct: session.id, event: "big", args: [text] });
	tcp.send(get(session.path));
	await sleep(100);
	await idle();
	tcp.send("x");
	await sleep(50);
	await idle();
	tcp.socket.resume();
	await tcp.until((answer) => answer.length > 4 * text.length && /^HTTP\/1\.1 200/.test(answer), "the whole answer");
	assert.equal(tcp.text.split(text).length, 5);
	tcp.destroy();
	await session.post("1").catch(() => {});
	await calm();
});

pealScenario("a reader that leaves in the middle of a long poll answer leaves nothing behind", async (t) => {
	const { server, port, calm } = await besieged(t, { httpCompression: false });
	const session = await pollingSocket(port);
	const tcp = await Tcp.open(port);
	tcp.socket.pause();
	for (let at = 0; at < 4; at++) await server.control({ do: "emit", direct: session.id, event: "big", args: ["x".repeat(900000)] });
	tcp.send(get(session.path));
	await sleep(100);
	tcp.socket.resetAndDestroy();
	await session.post("1").catch(() => {});
	await calm();
});

// What is malformed gets this status and a close; an empty list is a close without an answer.
const malformed = {
	"garbage": ["\x00\x01\x02\x03garbage\r\n\r\n", [400]],
	"a TLS hello": [Buffer.from("16030100c8010000c40303" + "ab".repeat(32), "hex"), [400]],
	"the HTTP/2 preface": ["PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400, 505]],
	"HTTP/0.9": ["GET /\r\n\r\n", [400, 505]],
	"another version": ["GET / HTTP/1.2\r\nHost: a\r\n\r\n", [400, 505]],
	"no Host": ["GET / HTTP/1.1\r\n\r\n", [400]],
	"two Hosts": ["GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", [400]],
	"a folded header": ["GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n", [400]],
	"a blank before the colon": ["GET / HTTP/1.1\r\nHost : a\r\n\r\n", [400]],
	"a header name that is no token": ["GET / HTTP/1.1\r\nHost: a\r\nX(y): 1\r\n\r\n", [400]],
	"a header without colon": ["GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", [400]],
	"bare line feeds": ["GET / HTTP/1.1\nHost: a\n\n", [400]],
	"a NUL in a value": ["GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", [400]],
	"two lengths": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n123456`, [400]],
	"a length and chunks": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400]],
	"a signed length": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n12345`, [400]],
	"a negative length": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\n12345`, [400]],
	"a length that is no number": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nContent-Length: 5x\r\n\r\n12345`, [400]],
	"a length above 64 bits": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n`, [400, 413]],
	"another transfer encoding": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, [400, 501]],
	"an unknown transfer encoding": [`POST ${polling} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`, [400, 501]],
	"chunks in HTTP/1.0": [`POST ${polling} HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, [400, 501]],
	"a head that is too large": [get("/", `X: ${"x".repeat(20000)}\r\n`), [431]],
	"a URL that is too large": [get(`/${"x".repeat(20000)}`), [414, 431]],
	"too many headers": [get("/", "X: 1\r\n".repeat(101)), [431]],
	"a head without an end": ["GET / HTTP/1.1\r\n" + "X: 1\r\n".repeat(5000), [431]],
	"CONNECT": ["CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", [400, 404, 405, 501]],
	"an unknown method": ["HELLO / HTTP/1.1\r\nHost: a\r\n\r\n", [400, 404, 501]],
	"bytes behind an upgrade": [upgradeRequest(websocket) + "x", [400]],
	"a frame behind an upgrade": [Buffer.concat([Buffer.from(upgradeRequest(websocket)), clientFrame("40")]), [400]],
	"a request behind Connection: close": [get("/none", "Connection: close\r\n") + get("/none"), [404, 400]],
};

pealScenario("what is malformed gets the stated answer and a close, and nobody else notices", async (t) => {
	const { port, calm, idle } = await besieged(t);
	for (const [what, [bytes, expected]] of Object.entries(malformed)) {
		const statuses = await answersOf(port, bytes);
		assert(statuses.length >= 1 && expected.includes(statuses[0]), `${what}: ${JSON.stringify(statuses)}`);
		assert(statuses.every((status) => status >= 400), `${what}: ${JSON.stringify(statuses)}`);
	}
	await idle();
	await calm();
});

pealScenario("malformed chunks end the request and its connection", async (t) => {
	const { port, calm, idle } = await besieged(t);
	for (const chunks of ["x\r\n", "-1\r\nx\r\n", "fffffffffffffffff\r\n", "ffffffffffffffff\r\nx", "5;" + "e".repeat(20000) + "\r\n12345\r\n0\r\n\r\n",
		"1\r\n6\r\n0\r\nX: 1\r\n 2\r\n\r\n", "0\r\n" + "T: 1\r\n".repeat(5000)]) {
		const session = await Polling.open(port, { path: "/socket.io/" });
		const statuses = await answersOf(port, `POST ${session.path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
		assert(statuses.length <= 1 && statuses.every((status) => status >= 200), `${chunks.slice(0, 20)}: ${statuses}`);
		if (!chunks.startsWith("1")) assert(statuses.every((status) => status >= 400), `${chunks.slice(0, 20)}: ${statuses}`);
		await session.post("1");
	}
	await idle();
	await calm();
});

pealScenario("a body that announces too much is refused before it is sent, and its session stays", async (t) => {
	const { port, calm } = await besieged(t, { maxHttpBufferSize: 10000 });
	const session = await Polling.open(port, { path: "/socket.io/" });
	for (const length of [10001, 999999999999]) {
		const statuses = await answersOf(port, `POST ${session.path} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`);
		assert.deepEqual(statuses, [413]);
	}
	assert(await session.isOpen());
	await session.post("1");
	await calm();
});

pealScenario("Expect: 100-continue is answered before the body, any other expectation refused", async (t) => {
	const { port, calm } = await besieged(t);
	const session = await Polling.open(port, { path: "/socket.io/" });
	const tcp = await Tcp.open(port);
	tcp.send(`POST ${session.path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n`);
	await tcp.until((text) => text.includes("HTTP/1.1 100 "), "100 Continue");
	tcp.send("6");
	await tcp.until((text) => /HTTP\/1\.1 200 [^]*ok$/.test(text), "the answer");
	tcp.destroy();
	const refused = await Tcp.open(port);
	refused.send(post("/none", "x", "Expect: magic\r\n"));
	await refused.until((text) => /^HTTP\/1\.1 417 /.test(text), "417");
	refused.destroy();
	await session.post("1");
	await calm();
});

pealScenario("a complete request is answered although its sender has closed its half", async (t) => {
	const { port, calm, idle } = await besieged(t);
	const tcp = new Tcp(port);
	tcp.socket.allowHalfOpen = true;
	tcp.socket.on("connect", () => tcp.socket.end(get("/none")));
	const text = await tcp.rest();
	assert(text === "" || /^HTTP\/1\.1 404 /.test(text), text);
	await idle();
	await calm();
});

pealScenario("HTTP/1.0 requests are answered and their connection closed", async (t) => {
	const { port, calm } = await besieged(t);
	assert.deepEqual(await answersOf(port, "GET /none HTTP/1.0\r\n\r\n"), [404]);
	await calm();
});

pealScenario("connections that stop in a head, in a body, or say nothing are ended in time and do not spin meanwhile", async (t) => {
	const { port, calm, idle } = await besieged(t);
	const session = await Polling.open(port, { path: "/socket.io/" });
	const starts = ["", "G", "GET /none HTT", "GET /none HTTP/1.1\r\nHost: a\r\n", `POST ${session.path} HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n4`,
		`POST ${session.path.replace(session.sid, "none")} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n4`, get("/none")];
	const connections = [];
	for (const bytes of starts) connections.push((await Tcp.open(port)).send(bytes));
	await sleep(100);
	await idle();
	await Promise.all(connections.map((tcp, at) => within(tcp.closed, `connection ${at} to be ended`, 40000)));
	await calm();
});

pealScenario("a head that comes byte by byte is answered", async (t) => {
	const { port, calm } = await besieged(t);
	const tcp = await Tcp.open(port);
	tcp.socket.setNoDelay(true);
	for (const byte of get(polling)) {
		tcp.send(byte);
		await sleep(1);
	}
	const [{ status, body }] = await tcp.responses(1);
	assert.equal(status, 200);
	const { sid } = JSON.parse(body.slice(1));
	await request(port, { path: `${polling}&sid=${sid}`, method: "POST", body: "1" });
	tcp.destroy();
	await calm();
});

pealScenario("a storm of connections that are reset at any point leaves nothing behind", async (t) => {
	const { port, calm, idle } = await besieged(t);
	// Never complete, so that none of them opens a session.
	const requests = [get(polling), upgradeRequest(websocket), post(polling, "x".repeat(500)), get("/none")];
	for (let round = 0; round < 60; round++) {
		await Promise.all(requests.map(async (bytes, kind) => {
			const tcp = await Tcp.open(port);
			tcp.send(bytes.slice(0, (round * 37 + kind * 11) % bytes.length));
			if (round % 3 === 0) await sleep(1);
			if (round % 2 === 0) tcp.socket.resetAndDestroy();
			else tcp.destroy();
		}));
	}
	await idle();
	await calm();
});

pealScenario("WebSocket frames that lie about themselves end their own session only", async (t) => {
	const { port, calm, idle } = await besieged(t);
	const frames = [
		Buffer.from([0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]), Buffer.from([0x89, 0xfe, 0x01, 0x00, 1, 2, 3, 4]),
		clientFrame("x".repeat(200), { opcode: 8 }), clientFrame(Buffer.from([0x03]), { opcode: 8 }), clientFrame(Buffer.from([0, 1]), { opcode: 8 }),
		clientFrame("4a", { reserved: 0x70 }), clientFrame("", { opcode: 15 }), clientFrame("40", { masked: true, fin: false }), Buffer.from([0x81]),
		Buffer.from([0x81, 0x85, 1, 2]), Buffer.alloc(3000, 0x81),
	];
	for (const frame of frames) {
		const tcp = await Tcp.open(port);
		tcp.send(upgradeRequest(websocket));
		await tcp.until((text) => text.includes('"maxPayload"'), "the open packet");
		tcp.send(frame);
		await Promise.race([tcp.closed, sleep(30)]);
		tcp.destroy();
	}
	await idle();
	await calm();
});

pealScenario("a node that is full refuses sessions as stated, and takes them again", async (t) => {
	const server = await startServer(t, { maxClients: 3 });
	const wires = [];
	for (let at = 0; at < 3; at++) wires.push(await wireSocket(server.port));
	const refused = await request(server.port, { path: polling });
	assert.equal(refused.status, 503);
	assert.equal(refused.headers["retry-after"], "5");
	assert.equal(refused.body, '{"code":3,"message":"Bad request"}');
	const tcp = await Tcp.open(server.port);
	tcp.send(upgradeRequest(websocket));
	const text = await tcp.rest();
	assert.match(text, /^HTTP\/1\.1 503 /);
	assert.match(text, /\r\nRetry-After: 5\r\n/i);
	assert(text.endsWith("\r\n\r\nBad request"), text);
	await wires.pop().close();
	await eventually(async () => (await server.stats()).sessions === 2, "the session to end");
	await wireSocket(server.port);
	assert.equal((await server.stats()).sessions_refused_full, 2);
});
