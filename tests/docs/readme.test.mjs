// The commands of README.md.
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { ask, client, connected, event, folder, peal, request, root, run, until } from "../app/program.mjs";
import { answering, startRedis } from "../app/redis.mjs";
import { commandsOf, page } from "./pages.mjs";
import { startShell } from "./shell.mjs";

// The build that is tested; a port that is free; and no address but those of this machine.
const built = ["build/src/app/peal", peal], free = { PEAL_PORT: "0" }, here = ["--host 0.0.0.0", "--host 127.0.0.1"];

page("README.md", (take) => {
	take("scripts/run starts a node with a page, and scripts/test runs all suites", ["scripts/run"], async (t, block) => {
		const shell = await startShell(t, { cwd: root, env: free });
		const [begin, all, ...more] = commandsOf(block);
		assert.deepEqual([begin, all, more], ["scripts/run", "scripts/test", []]);
		const node = await shell.serve(begin);
		assert.match((await request(node.port, { path: "/" })).body, /<title>/);
		await node.stop();
		// This test is run by it; so here it only names the suites.
		const { stdout } = await shell.run(`${all} --list`);
		for (const suite of readdirSync(`${root}tests`).filter((name) => /^(app|browser|budget|deploy|docs|e2e|fuzz|install|lint|unit)$/.test(name)))
			assert.match(stdout, new RegExp(`\\b${suite}\\b`));
	});

	take("an event of the command line reaches the client of a node", ["build/src/app/peal serve --demo"], async (t, block) => {
		const shell = await startShell(t, { cwd: root, env: free, substitutes: [built] });
		const [begin, emit, ...more] = commandsOf(block);
		assert.equal(more.length, 0);
		const node = await shell.serve(begin);
		const socket = await visitor(t, node);
		await shell.run(`export PEAL_URL=${node.url}; ${emit}`);
		await until(() => socket.heard.length, "the event");
		assert.deepEqual(socket.heard, [["hello", "world"]]);
		await node.stop();
	});

	take("three nodes are one, whichever of them is asked", ["export PEAL_API_KEY=secret", "peal emit hello world --room news"], async (t, each, questions) => {
		const redis = await startRedis(t);
		const shell = await startShell(t, { env: free, substitutes: [["redis://10.0.0.2", redis.url]] });
		const [key, serve] = commandsOf(each);
		await shell.run(key);
		const nodes = [];
		for (const n of [1, 2, 3]) {
			// One machine, with three addresses.
			nodes.push(await shell.serve(serve.replaceAll("n1", `n${n}`).replace("0.0.0.0", `127.0.0.1${n}`)));
			shell.substitutes.push([`http://10.0.0.1${n}:3000`, nodes[n - 1].url]);
		}
		await until(async () => (await shell.run(commandsOf(questions).at(-1))).stdout.match(/\bn[123]\b/g)?.length === 3, "the nodes to know each other");
		const sockets = [];
		for (const node of nodes) sockets.push(await visitor(t, node));
		await shell.run(`peal join news --url ${nodes[0].url}`);
		const answers = await shell.run(commandsOf(questions).slice(0, 2).join("\n"));
		assert.match(answers.stdout, /3 of 3/);
		assert.equal((await shell.run(commandsOf(questions)[2])).stdout, '{"cluster":"up"}');
		await until(() => sockets.every(({ heard }) => heard.length === 3), "the events");
		for (const { heard } of sockets)
			assert.deepEqual(heard.map((one) => one.filter((part) => typeof part === "string")).sort(), [["hello", "world"], ["hello", "world"], ["question"]]);
		for (const node of nodes) await node.stop();
	});

	take("a node serves another namespace too", ["build/src/app/peal serve --host"], async (t, block) => {
		const shell = await startShell(t, { cwd: root, env: free, substitutes: [built, here, ["--port 3000", "--port 0"]] });
		const node = await shell.serve(block.text.trim());
		await visitor(t, node, "/chat");
		await node.stop();
	});

	take("the library is installed, and the program of this page built with it", ["meson install", "#include"], async (t, commands, program) => {
		const scratch = folder(t);
		const [install, compile, ...more] = commandsOf(commands);
		assert.equal(more.length, 0);
		// Into a folder, which the compiler and the loader are told, since this test is not root everywhere.
		const shell = await startShell(t, { cwd: root, env: { DESTDIR: scratch }, substitutes: [
			["-C build", `-C '${path.resolve(peal, "../../..")}' --no-rebuild`], [/\bldconfig\b/g, `/sbin/ldconfig -n '${scratch}/usr/local/lib'`],
			["--libs peal", `--libs peal --define-variable=prefix='${scratch}/usr/local'`], ["cc ", `cc -o app -Wl,-rpath,'${scratch}/usr/local/lib' `],
		] });
		await shell.run(install);
		writeFileSync(path.join(shell.home, "app.c"), program.text);
		await shell.run(`cd '${shell.home}'; export PKG_CONFIG_PATH='${scratch}/usr/local/lib/pkgconfig'; ${compile}`);
		const { stdout } = await run([path.join(shell.home, "app")], { command: "ldd" });
		assert.match(stdout, new RegExp(`libpeal\\S* => ${scratch}`));
	});
});

// A stock client that keeps what it hears, and answers.
async function visitor(t, node, namespace = "") {
	node.clients = [];
	t.after(() => node.clients.forEach((socket) => socket.disconnect()));
	return answering(node, "yes", { namespace });
}
