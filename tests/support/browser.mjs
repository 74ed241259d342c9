// Pages in headless Chromium.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { beforeNodesEnd } from "../app/program.mjs";
import { patience } from "./common.mjs";

export const launch = () => chromium.launch({
	executablePath: process.env.PEAL_CHROMIUM ?? "/usr/bin/chromium-headless-shell",
	args: [
		"--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync",
	],
});

// A page in a context of its own, not yet anywhere. What the browser complains about and a violated policy fail the test when it
// ends; `allowed(text)` says which complaints are fine, `check()` may look at more.
export async function newPage(t, browser, options, allowed = () => false, check = () => {}) {
	const context = await browser.newContext(options);
	context.setDefaultTimeout(patience);
	const page = await context.newPage();
	const complaints = [];
	page.on("console", (message) => {
		if (["error", "warning"].includes(message.type())) complaints.push(message.text());
	});
	page.on("pageerror", (error) => complaints.push(String(error)));
	await page.addInitScript(() => {
		window.violations = [];
		document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
	});
	beforeNodesEnd(t, async () => {
		const violations = await page.evaluate(() => window.violations);
		await context.close();
		assert.deepEqual(violations, [], "the policy was violated");
		assert.deepEqual(complaints.filter((text) => !allowed(text)), []);
		check();
	});
	return { page, complaints };
}
