// The commands of the pages for who runs nodes.
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { folder, handshake, request, root, run, serve, until } from "../app/program.mjs";
import { startRedis } from "../app/redis.mjs";
import { commandsOf, page, read } from "./pages.mjs";
import { startShell } from "./shell.mjs";

const free = { PEAL_PORT: "0" };

page("docs/configuration.md", (take) => {
	take("a file, a variable and a flag mean the same", ["echo '{\"pingInterval\": 10000}'"], async (t, block) => {
		const shell = await startShell(t, { env: free });
		const [file, ...nodes] = commandsOf(block);
		await shell.run(file);
		assert.equal(nodes.length, 3);
		for (const command of nodes) {
			const node = await shell.serve(command);
			assert.equal((await handshake(node.port)).pingInterval, 10000, command);
			await node.stop();
		}
	});

	take("a mistake in the file is told as the page shows it", ["peal.json:3:"], async (t, { text }) => {
		const shell = await startShell(t);
		writeFileSync(path.join(shell.home, "peal.json"), '{\n  "port": 3000,\n  "pingIntervall": 10000\n}\n');
		assert.equal((await shell.run("peal config --check peal.json", { status: 2 })).stderr, text);
	});
});

page("docs/operations.md", (take) => {
	take("peal doctor looks at a node and at the way to it", ["peal doctor"], async (t, block) => {
		const redis = await startRedis(t);
		const node = await serve(t, ["--redis", redis.url, "--internal-listen", "127.0.0.1:0"]);
		const shell = await startShell(t, { substitutes: [["https://example.org", node.url]] });
		const backend = http.createServer((_, response) => response.writeHead(204).end());
		await once(backend.listen(0, "127.0.0.1"), "listening");
		t.after(() => backend.close());
		const webhooks = { webhookUrl: `http://127.0.0.1:${backend.address().port}`, webhookConnect: ["/"], webhookSecret: Buffer.alloc(32, 1).toString("base64") };
		await etc(shell, { redis: redis.url, ...webhooks });
		const { stdout } = await shell.run(block.text, { status: [0, 1] });
		const [, table] = /\| line \| what is looked at \|\n([^]*?)\n\n/.exec(read("docs/operations.md"));
		const listed = [...table.matchAll(/^\| `(.+?)`/gm)].map(([, name]) => name);
		const printed = stdout.trimEnd().split("\n").map((line) => /^(?:ok|skip|warn|fail) +(.*)/.exec(line)[1]);
		assert.equal(printed.length, listed.length);
		for (const name of listed) assert.equal(printed.filter((line) => line.startsWith(name)).length, 1, name);
		for (const name of ["backend", "redis", "polling", "websocket", "inside"]) assert.match(stdout, new RegExp(`^ok +${name}`, "m"));
	});

	take("a file is judged before it is used, and read again by a node that runs", ["peal config --check"], async (t, block) => {
		const shell = await startShell(t);
		await etc(shell, { logLevel: "info" });
		const node = await shell.serve("peal serve --config /etc/peal/peal.json --port 0");
		shell.substitutes.push(["$(pidof peal)", node.pid]); // there may be others
		await etc(shell, { logLevel: "warning" });
		assert.match((await shell.run(block.text)).stdout, /peal\.json: fine: /);
		await until(() => node.record("setting changed"), "the setting to change");
		assert.equal(node.record("setting changed").key, "logLevel");
		await node.stop();
	});

	take("the readiness of a node in a cluster looks as it is shown", ["ready\ncluster:"], async (t, { text }) => {
		const redis = await startRedis(t);
		const nodes = [];
		for (const name of ["n1", "n2", "n3"]) nodes.push(await serve(t, ["--name", name, "--redis", redis.url]));
		const shown = text.replace(/\d+ ms/, "N ms");
		for (const target of ["/readyz", "/readyz/cluster"])
			await until(async () => (await nodes[0].get(target)).body.replace(/\d+ ms/, "N ms").trimEnd() === shown.trimEnd(), target);
	});
});

// /etc/peal/peal.json, in the folder of a shell: the shipped file with other settings.
async function etc(shell, settings) {
	const name = path.join(shell.home, "etc/peal/peal.json");
	mkdirSync(path.dirname(name), { recursive: true });
	writeFileSync(name, JSON.stringify({ ...JSON.parse(read("deploy/peal.json")), host: "127.0.0.1", drainSeconds: 0, ...settings }));
	if (!shell.substitutes.some(([from]) => from === "/etc/")) shell.substitutes.push(["/etc/", `${shell.home}/etc/`]);
}

page("docs/console.md", (take) => {
	take("the console is where it is said to be, and shows nothing without the key", ["export PEAL_API_KEY"], async (t, block) => {
		const redis = await startRedis(t);
		const shell = await startShell(t, { env: free, substitutes: [["redis://10.0.0.2", redis.url], ["127.0.0.1:9100", "127.0.0.1:0"]] });
		const [key, begin, ...more] = commandsOf(block);
		assert.equal(more.length, 0);
		await shell.run(key);
		const node = await shell.serve(begin);
		const { port } = node.record("listening for operators");
		assert.match((await request(port, { path: "/" })).body, /<title>[^<]*peal/);
		assert.equal((await request(port, { path: "/api/nodes" })).status, 401);
		const { stdout } = await shell.run("echo $PEAL_API_KEY");
		assert.equal((await request(port, { path: "/api/nodes", headers: { Authorization: `Bearer ${stdout.trim()}` } })).status, 200);
		await node.stop();
	});
});

page("docs/metrics.md", (take) => {
	take("the settings of Prometheus are understood", ["scrape_configs:"], async (t, { text }) => {
		const file = path.join(folder(t), "prometheus.yml");
		writeFileSync(file, text);
		const { stdout, stderr, code } = await run(["-c", `PATH="${root}build/tools:$PATH"; promtool check config ${file}`], { command: "sh" });
		if (code === 127) return t.skip("there is no promtool: scripts/setup could not fetch it");
		assert.equal(code, 0, stdout + stderr);
		// As the page says, this is where --internal-listen has the metrics.
		const node = await serve(t, ["--internal-listen", "127.0.0.1:0"]);
		assert.equal((await request(node.record("listening for operators").port, { path: "/metrics" })).status, 200);
	});
});

page("docs/performance.md", (take) => {
	// How fast anything is, is no matter of tests. Whether scripts/bench measures and prints rightly, the suite bench asks.
	const understood = async (t, block) => {
		const shell = await startShell(t, { cwd: root });
		for (const command of commandsOf(block)) {
			assert.match(command, /^scripts\/bench\b/);
			assert.match((await shell.run(`${command.replace("--list", "")} --list`)).stdout, /^all +\d+ min$/m);
		}
	};
	take("scripts/bench knows what it is asked for", ["scripts/bench "], understood);
	take("and the scenarios of the figures", ["scripts/bench fanout-1-32 fanout-8-32"], understood);
});
