// The test application on the Node.js reference, socket.io 4.8. It must behave like tests/support/testapp*.c in all
// that a client can see, so that the same end-to-end tests run against both and a difference shows.
//
// usage: node reference.mjs '{"port":0,"pingInterval":300,…}'; prints `listening <port>`.
import { createServer } from "node:http";
import { Server } from "socket.io";
import { Server as EngineServer } from "engine.io";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { createClient as createOlderClient } from "redis-4";
import { Redis } from "ioredis";

const settings = JSON.parse(process.argv[2] ?? "{}");
const log = [];
const pending = [];
const responders = [];
const sessions = new Map();

// Arguments travel over the control route in the form of the wire: placeholders and a list of attachments, as hex.
function pack(values) {
	const attachments = [];
	const walk = (value) => {
		if (Buffer.isBuffer(value) || value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
			attachments.push(Buffer.from(value).toString("hex"));
			return { _placeholder: true, num: attachments.length - 1 };
		}
		if (Array.isArray(value)) return value.map(walk);
		if (value && typeof value === "object")
			return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, walk(member)]));
		return value;
	};
	return { args: values.map(walk), attachments };
}

function unpack(command) {
	const walk = (value) => {
		if (Array.isArray(value)) return value.map(walk);
		if (value && typeof value === "object") {
			if (value._placeholder === true) return Buffer.from(command.attachments[value.num], "hex");
			return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, walk(member)]));
		}
		return value;
	};
	return (command.args ?? []).map(walk);
}

const options = { ...settings };
for (const own of ["port", "allowRequest", "headers", "engine", "maxClients", "outboxLimit", "redis", "prefix", "client",
	"requestTimeout", "specificResponse", "namespaces", "name", "interest", "queueLimit", "memberTimeout", "answerServerEvents", "quiet"])
	delete options[own];

function hold(kind, settle) {
	pending.push(settle);
	log.push({ e: "pending", kind });
}

if (settings.allowRequest)
	options.allowRequest = (request, decide) => {
		const deny = new URL(request.url, "http://localhost").searchParams.get("deny");
		log.push({ e: "allow-request", deny: deny ?? "" });
		if (deny === "later") hold("allow-request", (accept, message) => decide(message ?? null, accept));
		else if (deny === "plain") decide(null, false);
		else if (deny) decide(`denied: ${deny}`, false);
		else decide(null, true);
	};

// A member of a cluster when the settings name a Redis; with node-redis 5 or 4, or with ioredis.
async function redisAdapter() {
	let clients;
	if (settings.client === "ioredis") {
		const first = new Redis(settings.redis);
		clients = [first, first.duplicate()];
	} else {
		const first = (settings.client === "redis-4" ? createOlderClient : createClient)({ url: settings.redis });
		clients = [first, first.duplicate()];
	}
	// Losing Redis is for the clients to mend; without a listener it would end the process.
	for (const client of clients) client.on("error", (error) => log.push({ e: "redis-error", message: error.message }));
	if (settings.client !== "ioredis") await Promise.all(clients.map((client) => client.connect()));
	return createAdapter(...clients, {
		...(settings.prefix ? { key: settings.prefix } : {}),
		...(settings.requestTimeout ? { requestsTimeout: settings.requestTimeout } : {}),
		...(settings.specificResponse ? { publishOnSpecificResponseChannel: true } : {}),
	});
}
if (settings.redis) options.adapter = await redisAdapter();

const http = createServer(serve);
const io = new Server(http, options);
const engines = [io.engine];

if (settings.engine) {
	const bare = new EngineServer(options);
	bare.attach(http, { path: "/engine.io/" });
	engines.push(bare);
	bare.on("connection", (session) => {
		sessions.set(session.id, session);
		log.push({ e: "session", sid: session.id, transport: session.transport.name });
		session.on("message", (data) => {
			if (data === "close") session.close();
			else session.send(data);
		});
		session.on("close", (reason, cause) => {
			sessions.delete(session.id);
			log.push({ e: "session-close", sid: session.id, reason, description: cause?.message ?? null });
		});
	});
}

for (const engine of engines) {
	engine.on("connection_error", (error) =>
		log.push({ e: "connection-error", code: error.code, message: error.message, check: error.context?.name ?? "" }));
	if (settings.headers) {
		engine.on("initial_headers", (headers) => { headers["x-initial"] = "1"; });
		engine.on("headers", (headers) => { headers["x-every"] = "1"; });
	}
}

io.on("new_namespace", (ns) => {
	log.push({ e: "new-namespace", ns: ns.name });
	watchRooms(ns);
});

function watchRooms(ns) {
	for (const change of ["create-room", "join-room", "leave-room", "delete-room"])
		ns.adapter.on(change, (room, id) => log.push({ e: change, ns: ns.name, room, ...(id ? { id } : {}) }));
}

// The handlers that every namespace of the application has.
function serveNamespace(ns) {
	ns.on("connection", (socket) => {
		const name = socket.nsp.name;
		const entry = (e, more) => log.push({ e, ns: name, id: socket.id, ...more });
		entry("connection");
		if (name === "/custom") socket.emit("auth", socket.handshake.auth);
		const back = (event) => (...args) => {
			if (typeof args.at(-1) === "function") args.pop()(...args);
			else socket.emit(event, ...args);
		};
		socket.on("echo", back("echo-back"));
		socket.on("message", back("message-back"));
		socket.on("message-with-ack", back("message-back"));
		socket.on("twice", (reply) => { reply(1); reply(2); });
		socket.on("hold", (...args) => { responders.push(args.at(-1)); entry("held"); });
		socket.on("join", (room, reply) => { socket.join(room); reply(); });
		socket.on("leave", (room, reply) => { socket.leave(room); reply(); });
		socket.on("relay", (...args) => ns.emit("relayed", ...args));
		socket.on("kick", (close) => socket.disconnect(close));
		socket.on("whoami", (reply) => reply({
			id: socket.id, auth: socket.handshake.auth, xdomain: socket.handshake.xdomain,
			secure: socket.handshake.secure, address: socket.handshake.address,
			color: socket.handshake.query.color ?? null, header: socket.handshake.headers["x-test"] ?? null,
			url: socket.handshake.url, transport: socket.conn.transport.name,
		}));
		socket.on("disconnecting", (reason, cause) =>
			entry("disconnecting", { reason, description: describe(cause), rooms: [...socket.rooms] }));
		socket.on("disconnect", (reason, cause) => {
			socket.join("too-late");
			entry("disconnect", { reason, description: describe(cause), rooms: [...socket.rooms] });
		});
		socket.on("error", (error) => entry("error", { message: error.message ?? String(error) }));
		socket.use(([event], next) => next(event === "forbidden" ? new Error("forbidden event") : undefined));
		socket.on("forbidden", () => entry("forbidden-handled"));
		if (name !== "/any") return;
		const any = (e) => (event, ...args) =>
			entry(e, { event, ...pack(args.filter((value) => typeof value !== "function")) });
		socket.onAny(any("any"));
		socket.prependAny(any("any-first"));
		const removed = any("any-removed");
		socket.onAny(removed);
		socket.offAny(removed);
		socket.onAnyOutgoing(any("out"));
		socket.prependAnyOutgoing(any("out-first"));
		socket.onAnyOutgoing(removed);
		socket.offAnyOutgoing(removed);
	});
}

function describe(cause) {
	return cause?.message ?? cause?.description ?? null;
}

const refuse = (message, data) => Object.assign(new Error(message), data === undefined ? {} : { data });
const parents = {};
watchRooms(io.of("/"));
if (settings.namespaces) for (const name of settings.namespaces) serveNamespace(io.of(name));
else serveEverything();

function serveEverything() {
	for (const name of ["/", "/custom", "/any", "/order", "/refused", "/refused-plain", "/delayed"]) serveNamespace(io.of(name));
	io.of("/order").use((socket, next) => { log.push({ e: "first", ns: "/order", id: socket.id, connected: socket.connected }); next(); });
	io.of("/order").use((socket, next) => {
		socket.join("joined-early");
		socket.emit("early", 1);
		log.push({ e: "second", ns: "/order", id: socket.id, connected: socket.connected });
		next();
	});
	io.of("/refused").use((socket, next) => { socket.join("lost"); next(refuse("not authorized", { content: "later" })); });
	io.of("/refused").use(() => log.push({ e: "unreachable" }));
	io.of("/refused-plain").use((socket, next) => next(refuse("nope")));
	io.of("/delayed").use((socket, next) =>
		hold("middleware", (accept, message, data) => next(accept ? undefined : refuse(message, data))));
	parents["<pattern>"] = io.of(/^\/dynamic-[0-9]+$/);
	parents["<function>"] = io.of((name, auth, next) => {
		if (name === "/function-later") hold("rule", (accept) => next(null, accept));
		else next(null, name.startsWith("/function-") && auth.ok === true);
	});
	parents["<pattern>"].use((socket, next) => next(socket.handshake.auth?.bad ? refuse("bad") : undefined));
	serveNamespace(parents["<pattern>"]);
	serveNamespace(parents["<function>"]);
}

function operatorOf(command) {
	const ns = parents[command.ns] ?? io.of(command.ns ?? "/");
	let operator = command.socket ? ns.sockets.get(command.socket)?.broadcast : ns;
	if (!operator) throw new Error("gone");
	for (const flag of command.flags ?? []) operator = flag === "no-compress" ? operator.compress(false) : operator[flag];
	if (command.rooms) operator = operator.to(command.rooms);
	if (command.except) operator = operator.except(command.except);
	return operator;
}

const socketOf = (command, id) => {
	const socket = io.of(command.ns ?? "/").sockets.get(id);
	if (!socket) throw new Error("gone");
	return socket;
};

const commands = {
	emit(command, answer) {
		const args = [command.event, ...unpack(command)];
		let operator;
		if (command.direct) {
			operator = socketOf(command, command.direct);
			for (const flag of command.flags ?? []) operator = flag === "no-compress" ? operator.compress(false) : operator[flag];
		} else operator = operatorOf(command);
		if (command.timeout === undefined) {
			operator.emit(...args);
			return answer({ error: null });
		}
		operator.timeout(command.timeout).emit(...args, (error, responses, ...rest) => {
			if (command.direct)
				answer({ error: error?.message ?? null, response: error ? null : pack([responses, ...rest].filter((value) => value !== undefined)) });
			else answer({ error: error?.message ?? null, responses: responses.map((value) => pack([value ?? null])) });
		});
	},
	several(command, answer) {
		for (const one of command.commands) commands[one.do](one, () => {});
		answer({ error: null });
	},
	// The program's own listeners of other servers' events, and what it does when an answer is wanted.
	"on-server"(command, answer) {
		io.of(command.ns ?? "/").on(command.event, (...args) => {
			const reply = typeof args.at(-1) === "function" ? args.pop() : null;
			log.push({ e: "server-event", ns: command.ns ?? "/", event: command.event, wants: reply !== null, ...pack(args) });
			if (reply && command.answer !== undefined) reply(...unpack({ args: command.answer, attachments: command.attachments }));
		});
		answer({ error: null });
	},
	"server-emit"(command, answer) {
		const args = [command.event, ...unpack(command)];
		const ns = io.of(command.ns ?? "/");
		if (!command.ack) {
			ns.serverSideEmit(...args);
			return answer({ error: null });
		}
		ns.serverSideEmit(...args, (error, responses) =>
			answer({ error: error?.message ?? null, responses: responses.map((value) => pack([value ?? null])) }));
	},
	"all-rooms"(command, answer) {
		io.of(command.ns ?? "/").adapter.allRooms().then(
			(rooms) => answer({ error: null, rooms: [...rooms].sort() }), (error) => answer({ error: error.message }));
	},
	cluster(command, answer) {
		io.of(command.ns ?? "/").adapter.serverCount().then((servers) => answer({ error: null, servers }));
	},
	// What RemoteSocket does, of the one socket that `rooms` selects.
	instance(command, answer) {
		operatorOf(command).fetchSockets().then(([socket]) => {
			if (!socket) return answer({ error: "gone" });
			if (command.verb === "join" || command.verb === "leave") for (const room of command.names) socket[command.verb](room);
			else if (command.verb === "disconnect") socket.disconnect(command.close ?? false);
			else socket.emit(command.event, ...unpack(command));
			answer({ error: null });
		}, (error) => answer({ error: error.message }));
	},
	join(command, answer) {
		(command.direct ? socketOf(command, command.direct).join(command.names) : operatorOf(command).socketsJoin(command.names));
		answer({ error: null });
	},
	leave(command, answer) {
		if (command.direct) for (const room of command.names) socketOf(command, command.direct).leave(room);
		else operatorOf(command).socketsLeave(command.names);
		answer({ error: null });
	},
	disconnect(command, answer) {
		if (command.direct) socketOf(command, command.direct).disconnect(command.close ?? false);
		else operatorOf(command).disconnectSockets(command.close ?? false);
		answer({ error: null });
	},
	fetch(command, answer) {
		operatorOf(command).fetchSockets().then((sockets) => answer({
			error: null,
			sockets: sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake })),
		}), (error) => answer({ error: error.message, sockets: [] }));
	},
	rooms(command, answer) {
		const { rooms, sids } = io.of(command.ns ?? "/").adapter;
		answer({ error: null, rooms: Object.fromEntries([...rooms].filter(([name]) => !sids.has(name)).map(([name, members]) => [name, members.size])) });
	},
	data(command, answer) {
		socketOf(command, command.direct).data = command.data;
		answer({ error: null });
	},
	of(command, answer) {
		serveNamespaceOnce(command.name);
		answer({ error: null });
	},
	namespaces(command, answer) {
		answer({ error: null, count: io._nsps.size });
	},
	events(command, answer) {
		answer({ error: null, events: log.slice(command.from ?? 0) });
	},
	next(command, answer) {
		const settle = pending.shift();
		settle?.(command.accept ?? true, command.message, command.data);
		answer({ error: settle ? null : "nothing pending" });
	},
	respond(command, answer) {
		for (const respond of responders.splice(0)) respond(...unpack(command));
		answer({ error: null });
	},
	session(command, answer) {
		const session = sessions.get(command.sid);
		if (command.text !== undefined) session?.send(command.text);
		if (command.hex !== undefined) session?.send(Buffer.from(command.hex, "hex"));
		if (command.close) session?.close();
		answer({ error: session ? null : "gone", transport: session?.transport.name });
	},
	close(command, answer) {
		answer({ error: null });
		setTimeout(shutdown, 50);
	},
};

function serveNamespaceOnce(name) {
	if (!io._nsps.has(name)) io.of(name);
}

function serve(request, response) {
	if (request.url !== "/control" || request.method !== "POST") {
		response.writeHead(404, { "Content-Length": 0 }).end();
		return;
	}
	const chunks = [];
	request.on("data", (chunk) => chunks.push(chunk));
	request.on("end", () => {
		const answer = (value) => {
			const body = JSON.stringify(value);
			response.writeHead(200, { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) });
			response.end(body);
		};
		try {
			const command = JSON.parse(Buffer.concat(chunks));
			commands[command.do](command, answer);
		} catch (error) {
			answer({ error: error.message });
		}
	});
}

function shutdown() {
	for (const engine of engines.slice(1)) engine.close();
	io.close(() => setTimeout(() => process.exit(0), 50));
	setTimeout(() => process.exit(0), 2000);
}

log.length = 0;
process.on("SIGTERM", () => process.exit(0));
http.listen(settings.port ?? 0, "127.0.0.1", () => console.log(`listening ${http.address().port}`));
