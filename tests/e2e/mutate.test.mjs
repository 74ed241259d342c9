// Random mutations of valid traffic over real sockets, with a seed that is printed. The answer may be anything; the
// server must live, serve others, leak nothing (its exit status says so under the sanitizers) and end every session.
// PEAL_MUTATIONS says how many, PEAL_SEED repeats a run.
import assert from "node:assert/strict";
import {
	clientFrame, eventually, pealScenario, received, request, sleep, startServer, Tcp, upgradeRequest, wireSocket, within,
} from "./support.mjs";

const total = Number(process.env.PEAL_MUTATIONS ?? 20000);
const seed = Number(process.env.PEAL_SEED ?? (Date.now() & 0xffffff));

// Far more than it takes: a bound for what hangs.
const patience = 30000 + total * 5;

function generator(state) {
	return (below) => {
		state = (state + 0x6d2b79f5) | 0;
		let mixed = Math.imul(state ^ (state >>> 15), state | 1);
		mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
		return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
	};
}

const words = ["0", "-1", "9007199254740993", "4294967296", "999999999999999999999", "\x1e", "\0", "\\u0000", "\r\n", "[", "{", "\"", ",", "/", "-",
	"_placeholder", "true", "é", "\xff", "\xed\xa0\x80", "\n", " ", "chunked", "Content-Length: 5\r\n", "b", "4", "2", "3", "6", "1", "5", "%00", "&sid="];

// One to four small changes.
function mutate(random, bytes, others) {
	let result = Buffer.from(bytes);
	for (let changes = 1 + random(4); changes > 0; changes--) {
		const at = random(result.length + 1);
		const length = random(Math.min(result.length - at, 8) + 1);
		const word = Buffer.from(words[random(words.length)], "latin1");
		const other = others[random(others.length)];
		const kinds = [
			() => { if (at < result.length) result[at] ^= 1 << random(8); return result; },
			() => { if (at < result.length) result[at] = random(256); return result; },
			() => Buffer.concat([result.subarray(0, at), result.subarray(at + length)]),
			() => Buffer.concat([result.subarray(0, at), word, result.subarray(at)]),
			() => Buffer.concat([result.subarray(0, at), word, result.subarray(at + length)]),
			() => Buffer.concat([result.subarray(0, at + length), result.subarray(at)]),
			() => result.subarray(0, at),
			() => Buffer.concat([result.subarray(0, at), Buffer.from(other).subarray(random(other.length + 1))]),
		];
		result = Buffer.from(kinds[random(kinds.length)]());
	}
	return result;
}

const packets = ["40", '40/custom,{"token":"123"}', "41/custom,", "41", '42["echo",1,"2",{"a":[null,true]}]', '421["echo","x"]', '42/custom,12["whoami"]',
	"430[]", '43/custom,7["x"]', '452-["echo",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]', '461-3[{"_placeholder":true,"num":0}]',
	'44{"message":"x"}', "2", "3", "1", "5", "6", "bAQIDBA==", '40/dynamic-7,', '40/function-yes,{"ok":true}', '42["join","room"]', '421["join","room"]',
	'42["message","héllo 🚀 \\u2028 \\ud83d\\ude80"]', '42["kick",true]', '40/refused,'].map((text) => Buffer.from(text));

const frames = [
	...packets.map((packet) => clientFrame(packet)), clientFrame("binary", { opcode: 2 }), clientFrame("ping", { opcode: 9 }),
	clientFrame(Buffer.from([3, 232]), { opcode: 8 }), clientFrame('42["ec', { fin: false }), clientFrame('ho"]', { opcode: 0 }),
	clientFrame(`42["echo","${"x".repeat(300)}"]`),
];

const requests = (sid) => [
	"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
	`GET /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n`,
	`POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n40`,
	`POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Length: 25\r\n\r\n42["echo",1]\x1e42["echo",2]`,
	`POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n42\r\na;x=y\r\n["echo",1]\r\n0\r\nT: 1\r\n\r\n`,
	upgradeRequest("/socket.io/?EIO=4&transport=websocket"), upgradeRequest(`/socket.io/?EIO=4&transport=websocket&sid=${sid}`),
	"OPTIONS /socket.io/ HTTP/1.1\r\nHost: a\r\nOrigin: http://x\r\nAccess-Control-Request-Method: GET\r\n\r\n",
	"GET /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "PUT /none HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
].map((text) => Buffer.from(text));

// Either side may have closed; what matters is that the connection ends.
async function finish(tcp) {
	await Promise.race([tcp.closed, sleep(2)]);
	tcp.destroy();
}

async function mutateMessages(random, port, count) {
	const tcp = await Tcp.open(port);
	tcp.send(upgradeRequest("/socket.io/?EIO=4&transport=websocket"));
	await tcp.until((text) => text.includes("maxPayload"), "the open packet");
	const valid = Array.from({ length: random(3) }, () => frames[random(frames.length)]);
	const mutants = Array.from({ length: count }, () => random(2) ?
		clientFrame(mutate(random, packets[random(packets.length)], packets), { opcode: random(8) ? 1 : 2 }) :
		mutate(random, frames[random(frames.length)], frames));
	tcp.send(Buffer.concat([clientFrame("40"), ...valid, ...mutants]));
	await finish(tcp);
}

async function mutateRequests(random, port, count) {
	const opened = await request(port, { path: "/socket.io/?EIO=4&transport=polling" });
	const sid = JSON.parse(opened.body.slice(1)).sid;
	const corpus = requests(sid);
	const tcp = await Tcp.open(port);
	for (let at = 0; at < count; at++) {
		const bytes = random(3) ? mutate(random, corpus[random(corpus.length)], corpus) :
			Buffer.from(`POST /socket.io/?EIO=4&transport=polling&sid=${sid} HTTP/1.1\r\nHost: a\r\nContent-Length: `);
		if (bytes.includes("\r\n\r\n")) tcp.send(bytes);
		else {
			const body = mutate(random, Buffer.concat([packets[random(packets.length)], Buffer.from("\x1e"), packets[random(packets.length)]]), packets);
			tcp.send(Buffer.concat([bytes, Buffer.from(`${body.length}\r\n\r\n`), body]));
		}
		if (random(4) === 0) await sleep(0);
	}
	await finish(tcp);
	await request(port, { path: `/socket.io/?EIO=4&transport=polling&sid=${sid}`, method: "POST", body: "1" }).catch(() => {});
}

pealScenario(`${total} random mutations of valid traffic end at most their own session`, async (t) => {
	t.diagnostic(`PEAL_SEED=${seed}`);
	const server = await startServer(t, { pingInterval: 1000, pingTimeout: 1000, connectTimeout: 1000, quiet: true });
	const innocent = await wireSocket(server.port);
	let left = total;
	const worker = async (number) => {
		const random = generator(seed + number);
		while (left > 0) {
			const count = 1 + random(2);
			left -= count;
			await (random(3) ? mutateMessages : mutateRequests)(random, server.port, count);
		}
	};
	const watch = (async () => {
		while (left > 0) {
			innocent.send('421["echo","alive"]');
			assert.equal(await innocent.nextThat((packet) => packet.startsWith?.("43")), '431["alive"]');
			await sleep(100);
		}
	})();
	await within(Promise.all([watch, ...Array.from({ length: 8 }, (_, number) => worker(number))]), "all mutations", patience);
	await received(server, [innocent]);
	// The mutants got far enough to be refused by every layer, and some were still valid.
	const seen = await server.stats();
	for (const name of ["http_bad_requests", "handshakes_refused", "sessions_closed_parse_error", "packets_invalid", "packets_received", "connects_refused"])
		assert(seen[name] >= total / 1000, `${name}: ${seen[name]}`);
	await eventually(async () => {
		const stats = await server.stats();
		assert.equal(stats.sessions, 1);
		assert.equal(stats.sockets, 1);
		assert.equal(stats.websocket_connections, 1);
		return true;
	}, "the sessions of all mutants to end");
}, patience + 60000);
