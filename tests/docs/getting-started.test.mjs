// What docs/getting-started.md says, done as it says, once with each of its backends: the commands are those of the page,
// in their order, in one shell. Nothing is changed in them but the ports, so that tests can run beside each other, and the
// home directory.
import assert from "node:assert/strict";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import test from "node:test";
import { io } from "socket.io-client";
import { Webhook } from "standardwebhooks";
import { patience, request, root, until, within } from "../app/program.mjs";
import { launch } from "../support/browser.mjs";
import { freePort } from "../support/common.mjs";
import { blocksOf, read } from "./pages.mjs";
import { startShell } from "./shell.mjs";

const page = "docs/getting-started.md";
const examples = "examples/getting-started";
const languages = ["Python", "PHP", "Node.js"]; // headings of the page
const blocks = blocksOf(page);

test("the files that the guide shows are those of examples/getting-started/", () => {
	const shown = blocks.filter(({ language }) => !["sh", "text"].includes(language));
	const names = readdirSync(`${root}${examples}`);
	for (const name of names) {
		assert.equal(shown.filter(({ text }) => text === read(`${examples}/${name}`)).length, 1, `${name} is not shown as it is`);
		assert.ok(read(page).includes(`\`${name}\``), `${name} is not named`);
	}
	assert.equal(shown.length, names.length, "a block is no file");
});

// Somebody who follows the guide with one of the backends: next(BEGINNING) types the next block, which has to begin so.
async function reader(t, language) {
	const ports = {};
	for (const port of [3000, 3001, 3002, 3003, 6379, 8000]) ports[port] = await freePort();
	const fitting = [/\b(?:3000|3001|3002|3003|6379|8000)\b/g, (port) => ports[port]];
	const shell = await startShell(t, { cwd: root });
	shell.substitutes.push(["~/tea", `${shell.home}/tea`]);
	chmodSync(shell.home, 0o711); // the workers of nginx are not root
	const left = blocks.filter((block) => block.language === "sh" && (block.heading === language || !languages.includes(block.heading)));
	return {
		shell, ports, left, site: `http://127.0.0.1:${ports[3000]}`, tea: path.join(shell.home, "tea"),
		file: (name) => readFileSync(path.join(shell.home, "tea", name), "utf8"),
		next(beginning, options) {
			const block = left.shift();
			assert.ok(block?.text.startsWith(beginning), `line ${block?.line} begins with another command than ${beginning}`);
			return shell.run(block.text, options);
		},
		// The ports in the files, which the reader has now, and in the commands from here on.
		fit(names) {
			for (const name of names) writeFileSync(path.join(shell.home, "tea", name), this.file(name).replaceAll(...fitting));
			shell.substitutes.push(fitting);
		},
		answers: (port, target) => request(ports[port], { path: target }).catch(() => ({})),
	};
}

async function listens(port) {
	const socket = net.connect(port, "127.0.0.1");
	try {
		return await new Promise((resolve) => socket.once("connect", () => resolve(true)).once("error", () => resolve(false)));
	} finally {
		socket.destroy();
	}
}

const nodeOf = (socket) => socket.io.engine.id.split(".")[0];

// A stock client that does what the page does, on the node that is wanted: the balancer chooses, so it may have to ask again.
async function enter(t, { site }, user, node) {
	const auth = (give) => fetch(`${site}/token?user=${user}`).then((answer) => answer.json()).then(give);
	for (;;) {
		const socket = io(site, { auth, forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500 });
		await within(new Promise((resolve, reject) => socket.once("connect", resolve).once("connect_error", reject)), `${user} to connect`);
		if (nodeOf(socket) !== node) {
			socket.disconnect();
			continue;
		}
		t.after(() => socket.disconnect());
		socket.heard = [];
		socket.onAny((...event) => socket.heard.push(event));
		return socket;
	}
}

// What peal sends to the backend, made by another implementation than peal's.
const hook = { type: "events", timestamp: new Date().toISOString(), data: [
	{ type: "event", id: "1", handler: 1, node: "n1", namespace: "/", socket: "s", user: "bob", event: "order:new", args: [{ tea: "größe" }], ack: true },
	{ type: "event", id: "2", handler: 1, node: "n1", namespace: "/", socket: "s", user: "bob", event: "order:other", args: [], ack: true },
	{ type: "disconnect", id: "3", handler: 1, node: "n1", namespace: "/", socket: "s", user: "bob", reason: "transport close" },
] };

async function post(port, body, headers) {
	const all = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body), ...headers };
	const answer = await request(port, { method: "POST", path: "/webhook", headers: all, body });
	return { ...answer, body: answer.status === 200 ? JSON.parse(answer.body) : answer.body };
}

// The backend does what signed requests ask, and refuses what anybody else may have made.
async function checkSignatures(reader, language) {
	const secret = reader.file("webhook-secret").trim();
	const body = JSON.stringify(hook);
	const signed = (text = body, { id = "msg_1", at = new Date(), by = secret } = {}) => ({
		"webhook-id": id, "webhook-timestamp": String(Math.floor(at.getTime() / 1000)), "webhook-signature": new Webhook(by).sign(id, at, text),
	});
	const port = reader.ports[8000];
	assert.deepEqual(await post(port, body, signed()).then(({ body }) => body), { acks: { 1: { ok: true, for: "bob", by: language } } });
	// While secrets are changed there are two signatures.
	const two = { ...signed(), "webhook-signature": `v1,${Buffer.alloc(32).toString("base64")} ${signed()["webhook-signature"]}` };
	assert.equal((await post(port, body, two)).status, 200);
	const connect = JSON.stringify({ type: "connect", timestamp: hook.timestamp, data: {
		id: "4", handler: 1, node: "n1", namespace: "/", socket: "s", user: "bob", auth: {}, address: "127.0.0.1", url: "/", headers: {},
	} });
	assert.deepEqual((await post(port, connect, signed(connect))).body, {});
	const none = JSON.stringify({ ...hook, data: hook.data.slice(1) });
	assert.deepEqual((await post(port, none, signed(none))).body, { acks: {} });

	const minutes = (count) => new Date(Date.now() + count * 60000);
	const forged = {
		"no signature": {},
		"of another secret": signed(body, { by: Buffer.alloc(32, 1).toString("base64") }),
		"of another body": signed(`${body} `),
		"of another request": { ...signed(), "webhook-id": "msg_2" },
		"of another time": { ...signed(), "webhook-timestamp": String(Math.floor(Date.now() / 1000) + 1) },
		"of a version that there is not": { ...signed(), "webhook-signature": signed()["webhook-signature"].replace("v1", "v2") },
		"a part of it": { ...signed(), "webhook-signature": signed()["webhook-signature"].slice(0, -2) },
		"nothing": { ...signed(), "webhook-signature": "" },
		"no ASCII": { ...signed(), "webhook-signature": "v1,\u00e4" },
		"no time": { ...signed(), "webhook-timestamp": "now" },
		"an old one": signed(body, { at: minutes(-6) }),
		"one of the future": signed(body, { at: minutes(6) }),
	};
	for (const [what, headers] of Object.entries(forged)) assert.equal((await post(port, body, headers)).status, 401, what);
	// From outside as well, where anybody may try.
	assert.equal((await post(reader.ports[3000], body, forged["of another secret"])).status, 401);
	// Whatever else comes, the backend is still there.
	for (const target of [
		"/token", "/token?user=mallory", "/token?user[]=alice", "/token?user=__proto__", "/%", "/webhook", "/token-secret", "/../token-secret",
		"/backend.py",
	])
		assert.ok([400, 401, 404].includes((await request(port, { path: target })).status), target);
	for (const target of ["//", "*", "/?user=alice"]) await request(port, { path: target });
	assert.equal((await request(port, { path: "/?user=alice" })).status, 200);
}

for (const language of languages)
	test(`who follows the guide with ${language} has what it promises`, { timeout: 4 * patience }, async (t) => {
		const me = await reader(t, language);
		const { shell, ports } = me;

		assert.match((await me.next("scripts/setup")).stdout, /^setup: ready\npeal \d/m);
		await me.next("cp -r");
		assert.match(me.file("site.conf"), /^\tlisten 127\.0\.0\.1:/m);
		assert.doesNotMatch(me.file("site.conf"), /^\tlisten \d+;|location ~/m);
		me.fit(["peal.json", "site.conf", "backend.py", "backend.php", "backend.mjs"]);
		const listed = (await me.next("(")).stdout.trimEnd().split("\n");
		assert.equal(listed.length, 3);
		for (const line of listed) assert.match(line, /^-rw------- /);
		for (const name of ["token-secret", "webhook-secret", "api-key"]) assert.equal(statSync(path.join(me.tea, name)).mode & 0o777, 0o600);

		assert.match((await me.next("peal config --check peal.json")).stdout, /^peal\.json: fine: /m);
		await until(async () => (await me.answers(3001, "/readyz/cluster")).body?.includes(", 1 other node"), "n1 to know n2");
		assert.match((await me.next("peal nodes")).stdout, /\bn1\b[^]*\bn2\b/);
		await me.next("/usr/sbin/nginx");
		await until(() => listens(ports[3000]), "nginx");
		await me.next({ Python: "python3", PHP: "php", "Node.js": "node" }[language]);
		await until(() => listens(ports[8000]), "the backend");
		await checkSignatures(me, language);

		// Two users, each on a node of their own, in the rooms of their tokens.
		const alice = await enter(t, me, "alice", "n1"), bob = await enter(t, me, "bob", "n2");
		const inRoom = async (...rooms) => {
			const headers = { Authorization: `Bearer ${me.file("api-key").trim()}` };
			const answer = await request(ports[3002], { path: `/api/sockets?${rooms.map((room) => `room=${room}`).join("&")}`, headers });
			return JSON.parse(answer.body).sockets.map(({ id }) => id).sort();
		};
		assert.deepEqual(await inRoom("user:alice"), [alice.id]);
		assert.deepEqual(await inRoom("user:bob"), [bob.id]);
		assert.deepEqual(await inRoom("customers"), [alice.id, bob.id].sort());
		assert.deepEqual(await inRoom("staff"), [bob.id]);
		const stranger = io(me.site, { auth: {}, forceNew: true, reconnection: false });
		t.after(() => stranger.disconnect());
		const [refusal] = await within(new Promise((resolve) => stranger.once("connect_error", (...error) => resolve(error))), "a refusal");
		assert.equal(refusal.data.code, "token_missing");

		const sent = (await me.next("curl")).stdout;
		assert.equal(sent, '{"cluster":"up"}{"cluster":"up"}');
		await me.next("peal emit message");
		// What came to anybody came before this.
		await shell.run(`peal emit last --url http://127.0.0.1:3001 --api-key-file api-key`);
		await until(() => [alice, bob].every(({ heard }) => heard.at(-1)?.[0] === "last"), "the last event");
		assert.deepEqual(alice.heard, [["message", "only for alice, by n1"], ["message", "only for alice, by n2"], ["last"]]);
		assert.deepEqual(bob.heard, [["message", "for the staff"], ["last"]]);

		for (const [socket, user] of [[alice, "alice"], [bob, "bob"]])
			assert.deepEqual(await within(socket.timeout(patience).emitWithAck("order:new", { tea: "green" }), "an answer"), { ok: true, for: user, by: language });
		const browser = language === languages[0] ? await lookAtThePage(t, me) : { moved: () => {} };

		await me.next("peal drain");
		await until(() => alice.connected && nodeOf(alice) === "n2", "alice to be on the other node");
		assert.equal(nodeOf(bob), "n2");
		await browser.moved();
		await until(async () => !await listens(ports[3001]), "n1 to end");
		await me.next("peal serve --config peal.json --name n1");
		await until(async () => (await me.answers(3001, "/readyz/cluster")).status === 200, "n1 to be back");
		assert.deepEqual(await within(alice.timeout(patience).emitWithAck("order:new"), "an answer"), { ok: true, for: "alice", by: language });
		await enter(t, me, "bob", "n1");

		const looked = await me.next("peal doctor");
		for (const name of ["backend", "redis", "polling", "websocket", "inside"]) assert.match(looked.stdout, new RegExp(`^ok +${name} `, "m"));
		for (const socket of [alice, bob]) socket.disconnect();
		await me.next("kill");
		await until(async () => !(await Promise.all(Object.values(ports).map(listens))).includes(true), "all to have ended");
		assert.deepEqual(me.left.map(({ line }) => line), [], "blocks that were not run");
	});

// The page itself, in a browser, for both users.
async function lookAtThePage(t, { site }) {
	const browser = await launch();
	t.after(() => browser.close());
	const open = async (user) => {
		const tab = await (await browser.newContext()).newPage();
		tab.setDefaultTimeout(patience);
		await tab.goto(`${site}/?user=${user}`);
		await tab.getByText(/^connected to n[12]$/).waitFor();
		return tab;
	};
	let alice;
	for (;;) {
		alice = await open("alice");
		if (await alice.getByText("connected to n1").count()) break;
		await alice.close();
	}
	const mallory = await (await browser.newContext()).newPage();
	await mallory.goto(`${site}/?user=<b>mallory</b>`);
	await mallory.getByText("not connected: token_missing").waitFor();
	assert.equal(await mallory.locator("b").count(), 0);
	const bob = await open("bob");
	// As the guide shows it to alice.
	const [shown] = blocks.filter(({ text }) => text.startsWith("order:new was answered"));
	for (const [tab, user] of [[alice, "alice"], [bob, "bob"]]) {
		await tab.getByRole("button", { name: "Order tea" }).click();
		await tab.getByText(shown.text.trim().replace("alice", user), { exact: true }).waitFor();
	}
	return { moved: () => alice.getByText("connected to n2").waitFor() };
}
