// What docs/webhooks.md shows.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { Webhook } from "standardwebhooks";
import { ask, client, connected, event, root, run, until, within } from "../app/program.mjs";
import { startRedis } from "../app/redis.mjs";
import { commandsOf, page, read, script } from "./pages.mjs";
import { startShell } from "./shell.mjs";

// A shell in which nodes are started, and the clients of all of them.
async function start(t, substitutes) {
	const shell = await startShell(t, { env: { PEAL_PORT: "0" }, substitutes });
	const clients = [];
	t.after(() => clients.forEach((socket) => socket.disconnect()));
	return { shell, serve: async (command) => ({ clients, ...await shell.serve(command) }) };
}

// A backend: `answer` gets each body, and returns what is to be answered, a status, or nothing for no answer at all.
async function listen(t, answer) {
	const requests = [];
	const server = http.createServer(async (request, response) => {
		let body = "";
		for await (const chunk of request.setEncoding("utf8")) body += chunk;
		requests.push({ headers: request.headers, body });
		const given = answer(JSON.parse(body));
		if (typeof given === "number") response.writeHead(given).end();
		else if (given !== undefined) response.writeHead(200, { "Content-Type": "application/json" }).end(JSON.stringify(given));
	});
	await once(server.listen(0, "127.0.0.1"), "listening");
	t.after(() => {
		server.close();
		server.closeAllConnections();
	});
	return { requests, url: `http://127.0.0.1:${server.address().port}/peal` };
}

const keys = (object) => Object.keys(object).sort();

page("docs/webhooks.md", (take) => {
	const blocks = ["export PEAL_WEBHOOK_SECRET", "import base64", '{"type":"connect"', 'socket.on("connect_error"', '{"type":"events"', '{"acks"', '{"error"'];
	take("a backend is asked and told as it is shown", blocks, async (t, commands, python, connect, again, events, acks, unanswered) => {
		const [asked, told] = [connect, events].map(({ text }) => JSON.parse(text));
		const [, allowing] = /^\| 200 with `(\{"allow":true.*?\})`/m.exec(read("docs/webhooks.md"));
		let refusals = 1, silent = false;
		const seen = [];
		const backend = await listen(t, (hook) => {
			if (hook.type === "connect") return refusals-- > 0 ? 404 : JSON.parse(allowing);
			seen.push(...hook.data);
			if (silent) return undefined;
			const [order] = hook.data.filter(({ ack }) => ack);
			return order ? JSON.parse(acks.text.replace(/"[0-9a-f]+-\d+"/, JSON.stringify(order.id))) : 204;
		});
		const { shell, serve } = await start(t, [["http://127.0.0.1:8000/peal", backend.url]]);
		const [secret, begin, ...more] = commandsOf(commands);
		assert.equal(more.length, 0);
		await shell.run(secret);
		const node = await serve(begin);

		// Refused once, with what the page's code waits for; it need not wait for so long here.
		const socket = client(node, { auth: { ticket: "…" }, extraHeaders: { cookie: "session=1" }, transports: ["websocket"] });
		await script(again, { socket, setTimeout: setImmediate });
		await event(socket, "connect");
		assert.equal(refusals, -1);
		const question = JSON.parse(backend.requests.at(-1).body);
		assert.deepEqual([keys(question), keys(question.data)], [keys(asked), keys(asked.data)]);
		const { id, handler, node: name, socket: its, headers, address, ...rest } = question.data;
		const { namespace, user, auth, url } = asked.data;
		assert.deepEqual({ ...rest, url: rest.url.slice(0, url.length) }, { namespace, user, auth, url });
		assert.deepEqual([headers.cookie, address, its], ["session=1", "127.0.0.1", socket.id]);

		assert.deepEqual(await ask(socket, told.data[0].event, ...told.data[0].args), Object.values(JSON.parse(acks.text).acks)[0]);
		socket.disconnect();
		await until(() => seen.length === 3, "the disconnect");
		assert.deepEqual([seen[0].type, seen.shift().reason], ["disconnect", "never connected"]); // the refused one
		for (const [i, item] of seen.entries()) {
			assert.deepEqual(keys(item), keys(told.data[i]));
			for (const member of ["type", "namespace", "user", "event", "args", "ack"]) assert.deepEqual(item[member], told.data[i][member], member);
			assert.deepEqual([item.node, item.socket, item.handler], [name, its, handler]);
		}
		await node.stop();

		// Another implementation and the code of the page say that each is signed; and of none that it is, when something differs.
		const key = (await shell.run("printenv PEAL_WEBHOOK_SECRET")).stdout.trim();
		const { requests } = backend;
		assert.ok(requests.length >= 4);
		for (const { headers, body } of requests) new Webhook(key).verify(body, headers);
		const forged = [["webhook-id", "x"], ["webhook-timestamp", "1"], ["webhook-signature", "v1,x"]]
			.map(([name, value]) => ({ ...requests[0], headers: { ...requests[0].headers, [name]: value } }));
		forged.push({ ...requests[0], body: `${requests[0].body} ` });
		const { stdout, stderr } = await run(["-c", `${python.text}
import json, sys
print(*(signed(one["headers"], one["body"].encode()) for one in json.loads(sys.argv[1])))`, JSON.stringify([...requests, ...forged])], { command: "python3", env: { PEAL_WEBHOOK_SECRET: key } });
		assert.equal(stdout.trim(), [...requests.map(() => "True"), ...forged.map(() => "False")].join(" "), stderr);

		// One that does not answer.
		silent = true;
		await shell.run("export PEAL_WEBHOOK_TIMEOUT=500 PEAL_SHUTDOWN_SECONDS=0");
		const waiting = await serve(begin), impatient = client(waiting, { transports: ["websocket"] });
		await script(again, { socket: impatient, setTimeout: setImmediate });
		await event(impatient, "connect");
		assert.deepEqual(await ask(impatient, "order:new"), JSON.parse(unanswered.text));
		await waiting.stop();
	});

	take("a Node.js server hears what clients send, and answers them", ["peal serve --redis", "import { createAdapter }", 'io.on("peal:event"', '{"error":'], async (t, begin, server, share, unanswered) => {
		const redis = await startRedis(t);
		const replaced = ["redis://127.0.0.1:6379", redis.url];
		const { shell, serve } = await start(t, [replaced]);

		// A file that finds its packages, and says when it hears.
		symlinkSync(`${root}tests/node_modules`, path.join(shell.home, "node_modules"));
		const launch = async (name, text) => {
			const file = path.join(shell.home, name);
			writeFileSync(file, text.replaceAll(...replaced));
			const child = spawn(process.execPath, [file], { stdio: ["ignore", "pipe", "inherit", "ipc"] });
			const exited = once(child, "exit");
			t.after(() => (child.kill(), within(exited, "the server to end")));
			child.output = "";
			child.stdout.setEncoding("utf8").on("data", (text) => { child.output += text; });
			await within(once(child, "message"), "the server to be subscribed");
			return child;
		};
		const subscribed = `
for (;;) {
	const counts = await publisher.pubSubNumSub(["socket.io-request#/#"]);
	if (counts["socket.io-request#/#"] > 1) break; // the node is one
}
process.send("up");
`;
		const node = await serve(begin.text.trim());
		const one = await launch("one.mjs", server.text + subscribed);
		assert.deepEqual(await ask(await connected(node), "order:new", "tea"), { ok: true });
		await until(() => /order:new \[ 'tea' \]/.test(one.output), "what it prints");
		one.kill();
		await within(once(one, "exit"), "the server to end");
		await node.stop();

		// A server to which the line gives no client leaves them to others, of which there are none here.
		await shell.run("export PEAL_FORWARD_TIMEOUT=200");
		const impatient = await serve(begin.text.trim());
		const head = server.text.slice(0, server.text.indexOf('io.on("peal:event"'));
		const handler = share.text.replace("// …", "callback(me);");
		assert.match(handler, /callback\(me\)/);
		const two = await launch("two.mjs", `${head}const N = 1, me = 1;\n${handler}${subscribed}`);
		assert.deepEqual(await ask(await connected(impatient), "order:new", "tea"), JSON.parse(unanswered.text));
		two.kill();
		await within(once(two, "exit"), "the server to end");
		await impatient.stop();
	});
});
