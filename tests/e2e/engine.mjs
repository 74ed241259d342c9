// What the tests of Engine.IO on the wire share: they run against the bare echo server on /engine.io/ of the test
// application, with raw HTTP and WebSockets, which hide nothing that stock clients hide.
import assert from "node:assert/strict";
import { startServer, Tcp, upgradeRequest } from "./support.mjs";

export const start = (t, settings) => startServer(t, { engine: true, ...settings });
export const polling = "/engine.io/?EIO=4&transport=polling";
export const websocket = "/engine.io/?EIO=4&transport=websocket";
export const jsonError = (code, message) => JSON.stringify({ code, message });

// The stated error reply on plain HTTP.
export function assertError(response, code, message, status = 400) {
	assert.equal(response.status, status, response.body);
	assert.equal(response.body, jsonError(code, message));
	assert.equal(response.headers["content-type"], "application/json");
	assert.equal(response.headers["cache-control"], undefined);
}

// The stated error reply on an upgrade: always 400, bare text, and the connection ends.
export async function refusedUpgrade(port, path, message, more = "") {
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest(path, more));
	const text = await tcp.rest();
	assert.match(text, /^HTTP\/1\.1 400 Bad Request\r\n/);
	assert.match(text, /\r\nConnection: close\r\n/i);
	assert.match(text, /\r\nContent-type: text\/html\r\n/i);
	assert.equal(text.slice(text.indexOf("\r\n\r\n") + 4), message);
	return text;
}

export async function accepted(port, path, more = "") {
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest(path, more));
	const text = await tcp.until((received) => received.includes("\r\n\r\n"), "the answer to an upgrade");
	assert.match(text, /^HTTP\/1\.1 101 /);
	assert.match(text, /\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/i);
	return tcp;
}

// A heartbeat short enough to be waited for.
export const beat = { pingInterval: 300, pingTimeout: 200 };
