#!/usr/bin/env node
// Socket.IO on Node.js as a peer of the bench: the stock server and the official Redis adapter, nothing of ours in the way
// of a message. With `--engine ws` it is what `npm install socket.io` gives, with `--engine uws` the same on µWebSockets.js.
//
//   node server.mjs --engine ws|uws --port P [--redis URL]
//
// The part of peal's HTTP API that the load uses is in api.mjs. Prints "listening PORT" when it accepts clients and, with
// --redis, is subscribed. Ends on SIGTERM and SIGINT.
import { createRequire } from "node:module";
import { STATUS_CODES, createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";
import { PATHS, call } from "./api.mjs";

function fail(message) {
	console.error(`server.mjs: ${message}`);
	process.exit(2);
}

function settings() {
	let values;
	try {
		({ values } = parseArgs({
			options: {
				engine: { type: "string", default: "ws" },
				port: { type: "string", default: "0" },
				redis: { type: "string" },
			},
		}));
	} catch (error) {
		fail(error.message);
	}
	if (!["ws", "uws"].includes(values.engine)) fail("--engine is ws or uws");
	if (!/^\d{1,5}$/.test(values.port)) fail("--port is a number");
	return { ...values, port: Number(values.port) };
}

async function redisAdapter(url) {
	const publisher = createClient({ url });
	const subscriber = publisher.duplicate();
	for (const client of [publisher, subscriber])
		client.on("error", (error) => fail(`redis: ${error.message}`));
	await Promise.all([publisher.connect(), subscriber.connect()]);
	// The adapter subscribes without saying when that is done. Commands of a connection are answered in their order, so the
	// answer to a subscription of our own says it.
	return { adapter: createAdapter(publisher, subscriber), subscribed: () => subscriber.subscribe("peal-bench-ready", () => {}) };
}

// A request of the API to a server of node:http.
async function onRequest(io, request, response) {
	const path = request.url.split("?")[0];
	if (request.method !== "POST" || !PATHS.includes(path)) {
		response.writeHead(404).end();
		return;
	}
	const parts = [];
	for await (const part of request) parts.push(part);
	const { status, text } = await call(io, path, request.headers.authorization, Buffer.concat(parts).toString());
	response.writeHead(status, { "Content-Type": "application/json" }).end(text);
}

// The same to µWebSockets.js, where the request is gone after this call and the answer belongs to an open connection only.
function onPost(io, path, response, request) {
	const authorization = request.getHeader("authorization");
	const parts = [];
	let open = true;
	response.onAborted(() => {
		open = false;
	});
	response.onData(async (part, last) => {
		parts.push(Buffer.from(part.slice(0))); // a copy: the memory is the library's
		if (!last) return;
		const { status, text } = await call(io, path, authorization, Buffer.concat(parts).toString());
		if (!open) return;
		response.cork(() => {
			response.writeStatus(`${status} ${STATUS_CODES[status]}`).writeHeader("Content-Type", "application/json").end(text);
		});
	});
}

// Where the package has no binary for this Node.js it takes an imitation in JavaScript instead, which is no peer.
function uws() {
	const load = createRequire(import.meta.url);
	const library = load("@trufflesuite/uws-js-unofficial");
	if (!Object.keys(load.cache).some((name) => /[/\\]binaries[/\\]uws_[^/\\]*\.node$/.test(name)))
		fail(`µWebSockets.js is not there for Node.js ${process.version} on ${process.arch}`);
	return library;
}

function listen(io, engine, port) {
	if (engine === "uws") {
		const { App, us_socket_local_port: localPort } = uws();
		const app = App();
		io.attachApp(app);
		for (const path of PATHS) app.post(path, (response, request) => onPost(io, path, response, request));
		return new Promise((resolve) => {
			app.listen("127.0.0.1", port, (listening) => {
				if (!listening) fail(`cannot listen on port ${port}`);
				resolve(localPort(listening));
			});
		});
	}
	const http = createServer((request, response) => onRequest(io, request, response).catch(() => response.destroy()));
	io.attach(http);
	http.on("error", (error) => fail(error.message));
	return new Promise((resolve) => {
		// As many may wait to be accepted as the kernel allows: a storm of connects is not to be measured by its drops.
		http.listen({ port, host: "127.0.0.1", backlog: 65535 }, () => resolve(http.address().port));
	});
}

const { engine, port, redis } = settings();
const cluster = redis ? await redisAdapter(redis) : undefined;
const io = new Server({ serveClient: false, ...(cluster ? { adapter: cluster.adapter } : {}) });

io.on("connection", (socket) => {
	socket.on("echo", (...args) => {
		if (typeof args.at(-1) === "function") args.pop()(...args);
		else socket.emit("echo-back", ...args);
	});
});
for (const signal of ["SIGTERM", "SIGINT"]) process.on(signal, () => process.exit(0));

const actual = await listen(io, engine, port);
await cluster?.subscribed();
console.log(`listening ${actual}`);
