// An official Socket.IO server as member of the cluster: official.mjs REDIS-URL PORT, told over IPC that it is up.
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const [url, port] = process.argv.slice(2);
const publisher = createClient({ url }), subscriber = publisher.duplicate();
await Promise.all([publisher.connect(), subscriber.connect()]);
const io = new Server(Number(port), { adapter: createAdapter(publisher, subscriber) });
io.on("connection", (socket) => {
	socket.data.of = "node.js";
	socket.join("official");
});
io.on("question", (...args) => args.at(-1)?.("from node.js"));
process.on("disconnect", () => process.exit());
process.send("up");
