// What the tests of Socket.IO on the wire share.
import assert from "node:assert/strict";
import { Wire, within } from "./support.mjs";

export const socketPath = { path: "/socket.io/" };
export const open = (port, options) => Wire.open(port, { ...socketPath, ...options });

// Answers whatever is asked; shows that the session lives and that nothing else is on the way.
export async function assertAlive(wire, nsp = "") {
	const prefix = nsp && `${nsp},`;
	wire.send(`42${prefix}77["echo","alive"]`);
	assert.equal(await wire.next(), `43${prefix}77["alive"]`);
}

// The session closes orderly and nothing was sent before.
export async function assertClosed(wire) {
	const code = await within(wire.closed, "the session to close");
	assert.deepEqual(wire.queue, []);
	assert.equal(code, 1005);
}

export const joins = (text) => /^40(?:(\/[^,]*),)?\{"sid":"[A-Za-z0-9_-]{20}"\}$/.test(text);
