// Acknowledged broadcasts across nodes: they count, they cost little, they name who is silent, and they leave nothing.
import assert from "node:assert/strict";
import { createClient } from "redis";
import { eventually, isPeal, scenario, sleep, startCluster } from "./cluster.mjs";
import { openCrowd } from "./cluster_crowd.mjs";
import { unpack } from "./support.mjs";

const ask = (node, more = {}) => node.control({ do: "emit", event: "ask", timeout: 5000, ...more });
const quick = { settings: { maxClients: 4000, quiet: true } };

// Everyone answers at once, with its own id.
function answerAll(voices) {
	for (const voice of voices) voice.on = (event, args, reply) => reply?.(voice.id);
}

// What nodes did at Redis for rounds: without what they do every second anyway (announcements, counting subscribers,
// keep-alive) and without the test's own commands.
const costs = (lines) => lines.filter((line) => !/-peal#|"(PING|PUBSUB|ECHO|INFO|MONITOR|CLIENT|HELLO)"/i.test(line));

async function timed(promise) {
	const began = performance.now();
	const result = await promise;
	return { result, ms: performance.now() - began };
}

async function crowdOf3000(t) {
	const cluster = await startCluster(t, "PPP", quick.settings);
	const voices = await openCrowd(t, cluster.nodes, 1000, { forget: true });
	// The nodes choose rooms some seconds after they know each other; what that subscribes is not of the round.
	await eventually(async () => (await Promise.all(cluster.nodes.map((node) => node.stats()))).every((stats) => stats.cluster_interest_changes > 0), "every node to choose rooms");
	return { ...cluster, voices, monitor: await cluster.redis.monitor() };
}

async function costOfRound({ monitor, nodes, voices }, most) {
	answerAll(voices);
	const before = (await monitor.until()).length;
	const result = await ask(nodes[0]);
	const lines = costs((await monitor.until()).slice(before));
	assert.deepEqual([result.error, result.expected, result.answered, result.responses.length], [null, 3000, 3000, 3000]);
	assert.equal(new Set(result.responses.flatMap(unpack)).size, 3000);
	assert(lines.length <= most, `${lines.length} commands:\n${lines.map((line) => line.slice(0, 160)).join("\n")}`);
	return lines.length;
}

if (isPeal) {
	scenario("one acknowledged broadcast to 3000 clients returns 3000 answers with at most 10 Redis commands", async (t) => {
		const crowd = await crowdOf3000(t);
		const commands = [];
		for (let round = 0; round < 3; round++) commands.push(await costOfRound(crowd, 10));
		t.diagnostic(`commands: ${commands.join(" ")}`);
	}, 120000);

	scenario("answers spread over nearly the whole timeout are all reported, with at most 30 Redis commands", async (t) => {
		const { monitor, nodes, voices } = await crowdOf3000(t);
		const before = (await monitor.until()).length;
		const began = performance.now();
		const late = new Set();
		// Evenly over 4.95 s since before the round began; what a busy machine sends after that is not asked for.
		voices.forEach((voice, index) => {
			voice.on = (event, args, reply) => {
				const at = began + ((index % 1000) / 1000) * 4940;
				setTimeout(() => {
					reply(voice.id);
					if (performance.now() > began + 4950) late.add(voice.id);
				}, Math.max(0, at - performance.now()));
			};
		});
		const result = await ask(nodes[0]);
		const lines = costs((await monitor.until()).slice(before));
		const answers = new Set(result.responses.flatMap(unpack));
		assert.equal(result.expected, 3000);
		assert.deepEqual(voices.filter(({ id }) => !answers.has(id) && !late.has(id)).length, 0);
		assert(late.size < 100, `${late.size} answers were late`);
		assert.equal(result.error, answers.size === 3000 ? null : "operation has timed out");
		assert(lines.length <= 30, `${lines.length} commands:\n${lines.map((line) => line.slice(0, 160)).join("\n")}`);
		t.diagnostic(`commands: ${lines.length}, late: ${late.size}`);
	}, 120000);

	for (const before of [0, 10000])
		scenario(`a peal node that is frozen ${before ? "for ten seconds before the round" : "when the round begins"} is named`, async (t) => {
			const { nodes } = await startCluster(t, "PPP");
			answerAll(await openCrowd(t, nodes.slice(0, 2), 2));
			nodes[2].child.kill("SIGSTOP");
			await sleep(before);
			const result = await ask(nodes[0], { timeout: 2000 });
			nodes[2].child.kill("SIGCONT");
			assert.deepEqual([result.error, result.missingServers, result.unnamedMissing], ["operation has timed out", ["node-2"], 0]);
			assert.deepEqual([result.responses.length, result.servers, result.serversAnswered], [4, 3, 2]);
			// It comes back and is counted again.
			await eventually(async () => (await ask(nodes[0], { timeout: 2000 })).error === null, "the node to answer again");
		});

	scenario("a Node.js server that is frozen is counted as one unnamed server that is missing", async (t) => {
		const { nodes } = await startCluster(t, "PPN");
		answerAll(await openCrowd(t, nodes, 2));
		const whole = await ask(nodes[0]);
		assert.deepEqual([whole.error, whole.responses.length, whole.servers, whole.unnamedMissing], [null, 6, 3, 0]);
		nodes[2].child.kill("SIGSTOP");
		const result = await ask(nodes[0], { timeout: 1500 });
		nodes[2].child.kill("SIGCONT");
		assert.equal(result.error, "operation has timed out");
		assert.deepEqual([result.responses.length, result.missingServers, result.unnamedMissing], [4, [], 1]);
	});

	scenario("a killed peal node delays a round by no more than the member timeout, and then not at all", async (t) => {
		const { nodes } = await startCluster(t, "PPP");
		answerAll(await openCrowd(t, nodes.slice(0, 2), 2));
		nodes[2].killed = true;
		nodes[2].child.kill("SIGKILL");
		const first = await ask(nodes[0]);
		assert.deepEqual([first.error, first.responses.length], [null, 4]);
		const second = await ask(nodes[0]);
		assert.deepEqual([second.error, second.responses.length, second.servers], [null, 4, 2]);
	});

	scenario("a node killed in the middle of a round ends it before its timeout, without an error of the others", async (t) => {
		const { nodes } = await startCluster(t, "PPP");
		const voices = await openCrowd(t, nodes, 2);
		answerAll(voices.filter(({ node }) => node !== nodes[2]));
		const asked = new Promise((resolve) => { voices.find(({ node }) => node === nodes[2]).on = resolve; });
		const round = ask(nodes[0]);
		await asked;
		nodes[2].killed = true;
		nodes[2].child.kill("SIGKILL");
		const result = await round;
		assert.deepEqual([...new Set(result.responses.flatMap(unpack))].length, 4);
	});

	scenario("a node that stops in an orderly way is not waited for", async (t) => {
		const { nodes } = await startCluster(t, "PPP");
		answerAll(await openCrowd(t, nodes.slice(0, 2), 1));
		await nodes[2].stop();
		const result = await ask(nodes[0]);
		assert.deepEqual([result.error, result.responses.length, result.servers], [null, 2, 2]);
	});

	scenario("serverSideEmit succeeds though a node leaves the cluster meanwhile", async (t) => {
		const { nodes } = await startCluster(t, "PPP", { requestTimeout: 20000 });
		await nodes[1].control({ do: "on-server", event: "ask", answer: [1] });
		await nodes[2].control({ do: "on-server", event: "ask" });
		const round = nodes[0].control({ do: "server-emit", event: "ask", ack: true });
		await nodes[2].logged({ e: "server-event", event: "ask" });
		nodes[2].killed = true;
		nodes[2].child.kill("SIGKILL");
		const { error, responses } = await round;
		assert.deepEqual([error, responses.map(unpack)], [null, [[1]]]);
	});

	scenario("a stray subscriber makes no round fail", async (t) => {
		const { nodes, redis } = await startCluster(t, "PPP");
		answerAll(await openCrowd(t, nodes, 2));
		const stray = await createClient({ url: redis.url }).on("error", () => {}).connect();
		t.after(() => stray.destroy());
		await stray.subscribe("socket.io-request#/#", () => {});
		await eventually(async () => await redis.receivers() === 4, "the stray subscriber");
		for (let round = 0; round < 5; round++) {
			const result = await ask(nodes[round % 3]);
			assert.deepEqual([result.error, result.responses.length, result.servers, result.unnamedMissing], [null, 6, 3, 0]);
		}
	});

	scenario("a namespace that two of three nodes serve completes at once", async (t) => {
		const { nodes } = await startCluster(t, "PPP", { namespaces: ["/"] });
		for (const node of nodes.slice(0, 2)) await node.control({ do: "of", name: "/partly" });
		await eventually(async () => {
			const { members } = await nodes[0].control({ do: "cluster" });
			return members.filter(({ namespaces }) => namespaces.includes("/partly")).length === 2;
		}, "the namespace to be announced");
		answerAll(await openCrowd(t, nodes.slice(0, 2), 2, { ns: "/partly" }));
		const result = await ask(nodes[0], { ns: "/partly" });
		assert.deepEqual([result.error, result.responses.length, result.servers, result.serversAnswered], [null, 4, 2, 2]);
		// The third asks without serving it.
		const other = await nodes[2].control({ do: "remote-emit", ns: "/partly", event: "ask", timeout: 5000 });
		assert.deepEqual([other.error, other.responses.length], [null, 4]);
	});

	scenario("a thousand rounds that time out leave nothing on any node", async (t) => {
		const { nodes } = await startCluster(t, "PPN", { quiet: true });
		const voices = await openCrowd(t, nodes, 1, { forget: true });
		answerAll(voices.slice(0, 1));
		let done = 0;
		await Promise.all(Array.from({ length: 20 }, async (_, lane) => {
			for (let round = 0; round < 50; round++) {
				const result = await ask(nodes[lane % 2], { timeout: 100 });
				assert.equal(result.error, "operation has timed out");
				done++;
			}
		}));
		assert.equal(done, 1000);
		for (const node of nodes.slice(0, 2))
			await eventually(async () => {
				const stats = await node.stats();
				assert.deepEqual([stats.rounds, stats.cluster_requests, stats.cluster_answering], [0, 0, 0]);
				return true;
			}, "nothing to be left");
		// Late answers are counted and do no harm.
		answerAll(voices);
		const result = await ask(nodes[0]);
		assert.deepEqual([result.error, result.responses.length], [null, 3]);
	});
}

// These hold for the official server as well.
const three = isPeal ? "PPP" : "NNN";

scenario("clients that never answer are counted, and the answers of the others returned", async (t) => {
	const { nodes } = await startCluster(t, three);
	const voices = await openCrowd(t, nodes, 10);
	answerAll(voices.filter((_, index) => index % 2 === 0));
	const { result, ms } = await timed(ask(nodes[0], { timeout: 700 }));
	assert.equal(result.error, "operation has timed out");
	assert.equal(result.responses.length, 15);
	assert(ms >= 690, `it gave up after ${ms} ms`);
	if (isPeal) assert.deepEqual([result.expected, result.answered, result.missingServers], [30, 15, []]);
});

scenario("a local round asks and counts this node only", async (t) => {
	const { nodes } = await startCluster(t, three);
	const voices = await openCrowd(t, nodes, 2);
	answerAll(voices);
	const result = await ask(nodes[0], { flags: ["local"] });
	assert.equal(result.responses.length, 2);
	if (isPeal) assert.deepEqual([result.error, result.expected, result.servers], [null, 2, 1]);
	assert.deepEqual(voices.map(({ node, got }) => [node === nodes[0], got.length]), voices.map(({ node }) => [node === nodes[0], node === nodes[0] ? 1 : 0]));
});
