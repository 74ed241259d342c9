// What clients may do by themselves, and what must not work however it is tried.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import test from "node:test";
import { api, enter, env, refused, rooms } from "./clients.mjs";
import { ask, configFile, event, run, serve, sleep, until } from "./program.mjs";

// --- rooms ----------------------------------------------------------------------------------------------------------

test("without a rule nobody joins and nobody leaves", async (t) => {
	const node = await serve(t, ["--auth-optional", "/"], { env });
	const alice = await enter(node, { sub: "alice", rooms: ["news"] });
	const nobody = await enter(node);
	for (const socket of [alice, nobody])
		for (const room of ["news", "user:alice", "x", "*", socket.id, alice.id, ["a", "b"]]) {
			await refused(socket, "forbidden", "peal:join", room);
			await refused(socket, "forbidden", "peal:leave", room);
		}
	assert.deepEqual(await rooms(node, alice), ["news", "user:alice"]);
	assert.deepEqual(await rooms(node, nobody), []);
});

test("clients join and leave what a rule allows, and hear what is sent there", async (t) => {
	const node = await serve(t, ["--allow-join", "chat:*", "--allow-join", "lobby", "--allow-join", "team:{user}:*"], { env });
	const alice = await enter(node, { sub: "alice", rooms: ["news"] });
	assert.deepEqual(await ask(alice, "peal:join", "chat:größe 1"), { ok: true, rooms: ["chat:größe 1"] });
	assert.deepEqual(await ask(alice, "peal:join", ["lobby", "team:alice:x", "lobby"]), { ok: true, rooms: ["lobby", "team:alice:x"] });
	assert.deepEqual(await rooms(node, alice), ["chat:größe 1", "lobby", "news", "team:alice:x", "user:alice"]);
	const got = event(alice, "hello");
	await api(node, "/api/emit", { rooms: ["chat:größe 1"], event: "hello", args: [1] });
	assert.deepEqual(await got, [1]);
	assert.deepEqual(await ask(alice, "peal:leave", ["lobby", "chat:never"]), { ok: true, rooms: ["lobby", "chat:never"] });
	// Without an acknowledgement too.
	alice.emit("peal:leave", "chat:größe 1");
	await until(async () => (await rooms(node, alice)).length === 3, "the client to leave");
	assert.deepEqual(await rooms(node, alice), ["news", "team:alice:x", "user:alice"]);
});

test("rooms beside the pattern stay closed", async (t) => {
	const node = await serve(t, ["--allow-join", "chat:*,*,team:{user}:*,mine-{user},Aaaaaaaaaaaaaaaaaaaa"], { env });
	const alice = await enter(node, { sub: "alice", rooms: ["vip:1"] });
	const bob = await enter(node, { sub: "bob" });
	const closed = [
		"chat:", "chat:a:b", "chat:a\nb", "chat:\u007f", "chat:\u0085", "chat:a\tb", "Chat:a", " chat:a", ":", ":a", "a:", "vip:1",
		"team:bob:x", "team::x", "team:alice:", "team:alice", "team:alice:x:y", "team:{user}:x", "team:*:x", "mine-a:b", "mine-a\r",
		"user:alice", "user:bob", "user:", alice.id, bob.id, "AAAAAAAAAAAAAAAAAAAA", "-_-_-_-_-_-_-_-_-_-_",
	];
	for (const room of closed) {
		await refused(alice, "forbidden", "peal:join", room);
		await refused(alice, "forbidden", "peal:join", ["free", room]);
		await refused(alice, "forbidden", "peal:leave", room);
	}
	assert.deepEqual(await rooms(node, alice), ["user:alice", "vip:1"]);
	// The other side of each limit is open.
	const open = ["chat:a", "chat:*", "free", "AAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAA", "Aaaaaaaaaaaaaaaaaaaa", "chat:\u00a0", "mine-bob", "𝄞"];
	assert.deepEqual(await ask(alice, "peal:join", open), { ok: true, rooms: open });
});

test("the id of a user is text, whatever is in it, and who has none matches nothing with {user}", async (t) => {
	const node = await serve(t, ["--auth-optional", "/", "--allow-join", "of:{user}", "--allow-join", "x:{user}*"], { env });
	for (const [sub, mine] of [["*", "of:*"], ["a:b", "of:a:b"], ["{user}", "of:{user}"], ["\\\"", "of:\\\""], [7, "of:7"], ["ü", "of:ü"]]) {
		const socket = await enter(node, { sub, data: { name: "of:name" } });
		for (const other of ["of:a", "of:", "of:name", "of:{user", "of:user"]) await refused(socket, "forbidden", "peal:join", other);
		assert.deepEqual(await ask(socket, "peal:join", [mine, `x:${sub}1`]), { ok: true, rooms: [mine, `x:${sub}1`] });
	}
	const nobody = await enter(node);
	for (const room of ["of:", "of:{user}", "of:undefined", "of:null", "x:1", "x:"]) await refused(nobody, "forbidden", "peal:join", room);
});

test("a request that is no name and no list of names is refused as a whole", async (t) => {
	const node = await serve(t, ["--allow-join", "*"], { env: { PEAL_API_KEY: "geheim" } });
	const socket = await enter(node);
	const wrong = [
		[], [""], [null], [1], [true], [{}], [{ room: "a" }], [[]], [[""]], [["a", ""]], [["a", 1]], [["a", ["b"]]], [["a", null]],
		["a", "b"], [["a"], ["b"]], ["a\u0000b"], ["\u0000"], ["\ud800"], [Buffer.from("a")], [["a", Buffer.from("a")]],
		["a".repeat(1025)], ["ü".repeat(513)], ["a".repeat(900_000)], [Array.from({ length: 101 }, (_, i) => `r${i}`)], [Array(101).fill("a")],
		[{ _placeholder: true, num: 0, x: "a" }],
	];
	for (const request of wrong) {
		await refused(socket, "invalid", "peal:join", ...request);
		await refused(socket, "invalid", "peal:leave", ...request);
	}
	assert.deepEqual(await rooms(node, socket), []);
	const longest = "a".repeat(1024), many = Array.from({ length: 100 }, (_, i) => `r${i}`);
	assert.equal((await ask(socket, "peal:join", longest)).ok, true);
	assert.equal((await ask(socket, "peal:join", many)).ok, true);
	assert.equal((await rooms(node, socket)).length, 101);
});

test("a client is in no more rooms than it may, and a request over that changes nothing", async (t) => {
	const node = await serve(t, ["--allow-join", "r*", "--client-rooms", "4"], { env });
	const socket = await enter(node, { sub: "a", rooms: ["news"] }); // it is in two
	await refused(socket, "too_many_rooms", "peal:join", ["r1", "r2", "r3"]);
	assert.deepEqual(await rooms(node, socket), ["news", "user:a"]);
	assert.equal((await ask(socket, "peal:join", ["r1", "r2"])).ok, true);
	assert.equal((await ask(socket, "peal:join", ["r1", "r2"])).ok, true, "it is there already");
	await refused(socket, "too_many_rooms", "peal:join", "r3");
	assert.equal((await ask(socket, "peal:leave", "r1")).ok, true);
	assert.equal((await ask(socket, "peal:join", "r3")).ok, true);
	assert.deepEqual(await rooms(node, socket), ["news", "r2", "r3", "user:a"]);
});

test("a rule holds in its namespace only", async (t) => {
	const args = ["--namespace", "/chat,*", "--allow-join", "main", "--allow-join", "/chat talk", "--allow-join", "* any"];
	const node = await serve(t, args, { env: { PEAL_API_KEY: "geheim" } });
	for (const [namespace, mine] of [["/", "main"], ["/chat", "talk"], ["/other", "any"]]) {
		const socket = await enter(node, undefined, { namespace });
		for (const room of ["main", "talk", "any"].filter((name) => name !== mine)) await refused(socket, "forbidden", "peal:join", room);
		assert.deepEqual(await ask(socket, "peal:join", mine), { ok: true, rooms: [mine] });
		assert.deepEqual(await rooms(node, socket, namespace), [mine]);
	}
});

test("a reload changes the rules for clients that are connected", async (t) => {
	const file = configFile(t, { allowJoin: ["old"] });
	const node = await serve(t, ["--config", file], { env: { PEAL_API_KEY: "geheim" } });
	const socket = await enter(node);
	assert.equal((await ask(socket, "peal:join", "old")).ok, true);
	writeFileSync(file, JSON.stringify({ allowJoin: ["new"], clientRooms: 2 }));
	node.child.kill("SIGHUP");
	await until(() => node.record("configuration reloaded"), "the reload");
	await refused(socket, "forbidden", "peal:join", "old");
	await refused(socket, "forbidden", "peal:leave", "old");
	assert.equal((await ask(socket, "peal:join", "new")).ok, true);
	assert.deepEqual(await rooms(node, socket), ["new", "old"]);
});

test("patterns that mean nothing are refused at the start", async () => {
	for (const [args, expected] of [
		[["--allow-join", "user:*"], /about rooms of users/], [["--allow-join", "a{room}"], /brace that is not \{user\}/],
		[["--allow-join", "a**"], /two stars/], [["--allow-join", "/chat a"], /\/chat is not served/],
		[["--allow-join", "*a".repeat(9)], /more than 8/], [["--allow-join", "a".repeat(256)], /1 to 255 bytes/],
		[["--allow-join", Array.from({ length: 257 }, (_, i) => `r${i}`).join(",")], /more than 256/],
		[["--client-events-per-second", "-1"], /client-events-per-second/], [["--client-rooms", "0"], /client-rooms/], [["--client-rooms", "10000"], /client-rooms/],
	]) {
		const result = await run(["serve", "--port", "0", ...args]);
		assert.equal(result.code, 2, result.stderr);
		assert.match(result.stderr, expected);
	}
});

// --- how often ------------------------------------------------------------------------------------------------------

// Many events at once, and their answers.
const burst = (socket, count) => Promise.all(Array.from({ length: count }, () => ask(socket, "peal:join", "a")));
// Slowly: who goes on asking is disconnected.
const again = async (socket) => (await ask(socket, "peal:join", "a")).ok || (await sleep(300), false);
const limited = (answers) => answers.filter(({ error }) => error?.code === "rate_limited").length;

test("events over the limit of a client are refused, and those of others are not", async (t) => {
	const args = ["--allow-join", "a", "--client-events-per-second", "8"];
	const node = await serve(t, args, { env: { PEAL_API_KEY: "geheim" } });
	const [loud, quiet] = [await enter(node), await enter(node)];
	const answers = await burst(loud, 60);
	assert.ok(answers.slice(0, 8).every(({ ok }) => ok), "a second's worth may come at once");
	assert.ok(limited(answers) > 0);
	assert.ok(answers.every(({ ok, error }) => ok || error.code === "rate_limited"));
	assert.equal(limited(await burst(quiet, 8)), 0);
	// What was dropped was not done.
	const heard = [];
	loud.onAny((name) => heard.push(name));
	await until(() => again(loud), "the limit to be over");
	assert.deepEqual(heard, []);
});

test("the namespaces of a client share its limit", async (t) => {
	const args = ["--namespace", "*", "--allow-join", "a,* a", "--client-events-per-second", "2"];
	const node = await serve(t, args, { env: { PEAL_API_KEY: "geheim" } });
	const main = await enter(node);
	const others = [];
	for (let i = 0; i < 10; i++) {
		const socket = main.io.socket(`/n${i}`);
		node.clients.push(socket);
		await event(socket, "connect");
		others.push(socket);
	}
	const answers = await Promise.all([main, ...others].map((socket) => ask(socket, "peal:join", "a")));
	assert.ok(answers[0].ok);
	assert.ok(limited(answers) > 0, "each namespace has a limit of its own");
	// One that leaves takes nothing along.
	for (const socket of others) socket.disconnect();
	await until(() => again(main), "the limit to be over");
	assert.ok(limited(await burst(main, 5)) > 0);
});

test("who goes on sending is told and disconnected", async (t) => {
	const node = await serve(t, ["--client-events-per-second", "1"]);
	for (const transports of [["websocket"], ["polling"]]) {
		const [loud, quiet] = [await enter(node, undefined, { transports, reconnection: false }), await enter(node)];
		const told = event(loud, "peal:limited"), gone = event(loud, "disconnect");
		for (let i = 0; i < 200; i++) loud.emit("anything", i);
		assert.deepEqual(await told, [{ code: "rate_limited" }]);
		assert.equal((await gone)[0], "io server disconnect");
		assert.equal((await ask(quiet, "peal:join", "a")).error.code, "forbidden");
	}
	const ends = node.records.filter(({ message }) => message.startsWith("a client is disconnected: it sends more"));
	assert.deepEqual(ends.map(({ address }) => address), ["127.0.0.1", "127.0.0.1"]);
});

test("without a limit a client may send as much as it likes", async (t) => {
	const node = await serve(t, ["--allow-join", "a"]);
	assert.equal(limited(await burst(await enter(node), 3000)), 0);
});
