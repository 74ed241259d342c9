// Lines of the log: one record each, in both forms, whatever is in the values.
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import test from "node:test";
import { createClient } from "redis";
import { run, serve, until, within } from "./program.mjs";
import { freePort, startNodes } from "./redis.mjs";

// What a name of a node may hold, and what somebody else may send.
const odd = 'a"b\\c {"level":"error"} [31m\u2028\u{1f600}é=';
const awkward = 'a"b\\c\n{"level":"error"}\r\t\u001b[31m\u0085\u2028\u{1f600}é=';

function recordsOf(text) {
	assert.ok(text.endsWith("\n"), text.slice(-100));
	return text.slice(0, -1).split("\n").map((line) => {
		let record;
		try {
			record = JSON.parse(line);
		} catch (error) {
			assert.fail(`${error.message}: ${line}`);
		}
		assert.ok(["error", "warning", "info", "debug"].includes(record.level), line);
		assert.equal(typeof record.message, "string");
		assert.match(record.time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
		assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
		return record;
	});
}

// A Redis that answers everything with one line.
async function strangeRedis(t, line) {
	const server = net.createServer((socket) => {
		socket.on("error", () => {});
		socket.on("data", () => socket.write(line));
	}).listen(0, "127.0.0.1");
	await once(server, "listening");
	t.after(() => server.close());
	return `redis://127.0.0.1:${server.address().port}`;
}

test("each line of JSON is one record with what the settings and variables hold", async (t) => {
	const variable = `PEAL_${awkward.replace("=", "")}`;
	const node = await serve(t, ["--name", odd, "--path", "/p%22\\/"], { env: { [variable]: "x" } });
	await node.stop();
	const records = recordsOf(node.output);
	assert.ok(records.length >= 4);
	assert.equal(records.find(({ message }) => message === "listening").name, odd);
	assert.equal(records.find(({ message }) => message === "listening").path, "/p%22\\/");
	assert.equal(records.find(({ variable: name }) => name)?.variable, variable);
});

test("bytes that are not UTF-8 become replacement characters", async (t) => {
	const node = await serve(t, [], { wrap: (command) => ["sh", "-c", 'exec env "$(printf "PEAL_a\\377b\\302")=x" "$@"', "sh", ...command] });
	await node.stop();
	assert.ok(recordsOf(node.output).some(({ variable }) => variable === "PEAL_a\ufffdb\ufffd"), node.output);
});

test("what a strange Redis says is a value and nothing more", async (t) => {
	for (const [line, reason] of [
		[`-ERR ${awkward.replaceAll(/[\r\n]/g, "")}\r\n`, /^ERR a"b\\c\{"level":"error"\}\t\u001b\[31m\u0085\u2028\u{1f600}é=$/u],
		[Buffer.from("-\xff\xfe\x01\"\\ x\r\n", "latin1"), /^\ufffd\ufffd\u0001"\\ x$/],
		[`-ERR ${"\\\"".repeat(30000)}\r\n`, /^ERR (\\")+/], ["$-5\r\n", /./],
	]) {
		const node = await serve(t, ["--redis", await strangeRedis(t, line), "--log-level", "debug"]);
		await until(() => node.record("no connection to Redis"), "the complaint");
		await node.stop();
		const complaint = recordsOf(node.output).find(({ message }) => message === "no connection to Redis");
		assert.match(complaint.reason, reason);
	}
});

test("names of other nodes are values and nothing more", async (t) => {
	const { redis, nodes: [node] } = await startNodes(t, 1, ["--log-level", "debug"]);
	const publisher = createClient({ url: redis.url });
	await publisher.connect();
	const hello = { uid: "ABCDEF", type: "full", generation: 1, name: awkward, version: awkward, load: 0, namespaces: ["/"] };
	await publisher.publish("socket.io-peal#", JSON.stringify(hello));
	await until(() => node.records.some(({ name }) => name === awkward), "the other node to be seen");
	await publisher.publish("socket.io-peal#", JSON.stringify({ uid: "ABCDEF", type: "goodbye" }));
	await until(() => node.records.some(({ message }) => message === "a node has left the cluster"), "the other node to be gone");
	publisher.destroy();
	await node.stop();
	recordsOf(node.output);
});

test("a line of text is one record too", async () => {
	const port = await freePort();
	const blocker = net.createServer().listen(port, "127.0.0.1");
	await once(blocker, "listening");
	const { code, stderr } = await within(run(["serve", "--port", String(port)], { env: { [`PEAL_${awkward.replace("=", "")}`]: "x" } }), "the end");
	blocker.close();
	assert.equal(code, 1);
	for (const line of stderr.slice(0, -1).split("\n")) {
		assert.match(line, /^level=(error|warning|info) message="[^"]*"/);
		assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
	}
	assert.match(stderr, /variable="PEAL_a\\"b/);
});
