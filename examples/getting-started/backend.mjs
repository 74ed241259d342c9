// Serves the page, makes tokens and answers the webhooks of peal, with nothing but Node.js.
import { createHmac, timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const tokenSecret = readFileSync("token-secret", "utf8").split("\n")[0];
const webhookSecret = Buffer.from(readFileSync("webhook-secret", "utf8"), "base64");
const users = new Map([["alice", ["customers"]], ["bob", ["customers", "staff"]]]); // yours are in a database

// A JSON Web Token: who it is, where they may listen, and until when.
function token(user) {
	const claims = { sub: user, rooms: users.get(user), exp: Math.floor(Date.now() / 1000) + 3600 };
	const text = [{ alg: "HS256", typ: "JWT" }, claims]
		.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
	return `${text}.${createHmac("sha256", tokenSecret).update(text).digest("base64url")}`;
}

// Standard Webhooks: the signature is over id, time and body, and the time is not long ago.
function isFromPeal({ "webhook-id": id, "webhook-timestamp": sent, "webhook-signature": given = "" }, body) {
	const signature = createHmac("sha256", webhookSecret).update(`${id}.${sent}.`).update(body).digest("base64");
	const wanted = Buffer.from(`v1,${signature}`);
	const right = given.split(" ").map((one) => Buffer.from(one))
		.some((one) => one.length === wanted.length && timingSafeEqual(one, wanted));
	return right && Math.abs(Date.now() / 1000 - Number(sent)) < 300;
}

// What peal is told. It repeats what was not answered: who must not do something twice remembers the ids.
function answer(hook) {
	if (hook.type === "connect") return {}; // come in; { allow: false } sends the client away
	const orders = hook.data.filter(({ type, event }) => type === "event" && event === "order:new");
	return { acks: Object.fromEntries(orders.map(({ id, user }) => [id, { ok: true, for: user, by: "Node.js" }])) };
}

createServer((request, response) => {
	const chunks = [];
	const send = (status, type, body) => response.writeHead(status, { "Content-Type": type }).end(body);
	request.on("data", (chunk) => chunks.push(chunk));
	request.on("end", () => {
		const [path, query] = request.url.split("?");
		const user = new URLSearchParams(query).get("user");
		const body = Buffer.concat(chunks);
		if (path === "/") {
			send(200, "text/html; charset=utf-8", readFileSync("page.html"));
		} else if (path === "/token" && users.has(user)) { // a demonstration: there is no password
			send(200, "application/json", JSON.stringify({ token: token(user) }));
		} else if (path === "/webhook" && isFromPeal(request.headers, body)) {
			send(200, "application/json", JSON.stringify(answer(JSON.parse(body))));
		} else {
			send(path === "/webhook" ? 401 : 404, "text/plain", "there is nothing here for you\n");
		}
	});
}).listen(8000, "127.0.0.1");
