// What is shipped to run a cluster: the balancers' files, docker-compose.yml, the Dockerfile, scripts/cluster.
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync, chmodSync } from "node:fs";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import test from "node:test";
import { io } from "socket.io-client";
import { peal, request as ask, root, serve, until, within } from "../app/program.mjs";
import { freePort } from "../support/common.mjs";

const get = (port, path, headers) => ask(port, { path, headers });
const text = (name) => readFileSync(`${root}${name}`, "utf8");

function folder(t) {
	const name = mkdtempSync(path.join(tmpdir(), "peal-deploy-"));
	chmodSync(name, 0o711); // the workers of nginx are not root
	t.after(() => rmSync(name, { recursive: true, force: true }));
	return name;
}

function start(t, command, args, cwd) {
	const child = spawn(command, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
	const process = { child, exited: once(child, "exit"), output: "" };
	for (const stream of [child.stdout, child.stderr])
		stream.on("data", (chunk) => { process.output += chunk; });
	t.after(async () => {
		if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
		await within(process.exited, `${command} to end`);
	});
	return process;
}

async function accepts(port, process) {
	await until(async () => {
		if (process.child.exitCode !== null) throw new Error(process.output);
		const socket = net.connect(port, "127.0.0.1");
		try {
			await once(socket, "connect");
			return true;
		} catch {
			return false;
		} finally {
			socket.destroy();
		}
	}, `port ${port} to accept`);
}

// The shipped file of nginx with the ports of this test, and with @names for n1, n2, n3.
async function nginx(t, ports, names) {
	const home = folder(t);
	const port = await freePort();
	let file = text("deploy/nginx.conf");
	ports.forEach((node, index) => { file = file.replaceAll(`127.0.0.1:300${index + 1}`, `127.0.0.1:${node}`); });
	file = file.replace("\tlisten 3000;", `\tlisten 127.0.0.1:${port};`);
	names.forEach((name, index) => { file = file.replaceAll(new RegExp(`\\bn${index + 1}\\\\\\.`, "g"), `${name}\\.`); });
	writeFileSync(`${home}/peal.conf`, file);
	writeFileSync(`${home}/nginx.conf`, `daemon off; pid nginx.pid; error_log nginx.log; events {}
http { access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
uwsgi_temp_path uwsgi; scgi_temp_path scgi; include peal.conf; }`);
	const process = start(t, "nginx", ["-p", home, "-e", "nginx.log", "-c", "nginx.conf"]);
	await accepts(port, process);
	return port;
}

async function haproxy(t, ports, names) {
	const home = folder(t);
	const port = await freePort();
	let file = text("deploy/haproxy.cfg").replace("bind :3000", `bind 127.0.0.1:${port}`);
	ports.forEach((node, index) => {
		const name = `n${index + 1}`;
		file = file.replace(`server ${name} ${name}:3000`, `server ${names[index]} 127.0.0.1:${node}`)
			.replace(`use-server ${name} if { urlp(sid) -m beg ${name}. }`,
				`use-server ${names[index]} if { urlp(sid) -m beg ${names[index]}. }`);
	});
	writeFileSync(`${home}/haproxy.cfg`, file);
	const process = start(t, "haproxy", ["-db", "-f", "haproxy.cfg"], home);
	await accepts(port, process);
	return port;
}

const request = async (port, sid, options = {}) => {
	const url = `http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling${sid ? `&sid=${sid}` : ""}`;
	const response = await fetch(url, options);
	return { status: response.status, body: await response.text() };
};

for (const [kind, balancer] of Object.entries({ nginx, haproxy })) {
	test(`${kind} routes by the session: n1 is not n10, and an unknown prefix is a new session`, async (t) => {
		const names = ["n1", "n10", "n3"];
		const nodes = [];
		for (const name of names) nodes.push(await serve(t, ["--name", name, "--sid-prefix", name]));
		const port = await balancer(t, nodes.map((node) => node.port), names);

		const sessions = {};
		await until(async () => {
			const { status, body } = await request(port);
			if (status !== 200) return false; // health checks have not passed yet
			const { sid } = JSON.parse(body.slice(1));
			const prefix = sid.slice(0, sid.indexOf("."));
			assert.ok(names.includes(prefix), sid);
			(sessions[prefix] ??= []).push(sid);
			return names.every((name) => sessions[name]?.length >= 3);
		}, "sessions on all three nodes");
		for (const name of names)
			for (const sid of sessions[name].slice(0, 3)) {
				// A node that does not have the session answers 400.
				const posted = await request(port, sid, { method: "POST", body: "40" });
				assert.deepEqual(posted, { status: 200, body: "ok" }, `${name}: ${sid}`);
				const polled = await request(port, sid);
				assert.equal(polled.status, 200);
				assert.match(polled.body, /^40\{"sid":/);
			}
		for (const sid of ["n2.abc", "n100.abc", "n1", "zz"]) {
			const { status, body } = await request(port, sid);
			assert.equal(status, 400, sid);
			assert.match(body, /Session ID unknown/);
		}
	});

	test(`${kind} keeps the HTTP API, metrics and health to the inside`, async (t) => {
		const node = await serve(t, ["--sid-prefix", "n1", "--api-key", "secret"]);
		const port = await balancer(t, [node.port, node.port, node.port], ["n1", "n2", "n3"]);
		assert.equal((await get(node.port, "/metrics")).status, 200);
		for (const name of ["/metrics", "/healthz", "/readyz", "/api/count", "/api/emit", "//metrics", "/socket.io/../metrics"])
			assert.ok([400, 404].includes((await get(port, name, { Authorization: "Bearer secret" })).status), name);
	});
}

test("the balancers accept the files as they are shipped", (t) => {
	const home = folder(t);
	writeFileSync(`${home}/nginx.conf`, `pid nginx.pid; events {} http { include ${root}deploy/nginx.conf; }`);
	execFileSync("nginx", ["-t", "-p", home, "-e", "nginx.log", "-c", "nginx.conf"], { stdio: "pipe" });
	execFileSync("haproxy", ["-c", "-f", `${root}deploy/haproxy.cfg`], { stdio: "pipe" });
});

test("docker-compose.yml describes three nodes with prefixes of their own, Redis, and one published port", () => {
	const file = JSON.parse(execFileSync("python3", ["-c", `import json, subprocess, sys, yaml
print(json.dumps(yaml.safe_load(subprocess.run(["docker-compose", "-f", sys.argv[1], "config"], check=True,
	capture_output=True).stdout)))`, `${root}docker-compose.yml`]).toString());
	assert.deepEqual(Object.keys(file.services).sort(), ["balancer", "n1", "n2", "n3", "redis"]);
	for (const name of ["n1", "n2", "n3"]) {
		const { environment } = file.services[name];
		assert.equal(environment.PEAL_SID_PREFIX, name);
		assert.equal(environment.PEAL_NODE_NAME, name);
		assert.equal(environment.PEAL_REDIS_URL, "redis://redis:6379");
		assert.match(text("deploy/haproxy.cfg"), new RegExp(`use-server ${name} if \\{ urlp\\(sid\\) -m beg ${name}\\. \\}`));
		assert.match(text("deploy/nginx.conf"), new RegExp(`"~\\^${name}\\\\\\."`));
	}
	const published = Object.values(file.services).flatMap((service) => service.ports ?? []);
	assert.equal(published.length, 1);
});

// The settings of a section of a unit.
const unit = (name) => Object.fromEntries([...text("deploy/peal.service").matchAll(/^([A-Za-z]+)=(.*)$/mg)].map(([, key, value]) => [key, value]))[name];

test("systemd accepts the unit, and finds it well locked up", async (t) => {
	const home = folder(t);
	const shown = text("deploy/peal.service");
	assert.match(shown, /^ExecStart=\/usr\/local\/bin\/peal serve /m);
	// The program where it is, since there is none where it will be.
	writeFileSync(`${home}/peal.service`, shown.replace("/usr/local/bin/peal", peal));
	const verify = (file) => execFileSync("systemd-analyze", ["verify", "--man=no", file], { stdio: "pipe" });
	try {
		verify(`${home}/peal.service`);
	} catch (problem) {
		if (problem.code === "ENOENT") return t.skip("there is no systemd-analyze");
		assert.fail(problem.stderr.toString());
	}
	// And what is commented out, with names that the program knows.
	const secrets = shown.replaceAll(/^# (?=LoadCredential=|Environment=)/gm, "");
	writeFileSync(`${home}/secrets.service`, secrets.replace("/usr/local/bin/peal", peal));
	verify(`${home}/secrets.service`);
	for (const [, variable, file] of secrets.matchAll(/(PEAL_\w+)=%d\/(\S+)/g)) {
		assert.match(text("docs/configuration.md"), new RegExp(`\`${variable}\``));
		assert.match(secrets, new RegExp(`^LoadCredential=${file}:`, "m"));
	}
	writeFileSync(`${home}/broken.service`, shown.replace("/usr/local/bin/peal", "/nowhere/peal"));
	assert.throws(() => verify(`${home}/broken.service`), /\/nowhere\/peal/);
	// From 0 to 100: above 50 is what it calls exposed, and without the settings of the sandbox it is 96.
	execFileSync("systemd-analyze", ["security", "--offline=yes", "--no-pager", "--threshold=20", `${home}/peal.service`], { stdio: "pipe" });
	assert.equal(unit("Type"), "notify");
	assert.match(unit("ExecReload"), /-HUP \$MAINPID$/);
	// Which of its settings would be refused, it only mentions.
	assert.ok(!/Unknown|ignoring/i.test(execFileSync("sh", ["-c", `systemd-analyze verify --man=no ${home}/peal.service 2>&1`]).toString()));
});

test("a node that drains has ended before it is killed: by systemd, and by docker", async () => {
	const { drainSeconds, shutdownSeconds } = JSON.parse(text("deploy/peal.json"));
	assert.ok(drainSeconds > 0);
	assert.ok(Number(unit("TimeoutStopSec")) >= drainSeconds + shutdownSeconds + 5);
	assert.equal(unit("RestartPreventExitStatus"), "2");
	const compose = text("docker-compose.yml");
	const grace = Number(/^ {2}stop_grace_period: (\d+)s$/m.exec(compose)[1]);
	const drain = Number(/^ {2}PEAL_DRAIN_SECONDS: "(\d+)"$/m.exec(compose)[1]);
	const shutdown = /--shutdown-seconds[^]*?default: (\d+) s/.exec(execFileSync(peal, ["serve", "--help"]).toString())[1];
	assert.ok(drain > 0);
	assert.ok(grace >= drain + Number(shutdown) + 2, `${grace} s for ${drain} + ${shutdown}`);
	// Two checks of HAProxy fit into the quarter in which nobody is sent away.
	const [, seconds, fall] = /default-server check inter (\d+)s fall (\d+)/.exec(text("deploy/haproxy.cfg"));
	assert.ok(drain / 4 >= Number(seconds) * Number(fall), `${drain / 4} s`);
});

test("the environment of docker-compose.yml is understood by the program", async (t) => {
	const file = JSON.parse(execFileSync("python3", ["-c", `import json, sys, yaml
print(json.dumps(yaml.safe_load(open(sys.argv[1]))))`, `${root}docker-compose.yml`]).toString());
	const env = { ...file.services.n1.environment, PEAL_API_KEY: "key", PEAL_DRAIN_SECONDS: "0" };
	delete env["<<"];
	env.PEAL_REDIS_URL = `redis://127.0.0.1:${await freePort()}`;
	const node = await serve(t, file.services.n1.command.slice(1), { env });
	const { body } = await get(node.port, "/socket.io/?EIO=4&transport=polling");
	assert.match(body, /^0\{"sid":"n1\./);
	assert.ok(!node.output.includes("is no setting"), node.output);
});

test("the Dockerfile installs what the program is linked with, and builds with scripts/setup", () => {
	const dockerfile = text("Dockerfile");
	assert.match(dockerfile, /scripts\/setup --no-tests/);
	const runtime = dockerfile.slice(dockerfile.lastIndexOf("FROM"));
	const needed = execFileSync("ldd", [peal]).toString().split("\n")
		.map((line) => /=> (\/\S+)/.exec(line)?.[1]).filter(Boolean);
	const direct = new Set(execFileSync("readelf", ["-d", peal]).toString().split("\n")
		.map((line) => /NEEDED.*\[(.*)\]/.exec(line)?.[1]).filter(Boolean));
	assert.ok(direct.size > 5);
	for (const library of needed.filter((name) => direct.has(path.basename(name)))) {
		const real = execFileSync("realpath", [library]).toString().trim();
		const owner = [real, real.replace(/^\/usr/, "")].map((name) => {
			try {
				return execFileSync("dpkg-query", ["-S", name], { stdio: ["ignore", "pipe", "ignore"] }).toString();
			} catch {
				return "";
			}
		}).join("").split(":")[0];
		if (/^(libc6|libgcc-s1)$/.test(owner)) continue;
		assert.ok(runtime.split(/\s+/).includes(owner), `${library} is of ${owner}, which the Dockerfile does not install`);
	}
});

// --- scripts/cluster ---------------------------------------------------------------------------------------------------

const alive = (pid) => {
	try {
		process.kill(pid, 0);
		return true;
	} catch {
		return false;
	}
};

async function startCluster(t) {
	const home = folder(t);
	const child = spawn(`${root}scripts/cluster`, [], {
		cwd: root, env: { ...process.env, PEAL_CLUSTER_DIR: home, PEAL_PROGRAM: peal },
		stdio: ["ignore", "pipe", "pipe"], detached: true,
	});
	const cluster = { home, child, exited: once(child, "exit"), output: "" };
	for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => { cluster.output += chunk; });
	cluster.pid = (name) => Number(readFileSync(`${home}/${name}.pid`, "utf8"));
	cluster.interrupt = async () => {
		// As the terminal does it: to the whole group.
		if (child.exitCode === null && child.signalCode === null) process.kill(-child.pid, "SIGINT");
		await within(cluster.exited, "scripts/cluster to end");
	};
	t.after(cluster.interrupt);
	await until(() => {
		if (child.exitCode !== null) throw new Error(cluster.output);
		return cluster.output.includes("Ctrl-C ends it.");
	}, "scripts/cluster to be ready");
	cluster.port = Number(/http:\/\/127\.0\.0\.1:(\d+)\/ +the console/.exec(cluster.output)[1]);
	cluster.n1 = Number(/http:\/\/127\.0\.0\.1:(\d+)\/ +the same on n1/.exec(cluster.output)[1]);
	cluster.nodePort = (name) => {
		const [, n1, n2, n3] = /:(\d+)\/ +the same on n1; n2 is on port (\d+), n3 on (\d+)/.exec(cluster.output);
		return Number({ n1, n2, n3 }[name]);
	};
	cluster.command = (name, args) => JSON.parse(execFileSync(peal,
		[...args, "--json", "--url", `http://127.0.0.1:${cluster.nodePort(name)}`, "--api-key-file", `${home}/api-key`],
		{ stdio: ["ignore", "pipe", "inherit"] }).toString());
	return cluster;
}

test("scripts/cluster spreads polling clients of one address, and clients outlive the restart of each node", { timeout: 180000 }, async (t) => {
	const cluster = await startCluster(t);
	const clients = [];
	const connect = (transports) => {
		const client = io(`http://127.0.0.1:${cluster.port}`, {
			transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200, timeout: 5000,
		});
		client.heard = new Set();
		client.on("hello", (number) => client.heard.add(number));
		clients.push(client);
		t.after(() => client.close());
	};
	for (let i = 0; i < 30; i++) connect(["polling"]);
	for (let i = 0; i < 6; i++) connect(["websocket"]);
	for (let i = 0; i < 6; i++) connect(["polling", "websocket"]);
	await until(() => clients.every((client) => client.connected), "all clients to connect");

	const prefixes = clients.slice(0, 30).map((client) => client.io.engine.id.split(".")[0]);
	for (const name of ["n1", "n2", "n3"])
		assert.ok(prefixes.filter((prefix) => prefix === name).length >= 5, `polling clients are on ${prefixes}`);
	await until(() => clients.slice(36).every((client) => client.io.engine.transport.name === "websocket"), "the upgrades");

	let number = 0;
	const everybodyHears = async (from) => {
		await until(() => {
			const mine = ++number;
			cluster.command(from, ["emit", "hello", String(mine)]);
			return within(until(() => clients.every((client) => client.heard.has(mine)), "hello"), "hello", 2000).then(() => true, () => false);
		}, `a broadcast from ${from} to reach all clients`);
	};
	for (const name of ["n1", "n2", "n3"]) await everybodyHears(name);

	for (const name of ["n1", "n2", "n3"]) {
		const before = cluster.pid(name);
		process.kill(before, "SIGTERM");
		await until(() => cluster.pid(name) !== before && alive(cluster.pid(name)), `${name} to come back`);
		await until(async () => (await get(cluster.nodePort(name), "/readyz").catch(() => ({}))).status === 200, `${name} to be ready`);
		await until(() => clients.every((client) => client.connected), "all clients to be connected again");
		await everybodyHears(name);
	}
});

test("Ctrl-C ends everything that scripts/cluster started", { timeout: 120000 }, async (t) => {
	const cluster = await startCluster(t);
	const names = ["redis", "nginx", "n1", "n2", "n3"];
	const pids = names.map(cluster.pid);
	assert.ok(pids.every(alive));
	let heard = 0;
	const client = io(`http://127.0.0.1:${cluster.port}`, { forceNew: true, reconnection: false });
	t.after(() => client.close());
	client.on("once", () => { heard++; });
	await within(once(client, "connect"), "the client to connect");
	for (const name of ["n1", "n2", "n3"]) cluster.command(name, ["emit", "once"]);
	await until(() => heard >= 3, "three broadcasts");
	await cluster.interrupt();
	await until(() => !pids.some(alive), "all processes to be gone");
	assert.equal(heard, 3);
	assert.ok(existsSync(`${cluster.home}/n1.log`), "the folder that was named is kept");
});
