// The console page in headless Chromium: two or three people on one node, and what each of them sees.
import assert from "node:assert/strict";
import test from "node:test";
import { ask, connected, serve } from "../app/program.mjs";
import { startNodes } from "../app/redis.mjs";
import { launch, newPage } from "../support/browser.mjs";

let browser;
test.before(async () => { browser = await launch(); });
test.after(() => browser?.close());

// A person at the page. Whatever the browser complains about fails the test when it ends.
async function open(t, node, { name, context: options = {} }) {
	const person = {};
	const { page, complaints } = await newPage(t, browser, options, (text) => person.allowed?.test(text));
	await page.goto(node.page ?? node.url);
	return Object.assign(person, {
		page, name, complaints,
		async connect() {
			await page.getByLabel("Name").fill(name);
			await page.getByRole("button", { name: "Connect", exact: true }).click();
			await page.getByText("Connected", { exact: true }).waitFor();
			return this;
		},
		async join(room) {
			await page.getByLabel("Room", { exact: true }).fill(room);
			await page.getByRole("button", { name: "Join", exact: true }).click();
			await page.getByRole("button", { name: `Leave ${room}`, exact: true }).waitFor();
		},
		async leave(room) {
			const button = page.getByRole("button", { name: `Leave ${room}`, exact: true });
			await button.click();
			await button.waitFor({ state: "detached" });
		},
		async broadcast(to, text, { room, timeout, reach = "All nodes" } = {}) {
			await page.getByText(to, { exact: true }).click();
			await page.getByText(reach, { exact: true }).click();
			if (room) await page.getByLabel("Which room").fill(room);
			await page.getByLabel("Message").fill(text);
			await page.getByLabel("Ask for acknowledgements").setChecked(Boolean(timeout));
			if (timeout) await page.getByLabel("Timeout").fill(String(timeout));
			await page.getByRole("button", { name: "Broadcast", exact: true }).click();
		},
		// Messages from others, as "name: text".
		async received() {
			return page.locator("#log .in .what").evaluateAll((lines) => lines.map((line) =>
				`${line.querySelector("strong").textContent}: ${line.querySelector(".text").textContent}`));
		},
		async sees(text) {
			await page.locator("#log .in").filter({ hasText: text }).first().waitFor();
		},
		async answers(summary) {
			await page.getByText(summary, { exact: true }).first().waitFor();
			const list = async (id) => (await page.locator(`#${id} li`).allTextContents()).sort();
			return { answered: await list("answered"), missing: await list("missing") };
		},
		async setAnswering(on) {
			await page.getByLabel("Answer when a broadcast asks").setChecked(on);
		},
	});
}

async function people(t, node, ...names) {
	return Promise.all(names.map(async (name) => (await open(t, node, { name })).connect()));
}

test("one broadcasts, the other sees it", async (t) => {
	const node = await serve(t, ["--demo"]);
	const [ada, grace] = await people(t, node, "Ada", "Grace");
	await ada.broadcast("Everyone", "hello, world");
	await grace.sees("hello, world");
	await ada.sees("hello, world");
	assert.deepEqual(await grace.received(), ["Ada: hello, world"]);
	await grace.page.locator("#fact-transport", { hasText: "websocket" }).waitFor();
});

test("everyone, everyone else, and a room", async (t) => {
	const node = await serve(t, ["--demo"]);
	const [ada, grace, alan] = await people(t, node, "Ada", "Grace", "Alan");
	await grace.join("red");
	await alan.join("blue");
	await ada.broadcast("Everyone", "to everyone");
	await ada.broadcast("Everyone else", "to others");
	await ada.broadcast("A room", "to red", { room: "red" });
	await ada.broadcast("A room", "to blue", { room: "blue" });
	await alan.leave("blue");
	await ada.broadcast("A room", "to blue, later", { room: "blue" });
	await ada.broadcast("Everyone", "the end");
	for (const person of [ada, grace, alan]) await person.sees("the end");
	assert.deepEqual(await ada.received(), ["Ada: to everyone", "Ada: the end"]);
	assert.deepEqual(await grace.received(), ["Ada: to everyone", "Ada: to others", "Ada: to red", "Ada: the end"]);
	assert.deepEqual(await alan.received(), ["Ada: to everyone", "Ada: to others", "Ada: to blue", "Ada: the end"]);
});

test("acknowledgements show who answered", async (t) => {
	const node = await serve(t, ["--demo"]);
	const [ada] = await people(t, node, "Ada", "Grace", "Alan");
	await ada.broadcast("Everyone", "who is there?", { timeout: 20000 });
	assert.deepEqual(await ada.answers("3 of 3 answered"), { answered: ["Ada", "Alan", "Grace"], missing: ["nobody"] });
	await ada.broadcast("Everyone else", "and the others?", { timeout: 20000 });
	assert.deepEqual(await ada.answers("2 of 2 answered"), { answered: ["Alan", "Grace"], missing: ["nobody"] });
	await ada.broadcast("A room", "nobody", { room: "empty", timeout: 20000 });
	assert.deepEqual(await ada.answers("Nobody was asked"), { answered: ["nobody"], missing: ["nobody"] });
});

test("acknowledgements show who did not answer in time", async (t) => {
	const node = await serve(t, ["--demo"]);
	const [ada, , alan] = await people(t, node, "Ada", "Grace", "Alan");
	await alan.setAnswering(false);
	await ada.broadcast("Everyone else", "who is there?", { timeout: 500 });
	assert.deepEqual(await ada.answers("1 of 2 answered: operation has timed out"), { answered: ["Grace"], missing: ["Alan"] });
	await alan.sees("you did not answer");
	await alan.setAnswering(true);
	await ada.broadcast("Everyone else", "again", { timeout: 20000 });
	assert.deepEqual(await ada.answers("2 of 2 answered"), { answered: ["Alan", "Grace"], missing: ["nobody"] });
});

test("the name can be changed while connected", async (t) => {
	const node = await serve(t, ["--demo"]);
	const [ada, grace] = await people(t, node, "Ada", "Grace");
	await ada.page.getByLabel("Name").fill("Countess");
	await ada.page.getByRole("button", { name: "Change name" }).click();
	await ada.page.locator("#log li").filter({ hasText: "Countess" }).waitFor();
	await ada.broadcast("Everyone else", "hi");
	await grace.sees("hi");
	assert.deepEqual(await grace.received(), ["Countess: hi"]);
});

test("markup from others is shown as text", async (t) => {
	const node = await serve(t, ["--demo"]);
	const markup = "<img src=x onerror=\"window.hacked = 1\"><b>bold</b>";
	const [grace] = await people(t, node, "Grace");
	const ada = await (await open(t, node, { name: "<i>Ada</i>" })).connect();
	await grace.join("<b>room</b>");
	await ada.broadcast("Everyone", markup, { timeout: 20000 });
	await grace.sees(markup);
	assert.deepEqual((await ada.answers("2 of 2 answered")).answered, ["<i>Ada</i>", "Grace"]);
	assert.equal(await grace.page.locator("#log img, #log b, #rooms b").count(), 0);
	assert.equal(await grace.page.evaluate(() => window.hacked), undefined);
});

test("events that no page sends are shown, whatever they hold", async (t) => {
	const node = await serve(t, ["--demo"]);
	const [grace] = await people(t, node, "Grace");
	const other = await connected(node);
	const orders = [{ args: [] }, { args: [null] }, { args: [{ text: 5 }] }, { event: "draw", args: [[1, "two"]] }, { args: [], timeout: 20000 }];
	for (const order of orders) assert.equal((await ask(other, "broadcast", { to: "others", ...order })).ok, true);
	await grace.sees('[[1,"two"]]');
	assert.deepEqual(await grace.received(), ["message: ", "message: null", 'message: {"text":5}', 'draw: [[1,"two"]]', "message: "]);
});

test("the transports can be chosen", async (t) => {
	const node = await serve(t, ["--demo"]);
	for (const [label, transport] of [["Polling only", "polling"], ["WebSocket only", "websocket"]]) {
		const person = await open(t, node, { name: label });
		await person.page.getByLabel("Transport").selectOption({ label });
		await person.connect();
		assert.equal(await person.page.locator("#fact-transport").textContent(), transport);
		await person.broadcast("Everyone", `over ${transport}`);
		await person.sees(`over ${transport}`);
		await person.page.getByRole("button", { name: "Disconnect" }).click();
		await person.page.getByText("Not connected", { exact: true }).waitFor();
	}
});

test("everything can be done with the keyboard", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { page } = await open(t, node, { name: "Ada" });
	await page.keyboard.type("Ada"); // the name has the focus
	await page.keyboard.press("Enter");
	await page.getByText("Connected", { exact: true }).waitFor();
	const reach = async (id) => {
		for (let i = 0; i < 40; i++) {
			if (await page.evaluate((wanted) => document.activeElement?.id === wanted, id)) return;
			await page.keyboard.press("Tab");
		}
		assert.fail(`${id} cannot be reached with Tab`);
	};
	await reach("room");
	await page.keyboard.type("red");
	await page.keyboard.press("Enter");
	await page.getByRole("button", { name: "Leave red" }).waitFor();
	await reach("text");
	await page.keyboard.press("Shift+Tab"); // all nodes or this one
	await page.keyboard.press("Shift+Tab"); // to whom
	await page.keyboard.press("ArrowRight");
	await page.keyboard.press("ArrowRight");
	await page.getByLabel("Which room").waitFor();
	assert.equal(await page.getByLabel("Which room").inputValue(), "red");
	await reach("text");
	await page.keyboard.type("line one");
	await page.keyboard.press("Shift+Enter");
	await page.keyboard.type("line two");
	await page.keyboard.press("Enter");
	await page.locator("#log .in").filter({ hasText: "line two" }).waitFor();
	await reach("log");
});

test("when the node goes and comes back, so does the page, in its rooms", async (t) => {
	const first = await serve(t, ["--demo"]);
	const ada = await open(t, first, { name: "Ada" });
	ada.allowed = /ERR_CONNECTION_|WebSocket connection to|Failed to load resource/; // while there is no node
	await ada.connect();
	await ada.join("red");
	await first.stop();
	await ada.page.getByText("Reconnecting…", { exact: true }).or(ada.page.getByText("Trying to connect…", { exact: true })).waitFor();
	await serve(t, ["--demo"], { port: first.port });
	await ada.page.getByText("Connected", { exact: true }).waitFor();
	await ada.page.getByRole("button", { name: "Leave red" }).waitFor();
	await ada.broadcast("A room", "back again", { room: "red" });
	await ada.sees("back again");
});

test("every control has a name, and the page fits a telephone", async (t) => {
	const node = await serve(t, ["--demo"]);
	const { page } = await open(t, node, { name: "Ada", context: { viewport: { width: 360, height: 740 }, colorScheme: "dark" } });
	const nameless = await page.locator("input, select, textarea, button").evaluateAll((controls) =>
		controls.filter((control) => !control.labels?.length && !control.textContent.trim() && !control.ariaLabel).map(({ id }) => id));
	assert.deepEqual(nameless, []);
	assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), "it scrolls sideways");
});

test("without the stock client the page says what to do", async (t) => {
	const node = await serve(t, ["--demo"]);
	const context = await browser.newContext();
	t.after(() => context.close());
	const page = await context.newPage();
	await page.route("**/socket.io.min.js", (route) => route.fulfill({ status: 404 }));
	await page.goto(node.url);
	await page.getByText("The Socket.IO client is not installed").waitFor();
	assert.ok(await page.getByRole("button", { name: "Connect", exact: true }).isDisabled());
});

// --- a cluster ------------------------------------------------------------------------------------------------------

test("a node that is alone says so", async (t) => {
	const node = await serve(t, ["--demo"]);
	const [ada] = await people(t, node, "Ada");
	await ada.page.getByText("This node is alone.", { exact: true }).waitFor();
	assert.deepEqual(await ada.page.locator("#nodes strong").allTextContents(), [node.listening.name]);
});

test("the page shows the nodes, and broadcasts to all of them or to its own", async (t) => {
	const { nodes } = await startNodes(t, 2, ["--demo"]);
	const [ada] = await people(t, nodes[0], "Ada");
	const [grace] = await people(t, nodes[1], "Grace");
	await ada.page.getByText("2 nodes. Redis: up.", { exact: true }).waitFor();
	assert.equal(await ada.page.locator("#fact-server").textContent(), "n1");
	assert.deepEqual(await ada.page.locator("#nodes strong").allTextContents(), ["n1", "n2"]);
	await ada.page.locator("#nodes li", { hasText: "n1" }).getByText("you are here").waitFor();
	await ada.broadcast("Everyone", "only here", { reach: "This node only" });
	await ada.sees("only here");
	await ada.broadcast("Everyone", "everywhere", { timeout: 20000 });
	await grace.sees("everywhere");
	assert.deepEqual(await grace.received(), ["Ada: everywhere"]);
	assert.deepEqual(await ada.answers("2 of 2 answered on 2 of 2 nodes"),
		{ answered: ["Ada on n1", "Grace on n2"], missing: ["nobody"] });
});

test("on the operators' address the page connects to where the clients are", async (t) => {
	const node = await serve(t, ["--demo", "--internal-listen", "127.0.0.1:0"]);
	node.page = `http://127.0.0.1:${node.record("listening for operators").port}`;
	assert.equal((await node.get("/")).status, 404);
	const [ada, grace] = await people(t, node, "Ada", "Grace");
	await ada.broadcast("Everyone else", "hello");
	await grace.sees("hello");
});
