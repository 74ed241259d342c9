// Events that clients send on to rooms that they are in, and what must not be sent however it is tried.
//
// What must not come is not waited for: an event to everybody is sent behind it, and when that is there, the rest is too.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import test from "node:test";
import WebSocket from "ws";
import { enter, env, refused, secret } from "./clients.mjs";
import { ask, configFile, event, run, serve, until, within } from "./program.mjs";
import { call, startNodes, startRedis } from "./redis.mjs";

const key = { PEAL_API_KEY: "the-key-of-the-tests" };
const both = { ...env, ...key };

// What a client hears of, in `heard`.
function listen(socket) {
	socket.heard = [];
	socket.onAny((...args) => socket.heard.push(args));
	return socket;
}

// Everything that the clients have heard of so far. Between nodes too: what one node sends comes in its order.
async function heard(node, ...sockets) {
	const ends = sockets.map((socket) => event(socket, "end"));
	const namespaces = new Set(sockets.map(({ nsp }) => nsp));
	for (const namespace of namespaces) assert.equal((await call(node, "POST", "/api/emit", { namespace, event: "end" })).status, 202);
	await Promise.all(ends);
	return sockets.map((socket) => socket.heard.splice(0).slice(0, -1));
}

const move = async (node, socket, way, room) =>
	assert.equal((await call(node, "POST", `/api/sockets/${way}`, { rooms: [socket.id], targets: [room] })).status, 200);

// A client that sends and gets the texts of packets.
async function raw(t, node, auth = {}) {
	const socket = new WebSocket(`${node.url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
	t.after(() => socket.terminate());
	const packets = [];
	let next;
	socket.on("message", (data, binary) => {
		if (!binary && String(data) === "2") socket.send("3");
		else packets.push(binary ? data : String(data));
		next?.();
	});
	const closed = new Promise((resolve) => socket.on("close", resolve));
	const receive = () => within((async () => {
		while (!packets.length) await new Promise((resolve) => { next = resolve; });
		return packets.shift();
	})(), "a packet");
	assert.match(await receive(), /^0/);
	socket.send(`40${JSON.stringify(auth)}`);
	return { id: JSON.parse((await receive()).slice(2)).sid, send: (packet) => socket.send(packet), receive, closed };
}

// --- what is sent ---------------------------------------------------------------------------------------------------

test("without a rule nothing is sent on, whatever a client is in", async (t) => {
	const node = await serve(t, ["--auth-optional", "/", "--allow-join", "*"], { env: both });
	const alice = await enter(node, { sub: "alice", rooms: ["news"] });
	const bob = listen(await enter(node, { sub: "bob", rooms: ["news"] }));
	const nobody = await enter(node);
	assert.equal((await ask(nobody, "peal:join", "news")).ok, true);
	for (const socket of [alice, nobody])
		for (const room of ["news", "user:alice", "user:bob", "x", "*", socket.id, bob.id, ["news"]])
			for (const name of ["message", "*", "peal:join", "connect"]) await refused(socket, "forbidden", "peal:emit", room, name, 1);
	alice.emit("peal:emit", "news", "message");
	assert.deepEqual(await heard(node, bob), [[]]);
});

test("an event reaches the others of the rooms on all nodes, each once, as it was sent and with who sent it", async (t) => {
	const { nodes: [here, there] } = await startNodes(t, 2,
		["--auth-secret", secret, "--auth-optional", "/", "--allow-emit", "message,typing", "--allow-join", "chat:*"]);
	const alice = listen(await enter(here, { sub: "al\"ice", rooms: ["chat:1", "chat:2"] }));
	const near = listen(await enter(here, { sub: "near", rooms: ["chat:1", "chat:2"] }));
	const polling = listen(await enter(here, { sub: "polling", rooms: ["chat:2"] }, { transports: ["polling"] }));
	const far = listen(await enter(there, { sub: "far", rooms: ["chat:2", "chat:1"] }));
	const also = listen(await enter(there));
	const outside = listen(await enter(there, { sub: "outside", rooms: ["chat:3"] }));
	const all = [alice, near, polling, far, also, outside];
	assert.equal((await ask(also, "peal:join", "chat:1")).ok, true);
	const from = { socket: alice.id, user: "al\"ice" };
	const bytes = Buffer.from([0, 1, 255]);

	assert.deepEqual(await ask(alice, "peal:emit", ["chat:1", "chat:2", "chat:1"], "message", { text: "größe" }, null, [1.5, -0.25e-7, 1e21]),
		{ ok: true, rooms: ["chat:1", "chat:2"] });
	assert.deepEqual(await ask(alice, "peal:emit", "chat:2", "typing"), { ok: true, rooms: ["chat:2"] });
	assert.deepEqual(await ask(alice, "peal:emit", "chat:1", "message", bytes, { deep: [bytes, ""] }, Buffer.alloc(0)), { ok: true, rooms: ["chat:1"] });
	alice.emit("peal:emit", "chat:1", "typing", "without an acknowledgement");
	const first = ["message", { text: "größe" }, null, [1.5, -0.25e-7, 1e21], from];
	const one = [["message", bytes, { deep: [bytes, ""] }, Buffer.alloc(0), from], ["typing", "without an acknowledgement", from]];
	assert.equal((await ask(alice, "peal:emit", "chat:1", "typing", "the last one")).ok, true);
	one.push(["typing", "the last one", from]);
	assert.deepEqual(await heard(here, ...all), [
		[], [first, ["typing", from], ...one], [first, ["typing", from]], [first, ["typing", from], ...one], [first, ...one], [],
	]);
	// The other way, from a client without a user.
	assert.equal((await ask(also, "peal:emit", "chat:1", "message", 1)).ok, true);
	const back = [["message", 1, { socket: also.id, user: null }]];
	assert.deepEqual(await heard(there, ...all), [back, back, [], back, [], []]);
});

test("nobody can speak as somebody else, or without a name", async (t) => {
	const node = await serve(t, ["--auth-optional", "/", "--allow-emit", "message"], { env: both });
	const bob = listen(await enter(node, { sub: "bob", rooms: ["r"] }));
	for (const sub of ["mallory", "a\\", "{user}", "ü𝄞", "\"},{\"user\":\"bob\"", 7]) {
		const socket = await enter(node, { sub, rooms: ["r"], data: { name: "bob", socket: bob.id } });
		const forged = { socket: bob.id, user: "bob" };
		for (const args of [[], [forged], ["text", forged], [[forged]], [JSON.stringify(forged)]])
			assert.equal((await ask(socket, "peal:emit", "r", "message", ...args)).ok, true);
		const truth = { socket: socket.id, user: String(sub) };
		assert.deepEqual(await heard(node, bob),
			[[[], [forged], ["text", forged], [[forged]], [JSON.stringify(forged)]].map((args) => ["message", ...args, truth])]);
	}
});

test("the text of the arguments is passed on byte for byte", async (t) => {
	const node = await serve(t, ["--allow-emit", "m*", "--allow-join", "r"], { env: key });
	const [sender, receiver] = [await raw(t, node), await raw(t, node)];
	for (const one of [sender, receiver]) {
		one.send('420["peal:join","r"]');
		assert.equal(await one.receive(), '430[{"ok":true,"rooms":["r"]}]');
	}
	const from = `{"socket":"${sender.id}","user":null}`;
	for (const [request, expected] of [
		['"r","mA",1.0,1e2,12345678901234567890,-0', '"mA",1.0,1e2,12345678901234567890,-0,'],
		['[ "r" ] , "m\\u0041" , {"a" :1,"a":2} ,"\\u00e4\\/" ', '"mA",{"a" :1,"a":2} ,"\\u00e4\\/",'],
		['"\\u0072","mA"', '"mA",'], ['"r","mA",{"socket":"x","user":"y"}', '"mA",{"socket":"x","user":"y"},'],
		['"r","m\\"]"', '"m\\"]",'],
	]) {
		sender.send(`421["peal:emit",${request}]`);
		assert.equal(await sender.receive(), '431[{"ok":true,"rooms":["r"]}]');
		assert.equal(await receiver.receive(), `42[${expected}${from}]`);
	}
	// Attachments that nothing names, and one that two places name, harm nobody.
	sender.send('452-2["peal:emit","r","mA",{"_placeholder":true,"num":1},{"_placeholder":true,"num":1}]');
	for (const byte of [1, 2]) sender.send(Buffer.from([byte]));
	assert.equal(await sender.receive(), '432[{"ok":true,"rooms":["r"]}]');
	assert.equal(await receiver.receive(), `452-["mA",{"_placeholder":true,"num":1},{"_placeholder":true,"num":1},${from}]`);
	assert.deepEqual([await receiver.receive(), await receiver.receive()].map((data) => [...data]), [[1], [2]]);
	// What only looks like one has a place in no packet that others can read.
	for (const packet of ['422["peal:emit","r","mA",{"_placeholder":true,"num":0}]', '422["peal:emit","r","mA",[{"num":"x","_placeholder":true}]]']) {
		sender.send(packet);
		assert.match(await sender.receive(), /^432\[\{"ok":false,"error":\{"code":"invalid","message":"[^"]*binary/);
	}
	sender.send('453-3["peal:emit",{"_placeholder":true,"num":0},"mA"]');
	for (const byte of [1, 2, 3]) sender.send(Buffer.from([byte]));
	assert.match(await sender.receive(), /^433\[\{"ok":false,"error":\{"code":"invalid"/);
	sender.send('421["peal:emit","r","mB"]');
	await sender.receive();
	assert.equal(await receiver.receive(), `42["mB",${from}]`);
	// One that names what is not there ends the sender, as any such packet does.
	sender.send('451-4["peal:emit","r","mA",{"_placeholder":true,"num":1}]');
	await within(sender.closed, "the sender to be closed");
	const last = await raw(t, node);
	last.send('420["peal:join","r"]');
	await last.receive();
	last.send('421["peal:emit","r","mC"]');
	await last.receive();
	assert.equal(await receiver.receive(), `42["mC",{"socket":"${last.id}","user":null}]`);
});

// --- where to -------------------------------------------------------------------------------------------------------

test("a client sends to no room that it is not in, and then to none at all", async (t) => {
	const node = await serve(t, ["--allow-emit", "*", "--allow-join", "chat:*"], { env: both });
	const alice = await enter(node, { sub: "alice", rooms: ["mine"] });
	const bob = listen(await enter(node, { sub: "bob", rooms: ["mine", "vip", "a b", "chat:1"] }));
	const other = listen(await enter(node, { sub: "other", rooms: [bob.id] }));
	const closed = ["vip", "a b", "user:bob", "user:", "user:*", bob.id, other.id, "chat:1", "*", "/", "Mine", "mine ", " mine", "mine,vip", "mine\u0000", "mi\u0000ne",
		"mine\n", "\u007f", "\u0085", "m", "mine:", "{user}", "user:{user}", "__proto__", "chat:*"];
	for (const room of closed) {
		const code = room.includes("\u0000") ? "invalid" : "forbidden";
		await refused(alice, code, "peal:emit", room, "message");
		await refused(alice, code, "peal:emit", ["mine", room], "message");
		await refused(alice, code, "peal:emit", [room, "mine"], "message");
	}
	// Left, by itself or because the backend said so.
	assert.equal((await ask(alice, "peal:join", "chat:1")).ok, true);
	assert.equal((await ask(alice, "peal:emit", "chat:1", "message", "in")).ok, true);
	assert.equal((await ask(alice, "peal:leave", "chat:1")).ok, true);
	await refused(alice, "forbidden", "peal:emit", ["mine", "chat:1"], "message");
	await move(node, alice, "join", "vip");
	assert.equal((await ask(alice, "peal:emit", "vip", "message", "in")).ok, true);
	await move(node, alice, "leave", "vip");
	await refused(alice, "forbidden", "peal:emit", "vip", "message");
	const from = { socket: alice.id, user: "alice" };
	assert.deepEqual(await heard(node, bob, other), [[["message", "in", from], ["message", "in", from]], []]);
});

test("a user's devices may talk to each other, and nobody to a client's own id", async (t) => {
	const node = await serve(t, ["--allow-emit", "*"], { env: both });
	const phone = listen(await enter(node, { sub: "alice" })), laptop = listen(await enter(node, { sub: "alice" }));
	const bob = listen(await enter(node, { sub: "bob" }));
	const all = [phone, laptop, bob], from = { socket: phone.id, user: "alice" };
	assert.deepEqual(await ask(phone, "peal:emit", "user:alice", "read", 7), { ok: true, rooms: ["user:alice"] });
	await refused(bob, "forbidden", "peal:emit", "user:alice", "read", 8);
	// The sender never gets its own event, and whom the backend put into its room is not meant by it.
	await move(node, bob, "join", phone.id);
	await refused(phone, "forbidden", "peal:emit", phone.id, "read", 9);
	await refused(phone, "forbidden", "peal:emit", ["user:alice", phone.id], "read", 10);
	await refused(laptop, "forbidden", "peal:emit", phone.id, "read", 11);
	assert.deepEqual(await heard(node, ...all), [[], [["read", 7, from]], []]);
	// Where the backend put it, it is.
	assert.equal((await ask(bob, "peal:emit", phone.id, "hello")).ok, true);
	assert.deepEqual(await heard(node, ...all), [[["hello", { socket: bob.id, user: "bob" }]], [], []]);
});

test("a request of another form is refused as a whole", async (t) => {
	const node = await serve(t, ["--allow-emit", "*", "--allow-join", "*"], { env: key });
	const socket = await enter(node), other = listen(await enter(node));
	for (const one of [socket, other]) assert.equal((await ask(one, "peal:join", "r")).ok, true);
	const long = "a".repeat(1025), many = Array.from({ length: 101 }, (_, i) => `r${i}`);
	const wrong = [
		[], ["r"], [["r"]], ["", "m"], [null, "m"], [1, "m"], [true, "m"], [{}, "m"], [{ room: "r" }, "m"], [[], "m"], [[""], "m"], [["r", ""], "m"], [["r", 1], "m"],
		[["r", ["r"]], "m"], [["r", null], "m"], [long, "m"], ["ü".repeat(513), "m"], ["a".repeat(900_000), "m"], [many, "m"], [Array(101).fill("r"), "m"],
		[Buffer.from("r"), "m"], ["\ud800", "m"], [{ _placeholder: true, num: 0, x: "r" }, "m"],
		// The name of the event.
		["r", ""], ["r", 1], ["r", 1, "m"], ["r", null, "m"], ["r", true], ["r", ["m"]], ["r", { event: "m" }], ["r", Buffer.from("m")], ["r", "m\u0000"], ["r", "\udc00m"],
		["r", long], ["r", "ü".repeat(513)], ["r", "a".repeat(900_000)],
	];
	for (const request of wrong) await refused(socket, "invalid", "peal:emit", ...request);
	assert.deepEqual(await heard(node, other), [[]]);
	// The other side of each limit is fine.
	const rooms = Array.from({ length: 99 }, (_, i) => `r${i}`);
	assert.equal((await ask(socket, "peal:join", rooms)).ok, true);
	const name = "a".repeat(1024);
	assert.deepEqual(await ask(socket, "peal:emit", ["r", ...rooms], name), { ok: true, rooms: ["r", ...rooms] });
	assert.deepEqual(await heard(node, other), [[[name, { socket: socket.id, user: null }]]]);
});

// --- what for -------------------------------------------------------------------------------------------------------

test("events beside the patterns, of peal and of Socket.IO itself are not sent", async (t) => {
	const rules = ["--allow-emit", "*,*:*", "--allow-emit", "connec*,p*:*,{user}-x:y:z"];
	const node = await serve(t, rules, { env: both });
	const [alice, bob] = [await enter(node, { sub: "alice", rooms: ["r"] }), listen(await enter(node, { sub: "bob", rooms: ["r"] }))];
	const closed = [
		"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener",
		"peal:join", "peal:emit", "peal:expired", "peal:limited", "peal:event", "peal:", "peal:\n",
		"a\n", "\u0001", "a\u007f", "a\u0085", "a\tb", "a:b:c", ":", "a:", ":a", "bob-x:y:z", "{user}-x:y:z",
	];
	for (const name of closed) await refused(alice, "forbidden", "peal:emit", "r", name, 1);
	const open = ["a", "connection", "Connect", "connec", "disconnected", "peal", "Peal:x", "peal :x", "*", "a:b", "größe 1", "𝄞", "toString", "error", "alice-x:y:z", "1"];
	for (const name of open) assert.equal((await ask(alice, "peal:emit", "r", name, 1)).ok, true, name);
	assert.deepEqual(await heard(node, bob), [open.map((name) => [name, 1, { socket: alice.id, user: "alice" }])]);
});

test("a rule and a room are those of a namespace", async (t) => {
	const node = await serve(t, ["--namespace", "/chat,*", "--allow-join", "r,/chat r,* r", "--allow-emit", "main,/chat talk,* any"], { env: key });
	const expected = [], all = [];
	for (const [namespace, mine] of [["/", "main"], ["/chat", "talk"], ["/other", "any"]]) {
		const [sender, receiver] = [await enter(node, undefined, { namespace }), listen(await enter(node, undefined, { namespace }))];
		for (const one of [sender, receiver]) assert.equal((await ask(one, "peal:join", "r")).ok, true);
		for (const name of ["main", "talk", "any"].filter((one) => one !== mine)) await refused(sender, "forbidden", "peal:emit", "r", name);
		assert.equal((await ask(sender, "peal:emit", "r", mine, namespace)).ok, true);
		expected.push([[mine, namespace, { socket: sender.id, user: null }]]);
		all.push(receiver);
	}
	assert.deepEqual(await heard(node, ...all), expected);
});

test("large events are sent on as they are, and one that no cluster could carry is refused", async (t) => {
	const { nodes: [here, there] } = await startNodes(t, 2, ["--allow-emit", "m", "--allow-join", "r", "--max-http-buffer-size", "20000000"]);
	const socket = await enter(here), near = listen(await enter(here)), far = listen(await enter(there));
	for (const one of [socket, near, far]) assert.equal((await ask(one, "peal:join", "r")).ok, true);
	const from = { socket: socket.id, user: null };
	const million = "ü".repeat(500_000), thousands = Array.from({ length: 20_000 }, (_, i) => i % 7 ? i : { i });
	const bytes = Buffer.alloc(1_000_000, 7), ten = Array.from({ length: 10 }, (_, i) => Buffer.alloc(100_000, i));
	for (const args of [[million], thousands, [bytes], ten]) {
		assert.equal((await ask(socket, "peal:emit", "r", "m", ...args)).ok, true);
		const [a, b] = await heard(here, near, far);
		for (const got of [a, b]) assert.ok(JSON.stringify(got) === JSON.stringify([["m", ...args, from]]), "it came otherwise");
	}
	await refused(socket, "too_large", "peal:emit", "r", "m", "x".repeat(17_000_000));
	await refused(socket, "too_large", "peal:emit", "r", "m", Buffer.alloc(9_000_000), Buffer.alloc(9_000_000));
	assert.deepEqual(await heard(here, near, far), [[], []]);
	assert.ok(socket.connected);
});

// --- together with the rest -----------------------------------------------------------------------------------------

test("a reload changes the rules for clients that are connected", async (t) => {
	const file = configFile(t, { allowJoin: ["r"], allowEmit: ["old"] });
	const node = await serve(t, ["--config", file], { env: key });
	const socket = await enter(node), other = listen(await enter(node));
	for (const one of [socket, other]) assert.equal((await ask(one, "peal:join", "r")).ok, true);
	assert.equal((await ask(socket, "peal:emit", "r", "old")).ok, true);
	await refused(socket, "forbidden", "peal:emit", "r", "new");
	writeFileSync(file, JSON.stringify({ allowEmit: ["new"] }));
	node.child.kill("SIGHUP");
	await until(() => node.record("configuration reloaded"), "the reload");
	await refused(socket, "forbidden", "peal:emit", "r", "old");
	assert.equal((await ask(socket, "peal:emit", "r", "new")).ok, true, "it is still in its room");
	const from = { socket: socket.id, user: null };
	assert.deepEqual(await heard(node, other), [[["old", from], ["new", from]]]);
});

test("what is over the limit of a client is not sent", async (t) => {
	const node = await serve(t, ["--allow-join", "r", "--allow-emit", "m", "--client-events-per-second", "4"], { env: key });
	const socket = await enter(node), other = listen(await enter(node));
	for (const one of [socket, other]) assert.equal((await ask(one, "peal:join", "r")).ok, true);
	const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => ask(socket, "peal:emit", "r", "m", i)));
	const sent = answers.flatMap(({ ok }, i) => ok ? [i] : []);
	assert.ok(sent.length > 0 && sent.length < 20, JSON.stringify(answers));
	assert.ok(answers.every(({ ok, error }) => ok || error.code === "rate_limited"));
	assert.deepEqual(await heard(node, other), [sent.map((i) => ["m", i, { socket: socket.id, user: null }])]);
});

test("peal:emit is never forwarded to Node.js servers, and an event of the same name that is sent on neither", async (t) => {
	const redis = await startRedis(t);
	const node = await serve(t, ["--redis", redis.url, "--forward", "*,*:*", "--forward-timeout", "60000", "--allow-join", "r", "--allow-emit", "*"], { env: key });
	const socket = await enter(node), other = listen(await enter(node));
	for (const one of [socket, other]) assert.equal((await ask(one, "peal:join", "r")).ok, true);
	assert.equal((await ask(socket, "peal:emit", "r", "order")).ok, true);
	assert.deepEqual(await heard(node, other), [[["order", { socket: socket.id, user: null }]]]);
	const forwarded = async () => (await node.get("/metrics")).body.match(/^peal_forwarded_events_total\{.*\} \d+$/gm).map((line) => Number(line.split(" ")[1]));
	assert.deepEqual(new Set(await forwarded()), new Set([0]));
	assert.equal((await ask(socket, "order")).error.code, "unavailable");
	assert.equal((await forwarded()).reduce((sum, count) => sum + count), 1);
});

test("patterns that mean nothing are refused at the start", async () => {
	for (const [args, expected] of [
		[["--allow-emit", "peal:*"], /--allow-emit: "peal:\*" begins with peal:/], [["--allow-emit", "peal:emit"], /begins with peal:/],
		[["--allow-emit", "connect"], /--allow-emit: "connect" is a reserved name/], [["--allow-emit", "a,newListener"], /"newListener" is a reserved name/],
		[["--allow-emit", "/chat a"], /--allow-emit: \/chat is not served/], [["--allow-emit", "* a"], /--allow-emit: \* is not served/],
		[["--allow-emit", "a**"], /two stars/], [["--allow-emit", "a{room}"], /brace that is not \{user\}/], [["--allow-emit", "*a".repeat(9)], /more than 8/],
		[["--allow-emit", "a".repeat(256)], /1 to 255 bytes/], [["--allow-emit", "a\nb"], /without control characters/], [["--allow-emit", "a\u0085b"], /has a control character/],
		[["--allow-emit", Array.from({ length: 257 }, (_, i) => `e${i}`).join(",")], /--allow-emit: there are more than 256/],
	]) {
		const result = await run(["serve", "--port", "0", ...args]);
		assert.equal(result.code, 2, result.stderr);
		assert.match(result.stderr, expected);
	}
});
