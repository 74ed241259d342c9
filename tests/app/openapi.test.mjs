// The OpenAPI document: that it is one, that it says what the program does, and that the program does what it says.
import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { request as httpRequest } from "node:http";
import test from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { checkAnswer, document, seen, text } from "./openapi.mjs";
import { connected, root, serve, within } from "./program.mjs";
import { answering, call, freePort, key, startNodes } from "./redis.mjs";

const withKey = { env: { PEAL_API_KEY: key } };
const methods = new Set(["get", "post", "put", "patch", "delete"]);
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
	Object.entries(item).filter(([method]) => methods.has(method)).map(([method, operation]) => ({ method: method.toUpperCase(), path, operation })));

test("the document is valid OpenAPI 3.1, and is served as it is in the tree", async (t) => {
	const validator = new Validator();
	const { valid, errors } = await validator.validate(JSON.parse(text));
	assert.ok(valid, JSON.stringify(errors));
	assert.equal(validator.version, "3.1");
	const node = await serve(t, [], withKey);
	const answer = await call(node, "GET", "/api/openapi.json");
	assert.equal(answer.status, 200);
	assert.equal(answer.text, text);
	const ids = operations.map(({ operation }) => operation.operationId);
	assert.deepEqual(ids, [...new Set(ids)]);
});

test("every reference of the document leads somewhere, and nothing in it is left over", () => {
	const used = new Set([...text.matchAll(/"\$ref": "#\/([^"]+)"/g)].map(([, at]) => at));
	for (const at of used) assert.ok(at.split("/").reduce((value, step) => value?.[step], document), at);
	for (const [kind, items] of Object.entries(document.components))
		if (kind !== "securitySchemes")
			for (const name of Object.keys(items)) assert.ok(used.has(`components/${kind}/${name}`), `${kind}/${name} is not used`);
});

test("the document has the paths that the program has, and no others", () => {
	const routes = new Set(), folder = `${root}src/app/`;
	for (const file of readdirSync(folder).filter((name) => name.endsWith(".c"))) {
		const source = readFileSync(folder + file, "utf8");
		for (const [, path, method] of source.matchAll(/\{ "(\/api\/[a-z./-]+)", "([A-Z]+)",/g)) routes.add(`${method} ${path}`);
		for (const [, path, method] of source.matchAll(/peal_place_route\(\s*place,\s*"(\/(?:healthz|readyz|metrics)[a-z/]*)",\s*"([A-Z]+)"/g)) routes.add(`${method} ${path}`);
	}
	assert.ok(routes.size > 10);
	assert.deepEqual(operations.map(({ method, path }) => `${method} ${path}`).sort(), [...routes].sort());
});

// What an operation takes, and what it does not.
const samples = {
	"POST /api/emit": [[{ event: "a" }, [{ event: "b" }], { event: "c", timeout: 100, rooms: ["nobody"], args: [{ $binary: "AAE=" }] }, [{ event: "d" }, { event: "e", timeout: 100 }]], {}],
	"POST /api/server-emit": [[{ event: "a", args: [1] }, { event: "a", timeout: 100 }], { event: "connect" }],
	"POST /api/sockets/join": [[{ rooms: ["a"], targets: ["b"], flags: { local: true, volatile: false } }], { targets: [] }],
	"POST /api/sockets/leave": [[{ except: ["a"], targets: ["b"] }], { rooms: [] , targets: ["b"] }],
	"POST /api/sockets/disconnect": [[{ rooms: ["nobody"] }, { rooms: ["nobody"], all: false, close: true }, { all: true, namespace: "/nobody" }], { all: true, rooms: ["a"] }],
	"GET /api/sockets": [["", "?handshake=1&limit=1&room=a&room=b&except=c&local=true&namespace=%2F&timeout=1000", "?handshake=true"], "?limit=0"],
	"GET /api/count": [["", "?room=a&local=0"], "?limit=5"],
	"GET /api/rooms": [["", "?limit=1&timeout=100"], "?timeout=99"],
	"GET /api/nodes": [[""], "?namespace=a"],
	"GET /api/openapi.json": [[""], undefined],
	// The last path of the document: from here on the node takes no new clients, and ends with the test.
	"POST /api/drain": [[{}, { seconds: 3600 }], { seconds: "1" }],
};

// Sends the head of a request only.
function announce(node, { method, path }, headers) {
	return within(new Promise((resolve, reject) => {
		const sent = httpRequest({ host: "127.0.0.1", port: node.port, method, path, headers }, (response) => {
			let body = "";
			response.on("data", (chunk) => { body += chunk; });
			response.on("end", () => { sent.destroy(); resolve({ status: response.statusCode, headers: response.headers, text: body }); });
		});
		sent.on("error", reject);
		sent.flushHeaders();
	}), "an answer to a head");
}

test("every operation gives the answers that are documented, in their form", async (t) => {
	const { nodes: [node] } = await startNodes(t, 1, ["--demo"]);
	const closed = await serve(t);
	const starting = await serve(t, ["--redis", `redis://127.0.0.1:${await freePort()}`]);
	const client = await answering(node, { bytes: Buffer.from("x") });
	await connected(node);
	const asked = await call(node, "POST", "/api/emit", { event: "x", timeout: 300, rooms: [client.id] });
	assert.equal(asked.body.responses.length, 1);

	for (const operation of operations) {
		const { method, path } = operation;
		const head = async (where, headers) => {
			const answer = await announce(where, operation, headers);
			checkAnswer({ method, path }, answer);
			return answer.status;
		};
		if (!path.startsWith("/api/")) {
			assert.equal(await head(node, {}), 200, path);
			continue;
		}
		const Authorization = `Bearer ${key}`;
		const [good, wrong] = samples[`${method} ${path}`] ?? assert.fail(`no samples for ${method} ${path}`);
		for (const sample of good) {
			const answer = method === "POST" ? await call(node, method, path, sample) : await call(node, method, path + sample);
			assert.ok(answer.status < 300, `${path}: ${JSON.stringify(sample)}: ${answer.text}`);
		}
		if (wrong !== undefined)
			assert.equal((method === "POST" ? await call(node, method, path, wrong) : await call(node, method, path + wrong)).status, 400, path);
		assert.equal(await head(node, {}), 401, path);
		assert.equal(await head(node, { Authorization, Origin: "http://elsewhere.example" }), 403, path);
		assert.equal(await head(closed, { Authorization }), 404, path);
		if (method === "POST") assert.equal(await head(node, { Authorization, "Content-Length": (8 << 20) + 1 }), 413, path);
	}
	for (const path of ["/readyz", "/readyz/cluster"]) {
		const answer = await starting.get(path);
		checkAnswer({ method: "GET", path }, { ...answer, text: answer.body });
		assert.equal(answer.status, 503);
	}
	// What needs a full, broken or closing node is seen by other tests, whose calls are checked as well.
	const documented = operations.flatMap(({ method, path, operation }) => Object.keys(operation.responses)
		.filter((status) => !["429", "500"].includes(status) && !(status === "503" && path.startsWith("/api/")))
		.map((status) => `${method} ${path} ${status}`));
	assert.deepEqual(documented.filter((what) => !seen.has(what)), []);
});

test("an answer that is not documented does not pass", async (t) => {
	const node = await serve(t, [], withKey);
	const good = await call(node, "GET", "/api/nodes");
	const about = { method: "GET", path: "/api/nodes" };
	checkAnswer(about, good);
	for (const change of [
		{ status: 418 }, { text: "{}" }, { text: `${good.text.slice(0, -1)},"more":1}` }, { headers: { "content-type": "text/html" } }, { text: good.text.replace('"self":true', '"self":1') },
	]) assert.throws(() => checkAnswer(about, { ...good, ...change }), assert.AssertionError, JSON.stringify(change));
	assert.throws(() => checkAnswer({ method: "GET", path: "/api/nodes?x=1" }, good), /parameter x is not documented/);
	assert.throws(() => checkAnswer({ method: "POST", path: "/api/emit", body: { event: "a", room: "b" } }, { status: 202, text: '{"cluster":"up"}', headers: { "content-type": "application/json" } }), /the body that was taken/);
});
