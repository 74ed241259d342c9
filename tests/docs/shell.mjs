// A shell that is given the commands of a page, as somebody types them: one after the other, into one and the same shell.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { folder, peal, until, within } from "../app/program.mjs";

// `substitutes` is what a test has to change in the commands: pairs of what stands in the page, a text or a pattern, and
// what takes its place. They hold for all commands; each has a reason, which stands beside it in the test.
export async function startShell(t, { env = {}, cwd, substitutes = [] } = {}) {
	let child, exited;
	// Before its folder goes.
	t.after(async () => {
		if (!child) return;
		try {
			process.kill(-child.pid, "SIGKILL");
		} catch (problem) {
			if (problem.code !== "ESRCH") throw problem;
		}
		await within(exited, "the shell to end");
	});
	const home = folder(t);
	const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PEAL_")));
	// As users of Debian have it: programs of /usr/sbin are found by root only.
	const found = clean.PATH.split(":").filter((name) => !/\/sbin$/.test(name)).join(":");
	// A group of its own, which is ended with all that the commands have left behind.
	child = spawn("bash", ["--noprofile", "--norc"], {
		cwd: cwd ?? home, detached: true, stdio: ["pipe", "pipe", "inherit"],
		env: { ...clean, PATH: `${path.dirname(peal)}:${found}`, ...env },
	});
	exited = once(child, "exit");
	const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
	// A command of several, or in a subshell, that fails is a failure too.
	child.stdin.write("set -E; trap 'shell_status=$?' ERR\n");

	const shell = { home, pid: child.pid, substitutes, count: 0 };
	shell.substituted = (text) => shell.substitutes.reduce((changed, [from, to]) => changed.replaceAll(from, to), text);

	// Runs commands to their end, but for those with a &. Returns what they print.
	shell.run = async (text, { status = 0 } = {}) => {
		const name = path.join(home, `command-${++shell.count}`);
		writeFileSync(name, shell.substituted(text));
		child.stdin.write(`shell_status=0; . '${name}' >'${name}.out' 2>'${name}.err' </dev/null; echo $shell_status\n`);
		const { value } = await within(Promise.race([lines.next(), exited.then(() => ({ value: "the shell has ended" }))]), text);
		const [stdout, stderr] = ["out", "err"].map((suffix) => readFileSync(`${name}.${suffix}`, "utf8"));
		assert.ok([status].flat().map(String).includes(value), `${shell.substituted(text)}\nexit status ${value}: ${stdout}${stderr}`);
		return { stdout, stderr, status: Number(value) };
	};

	// Runs a `peal serve` beside the shell, until the test is over or stop(), and waits until clients may come.
	shell.serve = async (text) => {
		const name = path.join(home, `node-${++shell.count}`);
		writeFileSync(name, "");
		const { stdout } = await shell.run(`PEAL_LOG_FORMAT=json ${text.replace(/ *&$/, "")} 2>'${name}' & echo $!`);
		const node = { pid: Number(stdout), records: () => readFileSync(name, "utf8").split("\n").slice(0, -1).map(JSON.parse) };
		node.record = (message) => node.records().find((record) => record.message === message);
		node.url = (await until(() => {
			if (!runs(node.pid)) throw new Error(`${text}: ${readFileSync(name, "utf8")}`);
			return node.record("listening");
		}, text)).url;
		node.port = Number(new URL(node.url).port);
		// It has to end orderly: the status is its own.
		node.stop = () => shell.run(`kill ${node.pid}; wait ${node.pid}`);
		return node;
	};
	return shell;
}

export function runs(pid) {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
}
