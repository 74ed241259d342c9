// The requests and answers that docs/http-api.md shows.
import assert from "node:assert/strict";
import test from "node:test";
import { serve, within } from "../app/program.mjs";
import { answering, call, key, startNodes } from "../app/redis.mjs";
import { page, read } from "./pages.mjs";

const withKey = { env: { PEAL_API_KEY: key } };

// All names of members, at any depth.
const names = (value) => [...new Set(value && typeof value === "object"
	? Object.entries(value).flatMap(([name, member]) => [...(Array.isArray(value) ? [] : [name]), ...names(member)]) : [])].sort();

// An object as the page shows it in its sentences: members may be without a value, and … is what is left out.
const shown = (text) => JSON.parse(text.replaceAll(/,?…/g, "").replaceAll(/([{,]"\w+")(?=[,}])/g, "$1:null"));

page("docs/http-api.md", (take) => {
	take("the key stands where it is shown", ["Authorization:"], async (t, { text }) => {
		const node = await serve(t, [], withKey);
		const [, name, value] = /^(.+): (.+)\n$/.exec(text.replace("KEY", key));
		assert.equal((await node.get("/api/nodes", { headers: { [name]: value } })).status, 200);
		assert.equal((await node.get("/api/nodes", { headers: { [name]: value.replace(key, "other") } })).status, 401);
	});

	take("what is refused is told with its path", ['{"error":{"code":"empty"'], async (t, { text }) => {
		const node = await serve(t, [], withKey);
		const answer = await call(node, "POST", "/api/emit", [{ event: "a" }, { event: "b" }, { event: "c", rooms: [] }]);
		assert.deepEqual([answer.status, answer.body], [400, JSON.parse(text)]);
	});

	const bodies = ['{"namespace":"/","rooms":["a","b"]', '{"error":null,"responses"', '{"namespace":"/","rooms":["a"]'];
	take("an event, its acknowledgements, and rooms that sockets join", bodies, async (t, emit, acks, joins) => {
		const { nodes } = await startNodes(t, 3);
		const one = await answering(nodes[0], "yes"), two = await answering(nodes[1], Buffer.from([0, 1])), three = await answering(nodes[2], "no");
		for (const socket of [one, two, three]) await call(nodes[2], "POST", "/api/sockets/join", { rooms: [socket.id], targets: ["b"] });
		await call(nodes[2], "POST", "/api/sockets/join", { rooms: [three.id], targets: ["c"] });
		const answer = await call(nodes[2], "POST", "/api/emit", emit.text);
		const sorted = ({ responses, ...rest }) => ({ ...rest, responses: responses.map((one) => JSON.stringify(one)).sort() });
		assert.deepEqual([answer.status, sorted(answer.body)], [200, sorted(JSON.parse(acks.text))]);
		const { event, args, timeout, ...rest } = JSON.parse(emit.text);
		assert.deepEqual([one.heard, three.heard], [[[event, ...args]], []]);
		assert.ok(timeout > 0);
		// Only the event is needed.
		assert.deepEqual((await call(nodes[0], "POST", "/api/emit", { event })).status, 202);

		// The rooms of the body, and those of the sentence below it.
		await call(nodes[0], "POST", "/api/sockets/join", { rooms: [one.id], targets: rest.rooms });
		const joined = await call(nodes[1], "POST", "/api/sockets/join", joins.text);
		const [, sentence] = /at most after a second: `(\{.*?\})`/.exec(read("docs/http-api.md"));
		assert.deepEqual([joined.status, joined.body], [200, JSON.parse(sentence)]);
		const listed = await call(nodes[2], "GET", "/api/sockets?room=x");
		assert.deepEqual(listed.body.sockets.map(({ id, rooms }) => [id, rooms.includes("y")]), [[one.id, true]]);
		assert.equal((await call(nodes[0], "POST", "/api/sockets/leave", joins.text)).status, 200);
		assert.equal((await call(nodes[0], "POST", "/api/sockets/disconnect", { rooms: ["b"] })).status, 202);
	});
});

test("docs/http-api.md: answers have the members that its table shows, and no others", async (t) => {
	const { nodes: [node] } = await startNodes(t, 2);
	const socket = await answering(node);
	await call(node, "POST", "/api/sockets/join", { rooms: [socket.id], targets: ["a"] });
	const rows = [...read("docs/http-api.md").matchAll(/^\| `(\/api\/\w+)(\S*)` \| `(\{.*?\})`/gm)];
	assert.deepEqual(rows.map(([, path]) => path), ["/api/sockets", "/api/count", "/api/rooms", "/api/nodes"]);
	for (const [, path, query, object] of rows) {
		const answer = await call(node, "GET", path + query.replace("timeout=5000", "timeout=20000"));
		assert.equal(answer.status, 200, answer.text);
		assert.deepEqual(names(answer.body), names(shown(object)), path);
	}
});

test("docs/http-api.md: events for servers and the drain are answered as its sentences show", async (t) => {
	const { nodes: [node, other] } = await startNodes(t, 2);
	const text = read("docs/http-api.md");
	const [, event, answer] = /^`(\{"namespace".*?\})` sends an event to the other servers[^]*?with it `(\{.*?\}\})`/m.exec(text);
	const told = await call(node, "POST", "/api/server-emit", event);
	assert.equal(told.status, 200);
	assert.deepEqual(Object.keys(told.body), Object.keys(shown(answer)));
	const [, order] = /^`(\{"seconds":\d+\})`: the node refuses/m.exec(text), [, agreed] = /It answers 202 with `(\{.*?\})`/.exec(text);
	const drained = await call(other, "POST", "/api/drain", order);
	assert.deepEqual([drained.status, Object.keys(drained.body), drained.body.seconds], [202, Object.keys(JSON.parse(agreed)), JSON.parse(order).seconds]);
	await call(other, "POST", "/api/drain", { seconds: 0 });
	await within(other.exited, "the node to end");
});
