// The HTTP API of one node: who may come in, what is refused and how, binary, and the listener for operators.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Agent, request as httpRequest } from "node:http";
import path from "node:path";
import test from "node:test";
import { connected, event, folder, request, run, serve, within } from "./program.mjs";
import { answering, call, freePort, key } from "./redis.mjs";

const withKey = { env: { PEAL_API_KEY: key } };

const join = (socket, room) => within(new Promise((resolve) => socket.emit("join", room, resolve)), "the room");

async function refuses(node, path, body, status, pattern) {
	const answer = await call(node, "POST", path, body);
	assert.equal(answer.status, status, `${JSON.stringify(body)}: ${answer.text}`);
	assert.deepEqual(Object.keys(answer.body), ["error"]);
	assert.deepEqual(Object.keys(answer.body.error), ["code", "message"]);
	assert.match(answer.body.error.message, pattern);
	return answer;
}

// --- who may come in ------------------------------------------------------------------------------------------------

test("without a key there is no /api", async (t) => {
	const node = await serve(t);
	for (const target of ["/api/emit", "/api/nodes", "/api/sockets"])
		assert.equal((await node.get(target, { headers: { Authorization: `Bearer ${key}` } })).status, 404);
});

test("only who shows the key comes in", async (t) => {
	const node = await serve(t, [], withKey);
	for (const value of [undefined, "", "Bearer", "Bearer ", `Bearer ${key}x`, `Bearer ${key.slice(0, -1)}`, `Basic ${key}`, key, `Bearer x, Bearer ${key}`]) {
		const answer = await node.get("/api/nodes", { headers: value === undefined ? {} : { Authorization: value } });
		assert.equal(answer.status, 401, value);
		assert.equal(answer.headers["www-authenticate"], "Bearer");
		assert.equal(JSON.parse(answer.body).error.code, "unauthorized");
		assert.ok(!answer.body.includes(key));
	}
	assert.equal((await node.get("/api/nodes", { headers: { Authorization: `bearer ${key}` } })).status, 200);
});

test("who has no key is refused before the body, and a body that is too large by its announcement", async (t) => {
	const node = await serve(t, [], withKey);
	// Nothing of the body is ever sent, so an answer shows that nobody waited for it.
	const ask = (headers) => within(new Promise((resolve, reject) => {
		const sent = httpRequest({ port: node.port, host: "127.0.0.1", method: "POST", path: "/api/emit", headers }, (response) => {
			let text = "";
			response.on("data", (chunk) => { text += chunk; });
			response.on("end", () => { sent.destroy(); resolve({ status: response.statusCode, code: JSON.parse(text).error.code }); });
		});
		sent.on("error", reject);
		sent.flushHeaders();
	}), "an answer");
	const Authorization = `Bearer ${key}`;
	assert.deepEqual(await ask({ "Content-Length": 8 << 20 }), { status: 401, code: "unauthorized" });
	assert.deepEqual(await ask({ "Transfer-Encoding": "chunked" }), { status: 401, code: "unauthorized" });
	assert.deepEqual(await ask({ Authorization, Origin: "http://elsewhere.example", "Content-Length": 9 }), { status: 403, code: "foreign_origin" });
	assert.deepEqual(await ask({ Authorization, "Content-Length": (8 << 20) + 1 }), { status: 413, code: "too_large" });
});

test("who waits for an answer when the node closes is told so", async (t) => {
	const node = await serve(t, ["--shutdown-seconds", "30"], withKey);
	const silent = await answering(node, undefined);
	const order = { event: "a", timeout: 60000 };
	const calls = [order, [order, { event: "b" }, order]].map((body) => call(node, "POST", "/api/emit", body));
	await within((async () => {
		while (silent.heard.length < 4) await new Promise((resolve) => setTimeout(resolve, 5));
	})(), "the events");
	node.child.kill("SIGTERM");
	for (const answer of await Promise.all(calls)) {
		assert.equal(answer.status, 503);
		assert.equal(answer.body.error.code, "interrupted");
		assert.equal(answer.headers["retry-after"], undefined);
	}
	await within(node.exited, "the end");
});

test("requests of pages from elsewhere are refused, and no answer has CORS headers", async (t) => {
	const node = await serve(t, ["--cors-origin", "*"], withKey);
	const authority = `127.0.0.1:${node.port}`;
	for (const method of ["OPTIONS", "POST", "GET"]) {
		for (const Origin of ["http://elsewhere.example", "null", "https://127.0.0.1.evil.example", `http://${authority}.evil.example`, `ftp://${authority}`]) {
			const answer = await call(node, method, "/api/emit", undefined, { Origin, "Access-Control-Request-Method": "POST" });
			assert.equal(answer.status, 403, `${method} ${Origin}`);
			assert.deepEqual(Object.keys(answer.headers).filter((name) => name.startsWith("access-control")), []);
		}
	}
	const own = await call(node, "POST", "/api/emit", { event: "a" }, { Origin: `http://${authority}` });
	assert.equal(own.status, 202);
	assert.deepEqual(Object.keys(own.headers).filter((name) => name.startsWith("access-control")), []);
	const proxied = await call(node, "POST", "/api/emit", { event: "a" }, { Origin: "https://peal.example", Host: "peal.example:443" });
	assert.equal(proxied.status, 202);
});

test("each resource takes its own method", async (t) => {
	const node = await serve(t, [], withKey);
	for (const [method, target, allow] of [["GET", "/api/emit", "POST"], ["OPTIONS", "/api/emit", "POST"], ["DELETE", "/api/sockets", "GET, HEAD"],
		["POST", "/api/nodes", "GET, HEAD"], ["GET", "/api/sockets/join", "POST"]]) {
		const answer = await call(node, method, target);
		assert.equal(answer.status, 405);
		assert.equal(answer.headers.allow, allow);
		assert.equal(answer.body.error.code, "method_not_allowed");
	}
	assert.equal((await call(node, "GET", "/api/other").catch(() => ({ status: 404 }))).status, 404);
});

test("the key can come from a file, and no message or log has it", async (t) => {
	const file = path.join(folder(t), "key");
	writeFileSync(file, `${key}\nsecond line\n`);
	const node = await serve(t, ["--api-key-file", file, "--log-level", "debug"]);
	assert.equal((await call(node, "GET", "/api/nodes")).status, 200);
	assert.equal((await node.get("/api/nodes", { headers: { Authorization: "Bearer wrong" } })).status, 401);
	await node.stop();
	assert.ok(!node.output.includes(key));
	writeFileSync(file, "two words\n");
	for (const [args, pattern] of [
		[["--api-key-file", file], /--api-key-file: the key must be/],
		[["--api-key-file", `${file}.not`], /--api-key-file: cannot open/],
		[["--api-key", "a b"], /--api-key: must be/],
		[["--api-key", key, "--api-key-file", file], /--api-key-file: --api-key is given too/],
		[["--api-key", key, "--path", "/"], /--path: "\/" is where \/api is/],
	]) {
		const { code, stderr } = await run(["serve", ...args]);
		assert.equal(code, 2);
		assert.match(stderr, pattern);
		assert.ok(!stderr.includes("two words") && !stderr.includes("a b"));
	}
});

// --- POST /api/emit -------------------------------------------------------------------------------------------------

test("an event reaches the clients that the target selects, its arguments as they were written", async (t) => {
	const node = await serve(t, ["--demo", "--namespace", "*"], withKey);
	const [a, b, c] = await Promise.all([answering(node), answering(node), answering(node, undefined, { namespace: "/chat" })]);
	await join(a, "red");
	await join(b, "blue");
	const emit = async (order) => assert.equal((await call(node, "POST", "/api/emit", order)).status, 202);
	await emit({ event: "all", args: ["world", 5, null, { deep: [true] }] });
	await emit({ event: "red", rooms: ["red"] });
	await emit({ event: "both", rooms: ["red", "blue"], flags: { local: true, volatile: false } });
	await emit({ event: "not-red", except: ["red"], args: [] });
	await emit({ event: "own", rooms: [b.id] });
	await emit({ event: "chat", namespace: "/chat" });
	await emit({ event: "chat too", namespace: "chat" });
	await emit('{"event":"number","args":[12345678901234567890,1e2,"\\u0000"]}');
	await emit([{ event: "first" }, { event: "second", rooms: ["blue"] }]);
	await emit({ event: "end" });
	await emit({ event: "end", namespace: "/chat" });
	for (const socket of [a, b, c]) await within((async () => {
		while (socket.heard.at(-1)?.[0] !== "end") await new Promise((resolve) => setTimeout(resolve, 5));
	})(), "the end");
	const names = (socket) => socket.heard.map(([name]) => name);
	assert.deepEqual(names(a), ["all", "red", "both", "number", "first", "end"]);
	assert.deepEqual(names(b), ["all", "both", "not-red", "own", "number", "first", "second", "end"]);
	assert.deepEqual(names(c), ["chat", "chat too", "end"]);
	assert.deepEqual(a.heard[0], ["all", "world", 5, null, { deep: [true] }]);
	assert.deepEqual(a.heard[3], ["number", 12345678901234567890, 100, "\u0000"]);
});

test("with a timeout the answer has the acknowledgements, and says who was asked", async (t) => {
	const node = await serve(t, ["--demo"], withKey);
	const none = await call(node, "POST", "/api/emit", { event: "x", timeout: 1000 });
	const servers = { expected: 1, answered: 1, missing: [], unnamed_missing: 0 };
	assert.deepEqual([none.status, none.body], [200, { error: null, responses: [], clients: { expected: 0, answered: 0 }, servers }]);
	await Promise.all([answering(node, 1), answering(node, { two: [2] })]);
	const all = await call(node, "POST", "/api/emit", { event: "x", args: ["?"], timeout: 20000 });
	assert.equal(all.status, 200);
	assert.deepEqual(all.body.responses.sort(), [1, { two: [2] }].sort());
	assert.deepEqual({ ...all.body, responses: [] }, { error: null, responses: [], clients: { expected: 2, answered: 2 }, servers });
	await answering(node, undefined);
	const late = await call(node, "POST", "/api/emit", { event: "x", timeout: 300 });
	assert.equal(late.status, 200);
	assert.equal(late.body.error, "operation has timed out");
	assert.equal(late.body.responses.length, 2);
	assert.deepEqual(late.body.clients, { expected: 3, answered: 2 });
});

test("an array has its results in order, each as it would be alone", async (t) => {
	const node = await serve(t, [], withKey);
	await answering(node, "yes");
	const mixed = await call(node, "POST", "/api/emit", [{ event: "a" }, { event: "b", timeout: 5000 }, { event: "c", rooms: ["x"], timeout: 100 }]);
	assert.equal(mixed.status, 200);
	assert.deepEqual(mixed.body[0], { cluster: "alone" });
	assert.deepEqual(mixed.body[1].responses, ["yes"]);
	assert.deepEqual(mixed.body[2].clients, { expected: 0, answered: 0 });
	const plain = await call(node, "POST", "/api/emit", [{ event: "a" }, { event: "b" }]);
	assert.deepEqual([plain.status, plain.body], [202, [{ cluster: "alone" }, { cluster: "alone" }]]);
});

test("an array is checked as a whole before anything is sent", async (t) => {
	const node = await serve(t, [], withKey);
	const socket = await answering(node);
	await refuses(node, "/api/emit", [{ event: "sent?" }, { event: "b" }, { event: "c", rooms: [] }], 400, /^\[2\]\.rooms: must not be empty/);
	await refuses(node, "/api/emit", [{ event: "sent?" }, { event: "connect" }], 400, /^\[1\]\.event: the name is reserved/);
	await refuses(node, "/api/emit", [{ event: "sent?" }, { event: "b", namespace: "/a,b" }], 400, /^\[1\]\.namespace: /);
	await refuses(node, "/api/emit", [{ event: "sent?" }, { event: "b", args: [{ $binary: "?" }] }], 400, /^\[1\]\.args: "\$binary" is not base64/);
	await call(node, "POST", "/api/emit", { event: "end" });
	await within((async () => {
		while (!socket.heard.length) await new Promise((resolve) => setTimeout(resolve, 5));
	})(), "the end");
	assert.deepEqual(socket.heard, [["end"]]);
});

test("what is not known, of another type or null is refused by name", async (t) => {
	const node = await serve(t, [], withKey);
	const bad = [
		["", /not one JSON value/], ["{", /not one JSON value/], ["{}{}", /not one JSON value/], ["1],[2", /not one JSON value/],
		[Buffer.from([0x22, 0xff, 0x22]), /not one JSON value/], ["[".repeat(600) + "]".repeat(600), /nested too deeply/],
		["5", /^the body: must be an object/], [[], /1 to 1000 events/], [Array(1001).fill({ event: "a" }), /1 to 1000 events/],
		[[5], /^\[0\]: must be an object/], [{}, /^event: is needed/], [{ event: null }, /^event: must be a string/],
		[{ event: 5 }, /^event: must be a string/], [{ event: "a".repeat(1025) }, /^event: must have at most 1024 bytes/],
		[{ event: "disconnecting" }, /^event: the name is reserved/], [{ event: "a", room: ["a"] }, /^room: there is no such key/],
		[{ event: "a", targets: ["a"] }, /^targets: there is no such key/], ['{"event":"a","event":"b"}', /^event: is there twice/],
		['{"\\u0065vent":"a","event":"b"}', /^event: is there twice/],
		[{ event: "a", rooms: null }, /^rooms: must be an array/], [{ event: "a", rooms: [] }, /^rooms: must not be empty/],
		[{ event: "a", rooms: "a" }, /^rooms: must be an array/], [{ event: "a", rooms: ["a", null] }, /^rooms\[1\]: must be a string/],
		[{ event: "a", rooms: ["a\u0000b"] }, /^rooms\[0\]: .*U\+0000/], ['{"event":"a","rooms":["\\ud800"]}', /^rooms\[0\]: .*surrogate/],
		[{ event: "a", rooms: Array(10001).fill("r") }, /^rooms: must have at most 10000 items/],
		[{ event: "a", except: [5] }, /^except\[0\]: must be a string/], [{ event: "a", flags: [] }, /^flags: must be an object/],
		[{ event: "a", flags: { locl: true } }, /^flags\.locl: there is no such key/], [{ event: "a", flags: { local: 1 } }, /^flags\.local: must be true or false/],
		[{ event: "a", flags: null }, /^flags: must be an object/], [{ event: "a", args: {} }, /^args: must be an array/],
		[{ event: "a", args: Array(1001).fill(0) }, /^args: must have at most 1000 items/],
		[{ event: "a", timeout: 99 }, /^timeout: .* from 100 to 60000 ms/], [{ event: "a", timeout: 60001 }, /^timeout: /],
		[{ event: "a", timeout: 100.5 }, /^timeout: /], [{ event: "a", timeout: "100" }, /^timeout: must be a number/],
		[{ event: "a", timeout: null }, /^timeout: must be a number/], [{ event: "a", timeout: -1 }, /^timeout: /],
		[{ event: "a", namespace: 5 }, /^namespace: must be a string/], [{ event: "a", namespace: "/a\u0001" }, /^namespace: /],
		[{ event: "a", args: [{ _placeholder: true, num: 0 }] }, /_placeholder/],
	];
	for (const [body, pattern] of bad) await refuses(node, "/api/emit", body, 400, pattern);
	assert.equal((await call(node, "POST", "/api/emit", { event: "a", except: [] })).status, 202);
	const long = await request(node.port, { method: "POST", path: "/api/emit", headers: { Authorization: `Bearer ${key}` }, body: " ".repeat((8 << 20) + 1) })
		.catch(({ code }) => ({ status: 413, code })); // the node may close before all is written
	assert.equal(long.status, 413);
});

test("more open rounds than the ceiling are refused with 429", async (t) => {
	const node = await serve(t, [], withKey);
	await answering(node, undefined);
	const some = call(node, "POST", "/api/emit", Array(1000).fill({ event: "a", timeout: 3000 }));
	const full = await within((async () => {
		for (;;) {
			const answer = await call(node, "POST", "/api/emit", Array(25).fill({ event: "b", timeout: 100 }));
			if (answer.status !== 200) return answer;
		}
	})(), "a refusal");
	assert.equal(full.status, 429);
	assert.equal(full.headers["retry-after"], "1");
	assert.equal(full.body.error.code, "busy");
	assert.equal((await some).body.length, 1000);
	assert.equal((await call(node, "POST", "/api/emit", Array(25).fill({ event: "b", timeout: 100 }))).status, 200);
});

test("whatever a body or a query is made of, the answer is a status and JSON", async (t) => {
	const node = await serve(t, ["--demo"], withKey);
	const seeds = [
		'{"namespace":"/","rooms":["a","\\ud83d\\ude00"],"except":[],"flags":{"local":false,"volatile":true},"event":"hello","args":["w",{"$binary":"AAE="},[{"x":{"$binary":""}}]]}',
		'[{"event":"a","args":[1,2e5,null]},{"event":"b","rooms":["x"]}]', '{"targets":["a"],"rooms":["b"]}', '{"event":"x","args":[{"a":"\\"\\\\\\u0041"}]}',
	];
	const pieces = ['"$binary"', '"_placeholder":true', '"', "\\", "{", "}", "[", "]", ",", ":", "\\u0000", "\\ud800", "\xff", "null", '"num":0', " "];
	const paths = ["/api/emit", "/api/sockets/join", "/api/server-emit", "/api/sockets/leave"];
	let state = 20;
	const random = (below) => (state = (state * 1103515245 + 12345) % 2147483648) % 65521 % below;
	const mutate = (text) => {
		for (let i = random(4); i >= 0; i--) {
			const at = random(text.length + 1);
			const rest = [pieces[random(pieces.length)] + text.slice(at), text.slice(at + 1 + random(5)), String.fromCharCode(random(256)) + text.slice(at + 1)];
			text = text.slice(0, at) + rest[random(3)];
		}
		return text;
	};
	const agent = new Agent({ keepAlive: true, maxSockets: 8 });
	t.after(() => agent.destroy());
	const headers = { Authorization: `Bearer ${key}` };
	let accepted = 0;
	for (let i = 0; i < 500; i++) {
		await Promise.all(Array.from({ length: 8 }, async () => {
			const text = mutate(seeds[random(seeds.length)]);
			const body = Buffer.from(text, random(2) ? "latin1" : "utf8");
			const posted = await request(node.port, { agent, method: "POST", path: paths[random(paths.length)], headers, body });
			assert.ok([200, 202, 400].includes(posted.status), `${posted.status} ${text}`);
			JSON.parse(posted.body);
			accepted += posted.status < 300;
			const got = await request(node.port, { agent, path: `/api/sockets?room=${text.replaceAll(/[^!-~]|#/g, "%")}`, headers });
			assert.ok([200, 400].includes(got.status), `${got.status} ${text}`);
			JSON.parse(got.body);
		}));
	}
	assert.ok(accepted > 50, `only ${accepted} were still right`);
	assert.equal((await node.get("/healthz")).status, 200);
});

// --- binary ---------------------------------------------------------------------------------------------------------

test("binary goes both ways as base64, at any depth", async (t) => {
	const node = await serve(t, [], withKey);
	const bytes = (...values) => Buffer.from(values);
	await answering(node, { in: [bytes(1, 2, 3), bytes()], all: Buffer.from(Array.from({ length: 256 }, (_, i) => i)), _placeholder: false });
	const socket = await answering(node, "plain");
	const order = { event: "x", timeout: 20000, args: [{ $binary: "" }, { a: [{ b: { $binary: "AA==" } }, { $binary: "/+8=" }] }, "$binary", { "": { $binary: "AAEC" } }] };
	const { status, body } = await call(node, "POST", "/api/emit", order);
	assert.equal(status, 200);
	assert.deepEqual(socket.heard, [["x", bytes(), { a: [{ b: bytes(0) }, bytes(255, 239)] }, "$binary", { "": bytes(0, 1, 2) }]]);
	const answer = body.responses.find((one) => one !== "plain");
	assert.deepEqual(answer.in, [{ $binary: "AQID" }, { $binary: "" }]);
	assert.deepEqual(Buffer.from(answer.all.$binary, "base64"), Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
	assert.equal(answer._placeholder, false);
	const escaped = await call(node, "POST", "/api/emit", '{"event":"y","args":[{"\\u0024binary" : "\\/+8="}]}');
	assert.equal(escaped.status, 202);
	await within((async () => {
		while (socket.heard.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
	})(), "the event");
	assert.deepEqual(socket.heard[1], ["y", bytes(255, 239)]);
});

test("an answer that names one attachment again and again does not grow by the product", async (t) => {
	const node = await serve(t, [], withKey);
	const again = { _placeholder: true, num: 0 };
	const bytes = Buffer.alloc(1000);
	await answering(node, [bytes, again, { deep: again }, bytes]);
	const { body } = await call(node, "POST", "/api/emit", { event: "x", timeout: 20000 });
	const $binary = bytes.toString("base64");
	assert.deepEqual(body.responses, [[{ $binary }, again, { deep: again }, { $binary }]]);
});

test("what is not quite base64 is refused", async (t) => {
	const node = await serve(t, [], withKey);
	for (const text of ["A", "AA", "AAA", "A===", "AA=A", "AB==", "AAB=", "AA==AA==", "AA= =", "AA\n==", "-_8=", "ä", "===="])
		await refuses(node, "/api/emit", { event: "a", args: [{ $binary: text }] }, 400, /^args: "\$binary" is not base64/);
	for (const value of [{ $binary: 5 }, { $binary: null }, { $binary: "AA==", more: 1 }, { more: 1, $binary: "AA==" }, { $binary: {} }])
		await refuses(node, "/api/emit", { event: "a", args: [[value]] }, 400, /^args: "\$binary" stands alone/);
	await refuses(node, "/api/emit", { event: "a", args: Array(11).fill({ $binary: "" }) }, 400, /^args: more than 10 binary values/);
});

// --- sockets, rooms, nodes ------------------------------------------------------------------------------------------

test("sockets join, leave and are disconnected", async (t) => {
	const node = await serve(t, ["--demo"], withKey);
	const [a, b] = await Promise.all([answering(node), answering(node)]);
	await join(a, "red");
	const ids = async (query) => (await call(node, "GET", `/api/sockets?${query}`)).body.sockets.map(({ id }) => id);
	const joined = await call(node, "POST", "/api/sockets/join", { rooms: ["red"], targets: ["x", "y z"] });
	assert.deepEqual([joined.status, joined.body], [200, { confirmed: 0, expected: 0 }]);
	assert.deepEqual(await ids("room=x"), [a.id]);
	assert.deepEqual(await ids("room=y+z&room=nobody"), [a.id]);
	assert.deepEqual(await ids("except=y%20z"), [b.id]);
	assert.equal((await call(node, "POST", "/api/sockets/leave", { targets: ["x"] })).status, 200);
	assert.deepEqual(await ids("room=x"), []);
	for (const body of [{}, { targets: [] }, { targets: null }, { targets: ["a"], rooms: [] }, { targets: ["a"], flags: { volatile: true } }, { targets: ["a"], event: "x" }])
		await refuses(node, "/api/sockets/join", body, 400, /^(targets|rooms|flags\.volatile|event): /);
	await refuses(node, "/api/sockets/disconnect", {}, 400, /^rooms: is needed/);
	await refuses(node, "/api/sockets/disconnect", { all: false }, 400, /^rooms: is needed/);
	await refuses(node, "/api/sockets/disconnect", { all: true, rooms: ["a"] }, 400, /^all: /);
	const gone = event(a, "disconnect");
	assert.equal((await call(node, "POST", "/api/sockets/disconnect", { rooms: ["red"] })).status, 202);
	assert.equal((await gone)[0], "io server disconnect");
	const closed = event(b, "disconnect");
	assert.equal((await call(node, "POST", "/api/sockets/disconnect", { all: true, close: true })).status, 202);
	assert.equal((await closed)[0], "io server disconnect");
});

test("sockets are listed with their data, and their handshake only when asked for, without what is secret", async (t) => {
	const node = await serve(t, ["--demo", "--name", "north"], withKey);
	const socket = await connected(node, {
		transports: ["polling"], upgrade: false, auth: { name: "Ada \"<\u007f", token: "geheim" },
		extraHeaders: { Cookie: "session=geheim", Authorization: "Bearer geheim", "X-Seen": "yes" },
	});
	await join(socket, "red");
	const plain = await call(node, "GET", "/api/sockets");
	assert.deepEqual(plain.body, { sockets: [{ id: socket.id, node: "north", rooms: [socket.id, "red"], data: { name: "Ada \"<\u007f" } }] });
	const full = await call(node, "GET", "/api/sockets?handshake=true");
	const { handshake } = full.body.sockets[0];
	assert.equal(handshake.headers["x-seen"], "yes");
	assert.ok(!full.text.includes("geheim"), full.text);
	await Promise.all([connected(node), connected(node)]);
	const cut = await call(node, "GET", "/api/sockets?limit=2");
	assert.equal(cut.body.sockets.length, 2);
	assert.equal(cut.body.total, 3);
	assert.deepEqual((await call(node, "GET", "/api/count")).body, { count: 3, nodes: [{ node: "north", count: 3 }] });
	assert.deepEqual((await call(node, "GET", "/api/count?room=red")).body.count, 1);
	assert.deepEqual((await call(node, "GET", "/api/rooms")).body, { rooms: ["red"] });
	const nodes = (await call(node, "GET", "/api/nodes")).body;
	assert.equal(nodes.nodes.length, 1);
	assert.deepEqual([nodes.nodes[0].name, nodes.nodes[0].self, nodes.nodes[0].namespaces, nodes.gap], ["north", true, ["/"], null]);
});

test("queries are checked as strictly as bodies", async (t) => {
	const node = await serve(t, [], withKey);
	for (const [target, pattern] of [
		["/api/sockets?rooms=a", /^rooms: there is no such key/], ["/api/sockets?limit=0", /^limit: /], ["/api/sockets?limit=x", /^limit: /],
		["/api/sockets?limit=1&limit=2", /^limit: is there twice/], ["/api/sockets?handshake=maybe", /^handshake: /],
		["/api/sockets?room=%00", /^room: .*U\+0000/], ["/api/sockets?room=%ff", /^room: must be UTF-8/], ["/api/sockets?room=%", /^room: /],
		["/api/sockets?namespace=%2Fa%2Cb", /^namespace: /], ["/api/count?limit=5", /^limit: there is no such key/],
		["/api/rooms?room=a", /^room: there is no such key/], ["/api/nodes?namespace=a", /^namespace: there is no such key/],
		["/api/sockets?timeout=99", /^timeout: /], [`/api/sockets?room=${"a".repeat(1025)}`, /^room: .* at most 1024 bytes/],
	]) {
		const answer = await call(node, "GET", target);
		assert.equal(answer.status, 400, target);
		assert.match(answer.body.error.message, pattern);
	}
});

test("an event for servers has nobody to go to on a node that is alone", async (t) => {
	const node = await serve(t, [], withKey);
	const sent = await call(node, "POST", "/api/server-emit", { event: "x", args: [1] });
	assert.deepEqual([sent.status, sent.body], [202, { cluster: "alone" }]);
	const asked = await call(node, "POST", "/api/server-emit", { event: "x", timeout: 1000 });
	assert.deepEqual([asked.status, asked.body], [200, { error: null, responses: [], servers: { expected: 0, answered: 0, missing: [], unnamed_missing: 0 } }]);
	await refuses(node, "/api/server-emit", { event: "x", rooms: ["a"] }, 400, /^rooms: there is no such key/);
	for (const event of ["connect", "connection", "new_namespace"])
		await refuses(node, "/api/server-emit", { event }, 400, /^event: the name is reserved/);
	assert.equal((await call(node, "POST", "/api/server-emit", { event: "disconnect" })).status, 202);
});

// --- a listener of its own ------------------------------------------------------------------------------------------

test("--internal-listen moves all but Socket.IO to an address of its own", async (t) => {
	const node = await serve(t, ["--internal-listen", "127.0.0.1:0", "--path", "/"], withKey);
	node.apiPort = node.record("listening for operators").port;
	const internal = (target) => request(node.apiPort, { path: target });
	for (const target of ["/healthz", "/readyz", "/metrics"]) {
		assert.equal((await internal(target)).status, 200);
		assert.notEqual((await node.get(target)).status, 200);
	}
	assert.equal((await call(node, "GET", "/api/nodes")).status, 200);
	assert.notEqual((await node.get("/api/nodes", { headers: { Authorization: `Bearer ${key}` } })).status, 200);
	assert.equal((await internal("/?EIO=4&transport=polling")).status, 404);
	await connected(node, { path: "/" });
	const waiting = call(node, "POST", "/api/emit", { event: "x", timeout: 100 });
	assert.equal((await waiting).status, 200);
});

test("while the node drains, the operators' address still tells it", async (t) => {
	const node = await serve(t, ["--internal-listen", "127.0.0.1:0", "--drain-seconds", "2"]);
	const { port } = node.record("listening for operators");
	node.child.kill("SIGTERM");
	await within((async () => {
		while ((await request(port, { path: "/readyz" })).status !== 503) await new Promise((resolve) => setTimeout(resolve, 5));
	})(), "503");
	await within(node.exited, "the end");
});

test("an address that is no HOST:PORT, or is taken, ends the program", async (t) => {
	for (const address of ["3001", "localhost", ":3001", "a:b", "a:70000", "::1:3001", "[::1]", "[::1]x:1"]) {
		const { code, stderr } = await run(["serve", "--internal-listen", address]);
		assert.equal(code, 2, address);
		assert.match(stderr, /--internal-listen: ".*" is not HOST:PORT/);
	}
	const node = await serve(t);
	const taken = await run(["serve", "--port", String(await freePort()), "--internal-listen", `127.0.0.1:${node.port}`]);
	assert.equal(taken.code, 1);
	assert.match(taken.stderr, /cannot listen where --internal-listen says/);
});
