// The C of docs/guide.md.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { folder, root, run } from "../app/program.mjs";
import { page } from "./pages.mjs";

page("docs/guide.md", (take) => {
	const pieces = ["struct peal_node_options options;", "peal_use(", "static void on_acks", "struct peal_redis_options redis;"];
	take("its pieces are those of one program", pieces, async (t, node, handlers, acks, redis) => {
		const [, function_, call] = /^(static [^]*?^\}\n)([^]*)$/m.exec(acks.text);
		const source = path.join(folder(t), "guide.c");
		// What the sentences name: the handlers, and io.
		writeFileSync(source, `
#include <peal/peal.h>
#include <stdio.h>
peal_middleware_fn check_token;
peal_connection_fn on_connection;
peal_event_fn on_message;
peal_disconnect_fn on_disconnect;
${function_}
int program(void)
{
	struct peal_namespace *io;

	${redis.text.replace("struct peal_redis_options redis;", "$&\n" + node.text)}
	io = peal_io(node);
	${handlers.text}
	${call}
	return 0;
}
`);
		// Its codes "have to be looked at", which the page leaves to its readers.
		const flags = ["-std=gnu11", "-fsyntax-only", "-Wall", "-Werror", "-Wno-unused-result", "-Wno-misleading-indentation", `-I${root}include`];
		const { code, stderr } = await run([...flags, source], { command: "cc" });
		assert.equal(code, 0, stderr);
	});
});
