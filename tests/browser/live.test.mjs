// The live view in headless Chromium, against a cluster of three nodes.
import assert from "node:assert/strict";
import test, { describe } from "node:test";
import { connected, request, run, serve, until } from "../app/program.mjs";
import { answering, call, key, startNodes } from "../app/redis.mjs";
import { launch, newPage } from "../support/browser.mjs";

let browser;
test.before(async () => { browser = await launch(); });
test.after(() => browser?.close());

// The page. What the browser complains about, a violated policy, and a request to another host fail the test when it ends.
async function open(t, url, { allowed, ...options } = {}) {
	const origins = new Set();
	const { page } = await newPage(t, browser, options, (text) => allowed?.test(text), () => assert.deepEqual([...origins], [new URL(url).origin]));
	page.on("request", (sent) => { if (!sent.url().startsWith("data:")) origins.add(new URL(sent.url()).origin); });
	await page.goto(url);
	return page;
}

async function signIn(page, secret = key) {
	await page.getByLabel("Key of this node").fill(secret);
	await page.getByRole("button", { name: "Show the cluster" }).click();
}

async function openLive(t, url, options) {
	const page = await open(t, url, options);
	await signIn(page);
	await page.getByText("Live", { exact: true }).waitFor();
	return page;
}

const send = (page) => page.getByRole("button", { name: "Broadcast", exact: true }).click();
const texts = (page, selector) => page.locator(selector).allTextContents();

// Most of them wait for the page to ask again: together they wait once.
describe("the live view", { concurrency: 4 }, () => {
	test("it is there with --console and a key only, and brings no demo events", async (t) => {
		const refused = await run(["serve", "--console"]);
		assert.equal(refused.code, 2);
		assert.match(refused.stderr, /--console: .*--api-key/);
		const without = await serve(t, [], { env: { PEAL_API_KEY: key } });
		for (const path of ["/", "/console", "/console/live.mjs"]) assert.equal((await without.get(path)).status, 404, path);
		const node = await serve(t, ["--console"], { env: { PEAL_API_KEY: key } });
		for (const path of ["/", "/console"]) {
			const { status, headers, body } = await node.get(path);
			assert.equal(status, 200);
			assert.match(headers["content-security-policy"], /default-src 'none'; script-src 'self'; .*frame-ancestors 'none'/);
			assert.doesNotMatch(headers["content-security-policy"], /unsafe|\*/);
			assert.ok(!body.includes(key));
		}
		assert.equal((await node.get("/console.js")).status, 404);
		const socket = await connected(node);
		await assert.rejects(socket.timeout(200).emitWithAck("nodes"));
	});

	test("on the operators' address it is there and not where the clients connect", async (t) => {
		const node = await serve(t, ["--console", "--internal-listen", "127.0.0.1:0"], { env: { PEAL_API_KEY: key } });
		const { port } = node.record("listening for operators");
		for (const path of ["/", "/console", "/console/live.mjs"]) {
			assert.equal((await node.get(path)).status, 404);
			assert.equal((await request(port, { path })).status, 200);
		}
		const page = await openLive(t, `http://127.0.0.1:${port}/`);
		await page.getByText("This node is alone.", { exact: true }).waitFor();
	});

	test("a wrong key shows nothing, the right one is kept for the tab, and can be forgotten", async (t) => {
		const node = await serve(t, ["--demo"], { env: { PEAL_API_KEY: key } });
		const page = await open(t, `${node.url}/console`, { allowed: /status of 401/ });
		const main = page.locator("main");
		await signIn(page, "wrong");
		await page.getByText("The node refuses this key.").waitFor();
		assert.equal(await main.isVisible(), false);
		assert.equal(await page.evaluate(() => sessionStorage.length), 0);
		await signIn(page, "schlüssel");
		await page.getByText("A key is 1 to 1000 characters").waitFor();
		await signIn(page);
		await main.waitFor();
		assert.equal(await page.getByLabel("Key of this node").inputValue(), "");
		await page.reload();
		await main.waitFor();
		// A key that is not right any more: it is asked for again, and what was shown goes.
		await page.evaluate(() => sessionStorage.setItem("peal-api-key", "old"));
		await page.getByText("The node refuses this key.").waitFor();
		assert.deepEqual([await main.isVisible(), await texts(page, "#nodes li")], [false, []]);
		await signIn(page);
		await page.getByRole("button", { name: "Forget the key" }).click();
		await page.getByLabel("Key of this node").waitFor();
		assert.deepEqual(await page.evaluate(() => [sessionStorage.length, localStorage.length, document.cookie]), [0, 0, ""]);
	});

	test("what comes after the key was forgotten is shown to nobody", async (t) => {
		const node = await serve(t, ["--console"], { env: { PEAL_API_KEY: key } });
		await answering(node, undefined);
		const page = await openLive(t, node.url);
		await page.getByLabel("Event", { exact: true }).fill("secret");
		await page.getByLabel("Ask for acknowledgements").check();
		await page.getByLabel("Timeout").fill("1500");
		const answered = page.waitForResponse("**/api/emit");
		await send(page);
		await page.getByText("Waiting for answers…").waitFor();
		await page.getByRole("button", { name: "Forget the key" }).click();
		await signIn(page);
		await page.getByText("Live", { exact: true }).waitFor();
		await (await answered).finished();
		await page.getByLabel("Timeout").fill("100");
		await page.getByLabel("Look at namespace").fill("/");
		await page.getByRole("button", { name: "Refresh" }).click();
		await page.getByText("1 client and 0 rooms.", { exact: true }).waitFor();
		assert.equal(await page.locator("#result").textContent(), "Nothing was sent yet.");
		assert.equal(await page.locator("#log li").filter({ hasText: "secret" }).count(), 0);
		await send(page);
		await page.getByText("0 of 1 client answered, 1 of 1 node: operation has timed out.", { exact: true }).first().waitFor();
	});

	test("a node without a key says so", async (t) => {
		const node = await serve(t, ["--demo"]);
		const page = await open(t, `${node.url}/console`, { allowed: /status of 404/ });
		await signIn(page, "any");
		await page.getByText("This node has no API key").waitFor();
	});

	test("three nodes: what each says, this node only, and names that are markup", async (t) => {
		const { nodes } = await startNodes(t, 3, ["--console", "--member-timeout", "1500", "--request-timeout", "1000"]);
		const room = "<img src=x onerror=\"window.hacked = 1\">";
		const clients = await Promise.all(nodes.map((node, i) => answering(node, `yes from ${i + 1} <b>`)));
		const joined = await call(nodes[1], "POST", "/api/sockets/join", { rooms: [clients[1].id], targets: [room, "red"] });
		assert.equal(joined.status, 200);
		const page = await openLive(t, nodes[0].url);
		await page.getByText("3 nodes. Redis: up.", { exact: true }).waitFor();
		await page.locator("#nodes li.self", { hasText: "n1" }).getByText("1 client, this node").waitFor();
		assert.deepEqual(await texts(page, "#nodes strong"), ["n1", "n2", "n3"]);

		await t.test("everyone, with acknowledgements", async () => {
			await page.getByLabel("Event", { exact: true }).fill("hello");
			await page.getByLabel("Arguments").fill('["world", 12345678901234567890]');
			await page.getByLabel("Ask for acknowledgements").check();
			await page.getByLabel("Timeout").fill("20000");
			await send(page);
			await page.getByText("3 of 3 clients answered, 3 of 3 nodes.", { exact: true }).first().waitFor();
			assert.deepEqual(await texts(page, "#result-nodes tr"), ["n11answered", "n21answered", "n31answered"]);
			assert.deepEqual((await texts(page, "#responses li")).sort(), ['"yes from 1 <b>"', '"yes from 2 <b>"', '"yes from 3 <b>"']);
			for (const { heard } of clients) assert.deepEqual(heard, [["hello", "world", 12345678901234567890]]);
		});

		await t.test("this node only", async () => {
			await page.getByLabel("This node's clients only").check();
			await send(page);
			await page.getByText("1 of 1 client answered, 1 of 1 node.", { exact: true }).first().waitFor();
			assert.deepEqual(await texts(page, "#result-nodes tr"), ["n11answered"]);
			assert.deepEqual(clients.map(({ heard }) => heard.length), [2, 1, 1]);
			await page.getByLabel("This node's clients only").uncheck();
		});

		await t.test("a room whose name is markup, by its button, and one that is left out", async () => {
			await page.getByRole("button", { name: "Refresh" }).click();
			await page.getByRole("button", { name: room, exact: true }).click();
			assert.equal(await page.getByLabel("To rooms").inputValue(), room);
			await send(page);
			await page.getByText("1 of 1 client answered, 3 of 3 nodes.", { exact: true }).first().waitFor();
			assert.deepEqual(await texts(page, "#result-nodes tr"), ["n10answered", "n21answered", "n30answered"]);
			await page.locator("#client-list li", { hasText: room }).waitFor();
			assert.equal(await page.locator("main img, main b").count(), 0);
			assert.equal(await page.evaluate(() => window.hacked), undefined);
			await page.getByLabel("To rooms").fill("");
			await page.getByLabel("Except rooms").fill("red\n");
			await send(page);
			await page.getByText("2 of 2 clients answered, 3 of 3 nodes.", { exact: true }).first().waitFor();
			assert.deepEqual(clients.map(({ heard }) => heard.length), [3, 2, 2]);
			await page.getByLabel("Except rooms").fill("");
		});

		await t.test("without acknowledgements", async () => {
			await page.getByLabel("Ask for acknowledgements").uncheck();
			await page.getByLabel("Volatile").check();
			await send(page);
			await page.getByText("Handed over. The cluster is up.", { exact: true }).waitFor();
			await until(() => clients.every(({ heard }, i) => heard.length === [4, 3, 3][i]), "all to get it");
		});

		await t.test("the charts move", async () => {
			await page.getByRole("img", { name: /^Emits \/ s: now .* at most (?!0 in)/ }).waitFor();
			await page.getByRole("img", { name: /^Deliveries \/ s: now .* at most (?!0 in)/ }).waitFor();
			await page.getByRole("img", { name: /^Clients: now 1, at most 1/ }).waitFor();
		});

		await t.test("a node that stands still is silent, and back", async () => {
			nodes[2].child.kill("SIGSTOP");
			try {
				await page.locator("#nodes li.silent", { hasText: "n3" }).waitFor();
				await page.getByLabel("Ask for acknowledgements").check();
				await page.getByLabel("Timeout").fill("300");
				await send(page);
				await page.locator("#result-nodes tr", { hasText: "n3" }).getByText("no answer").waitFor();
			} finally {
				nodes[2].child.kill("SIGCONT");
			}
			await page.locator("#log li", { hasText: "n3 is back" }).waitFor();
		});
	});

	test("what is wrong is said in its place, and nothing is sent", async (t) => {
		const node = await serve(t, ["--console"], { env: { PEAL_API_KEY: key } });
		const heard = await answering(node, "yes");
		const page = await openLive(t, node.url, { allowed: /status of 400/ });
		const wrong = async (id, text) => {
			await send(page);
			await page.locator(`#${id}-error`, { hasText: text }).waitFor();
			assert.equal(await page.evaluate(() => document.activeElement.id), id);
			assert.equal(await page.locator(`#${id}`).getAttribute("aria-invalid"), "true");
			await page.locator("#result", { hasText: "Not sent" }).waitFor();
			assert.equal(await page.locator("[aria-invalid=true]").count(), 1);
		};
		await wrong("event", "an event needs a name");
		await page.getByLabel("Event", { exact: true }).fill("connect");
		await wrong("event", "reserved");
		await page.getByLabel("Event", { exact: true }).fill("hello");
		await page.getByLabel("Arguments").fill("[1,");
		await wrong("args", "is not JSON");
		await page.getByLabel("Arguments").fill('],"rooms":["a"],"x":[');
		await wrong("args", "is not JSON");
		await page.getByLabel("Arguments").fill('{"a":1}');
		await wrong("args", "must be an array");
		await page.getByLabel("Arguments").fill('[{"$binary":"?"}]');
		await wrong("args", "base64");
		await page.getByLabel("Arguments").fill("");
		await page.getByLabel("To rooms").fill("x".repeat(1025));
		await wrong("rooms", "at most 1024 bytes");
		await page.getByLabel("To rooms").fill("");
		await page.getByLabel("Ask for acknowledgements").check();
		await page.getByLabel("Timeout").fill("99");
		await wrong("timeout", "100 to 60000");
		await page.getByLabel("Timeout").fill("5000");
		await send(page);
		await page.getByText("1 of 1 client answered, 1 of 1 node.", { exact: true }).first().waitFor();
		assert.deepEqual(heard.heard, [["hello"]]);
		assert.equal(await page.locator("[aria-invalid=true]").count(), 0);
	});

	test("with the keyboard alone, on a telephone, in the dark", async (t) => {
		const node = await serve(t, ["--console"], { env: { PEAL_API_KEY: key } });
		const heard = await answering(node, "yes");
		const page = await open(t, node.url, { viewport: { width: 360, height: 740 }, colorScheme: "dark" });
		const reach = async (id) => {
			for (let i = 0; i < 40; i++) {
				if (await page.evaluate((wanted) => document.activeElement?.id === wanted, id)) return;
				await page.keyboard.press("Tab");
			}
			assert.fail(`${id} cannot be reached with Tab`);
		};
		await page.keyboard.type(key); // the key has the focus
		await page.keyboard.press("Enter");
		await page.getByText("Live", { exact: true }).waitFor();
		await reach("event");
		await page.keyboard.type("typed");
		await reach("args");
		await page.keyboard.press("Control+A");
		await page.keyboard.type("[true]");
		await reach("ask");
		await page.keyboard.press("Space");
		await reach("send");
		await page.keyboard.press("Enter");
		await page.getByText("1 of 1 client answered, 1 of 1 node.", { exact: true }).first().waitFor();
		assert.deepEqual(heard.heard, [["typed", true]]);
		await reach("log");
		const nameless = await page.locator("input, select, textarea, button").evaluateAll((controls) =>
			controls.filter((control) => !control.labels?.length && !control.textContent.trim() && !control.ariaLabel).map(({ id }) => id));
		assert.deepEqual(nameless, []);
		assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "it scrolls sideways");
		assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(18, 20, 27)");
	});

	test("when the node goes the page says so, and goes on when it is back", async (t) => {
		const env = { PEAL_API_KEY: key };
		const first = await serve(t, ["--console"], { env });
		const page = await openLive(t, first.url, { allowed: /ERR_CONNECTION_|Failed to load resource/ });
		await first.stop();
		await page.getByText("Not reachable, trying…", { exact: true }).waitFor();
		await serve(t, ["--console"], { env, port: first.port });
		await page.getByText("Live", { exact: true }).waitFor();
	});
});
