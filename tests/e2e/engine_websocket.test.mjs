// Engine.IO on the wire: WebSocket frames and handshakes.
import assert from "node:assert/strict";
import { accepted, polling, refusedUpgrade, start, websocket } from "./engine.mjs";
import { clientFrame, pealScenario, received, request, scenario, sleep, Tcp, upgradeRequest } from "./support.mjs";

for (const [what, frame, code] of [
	["a reserved bit", clientFrame("4a", { reserved: 0x40 }), 1002],
	["a reserved opcode", clientFrame("4a", { opcode: 3 }), 1002],
	["a fragmented control frame", clientFrame("", { opcode: 9, fin: false }), 1002],
	["a continuation of nothing", clientFrame("4a", { opcode: 0 }), 1002],
	["invalid UTF-8", clientFrame(Buffer.from([0x34, 0xff, 0xfe])), 1007],
	["a cut UTF-8 sequence", clientFrame(Buffer.from([0x34, 0xe2, 0x82])), 1007],
	["an encoded surrogate", clientFrame(Buffer.from([0x34, 0xed, 0xa0, 0x80])), 1007],
]) {
	scenario(`${what} closes the WebSocket with ${code} and the session with a transport error`, async (t) => {
		const { port, logged } = await start(t);
		const tcp = await accepted(port, websocket);
		await tcp.until((text) => text.includes('"maxPayload"'));
		tcp.send(frame);
		await tcp.until((text) => text.includes(`\x88\x02${String.fromCharCode(code >> 8, code & 255)}`) || text.includes("\x88"), "a close frame");
		const at = tcp.bytes.lastIndexOf(0x88);
		assert.equal(tcp.bytes.readUInt16BE(at + 2), code);
		tcp.destroy();
		const [{ reason }] = await logged({ e: "session-close" });
		assert.equal(reason, "transport error");
	});
}

scenario("fragmented messages are put together, with control frames between them", async (t) => {
	const { port } = await start(t);
	const tcp = await accepted(port, websocket);
	const text = Buffer.from("4héllo");
	tcp.send(Buffer.concat([
		clientFrame(text.subarray(0, 3), { fin: false }), clientFrame("ping", { opcode: 9 }),
		clientFrame(text.subarray(3, 4), { opcode: 0, fin: false }), clientFrame(text.subarray(4), { opcode: 0 }), clientFrame("4second"),
	]));
	await tcp.until((received) => received.includes("\x81\x084second".replace("\x08", String.fromCharCode(7))), "the second message");
	assert(tcp.bytes.includes(Buffer.concat([Buffer.from([0x81, text.length]), text])));
	// The pong may leave behind the echoes.
	await tcp.until((received) => received.includes("\x8a\x04ping"), "a pong");
	tcp.destroy();
});

scenario("messages may share a segment or come byte by byte", async (t) => {
	const { port } = await start(t);
	const tcp = await accepted(port, websocket);
	const frames = Buffer.concat([clientFrame("4a"), clientFrame("4b"), clientFrame(Buffer.from([1, 2]), { opcode: 2 })]);
	tcp.send(frames);
	await tcp.until((text) => text.includes("\x81\x024a\x81\x024b\x82\x02\x01\x02"));
	tcp.socket.setNoDelay(true);
	for (const byte of frames) {
		tcp.send(Buffer.from([byte]));
		await sleep(1);
	}
	await tcp.until((text) => text.split("\x81\x024a").length === 3 && text.split("\x82\x02\x01\x02").length === 3);
	tcp.destroy();
});

scenario("the first offered subprotocol is echoed and extensions are ignored", async (t) => {
	const { port } = await start(t);
	const tcp = await accepted(port, websocket, "Sec-WebSocket-Protocol: chat, other\r\nSec-WebSocket-Extensions: permessage-deflate\r\n");
	assert.match(tcp.text, /\r\nSec-WebSocket-Protocol: chat\r\n/i);
	assert.doesNotMatch(tcp.text, /Sec-WebSocket-Extensions/i);
	tcp.destroy();
	const plain = await accepted(port, websocket);
	assert.doesNotMatch(plain.text, /Sec-WebSocket-Protocol/i);
	plain.destroy();
});

for (const [what, replace] of [
	["without a key", [/Sec-WebSocket-Key:.*\r\n/, ""]], ["with a malformed key", [/Key: .*\r\n/, "Key: short\r\n"]],
	["of another version", [/Version: 13/, "Version: 12"]],
]) {
	scenario(`a WebSocket handshake ${what} is refused with 400`, async (t) => {
		const { port } = await start(t);
		const tcp = await Tcp.open(port);
		tcp.send(upgradeRequest(websocket).replace(...replace));
		const text = await tcp.rest();
		assert.match(text, /^HTTP\/1\.1 400 /);
		if (what.includes("version")) assert.match(text, /\r\nSec-WebSocket-Version: 13, 8\r\n/i);
		assert.match((await request(port, { path: polling })).body, /^0/);
	});
}

pealScenario("an upgrade with transport=polling is refused with 400", async (t) => {
	const { port } = await start(t);
	await refusedUpgrade(port, polling, "Bad request");
});

scenario("an upgrade on a foreign path is dropped silently after a second", async (t) => {
	const { port } = await start(t);
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest("/other"));
	assert.equal(await tcp.rest(), "");
});
