// A TCP proxy between a node and Redis that delays what passes, in both directions, and can stop passing anything.
import net from "node:net";
import { once } from "node:events";

export class Proxy {
	// Each direction takes half of `delay`, so that `delay` is what a round trip costs.
	static async start(t, port, delay = 0) {
		const proxy = new Proxy();
		proxy.delay = delay;
		proxy.pairs = new Set();
		proxy.server = net.createServer((near) => proxy.connect(near, port));
		proxy.server.listen(0, "127.0.0.1");
		await once(proxy.server, "listening");
		proxy.port = proxy.server.address().port;
		proxy.url = `redis://127.0.0.1:${proxy.port}`;
		t.after(() => proxy.stop());
		return proxy;
	}

	connect(near, port) {
		const far = net.connect({ port, host: "127.0.0.1" });
		const pair = { near, far };
		this.pairs.add(pair);
		near.setNoDelay(true);
		far.setNoDelay(true);
		this.pass(near, far);
		this.pass(far, near);
		const end = () => {
			this.pairs.delete(pair);
			near.destroy();
			far.destroy();
		};
		for (const socket of [near, far]) socket.on("error", end).on("close", end);
	}

	// One timer for all that is due: the order of the bytes is the order of their coming.
	pass(from, to) {
		const queue = [];
		let timer = null;
		const flush = () => {
			timer = null;
			const now = performance.now();
			while (queue.length > 0 && queue[0].due <= now) to.write(queue.shift().chunk);
			if (queue.length > 0) timer = setTimeout(flush, Math.max(1, queue[0].due - now));
		};
		from.on("data", (chunk) => {
			if (this.delay === 0) return to.write(chunk);
			queue.push({ chunk, due: performance.now() + this.delay / 2 });
			timer ??= setTimeout(flush, this.delay / 2);
		});
		from.on("close", () => clearTimeout(timer));
	}

	// Cuts every connection; new ones are taken again.
	cut() {
		for (const { near, far } of this.pairs) {
			near.destroy();
			far.destroy();
		}
	}

	stop() {
		this.server.close();
		this.cut();
	}
}
