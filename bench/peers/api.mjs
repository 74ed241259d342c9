// The part of peal's HTTP API that the load uses, on a Socket.IO server: POST /api/emit, one event or an array of them, and
// POST /api/sockets/join. It checks the key of PEAL_API_KEY, if there is one, and little else.
const KEY = process.env.PEAL_API_KEY;

// {"$binary":"base64"} stands for bytes.
function revive(_, value) {
	return typeof value?.$binary === "string" ? Buffer.from(value.$binary, "base64") : value;
}

function targets(io, { namespace = "/", rooms = [], except = [] }) {
	let to = io.of(namespace);
	if (rooms.length) to = to.to(rooms);
	if (except.length) to = to.except(except);
	return to;
}

async function emit(io, request) {
	const { event, args = [], timeout } = request;
	const to = targets(io, request);
	if (!timeout) {
		to.emit(event, ...args);
		return { cluster: "up" };
	}
	return new Promise((resolve) => {
		to.timeout(timeout).emit(event, ...args, (error, responses) => {
			resolve({ error: error?.message ?? null, responses });
		});
	});
}

const CALLS = {
	"/api/emit": async (io, body) => {
		const requests = Array.isArray(body) ? body : [body];
		const answers = await Promise.all(requests.map((request) => emit(io, request)));
		const status = requests.some((request) => request.timeout) ? 200 : 202;
		return { status, answer: Array.isArray(body) ? answers : answers[0] };
	},
	"/api/sockets/join": async (io, body) => {
		const { namespace = "/", rooms = [], except = [] } = body;
		let of = io.of(namespace);
		if (rooms.length) of = of.in(rooms);
		if (except.length) of = of.except(except);
		of.socketsJoin(body.targets);
		return { status: 200, answer: { confirmed: 0, expected: 0 } };
	},
};

export const PATHS = Object.keys(CALLS);

// The status and the text of the answer to a POST.
export async function call(io, path, authorization, text) {
	if (KEY && authorization !== `Bearer ${KEY}`) return { status: 401, text: '{"error":{"code":"unauthorized"}}' };
	try {
		const { status, answer } = await CALLS[path](io, JSON.parse(text, revive));
		return { status, text: JSON.stringify(answer) };
	} catch (error) {
		return { status: 400, text: JSON.stringify({ error: { code: "invalid", message: error.message } }) };
	}
}
