#include "tests/support/redis_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

uint64_t now_in_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint16_t free_port(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int connect_to(const struct redis_server *server)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_port = htons(server->port),
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(fd, 0);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

const char *redis_server_say(const struct redis_server *server, const char *command)
{
	static char reply[4096];
	size_t length = 0;
	int fd = connect_to(server);
	reply[0] = '\0';
	if (fd < 0)
		return reply;
	if (send(fd, command, strlen(command), MSG_NOSIGNAL) >= 0 &&
	    send(fd, "\r\n", 2, MSG_NOSIGNAL) == 2) {
		while (length < sizeof(reply) - 1 && !memchr(reply, '\n', length)) {
			ssize_t n = read(fd, reply + length, sizeof(reply) - 1 - length);
			if (n <= 0)
				break;
			length += (size_t)n;
		}
	}
	close(fd);
	reply[length] = '\0';
	reply[strcspn(reply, "\r\n")] = '\0';
	return reply;
}

static void run(const char *const *words)
{
	int status;
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		dup2(null, 2);
		execvp(words[0], (char *const *)words);
		_exit(127);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s failed", words[0]);
}

/* A certificate that signs itself and is its own authority. */
static void make_certificate(const char *dir, const char *cert_name, const char *key_name)
{
	char cert[160], key[160];
	snprintf(cert, sizeof(cert), "%s/%s", dir, cert_name);
	snprintf(key, sizeof(key), "%s/%s", dir, key_name);
	const char *words[] = { "openssl",
				"req",
				"-x509",
				"-newkey",
				"ec",
				"-pkeyopt",
				"ec_paramgen_curve:prime256v1",
				"-nodes",
				"-days",
				"2",
				"-subj",
				"/CN=peal-test",
				"-addext",
				"subjectAltName=DNS:localhost,IP:127.0.0.1",
				"-keyout",
				key,
				"-out",
				cert,
				NULL };
	run(words);
}

static void launch(struct redis_server *server)
{
	char port[8], tls_port[8], ca[96], cert[96], key[96];
	const char *words[32];
	size_t n = 0;
	snprintf(port, sizeof(port), "%u", server->port);
	snprintf(tls_port, sizeof(tls_port), "%u", server->tls_port);
	snprintf(ca, sizeof(ca), "%s/ca.pem", server->dir);
	snprintf(cert, sizeof(cert), "%s/cert.pem", server->dir);
	snprintf(key, sizeof(key), "%s/key.pem", server->dir);
	const char *plain[] = { "redis-server", "--port",     port,	   "--bind",
				"127.0.0.1",	"--save",     "",	   "--appendonly",
				"no",		"--dir",      server->dir, "--unixsocket",
				server->path,	"--loglevel", "warning" };
	const char *tls[] = { "--tls-port",	 tls_port, "--tls-ca-cert-file", ca,
			      "--tls-cert-file", cert,	   "--tls-key-file",	 key };
	for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
		words[n++] = plain[i];
	for (size_t i = 0; server->tls_port && i < sizeof(tls) / sizeof(*tls); i++)
		words[n++] = tls[i];
	words[n] = NULL;
	pid_t parent = getpid();
	server->pid = fork();
	ck_assert_int_ge(server->pid, 0);
	if (server->pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 0);
		dup2(null, 1);
		dup2(null, 2);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			execvp(words[0], (char *const *)words);
		_exit(127);
	}
	for (uint64_t until = now_in_ms() + 20000; now_in_ms() < until; usleep(10000))
		if (!strcmp(redis_server_say(server, "PING"), "+PONG"))
			return;
	ck_abort_msg("redis-server does not start");
}

void redis_server_start(struct redis_server *server, bool tls)
{
	*server = (struct redis_server){ 0 };
	snprintf(server->dir, sizeof(server->dir), "/tmp/peal-redis-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(server->dir));
	snprintf(server->path, sizeof(server->path), "%s/socket", server->dir);
	server->port = free_port();
	if (tls) {
		server->tls_port = free_port();
		make_certificate(server->dir, "cert.pem", "key.pem");
		make_certificate(server->dir, "other-ca.pem", "other-key.pem");
		char from[96], to[96];
		snprintf(from, sizeof(from), "%s/cert.pem", server->dir);
		snprintf(to, sizeof(to), "%s/ca.pem", server->dir);
		ck_assert_int_eq(link(from, to), 0);
	}
	launch(server);
}

void redis_server_start_again(struct redis_server *server)
{
	launch(server);
}

void redis_server_kill(struct redis_server *server, int signal)
{
	ck_assert_int_gt(server->pid, 0);
	ck_assert_int_eq(kill(server->pid, signal), 0);
	if (signal == SIGSTOP || signal == SIGCONT)
		return;
	ck_assert_int_eq(waitpid(server->pid, NULL, 0), server->pid);
	server->pid = 0;
}

void redis_server_stop(struct redis_server *server)
{
	if (server->pid)
		redis_server_kill(server, SIGKILL);
	const char *words[] = { "rm", "-rf", server->dir, NULL };
	run(words);
}

/* --- the loop --- */

static void record(enum peal_log_level level, const char *message,
		   const struct peal_log_field *fields, size_t count, void *userdata)
{
	struct redis_world *world = userdata;
	if (sizeof(world->records) - world->length < 4096)
		world->length = 0;
	world->length +=
		peal_log_format_text(level, message, fields, count, world->records + world->length,
				     sizeof(world->records) - world->length);
}

void redis_world_init(struct redis_world *world)
{
	*world = (struct redis_world){ .log = { PEAL_LOG_DEBUG, record, world } };
	ck_assert_int_eq(peal_loop_new(NULL, NULL, &world->stats, &world->log, &world->loop), 0);
}

void redis_world_deinit(struct redis_world *world)
{
	peal_loop_free(world->loop);
}

unsigned redis_world_logged(const struct redis_world *world, const char *text)
{
	unsigned count = 0;
	for (const char *at = world->records; (at = strstr(at, text)); at += strlen(text))
		count++;
	return count;
}

static void on_nothing(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd;
	(void)what;
	(void)userdata;
}

void redis_world_turn(struct redis_world *world)
{
	static const struct timeval wait = { 0, 100000 };
	event_base_once(peal_loop_base(world->loop), -1, EV_TIMEOUT, on_nothing, NULL, &wait);
	event_base_loop(peal_loop_base(world->loop), EVLOOP_ONCE);
}

void redis_world_rest(struct redis_world *world, unsigned ms)
{
	uint64_t until = now_in_ms() + ms;
	while (now_in_ms() < until)
		redis_world_turn(world);
}
