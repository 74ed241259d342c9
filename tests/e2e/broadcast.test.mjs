// Every form of broadcasting, seen from the wire of each client.
import assert from "node:assert/strict";
import {
	eventually, isPeal, joinNamespace, pealScenario, Polling, pollingSocket, received, scenario, startServer, unpack, Wire,
	wireSocket,
} from "./support.mjs";

// Four clients: the first three over WebSocket, the last over polling. Rooms: one: 0 1, two: 1 2, three: 3.
async function audience(t, { nsp = "", ...settings } = {}) {
	const server = await startServer(t, settings);
	const clients = [];
	for (let at = 0; at < 3; at++) clients.push(await wireSocket(server.port, { nsp }));
	clients.push(await pollingSocket(server.port, { nsp }));
	for (const [room, members] of Object.entries({ one: [0, 1], two: [1, 2], three: [3] }))
		for (const member of members)
			await server.control({ do: "join", ns: nsp || "/", direct: clients[member].id, names: [room] });
	await received(server, clients, nsp);
	const emit = (command) => server.control({ do: "emit", ns: nsp || "/", event: "e", ...command });
	// Which of the clients got exactly one `e` since the last look; anything else they got is an error.
	const who = async (expected = `42${nsp}${nsp && ","}["e"]`) => {
		const lists = await received(server, clients, nsp);
		return lists.flatMap((list, at) => {
			if (list.length === 0) return [];
			assert.deepEqual(list, [expected]);
			return [at];
		});
	};
	return { server, clients, emit, who };
}

for (const nsp of ["", "/custom", "/dynamic-5"]) {
	const where = nsp ? `in ${nsp}` : "in the main namespace";

	scenario(`a broadcast ${where} reaches exactly its target, each socket once`, async (t) => {
		const { emit, who, clients } = await audience(t, { nsp });
		const reaches = async (command, expected) => {
			assert.equal((await emit(command)).error, null);
			assert.deepEqual(await who(), expected, JSON.stringify(command));
		};
		await reaches({}, [0, 1, 2, 3]);
		await reaches({ rooms: ["one"] }, [0, 1]);
		await reaches({ rooms: ["one", "two"] }, [0, 1, 2]);
		await reaches({ rooms: ["one", "one"] }, [0, 1]);
		await reaches({ rooms: ["three", "nobody"] }, [3]);
		await reaches({ rooms: ["nobody"] }, []);
		await reaches({ rooms: [clients[2].id] }, [2]);
		await reaches({ except: ["one"] }, [2, 3]);
		await reaches({ except: [clients[3].id, "nobody"] }, [0, 1, 2]);
		await reaches({ rooms: ["one"], except: ["two"] }, [0]);
		await reaches({ rooms: ["one", "two"], except: ["one", "two"] }, []);
		await reaches({ except: [] }, [0, 1, 2, 3]);
		await reaches({ flags: ["local"] }, [0, 1, 2, 3]);
		await reaches({ flags: ["local", "no-compress"], rooms: ["two"] }, [1, 2]);
		await reaches({ direct: clients[1].id }, [1]);
	});

	scenario(`a broadcast from a socket ${where} never reaches the socket itself`, async (t) => {
		const { emit, who, clients } = await audience(t, { nsp });
		const reaches = async (command, expected) => {
			assert.equal((await emit({ socket: clients[1].id, ...command })).error, null);
			assert.deepEqual(await who(), expected, JSON.stringify(command));
		};
		await reaches({}, [0, 2, 3]);
		await reaches({ rooms: ["one"] }, [0]);
		await reaches({ rooms: ["one", "two"] }, [0, 2]);
		await reaches({ rooms: [clients[1].id] }, []);
		await reaches({ except: ["two"] }, [0, 3]);
		await reaches({ rooms: ["one", "two", "three"], except: ["three"] }, [0, 2]);
		await reaches({ flags: ["local"] }, [0, 2, 3]);
	});
}

scenario("a broadcast in one namespace does not reach sockets of another on the same connection", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port);
	await joinNamespace(wire, "/custom");
	await joinNamespace(wire, "/dynamic-1");
	await server.control({ do: "emit", ns: "/custom", event: "e" });
	assert.deepEqual(await received(server, [wire]), [['42/custom,["e"]']]);
});

scenario("a broadcast on a dynamic parent reaches the sockets of all its children", async (t) => {
	const server = await startServer(t);
	const wires = [await wireSocket(server.port, { nsp: "/dynamic-1" }), await wireSocket(server.port, { nsp: "/dynamic-22" })];
	const other = await wireSocket(server.port);
	await server.control({ do: "emit", ns: "<pattern>", event: "e", args: [1] });
	assert.equal(await wires[0].next(), '42/dynamic-1,["e",1]');
	assert.equal(await wires[1].next(), '42/dynamic-22,["e",1]');
	assert.deepEqual(await received(server, [other]), [[]]);
});

scenario("a binary broadcast arrives whole on every transport", async (t) => {
	const { server, clients, emit } = await audience(t);
	await emit({ args: [{ _placeholder: true, num: 0 }, { deep: [{ _placeholder: true, num: 1 }] }], attachments: ["010203", "ff"] });
	const text = '452-["e",{"_placeholder":true,"num":0},{"deep":[{"_placeholder":true,"num":1}]}]';
	const lists = await received(server, clients);
	for (const list of lists.slice(0, 3)) assert.deepEqual(list, [text, Buffer.from([1, 2, 3]), Buffer.from([255])]);
	assert.deepEqual(lists[3], [text, "bAQID", "b/w=="]);
});

scenario("a client with b64 gets binary as base64 text over WebSocket too", async (t) => {
	const server = await startServer(t);
	const wire = await wireSocket(server.port, { query: "&b64=1" });
	const plain = await wireSocket(server.port);
	await server.control({ do: "emit", event: "e", args: [{ _placeholder: true, num: 0 }], attachments: ["010203"] });
	const [first, second] = await received(server, [wire, plain]);
	assert.deepEqual(first, ['451-["e",{"_placeholder":true,"num":0}]', "bAQID"]);
	assert.deepEqual(second, ['451-["e",{"_placeholder":true,"num":0}]', Buffer.from([1, 2, 3])]);
});

scenario("broadcasts and direct emits reach a client in the order of the calls", async (t) => {
	const { server, clients } = await audience(t);
	const command = (number) => [
		{ do: "emit", event: "n", args: [number] },
		{ do: "emit", event: "n", args: [number], direct: clients[1].id },
		{ do: "emit", event: "n", args: [number], rooms: ["one"] },
		{ do: "emit", event: "n", args: [number, { _placeholder: true, num: 0 }], attachments: ["00"], rooms: ["three", "two"] },
	][number % 4];
	await server.control({ do: "several", commands: Array.from({ length: 40 }, (_, number) => command(number)) });
	const lists = await received(server, clients);
	const expected = [[0, 2], [0, 1, 2, 3], [0, 3], [0, 3]];
	for (const [at, list] of lists.entries()) {
		const numbers = list.filter((packet) => typeof packet === "string" && packet.startsWith("4"))
			.map((packet) => JSON.parse(packet.slice(packet.indexOf("[")))[1]);
		assert.deepEqual(numbers, Array.from({ length: 40 }, (_, number) => number).filter((number) => expected[at].includes(number % 4)));
	}
});

scenario("reserved event names are refused on the emitting side", async (t) => {
	const { emit, who } = await audience(t);
	for (const event of ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"])
		assert.notEqual((await emit({ event })).error, null, event);
	assert.deepEqual(await who(), []);
});

pealScenario("an empty room list reaches nobody and is an error", async (t) => {
	const { emit, who } = await audience(t);
	assert.equal((await emit({ rooms: [] })).error, "invalid");
	assert.equal((await emit({ rooms: [], timeout: 1000 })).error, "invalid");
	assert.deepEqual(await who(), []);
});

pealScenario("more than ten attachments are refused", async (t) => {
	const { emit, who } = await audience(t);
	const args = Array.from({ length: 11 }, (_, num) => ({ _placeholder: true, num }));
	assert.notEqual((await emit({ args, attachments: args.map(() => "00") })).error, null);
	assert.deepEqual(await who(), []);
});

// Acknowledged broadcasts. `answers` maps a client's index to the argument text it acknowledges with.
async function acknowledged(t, command, answers, nsp = "") {
	const all = await audience(t, { nsp });
	const { clients } = all;
	const prefix = `42${nsp}${nsp && ","}`;
	const asked = [];
	const round = all.emit({ timeout: 20000, ...command, socket: command.socket === undefined ? undefined : clients[command.socket].id });
	for (const [at, answer] of answers instanceof Map ? answers : Object.entries(answers)) {
		const client = clients[at];
		const isQuestion = (packet) => typeof packet === "string" && packet.startsWith(prefix);
		const question = client instanceof Polling ?
			(await client.packetsUntil(isQuestion)).find(isQuestion) : await client.nextThat(isQuestion);
		const id = /^\d*/.exec(question.slice(prefix.length))[0];
		asked.push(question);
		const reply = `43${nsp}${nsp && ","}${id}${answer}`;
		if (client instanceof Polling) await client.post(reply);
		else client.send(reply);
		// The next client answers when this answer has been taken in.
		if (client instanceof Polling) continue;
		client.send(`42${nsp}${nsp && ","}1000["echo"]`);
		assert.equal(await client.next(), `43${nsp}${nsp && ","}1000[]`);
	}
	return { ...all, asked, round, result: await round };
}

const values = (result) => result.responses.map((response) => unpack(response)[0]).sort();

for (const [form, command, answers] of [
	["to everyone", {}, { 0: "[0]", 1: "[1]", 2: "[2]", 3: "[3]" }],
	["to a room", { rooms: ["one"] }, { 0: "[0]", 1: "[1]" }],
	["from a socket to the others", { socket: 1 }, { 0: "[0]", 2: "[2]", 3: "[3]" }],
	["from a socket to rooms", { socket: 1, rooms: ["one", "three"] }, { 0: "[0]", 3: "[3]" }],
	["to everyone except a room", { except: ["two"] }, { 0: "[0]", 3: "[3]" }],
	["to local clients", { flags: ["local"] }, { 0: "[0]", 1: "[1]", 2: "[2]", 3: "[3]" }],
]) {
	for (const nsp of ["", "/dynamic-9"])
		scenario(`an acknowledged broadcast ${form}${nsp && " in a namespace"} collects every answer`, async (t) => {
			const { result, asked, server, clients } = await acknowledged(t, command, answers, nsp);
			assert.equal(result.error, null);
			assert.deepEqual(values(result), Object.keys(answers).map(Number).sort());
			assert.equal(new Set(asked).size, 1, "one frame serves all");
			assert.equal(asked[0], `42${nsp}${nsp && ","}0["e"]`);
			for (const list of await received(server, clients, nsp))
				assert.deepEqual(list.filter((packet) => packet.includes('["e"]')), []);
			if (isPeal) {
				assert.equal(result.expected, Object.keys(answers).length);
				assert.equal(result.answered, Object.keys(answers).length);
				assert.equal(result.servers, 1);
				assert.deepEqual(result.missing, []);
			}
		});
}

scenario("an acknowledged broadcast keeps answers in order of arrival, the first argument of each", async (t) => {
	const { result } = await acknowledged(t, { rooms: ["one", "two"] }, new Map([[2, '["c","x"]'], [0, "[]"], [1, '[{"a":[1]}]']]));
	assert.equal(result.error, null);
	assert.deepEqual(result.responses.map((response) => unpack(response)[0]), ["c", null, { a: [1] }]);
});

scenario("an acknowledged broadcast with binary data collects binary answers", async (t) => {
	const { clients, emit } = await audience(t);
	const round = emit({ rooms: ["one"], timeout: 20000, args: [{ _placeholder: true, num: 0 }], attachments: ["0102"] });
	for (const wire of clients.slice(0, 2)) {
		assert.equal(await wire.nextThat((packet) => packet.startsWith?.("45")), '451-0["e",{"_placeholder":true,"num":0}]');
		assert.deepEqual(await wire.next(), Buffer.from([1, 2]));
		wire.send('461-0[{"_placeholder":true,"num":0}]');
		wire.send(Buffer.from([9]));
	}
	const result = await round;
	assert.equal(result.error, null);
	assert.deepEqual(result.responses.map((response) => unpack(response)), [[Buffer.from([9])], [Buffer.from([9])]]);
});

scenario("an acknowledged broadcast ends at its deadline with an error and the answers so far", async (t) => {
	const { result, clients, server, emit } = await acknowledged(t, { timeout: 400 }, { 0: '["yes"]', 3: "[3]" });
	assert.equal(result.error, "operation has timed out");
	assert.deepEqual(values(result), [3, "yes"]);
	if (isPeal) {
		assert.deepEqual(result.missing.sort(), [clients[1].id, clients[2].id].sort());
		assert.equal(result.expected, 4);
		assert.equal(result.answered, 2);
	}
	// A late answer counts for nothing, not even for the next round.
	clients[1].send('430["late"]');
	await received(server, clients);
	const next = emit({ rooms: [clients[1].id], timeout: 20000 });
	const question = await clients[1].nextThat((packet) => packet.endsWith('["e"]'));
	assert.equal(question, '421["e"]');
	clients[1].send('430["late"]');
	clients[1].send('431["good"]');
	assert.deepEqual(values(await next), ["good"]);
});

scenario("an acknowledged broadcast to nobody succeeds at once without answers", async (t) => {
	const { emit } = await audience(t);
	const result = await emit({ rooms: ["nobody"], timeout: 20000 });
	assert.equal(result.error, null);
	assert.deepEqual(result.responses, []);
});

scenario("a client that leaves during an acknowledged broadcast leaves the round to its deadline", async (t) => {
	const { emit, clients, server } = await audience(t);
	const round = emit({ rooms: ["one"], timeout: 600 });
	await clients[0].nextThat((packet) => packet.endsWith('["e"]'));
	await clients[0].close();
	await server.logged({ e: "disconnect", id: clients[0].id });
	clients[1].send("430[1]");
	const result = await round;
	assert.equal(result.error, "operation has timed out");
	assert.deepEqual(values(result), [1]);
});

scenario("a client that was not asked cannot answer for another", async (t) => {
	const { emit, clients, server } = await audience(t);
	const round = emit({ rooms: [clients[0].id], timeout: 600 });
	await clients[0].nextThat((packet) => packet.endsWith('["e"]'));
	clients[1].send('430["forged"]');
	await received(server, clients.slice(1));
	const result = await round;
	assert.equal(result.error, "operation has timed out");
	assert.deepEqual(result.responses, []);
});

scenario("a volatile acknowledged broadcast counts the clients that it was dropped for", async (t) => {
	const { emit, clients } = await audience(t);
	// The polling client has no GET parked.
	const round = emit({ rooms: ["three", "one"], flags: ["volatile"], timeout: 600 });
	for (const wire of clients.slice(0, 2)) {
		assert.equal(await wire.nextThat((packet) => packet.endsWith('["e"]')), '420["e"]');
		wire.send("430[7]");
	}
	const result = await round;
	assert.equal(result.error, "operation has timed out");
	assert.deepEqual(values(result), [7, 7]);
});

pealScenario("an acknowledged broadcast without a timeout is refused", async (t) => {
	const { emit } = await audience(t);
	assert.equal((await emit({ timeout: 0 })).error, "timeout missing");
});

// Volatile events.
const several = (server, commands) => server.control({ do: "several", commands });

for (const [form, target] of [["to one socket", (wire) => ({ direct: wire.id })], ["in a broadcast", () => ({})]]) {
	scenario(`of several volatile and normal events ${form} in one turn a WebSocket client gets the first and the normal ones`, async (t) => {
		const server = await startServer(t);
		const wire = await wireSocket(server.port);
		const emit = (event, args, flags) => ({ do: "emit", event, args, flags, ...target(wire) });
		await several(server, [emit("v", [1], ["volatile"]), emit("v", [2], ["volatile"]), emit("n", []), emit("v", [3], ["volatile"])]);
		assert.deepEqual(await received(server, [wire]), [['42["v",1]', '42["n"]']]);
		await several(server, [emit("n", []), emit("v", [4], ["volatile"])]);
		assert.deepEqual(await received(server, [wire]), [['42["n"]']]);
		await several(server, [emit("v", [5], ["volatile"])]);
		assert.deepEqual(await received(server, [wire]), [['42["v",5]']]);
	});

	scenario(`a binary volatile event ${form} arrives whole or not at all`, async (t) => {
		const server = await startServer(t);
		const wire = await wireSocket(server.port);
		const emit = (byte) => ({
			do: "emit", event: "v", args: [{ _placeholder: true, num: 0 }], attachments: [byte], flags: ["volatile"], ...target(wire),
		});
		await several(server, [emit("01"), emit("02")]);
		assert.deepEqual(await received(server, [wire]), [['451-["v",{"_placeholder":true,"num":0}]', Buffer.from([1])]]);
	});

	scenario(`a volatile event ${form} needs a waiting GET of a polling client`, async (t) => {
		const server = await startServer(t);
		const polling = await pollingSocket(server.port);
		const emit = (number) => ({ do: "emit", event: "v", args: [number], flags: ["volatile"], ...target(polling) });
		await several(server, [emit(0)]);
		assert.deepEqual(await received(server, [polling]), [[]]);
		// The GET may reach the server at any time from now on; the first of a pair takes it, the second is dropped.
		let answer;
		const parked = polling.get().then((response) => { answer = response.body; });
		await eventually(async () => {
			await several(server, [emit(1), emit(2)]);
			return answer !== undefined;
		}, "the parked GET to be answered");
		await parked;
		assert.equal(answer, '42["v",1]');
		assert.deepEqual(await received(server, [polling]), [[]]);
	});
}

scenario("a normal event arrives after a volatile one was dropped", async (t) => {
	const server = await startServer(t);
	const polling = await pollingSocket(server.port);
	await several(server, [
		{ do: "emit", event: "v", flags: ["volatile"], direct: polling.id },
		{ do: "emit", event: "n", args: [1], direct: polling.id },
	]);
	assert.deepEqual(await received(server, [polling]), [['42["n",1]']]);
});

// Bulk operations.
scenario("sockets join and leave rooms in bulk by target", async (t) => {
	const { server, emit, who } = await audience(t);
	const reaches = async (room, expected) => {
		await emit({ rooms: [room] });
		assert.deepEqual(await who(), expected);
	};
	await server.control({ do: "join", names: ["all", "more"] });
	await reaches("all", [0, 1, 2, 3]);
	await server.control({ do: "join", rooms: ["two", "three"], except: ["one"], names: ["picked"] });
	await reaches("picked", [2, 3]);
	await server.control({ do: "leave", rooms: ["two"], names: ["all"] });
	await reaches("all", [0, 3]);
	await server.control({ do: "leave", names: ["all", "more"] });
	await reaches("all", []);
	assert.deepEqual((await server.control({ do: "rooms" })).rooms, { one: 2, two: 2, three: 1, picked: 2 });
});

scenario("a socket joins and leaves rooms, its own event sees it, and empty rooms are gone", async (t) => {
	const { server, clients, emit, who } = await audience(t);
	clients[2].send('420["join","own"]');
	assert.equal(await clients[2].next(), "430[]");
	await emit({ rooms: ["own"] });
	assert.deepEqual(await who(), [2]);
	clients[2].send('421["leave","own"]');
	assert.equal(await clients[2].next(), "431[]");
	await emit({ rooms: ["own"] });
	assert.deepEqual(await who(), []);
	assert.deepEqual((await server.control({ do: "rooms" })).rooms, { one: 2, two: 2, three: 1 });
});

scenario("fetching sockets lists id, rooms, data and handshake of the target", async (t) => {
	const { server, clients } = await audience(t);
	await server.control({ do: "data", direct: clients[0].id, data: { name: "ann", list: [1, 2] } });
	const everyone = await server.control({ do: "fetch" });
	assert.deepEqual(everyone.sockets.map(({ id }) => id).sort(), clients.map(({ id }) => id).sort());
	const { sockets } = await server.control({ do: "fetch", rooms: ["one"] });
	assert.equal(sockets.length, 2);
	const first = sockets.find(({ id }) => id === clients[0].id);
	assert.deepEqual([...first.rooms].sort(), [clients[0].id, "one"].sort());
	assert.deepEqual(first.data, { name: "ann", list: [1, 2] });
	assert.deepEqual(sockets.find(({ id }) => id === clients[1].id).data, {});
	const { handshake } = first;
	assert.deepEqual(Object.keys(handshake).sort(), ["address", "auth", "headers", "issued", "query", "secure", "time", "url", "xdomain"]);
	assert.equal(handshake.query.transport, "websocket");
	assert.equal(handshake.query.EIO, "4");
	assert.equal(typeof handshake.issued, "number");
	assert.deepEqual((await server.control({ do: "fetch", rooms: ["nobody"] })).sockets, []);
	assert.deepEqual((await server.control({ do: "fetch", except: ["one", "two"] })).sockets.map(({ id }) => id), [clients[3].id]);
});

scenario("a bulk disconnect leaves the namespace and delivers what was emitted before", async (t) => {
	const { server, clients } = await audience(t);
	await several(server, [{ do: "emit", event: "bye", rooms: ["two"] }, { do: "disconnect", rooms: ["two"] }]);
	for (const wire of clients.slice(1, 3)) {
		assert.equal(await wire.next(), '42["bye"]');
		assert.equal(await wire.next(), "41");
	}
	const left = await server.logged({ e: "disconnect", reason: "server namespace disconnect" }, 2);
	assert.deepEqual(left.map(({ id }) => id).sort(), [clients[1].id, clients[2].id].sort());
	assert.deepEqual((await server.control({ do: "fetch" })).sockets.map(({ id }) => id).sort(), [clients[0].id, clients[3].id].sort());
	await joinNamespace(clients[1]);
	assert.notEqual(clients[1].id, left[0].id);
});

scenario("a bulk disconnect with close ends the connections", async (t) => {
	const { server, clients } = await audience(t);
	await server.control({ do: "disconnect", close: true });
	for (const wire of clients.slice(0, 3)) {
		assert.equal(await wire.next(), "41");
		assert.equal(await wire.closed, 1005);
	}
	assert.equal((await clients[3].get()).body, "41");
	assert.equal((await clients[3].get()).body, "6\x1e1");
	await server.logged({ e: "disconnect" }, 4);
});

scenario("rooms announce creation, joining, leaving and deletion once each, in order", async (t) => {
	const server = await startServer(t);
	const one = await wireSocket(server.port);
	const two = await wireSocket(server.port);
	await several(server, [
		{ do: "join", direct: one.id, names: ["r"] }, { do: "join", direct: one.id, names: ["r"] },
		{ do: "join", direct: two.id, names: ["r"] }, { do: "leave", direct: one.id, names: ["r", "never"] },
	]);
	await two.close();
	await server.logged({ e: "delete-room", room: "r" });
	const changes = await server.events((entry) => entry.room === "r");
	assert.deepEqual(changes.map(({ e, id }) => [e, id]), [
		["create-room", undefined], ["join-room", one.id], ["join-room", two.id],
		["leave-room", one.id], ["leave-room", two.id], ["delete-room", undefined],
	]);
	const own = await server.events((entry) => entry.room === two.id);
	assert.deepEqual(own.map(({ e }) => e), ["create-room", "join-room", "leave-room", "delete-room"]);
});

scenario("a socket whose middleware has not finished is no target of broadcasts", async (t) => {
	const server = await startServer(t);
	const wire = await Wire.open(server.port, { path: "/socket.io/" });
	wire.send("40/delayed,");
	await server.logged({ e: "pending" });
	await server.control({ do: "emit", ns: "/delayed", event: "e" });
	assert.deepEqual((await server.control({ do: "fetch", ns: "/delayed" })).sockets, []);
	await server.control({ do: "next" });
	assert.match(await wire.next(), /^40\/delayed,/);
	await server.control({ do: "emit", ns: "/delayed", event: "later" });
	assert.equal(await wire.next(), '42/delayed,["later"]');
});
