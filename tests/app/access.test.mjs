// Who may connect: tokens that another implementation made, and everything that must not get in.
import assert from "node:assert/strict";
import crypto from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import test from "node:test";
import { createAdapter } from "@socket.io/redis-adapter";
import { SignJWT, jwtVerify } from "jose";
import { createClient } from "redis";
import { Server } from "socket.io";
import { client, configFile, connected, event, folder, handshake, request, run, serve, until, within } from "./program.mjs";
import { startRedis } from "./redis.mjs";

const secret = "a secret of the tests that has more than 32 bytes";
const hs = new TextEncoder().encode(secret);
const rsa = crypto.generateKeyPairSync("rsa", { modulusLength: 2048 });
const ec = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
const pem = (key) => key.export({ type: key.type === "public" ? "spki" : "pkcs8", format: "pem" });
const now = () => Math.floor(Date.now() / 1000);

// A token as a backend makes it.
function sign(claims, { alg = "HS256", key = hs, ...header } = {}) {
	return new SignJWT({ sub: "alice", exp: now() + 600, ...claims }).setProtectedHeader({ alg, ...header }).sign(key);
}

// A token as nobody makes it: any two texts, and any signature.
const base64url = (data) => Buffer.from(data).toString("base64url");
function forge(header, claims, signature = (text) => crypto.createHmac("sha256", secret).update(text).digest()) {
	const text = [header, claims].map((part) => base64url(typeof part === "string" ? part : JSON.stringify(part))).join(".");
	return `${text}.${base64url(signature(text))}`;
}

function files(t) {
	const name = folder(t);
	const write = (file, content) => {
		writeFileSync(path.join(name, file), content);
		return path.join(name, file);
	};
	return {
		write, secret: write("secret", `${secret}\n`), rsa: write("rsa.pem", pem(rsa.publicKey)), ec: write("ec.pem", pem(ec.publicKey)),
		rsaPrivate: write("rsa-private.pem", pem(rsa.privateKey)), ecPrivate: write("ec-private.pem", pem(ec.privateKey)),
	};
}

const withSecret = { PEAL_AUTH_SECRET: secret, PEAL_API_KEY: "geheim" };

const api = async (node, target, body) => {
	const options = { headers: { Authorization: "Bearer geheim", "Content-Type": "application/json" } };
	const answer = await node.get(target, body ? { ...options, method: "POST", body: JSON.stringify(body) } : options);
	assert.ok(answer.status < 300, answer.body);
	return JSON.parse(answer.body);
};

const join = (node, token, options = {}) => connected(node, { transports: ["websocket"], auth: { token }, ...options });

// Connects, must not succeed, and returns what the client is told.
async function code(node, auth, options = {}) {
	const socket = client(node, { transports: ["websocket"], reconnection: false, auth, ...options });
	const error = await within(new Promise((resolve, reject) => {
		socket.once("connect", () => reject(new Error(`connected with ${JSON.stringify(auth)}`)));
		socket.once("connect_error", resolve);
	}), "a refusal");
	socket.disconnect();
	assert.equal(error.message, "unauthorized");
	assert.deepEqual(Object.keys(error.data), ["code"]);
	return error.data.code;
}

// --- in -------------------------------------------------------------------------------------------------------------

test("tokens of three algorithms lead into the rooms that they name, and to their user", async (t) => {
	const keys = files(t);
	const node = await serve(t, ["--namespace", "/rs,/es", "--auth-key", `/rs RS256:${keys.rsa}`, "--auth-key", `/es ES256:${keys.ec}`], { env: withSecret });
	const kinds = [["/", { }], ["/rs", { alg: "RS256", key: rsa.privateKey }], ["/es", { alg: "ES256", key: ec.privateKey }]];
	for (const [namespace, how] of kinds) {
		const alice = await join(node, await sign({ rooms: ["blue", "größe"], data: { name: "A", admin: false } }, how), { namespace });
		const bob = await join(node, await sign({ sub: 42 }, how), { namespace });
		const { sockets } = await api(node, `/api/sockets?namespace=${encodeURIComponent(namespace)}`);
		const found = Object.fromEntries(sockets.map((socket) => [socket.id, socket]));
		assert.deepEqual(found[alice.id].rooms.sort(), [alice.id, "blue", "größe", "user:alice"].sort());
		assert.deepEqual(found[alice.id].data, { user: "alice", name: "A", admin: false });
		assert.deepEqual(found[bob.id].rooms.sort(), [bob.id, "user:42"].sort());
		assert.deepEqual(found[bob.id].data, { user: "42" });

		const got = event(bob, "hello");
		alice.on("hello", () => assert.fail("an event for bob reached alice"));
		await api(node, "/api/emit", { namespace, rooms: ["user:42"], event: "hello", args: [1] });
		assert.deepEqual(await got, [1]);
		// What came to alice came before this.
		const last = event(alice, "last");
		await api(node, "/api/emit", { namespace, event: "last", args: [] });
		await last;
	}
});

test("a client that polls brings its token too, and several namespaces their own", async (t) => {
	const keys = files(t);
	const node = await serve(t, ["--namespace", "/rs", "--auth-key", `/rs RS256:${keys.rsa}`], { env: withSecret });
	const main = await join(node, await sign({}), { transports: ["polling"] });
	const second = main.io.socket("/rs", { auth: { token: await sign({}, { alg: "RS256", key: rsa.privateKey }) } });
	node.clients.push(second);
	await event(second, "connect");
	// The token of one namespace is none of the other.
	assert.equal(await code(node, { token: await sign({}) }, { namespace: "/rs" }), "token_invalid");
	assert.equal(await code(node, { token: await sign({}, { alg: "RS256", key: rsa.privateKey }) }), "token_invalid");
});

test("issuer, audience and the names of claims can be set, also for one namespace", async (t) => {
	const node = await serve(t, [
		"--namespace", "chat", "--auth-key", `HS256:${files(t).secret}`, "--auth-key", `/chat HS256:${files(t).secret}`,
		"--auth-issuer", "https://a.example,b", "--auth-audience", "peal", "--auth-audience", "/chat talk",
		"--auth-user-claim", "uid", "--auth-rooms-claim", "/chat groups", "--auth-data-claim", "profile",
	], { env: { PEAL_API_KEY: "geheim" } });
	const claims = { uid: 7, iss: "b", aud: ["x", "peal"], rooms: ["r"], groups: ["g"], profile: { a: 1 } };
	await join(node, await sign(claims));
	await join(node, await sign({ ...claims, aud: "talk" }), { namespace: "/chat" });
	const [here] = (await api(node, "/api/sockets")).sockets, [there] = (await api(node, "/api/sockets?namespace=/chat")).sockets;
	assert.ok(here.rooms.includes("r") && !here.rooms.includes("g") && here.rooms.includes("user:7"), String(here.rooms));
	assert.ok(there.rooms.includes("g") && !there.rooms.includes("r") && there.rooms.includes("user:7"), String(there.rooms));
	assert.deepEqual(here.data, { user: "7", a: 1 });
	for (const change of [{ iss: "c" }, { iss: undefined }, { aud: "talk" }, { aud: undefined }, { uid: undefined }])
		assert.equal(await code(node, { token: await sign({ ...claims, ...change }) }), "token_invalid", JSON.stringify(change));
	assert.equal(await code(node, { token: await sign(claims) }, { namespace: "/chat" }), "token_invalid");
});

test("keys change while old tokens are still about, by order or by their names", async (t) => {
	const keys = files(t);
	const fresh = "the next secret has more than 32 bytes too";
	const node = await serve(t, ["--auth-key", `HS256@new:${keys.write("new", fresh)}`, "--auth-key", `HS256:${keys.secret}`, "--auth-key", `RS256:${keys.rsa}`]);
	const key = new TextEncoder().encode(fresh);
	await join(node, await sign({}, { key, kid: "new" }));
	await join(node, await sign({}));
	await join(node, await sign({}, { kid: "whatever" }));
	await join(node, await sign({}, { alg: "RS256", key: rsa.privateKey }));
	assert.equal(await code(node, { token: await sign({}, { key }) }), "token_invalid");
	assert.equal(await code(node, { token: await sign({}, { key, kid: "old" }) }), "token_invalid");
});

test("a namespace that is optional takes clients without a token, but none with a bad one", async (t) => {
	const node = await serve(t, ["--auth-optional", "/"], { env: withSecret });
	const anonymous = await connected(node, { transports: ["websocket"] });
	await connected(node, { transports: ["websocket"], auth: { token: null } });
	const { sockets } = await api(node, "/api/sockets");
	const found = sockets.find(({ id }) => id === anonymous.id);
	assert.deepEqual([found.rooms, found.data], [[anonymous.id], {}]);
	for (const token of ["", "x", 5, {}, await sign({ exp: now() - 100 })])
		assert.match(await code(node, { token }), /^token_(invalid|expired)$/);
	await join(node, await sign({}));
});

test("namespaces of * have their key, and one without a key is open and warned of", async (t) => {
	const keys = files(t);
	const node = await serve(t, ["--namespace", "*,/open", "--auth-key", `* HS256:${keys.secret}`]);
	await join(node, await sign({}), { namespace: "/any" });
	assert.equal(await code(node, {}, { namespace: "/any" }), "token_missing");
	assert.equal(await code(node, {}, { namespace: "/other" }), "token_missing");
	await connected(node, { namespace: "/open" });
	await connected(node);
	const warned = node.records.filter(({ message }) => message === "a namespace has no key: anybody may connect to it");
	assert.deepEqual(warned.map(({ namespace, level }) => [namespace, level]), [["/", "warning"], ["/open", "warning"]]);
});

// --- out ------------------------------------------------------------------------------------------------------------

test("what is not a good token does not get in, and the log says why, without the token", async (t) => {
	const keys = files(t);
	const node = await serve(t, ["--namespace", "/rs", "--auth-key", `/rs RS256:${keys.rsa}`, "--log-level", "debug"], { env: withSecret });
	const good = await sign({});
	const claims = { sub: "mallory", exp: now() + 600 };
	const header = { alg: "HS256", typ: "JWT" };
	const [head, body, signature] = good.split(".");
	const cases = {
		"token_missing": [undefined, null],
		"token_expired": [await sign({ exp: now() - 31 }), await sign({ exp: 1 })],
		"token_not_yet_valid": [await sign({ nbf: now() + 300 }), await sign({ iat: now() + 300 })],
		"token_invalid": [
			"", "x", "..", 5, true, [], {}, [good], { token: good }, ` ${good}`, `${good}\n`, `Bearer ${good}`, `${good}.${signature}`,
			// Without a signature, with less of it, with none that is meant.
			`${head}.${body}.`, `${head}.${body}`, good.slice(0, -1), good.slice(0, -10), `${good}A`, `${good}=`,
			forge({ alg: "none" }, claims, () => ""), forge({ alg: "none" }, claims), forge({ alg: "nOnE" }, claims, () => "x"),
			forge({ typ: "JWT" }, claims), forge({ ...header, alg: "HS512" }, claims, (text) => crypto.createHmac("sha512", secret).update(text).digest()),
			// Of another key, or with other claims.
			await sign({}, { key: new TextEncoder().encode(`${secret} `) }), `${head}.${base64url(JSON.stringify(claims))}.${signature}`,
			await sign({}, { alg: "RS256", key: rsa.privateKey }),
			// What two readers would read differently.
			forge('{"alg":"none","alg":"HS256"}', claims), forge(header, `{"sub":"bob","exp":${claims.exp},"sub":"mallory"}`),
			forge(header, `{"sub":"bob","exp":1,"\\u0065xp":${claims.exp}}`), forge({ ...header, crit: ["exp"] }, claims), forge(header, []),
			forge(header, `{"sub":"bob","exp":${claims.exp},"a":${"[".repeat(900)}${"]".repeat(900)}}`), forge(header, "{"), forge("null", claims),
			// Claims that are none.
			await sign({ exp: undefined }), await sign({ exp: String(now() + 600) }), await sign({ exp: (now() + 600) * 1000 }),
			await sign({ sub: undefined }), await sign({ sub: "" }), await sign({ sub: "a\u0000b" }), await sign({ sub: "a\nb" }), await sign({ sub: "x".repeat(256) }),
			await sign({ rooms: "blue" }), await sign({ rooms: ["a\u0007"] }), await sign({ rooms: ["a\u0000"] }), await sign({ rooms: ["user:bob"] }),
			await sign({ rooms: [""] }), await sign({ rooms: Array(101).fill("a") }), await sign({ data: [] }), await sign({ data: { user: "bob" } }),
			// Large.
			await sign({ pad: "x".repeat(7000) }), "A".repeat(8193), `${"A".repeat(900000)}`, forge({ ...header, pad: "x".repeat(2000) }, claims),
		],
	};
	for (const [expected, tokens] of Object.entries(cases))
		for (const token of tokens)
			assert.equal(await code(node, { token }), expected, String(token).slice(0, 200));
	// The same name twice: the last one counts, as in JavaScript.
	assert.equal(await code(node, {}), "token_missing");
	assert.equal(await code(node, undefined), "token_missing");

	// The public key is known to all, and must not become a secret.
	const text = pem(rsa.publicKey);
	for (const key of [text, text.trimEnd(), text.split("\n").slice(1, -2).join("")]) {
		for (const alg of ["HS256", "RS256"]) {
			const token = forge({ alg, typ: "JWT" }, claims, (data) => crypto.createHmac("sha256", key).update(data).digest());
			assert.equal(await code(node, { token }, { namespace: "/rs" }), "token_invalid");
		}
	}
	// Nor is it a token in the query, where proxies log it.
	assert.equal(await code(node, {}, { query: { token: good, auth: JSON.stringify({ token: good }) } }), "token_missing");
	await join(node, good);

	const reasons = new Set(node.records.filter(({ message }) => message === "a client may not connect").map(({ reason }) => reason));
	for (const reason of ["there is no token", "exp is over", "the signature is wrong", "no key has its algorithm and key id", "it is too long"])
		assert.ok(reasons.has(reason), `${reason} is not among ${[...reasons].join("; ")}`);
	await node.stop();
	for (const part of [secret, signature, body]) assert.ok(!node.output.includes(part), "a secret or a token is in the log");
});

test("a client whose token ends is told so and disconnected; with a fresh one it comes back", async (t) => {
	const node = await serve(t, [], { env: withSecret });
	const stays = await join(node, await sign({}));
	const exp = now() + 2;
	const socket = await join(node, await sign({ exp }));
	const polling = await join(node, await sign({ exp }), { transports: ["polling"] });
	// As docs/security.md advises: a function that fetches a token, and one line that comes back.
	const tokens = [await sign({ exp }), await sign({})];
	const careful = await connected(node, { transports: ["websocket"], auth: (callback) => callback({ token: tokens.shift() }) });
	const returned = new Promise((resolve) => careful.once("disconnect", () => careful.once("connect", resolve)));
	careful.on("disconnect", (reason) => {
		if (reason === "io server disconnect") careful.connect();
	});
	const seen = [];
	socket.on("peal:expired", (data) => seen.push(data));
	const ends = [event(socket, "disconnect"), event(polling, "disconnect")];
	assert.equal((await ends[0])[0], "io server disconnect");
	assert.ok(now() >= exp, "it was disconnected before its token ended");
	assert.deepEqual(seen, [{ code: "token_expired" }]);
	assert.equal((await ends[1])[0], "io server disconnect");
	await within(returned, "the careful client to come back");
	assert.ok(stays.connected);
	assert.deepEqual((await api(node, "/api/sockets")).sockets.map(({ id }) => id).sort(), [stays.id, careful.id].sort());

	socket.auth = { token: await sign({}) };
	const back = event(socket, "connect");
	socket.connect();
	await back;
	// Clocks differ a little: a token that ended just now still connects.
	await join(node, await sign({ exp: now() - 1 }));
});

// --- what others see ------------------------------------------------------------------------------------------------

// What a Node.js server of the cluster sees of the clients: { id: auth }. Their handshakes are in `text`.
async function seen(t, redis, namespaces) {
	const publisher = createClient({ url: redis.url }), subscriber = publisher.duplicate();
	t.after(() => Promise.all([publisher, subscriber].map((one) => one.disconnect())));
	await Promise.all([publisher.connect(), subscriber.connect()]);
	const io = new Server({ adapter: createAdapter(publisher, subscriber) });
	const result = { text: "" };
	for (const name of namespaces) {
		const sockets = await io.of(name).fetchSockets();
		result.text += JSON.stringify(sockets.map(({ handshake }) => handshake));
		for (const { id, handshake } of sockets) result[id] = handshake.auth;
	}
	return result;
}

test("a good token is kept from the other servers of the cluster, and the rest of the auth payload is not", async (t) => {
	const keys = files(t), redis = await startRedis(t);
	const args = ["--redis", redis.url, "--namespace", "/rs,/open", "--auth-key", `/rs RS256:${keys.rsa}`, "--auth-optional", "/"];
	const node = await serve(t, args, { env: withSecret });
	await until(async () => (await node.get("/readyz")).status === 200, "the node to be ready");
	const token = await sign({}), other = await sign({}, { alg: "RS256", key: rsa.privateKey });
	const more = { theme: "größe \"x\"", n: [1.5, { token: "inside" }], "": null, tokens: 2 };
	const expected = {};
	for (const [auth, options, kept] of [
		[{ token }, {}, {}], [{ token, ...more }, {}, more], [{ ...more, token }, { transports: ["polling"] }, more], [{ a: 1, token, b: 2 }, {}, { a: 1, b: 2 }],
		[{ token: other, theme: "dark" }, { namespace: "/rs" }, { theme: "dark" }], [{ theme: "none" }, {}, { theme: "none" }], [{}, {}, {}],
		// Where there is no key, nobody looks at it.
		[{ token: "whatever" }, { namespace: "/open" }, { token: "whatever" }],
	]) expected[(await connected(node, { transports: ["websocket"], auth, ...options })).id] = kept;
	// However it is spelled, and as often as it is there.
	const packets = [`40{"\\u0074oken":"${token}", "a" : 1e2 }`, `40{"token":"${token.slice(0, -2)}","a":"token","token":"${token}"}`];
	for (const packet of packets) {
		const { sid } = await handshake(node.port);
		const target = `/socket.io/?EIO=4&transport=polling&sid=${sid}`;
		await request(node.port, { method: "POST", path: target, body: packet });
		expected[JSON.parse((await request(node.port, { path: target })).body.slice(2)).sid] = { a: packet === packets[0] ? 100 : "token" };
	}
	const { text, ...auths } = await seen(t, redis, ["/", "/rs", "/open"]);
	assert.deepEqual(auths, expected);
	for (const secret of [token, token.slice(0, -2), other]) assert.ok(!text.includes(secret), "a token is in a handshake");
});

// --- settings -------------------------------------------------------------------------------------------------------

const flags = (keys) => ({
	"namespace": ["/a"], "auth-key": [`RS256:${keys.rsa}`, `/a ES256@one:${keys.ec}`], "auth-issuer": ["i"], "auth-audience": ["w"], "auth-user-claim": ["uid"],
	"auth-rooms-claim": ["in"], "auth-data-claim": ["about"], "auth-optional": ["/a"],
});

test("the settings are flags, variables and keys of the config file", async (t) => {
	const keys = files(t);
	const all = Object.entries({ ...flags(keys), "auth-secret-file": keys.secret, "api-key": "geheim" });
	const nodes = [
		await serve(t, all.flatMap(([name, value]) => [].concat(value).flatMap((one) => [`--${name}`, one]))),
		await serve(t, [], { env: Object.fromEntries(all.map(([name, value]) => [`PEAL_${name.toUpperCase().replaceAll("-", "_")}`, String(value)])) }),
		await serve(t, ["--config", configFile(t, Object.fromEntries(all.map(([name, value]) => [name.replace(/-(.)/g, (_, letter) => letter.toUpperCase()), value])))]),
	];
	const claims = { sub: undefined, uid: "u", iss: "i", aud: "w", in: ["r"], about: { a: 1 } };
	for (const node of nodes) {
		for (const how of [{}, { alg: "RS256", key: rsa.privateKey }]) await join(node, await sign(claims, how));
		await join(node, await sign(claims, { alg: "ES256", key: ec.privateKey, kid: "one" }), { namespace: "/a" });
		await connected(node, { namespace: "/a" });
		assert.equal(await code(node, {}), "token_missing");
		const [socket] = (await api(node, "/api/sockets")).sockets;
		assert.deepEqual(socket.rooms.sort(), [socket.id, "r", "user:u"].sort());
		assert.deepEqual(socket.data, { user: "u", a: 1 });
	}
});

test("settings that let somebody in by mistake are refused, and no message has a secret in it", async (t) => {
	const keys = files(t);
	const short = keys.write("short", "too short a secret\n");
	const small = keys.write("small.pem", pem(crypto.generateKeyPairSync("rsa", { modulusLength: 1024 }).publicKey));
	const curve = keys.write("curve.pem", pem(crypto.generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey));
	const pss = keys.write("pss.pem", pem(crypto.generateKeyPairSync("rsa-pss", { modulusLength: 2048 }).publicKey));
	const junk = keys.write("junk", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n");
	const large = keys.write("large", "x".repeat(70000));
	for (const [args, expected] of [
		[["--auth-secret", "too short a secret"], /--auth-secret: the secret of HS256 must have at least 32 bytes/],
		[["--auth-secret-file", short], /--auth-secret-file: the secret of HS256 must have at least 32 bytes/],
		[["--auth-secret", secret, "--auth-secret-file", keys.secret], /--auth-secret-file: --auth-secret is given too/],
		[["--auth-secret-file", `${short}.not`], /--auth-secret-file: cannot open/],
		[["--auth-secret-file", keys.rsa], /--auth-secret-file: HS256 needs a secret, and this is PEM/],
		[["--auth-key", `HS256:${keys.rsa}`], /--auth-key: HS256 needs a secret, and this is PEM/],
		[["--auth-key", `HS256:${short}`], /--auth-key: the secret of HS256 must have/],
		[["--auth-key", secret], /--auth-key: must be ALG:FILE/],
		[["--auth-key", `none:${keys.rsa}`], /--auth-key: must be ALG:FILE/], [["--auth-key", `rs256:${keys.rsa}`], /--auth-key: must be ALG:FILE/],
		[["--auth-key", "RS256:"], /--auth-key: must be ALG:FILE/], [["--auth-key", `RS256@:${keys.rsa}`], /--auth-key: the KID must have 1 to 255 bytes/],
		[["--auth-key", `RS256:${keys.rsa}.not`], /--auth-key: cannot open/], [["--auth-key", `RS256:${path.dirname(keys.rsa)}`], /--auth-key: cannot read/],
		[["--auth-key", `RS256:${keys.ec}`], /is not of RSA/], [["--auth-key", `RS256:${pss}`], /is not of RSA/], [["--auth-key", `ES256:${keys.rsa}`], /is not of the curve P-256/],
		[["--auth-key", `ES256:${curve}`], /is not of the curve P-256/], [["--auth-key", `RS256:${small}`], /has 1024 bits; RS256 needs 2048 to 8192/],
		[["--auth-key", `RS256:${keys.rsaPrivate}`], /holds a private key; a node needs only the public one/],
		[["--auth-key", `RS256:${keys.secret}`], /holds no public key or certificate in PEM/], [["--auth-key", `RS256:${junk}`], /holds no public key or certificate/],
		[["--auth-key", `RS256:${large}`], /has 65536 bytes or more/],
		[["--auth-key", `/chat RS256:${keys.rsa}`], /--auth-key: \/chat is not served; name it with --namespace too/],
		[["--auth-key", `* RS256:${keys.rsa}`], /--auth-key: \* is not served/],
		[Array(17).fill(["--auth-key", `RS256:${keys.rsa}`]).flat(), /--auth-key: more than 16 keys for \//],
		[["--auth-issuer", "a"], /--auth-issuer: does nothing without --auth-key/], [["--auth-optional", "/"], /--auth-optional: does nothing without --auth-key/],
		[["--auth-user-claim", "sub"], /--auth-user-claim: does nothing without --auth-key/],
		[["--auth-secret", secret, "--auth-optional", "/chat"], /--auth-optional: does nothing for \/chat, which has no --auth-key/],
		[["--auth-secret", secret, "--auth-audience", "/chat a"], /--auth-audience: does nothing for \/chat, which has no --auth-key/],
		[["--auth-secret", secret, "--auth-user-claim", "a,b"], /--auth-user-claim: is given more than once for \//],
		[["--auth-secret", secret, "--auth-data-claim", "a b"], /--auth-data-claim: must be 1 to 255 characters of ASCII, without blanks/],
		[["--auth-secret", secret, "--demo"], /--demo: lets any client broadcast to all others/],
	]) {
		const { stdout, stderr, code: status } = await run(["serve", ...args]);
		assert.equal(status, 2, `${args.join(" ")}: ${stderr}`);
		assert.equal(stdout, "");
		assert.match(stderr, expected);
		assert.ok(!stderr.includes(secret) && !stderr.includes("too short a secret"), stderr);
	}
});

test("--auth-secret does not stay in the list of processes", async (t) => {
	const node = await serve(t, ["--auth-secret", secret]);
	const shown = readFileSync(`/proc/${node.child.pid}/cmdline`, "utf8");
	assert.ok(shown.includes("--auth-secret") && !shown.includes(secret), shown);
	await join(node, await sign({}));
});

// --- peal token -----------------------------------------------------------------------------------------------------

test("peal token makes tokens that another implementation and a node take", async (t) => {
	const keys = files(t);
	const node = await serve(t, ["--namespace", "/rs,/es", "--auth-key", `/rs RS256@k1:${keys.rsa}`, "--auth-key", `/es ES256:${keys.ec}`], { env: withSecret });
	const what = ["--user", "zoë", "--room", "a", "--room", "b", "--expires", "100", "--issuer", "i", "--audience", "w", "--data", '{"n": [1]}'];
	for (const [namespace, args, key, env] of [
		["/", ["--secret-file", keys.secret], hs], ["/", ["--key", `HS256:${keys.secret}`], hs], ["/", [], hs, { PEAL_AUTH_SECRET: secret }],
		["/rs", ["--key", `RS256@k1:${keys.rsaPrivate}`], rsa.publicKey], ["/es", ["--key", `ES256:${keys.ecPrivate}`], ec.publicKey],
	]) {
		const { stdout, stderr, code: status } = await run(["token", ...args, ...what], { env });
		assert.equal(status, 0, stderr);
		const token = stdout.trimEnd();
		const { payload, protectedHeader } = await jwtVerify(token, key, { issuer: "i", audience: "w" });
		assert.equal(protectedHeader.kid, namespace === "/rs" ? "k1" : undefined);
		assert.deepEqual({ ...payload, iat: 0, exp: payload.exp - payload.iat },
			{ sub: "zoë", rooms: ["a", "b"], data: { n: [1] }, iss: "i", aud: "w", iat: 0, exp: 100 });
		const socket = await join(node, token, { namespace });
		const found = (await api(node, `/api/sockets?namespace=${namespace}`)).sockets.find(({ id }) => id === socket.id);
		assert.deepEqual(found.data, { user: "zoë", n: [1] });
	}
});

test("peal token says what is wrong, and never prints a token that a node would refuse", async (t) => {
	const keys = files(t);
	const good = ["--user", "a", "--secret-file", keys.secret];
	for (const [args, expected] of [
		[["--user", "a"], /give --key, --secret-file or the variable PEAL_AUTH_SECRET/], [["--secret-file", keys.secret], /--user is missing/],
		[["--user", "", "--secret-file", keys.secret], /the claim of the user is not/], [[...good, "--room", "user:b"], /the claim of the rooms is not/],
		[[...good, "--room", "a\nb"], /--room: must be UTF-8 without control/], [[...good, "--expires", "0"], /--expires: must be 1 to/],
		[[...good, "--expires", "-1"], /--expires: must be a whole number/], [[...good, "--data", "[]"], /--data: must be a JSON object/],
		[[...good, "--data", '{"a":1,"a":2}'], /--data: must be a JSON object/], [[...good, "--data", '{"user":"b"}'], /has a member user/],
		[[...good, "--key", `RS256:${keys.rsaPrivate}`], /--secret-file: --key is given too/], [["--user", "a", "--key", `RS256:${keys.rsa}`], /holds no private key/],
		[["--user", "a", "--key", `ES256:${keys.rsaPrivate}`], /is not of the curve P-256/], [["--user", "a", "--key", secret], /must be ALG:FILE/],
		[[...good, "--room", "x".repeat(1025)], /the claim of the rooms/], [[...good, "--data", JSON.stringify({ x: "y".repeat(7000) })], /it is too long/],
		[[...good, "extra"], /"extra" is not expected here/], [[...good, "--url", "http://a"], /--url: there is no such option/],
	]) {
		const { stdout, stderr, code: status } = await run(["token", ...args]);
		assert.equal(status, 2, `${args.join(" ").slice(0, 200)}: ${stderr}`);
		assert.equal(stdout, "");
		assert.match(stderr, expected);
		assert.ok(!stderr.includes(secret), stderr);
	}
	const help = await run(["token", "--help"]);
	assert.match(help.stdout, /--user ID/);
	assert.match((await run(["--help"])).stdout, /peal token/);
});
