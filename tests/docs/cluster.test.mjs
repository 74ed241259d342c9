// The commands of docs/cluster.md, and those that scripts/cluster prints.
import assert from "node:assert/strict";
import { chmodSync, readFileSync } from "node:fs";
import path from "node:path";
import { connected, folder, handshake, peal, request, root, run, serve, until } from "../app/program.mjs";
import { call, freePort, key, startRedis } from "../app/redis.mjs";
import { commandsOf, page } from "./pages.mjs";
import { runs, startShell } from "./shell.mjs";

page("docs/cluster.md", (take) => {
	take("scripts/cluster prints commands to try, which do what it says", ["scripts/cluster"], async (t, block) => {
		const home = folder(t);
		chmodSync(home, 0o711); // the workers of nginx are not root
		const shell = await startShell(t, { cwd: root, env: { PEAL_CLUSTER_DIR: home, PEAL_PROGRAM: peal } });
		const log = path.join(home, "cluster.log");
		const [begin] = commandsOf(block);
		const pid = Number((await shell.run(`${begin} --port ${await freePort()} >${log} 2>&1 & echo $!`)).stdout);
		const printed = () => readFileSync(log, "utf8");
		await until(() => {
			assert.ok(runs(pid), printed());
			return printed().includes("Ctrl-C ends it.");
		}, "scripts/cluster to be ready");
		const site = { url: /http:\S+?(?=\/ +the console)/.exec(printed())[0], clients: [] };
		const socket = await connected(site, { auth: { name: "A" } });
		t.after(() => socket.disconnect());
		const heard = [];
		socket.onAny((name, ...args) => {
			heard.push([name, ...args.filter((arg) => typeof arg !== "function")]);
			if (typeof args.at(-1) === "function") args.at(-1)("yes");
		});
		const commands = [...printed().matchAll(/^ {2}((?:export|kill|\S+\/peal) .*)$/gm)].map(([, line]) => line.replace(/ {2,}.*/, ""));
		const [secret, nodes, emit, question, kill, ...more] = commands;
		assert.equal(more.length, 0);
		await shell.run(secret);
		assert.match((await shell.run(nodes)).stdout, /n1[^]*n2[^]*n3/);
		await shell.run(emit);
		assert.match((await shell.run(question)).stdout, /1 of 1/);
		await until(() => heard.filter(([name]) => name === "hello").length === 2, "the events");
		const before = readFileSync(path.join(home, "n2.pid"), "utf8");
		await shell.run(kill);
		await until(() => readFileSync(path.join(home, "n2.pid"), "utf8").trim() && readFileSync(path.join(home, "n2.pid"), "utf8") !== before, "n2 to come back");
		await shell.run(`kill ${pid}; wait ${pid}`, { status: 143 });
	});

	take("a node takes part with the settings that it needs", ["peal serve --redis"], async (t, block) => {
		const redis = await startRedis(t);
		const shell = await startShell(t, { env: { PEAL_PORT: "0" }, substitutes: [["redis://127.0.0.1:6379", redis.url]] });
		const node = await shell.serve(block.text.trim());
		await until(async () => (await request(node.port, { path: "/readyz/cluster" })).status === 200, "the node to take part");
		assert.match((await handshake(node.port)).sid, /^n1\./);
		await node.stop();
	});

	take("the user of the page has the rights that a node needs", ["ACL SETUSER"], async (t, { text }) => {
		const redis = await startRedis(t);
		const { stdout } = await run(["-p", String(redis.port), ...text.trim().split(" ")], { command: "redis-cli" });
		assert.equal(stdout, "OK\n");
		const node = await serve(t, ["--redis", redis.url.replace("//", "//peal:SECRET@")], { env: { PEAL_API_KEY: key } });
		await until(async () => (await node.get("/readyz/cluster")).status === 200, "the node to take part");
		assert.deepEqual((await call(node, "POST", "/api/emit", { event: "x" })).body, { cluster: "up" });
	});
});
