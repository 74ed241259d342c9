// What docs/security.md and docs/events.md show: commands of who runs a node, and code of who writes a client.
import assert from "node:assert/strict";
import { client, connected, event, run, serve, until } from "../app/program.mjs";
import { commandsOf, page, script } from "./pages.mjs";
import { startShell } from "./shell.mjs";

const secret = "a secret of the tests that has more than 32 bytes";
const key = "geheim";

const token = async (...args) => (await run(["token", "--user", "alice", ...args], { env: { PEAL_AUTH_SECRET: secret } })).stdout.trim();

const sockets = async (node) => JSON.parse((await node.get("/api/sockets", { headers: { Authorization: `Bearer ${key}` } })).body).sockets;

page("docs/security.md", (take) => {
	const tried = ["export PEAL_AUTH_SECRET", "peal emit --room user:alice"];
	take("a token of the command line lets a client in, and an event finds its user", tried, async (t, trying, emit) => {
		const shell = await startShell(t, { env: { PEAL_PORT: "0", PEAL_API_KEY: key } });
		const [make, begin, ask, ...more] = commandsOf(trying);
		assert.equal(more.length, 0);
		await shell.run(make);
		const node = { clients: [], ...await shell.serve(begin) };
		t.after(() => node.clients.forEach((socket) => socket.disconnect()));
		const socket = await connected(node, { auth: { token: (await shell.run(ask)).stdout.trim() } });
		const listed = await shell.run(`peal sockets --json --url ${node.url}`);
		assert.deepEqual(JSON.parse(listed.stdout).sockets[0].rooms.sort(), [socket.id, "news", "user:alice"].sort());
		const got = event(socket, "message");
		await shell.run(`export PEAL_URL=${node.url}; ${emit.text}`);
		assert.deepEqual(await got, [{ text: "for alice" }]);
		await node.stop();
	});

	const code = ["const socket = io", 'socket.on("disconnect"'];
	take("a page asks its backend for a token, and for another one when that has ended", code, async (t, connect, again) => {
		const node = await serve(t, [], { env: { PEAL_AUTH_SECRET: secret, PEAL_API_KEY: key } });
		const asked = [];
		// The server of the page has the name of an example, and its backend is this function.
		const io = (url, options) => {
			assert.equal(url, "https://example.org");
			return client(node, options);
		};
		const fetch = async (target) => {
			asked.push(target);
			const made = await token("--expires", asked.length === 1 ? "2" : "600");
			return { text: async () => made };
		};
		const socket = await script(connect, { io, fetch }, "return socket;");
		await event(socket, "connect");
		await script(again, { socket });
		assert.deepEqual(await event(socket, "peal:expired"), [{ code: "token_expired" }]);
		await event(socket, "connect");
		assert.deepEqual(asked, ["/token", "/token"]);
		assert.deepEqual((await sockets(node)).map(({ data }) => data), [{ user: "alice" }]);
	});
});

page("docs/events.md", (take) => {
	const answer = (name) => `const answer = await socket.timeout(5000).emitWithAck("${name}"`;
	const code = ["{ ok: true", answer("peal:join"), 'socket.on("connect"'];
	take("a client joins rooms, is answered as shown, and comes back into them", code, async (t, answers, join, again) => {
		const node = await serve(t, ["--allow-join", "chat:*"], { env: { PEAL_API_KEY: key } });
		const socket = await connected(node, { reconnectionDelay: 10 });
		const [joined, refused] = answers.text.trimEnd().split("\n").map((line) => new Function(`return ${line};`)());
		assert.deepEqual(await script(join, { socket }, "return answer;"), { ok: true, rooms: ["chat:1", "chat:2"] });
		assert.deepEqual(await socket.emitWithAck("peal:leave", ["chat:1", "chat:2"]), { ok: true, rooms: ["chat:1", "chat:2"] });
		assert.deepEqual(await socket.emitWithAck("peal:join", "chat:1"), joined);
		assert.deepEqual(await socket.emitWithAck("peal:join", "other"), refused);

		await script(again, { socket });
		socket.io.engine.close();
		await event(socket, "connect");
		await until(async () => (await sockets(node)).some(({ id, rooms }) => id === socket.id && rooms.includes("chat:1")), "the client to be in its room again");
	});

	take("what a client sends to a room reaches the others, with who it is from", [answer("peal:emit"), 'socket.on("message"'], async (t, send, hear) => {
		const node = await serve(t, ["--allow-join", "chat:*", "--allow-emit", "message"], { env: { PEAL_AUTH_SECRET: secret } });
		const [alice, other] = [await connected(node, { auth: { token: await token() } }), await connected(node, { auth: { token: await token() } })];
		for (const socket of [alice, other]) await socket.emitWithAck("peal:join", "chat:1");
		const heard = [], printed = [];
		other.on("message", (...args) => heard.push(args));
		await script(hear, { socket: other, console: { log: (...args) => printed.push(...args) } });
		assert.deepEqual(await script(send, { socket: alice }, "return answer;"), { ok: true, rooms: ["chat:1"] });
		await until(() => printed.length, "the event");
		const from = { socket: alice.id, user: "alice" };
		assert.deepEqual([heard, printed], [[[{ text: "hi" }, from]], [from]]);
	});
});
