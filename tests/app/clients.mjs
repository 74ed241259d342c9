// Clients with tokens, for the tests of what clients may do.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { ask, connected } from "./program.mjs";

export const secret = "a secret of the tests that has more than 32 bytes";
export const env = { PEAL_AUTH_SECRET: secret, PEAL_API_KEY: "geheim" };

const base64url = (value) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
export function sign(claims) {
	const text = `${base64url({ alg: "HS256" })}.${base64url({ exp: Math.floor(Date.now() / 1000) + 600, ...claims })}`;
	return `${text}.${crypto.createHmac("sha256", secret).update(text).digest("base64url")}`;
}
// A client with a token that says this, or without one.
export const enter = (node, claims, options = {}) =>
	connected(node, { transports: ["websocket"], auth: claims ? { token: sign(claims) } : {}, ...options });

export async function api(node, target, body) {
	const answer = await node.get(target, {
		method: body ? "POST" : "GET", body: body && JSON.stringify(body),
		headers: { Authorization: "Bearer geheim", "Content-Type": "application/json" },
	});
	assert.ok(answer.status < 300, answer.body);
	return JSON.parse(answer.body);
}

// The rooms of a client as the node knows them, without its own id.
export async function rooms(node, socket, namespace = "/") {
	const { sockets } = await api(node, `/api/sockets?namespace=${encodeURIComponent(namespace)}`);
	return sockets.find(({ id }) => id === socket.id).rooms.filter((room) => room !== socket.id).sort();
}

// Asks for what must be refused.
export async function refused(socket, code, ...request) {
	const answer = await ask(socket, ...request);
	assert.deepEqual([answer.ok, answer.error?.code], [false, code], JSON.stringify([request, answer]));
	assert.deepEqual(Object.keys(answer).sort(), ["error", "ok"]);
	assert.deepEqual(Object.keys(answer.error).sort(), ["code", "message"]);
}
