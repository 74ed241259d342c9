/* Whole nodes in one process, through the public headers only: life, threads, hooks, the caller's
 * event_base. */
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include "tests/support/node_bench.h"
#include "tests/unit/unit.h"

static struct peal_node_options options;
static struct peal_node *node;
static char heard[4096];

static void unheard(enum peal_log_level level, const char *message,
		    const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)fields, (void)count, (void)userdata;
	strncat(heard, message, sizeof(heard) - strlen(heard) - 1);
	strcat(heard, ";");
}

static void heard_fields(enum peal_log_level level, const char *message,
			 const struct peal_log_field *fields, size_t count, void *userdata)
{
	(void)level, (void)message, (void)userdata;
	for (size_t i = 0; i < count; i++)
		strcat(strcat(heard, fields[i].text), ";");
}

static void set_up(void)
{
	heard[0] = '\0';
	bench_options(&options);
	options.name = "test";
}

static void make(void)
{
	ck_assert_int_eq(peal_node_new(&options, &node), 0);
	ck_assert_int_eq(peal_node_listen(node), 0);
}

static void tear_down(void)
{
	peal_node_free(node);
	node = NULL;
	event_base_free(base);
}

static void get(int fd, const char *sid)
{
	char request[256];
	snprintf(request, sizeof(request),
		 "GET /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n\r\n", sid);
	say(fd, request);
}

static void post(int fd, const char *sid, const char *body)
{
	char request[1024];
	snprintf(request, sizeof(request),
		 "POST /socket.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n"
		 "Content-Length: %zu\r\n\r\n%s",
		 sid, strlen(body), body);
	say(fd, request);
	read_until(fd, "\r\n\r\nok");
}

/* --- life ---------------------------------------------------------------------------------- */

static void stop_base(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd, (void)what, (void)userdata;
	event_base_loopbreak(base);
}

static void count_ticks(evutil_socket_t fd, short what, void *userdata)
{
	(void)fd, (void)what;
	(*(int *)userdata)++;
}

START_TEST(two_nodes_and_a_foreign_timer_share_one_base)
{
	struct peal_node *second;
	int ticks = 0;
	make();
	ck_assert_int_eq(peal_node_new(&options, &second), 0);
	ck_assert_int_eq(peal_node_listen(second), 0);
	struct event *foreign = event_new(base, -1, EV_PERSIST, count_ticks, &ticks);
	event_add(foreign, &(struct timeval){ 0, 10000 });
	int fds[2] = { dial(node), dial(second) };
	char first_sid[21];
	strcpy(first_sid, open_polling(fds[0], BENCH_HANDSHAKE));
	ck_assert_str_ne(first_sid, open_polling(fds[1], BENCH_HANDSHAKE));
	struct event *end = event_new(base, -1, 0, stop_base, NULL);
	event_add(end, &(struct timeval){ 0, 200000 });
	event_base_dispatch(base);
	ck_assert_int_ge(ticks, 5);
	ck_assert_int_eq(peal_node_run(node), -EINVAL);
	peal_node_free(second);
	/* The other one goes on. */
	get(fds[0], first_sid);
	post(dial(node), first_sid, "40");
	read_until(fds[0], "40{\"sid\":\"");
	event_free(foreign);
	event_free(end);
	close(fds[0]);
	close(fds[1]);
}
END_TEST

static void note_and_stop(struct peal_node *n, void *userdata)
{
	strcat(heard, userdata);
	peal_node_stop(n);
}

START_TEST(runs_a_loop_of_its_own_until_stopped)
{
	options.base = NULL;
	make();
	ck_assert_int_eq(peal_node_after(node, 20, note_and_stop, "after;"), 0);
	ck_assert_int_eq(peal_node_run(node), 0);
	ck_assert_str_eq(heard, "after;");
	ck_assert_int_eq(peal_node_after(node, 0, note_and_stop, "again;"), 0);
	ck_assert_int_eq(peal_node_run(node), 0);
	ck_assert_str_eq(heard, "after;again;");
}
END_TEST

static void count_posts(struct peal_node *n, void *userdata)
{
	int *count = userdata;
	if (++*count == 4000)
		peal_node_stop(n);
}

static int posted_count;

static void *post_many(void *userdata)
{
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(peal_node_post(userdata, count_posts, &posted_count), 0);
	return NULL;
}

START_TEST(runs_what_other_threads_post)
{
	pthread_t threads[4];
	posted_count = 0;
	options.base = NULL;
	make();
	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, post_many, node);
	ck_assert_int_eq(peal_node_run(node), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	ck_assert_int_eq(posted_count, 4000);
}
END_TEST

static void shut_down_code(struct peal_node *n, void *userdata)
{
	char code[32];
	snprintf(code, sizeof(code), "%s%d;", (const char *)userdata,
		 peal_emit(peal_io(n), PEAL_ALL, "x") == -ESHUTDOWN &&
			 peal_node_post(n, shut_down_code, NULL) == -ESHUTDOWN &&
			 peal_node_after(n, 1, shut_down_code, NULL) == -ESHUTDOWN &&
			 peal_node_close(n, 1, shut_down_code, NULL) == -ESHUTDOWN);
	strcat(heard, code);
}

static void on_acks(const struct peal_acks *acks, void *userdata)
{
	char text[64];
	snprintf(text, sizeof(text), "%s%d of %zu;", (const char *)userdata, acks->error,
		 acks->clients_expected);
	strcat(heard, text);
}

START_TEST(runs_every_one_shot_callback_at_the_latest_when_it_is_freed)
{
	make();
	int fd = dial(node), other = dial(node);
	char sid[21];
	strcpy(sid, open_polling(fd, BENCH_HANDSHAKE));
	get(fd, sid);
	post(other, sid, "40");
	read_until(fd, "40{");
	ck_assert_int_eq(peal_node_after(node, 100000, shut_down_code, "after "), 0);
	ck_assert_int_eq(peal_emit_ack(peal_io(node), PEAL_ALL, 100000, on_acks, "acks ", "q"), 0);
	peal_node_close(node, 100000, shut_down_code, "close ");
	peal_node_free(node);
	node = NULL;
	ck_assert_ptr_nonnull(strstr(heard, "after 1;"));
	ck_assert_ptr_nonnull(strstr(heard, "acks 3 of 1;"));
	ck_assert_ptr_nonnull(strstr(heard, "close 1;"));
	close(fd);
	close(other);
}
END_TEST

static void note(struct peal_node *n, void *userdata)
{
	(void)n;
	strcat(heard, userdata);
}

static void on_disconnect(struct peal_socket *socket, const char *reason, const char *description,
			  void *userdata)
{
	(void)socket, (void)description, (void)userdata;
	strcat(heard, reason);
	strcat(heard, ";");
}

START_TEST(closes_orderly_without_disconnect_packets)
{
	struct peal_stats stats;
	make();
	ck_assert_int_eq(peal_on_disconnect(peal_io(node), on_disconnect, NULL), 0);
	int fd = dial(node), other = dial(node);
	char sid[21];
	strcpy(sid, open_polling(fd, BENCH_HANDSHAKE));
	get(fd, sid);
	post(other, sid, "40");
	read_until(fd, "40{");
	get(fd, sid);
	for (int i = 0; i < 20; i++)
		turn();
	ck_assert(peal_node_ready(node));
	peal_node_close(node, 5000, note, "closed;");
	ck_assert(!peal_node_ready(node));
	ck_assert_str_eq(heard, "");
	const char *answer = read_until(fd, "\r\n\r\n1");
	/* Nothing but the close packet. */
	ck_assert_ptr_nonnull(strstr(answer, "Content-Length: 1\r\n"));
	for (int i = 0; i < 10000 && !strstr(heard, "closed;"); i++)
		turn();
	ck_assert_str_eq(heard, "server shutting down;closed;");
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.sessions, 0);
	ck_assert_uint_eq(stats.sockets, 0);
	ck_assert_uint_eq(stats.rooms, 0);
	ck_assert_uint_eq(stats.memberships, 0);
	ck_assert_uint_eq(stats.rounds, 0);
	ck_assert_uint_eq(stats.outbox_bytes, 0);
	ck_assert_uint_eq(stats.http_connections, 0);
	ck_assert_uint_eq(stats.websocket_connections, 0);
	ck_assert_uint_eq(stats.frames, 0);
	close(fd);
	close(other);
}
END_TEST

START_TEST(cuts_what_is_open_when_the_time_for_closing_is_up)
{
	make();
	/* Half a request keeps its connection busy. */
	int fd = dial(node);
	say(fd, "POST /socket.io/ HTTP/1.1\r\nHost: x\r\nContent-Le");
	for (int i = 0; i < 20; i++)
		turn();
	peal_node_close(node, 50, note, "closed;");
	for (int i = 0; i < 10000 && !*heard; i++)
		turn();
	ck_assert_str_eq(heard, "closed;");
	close(fd);
	/* Its listener is gone, and who wants to use it is told. */
	struct peal_engine_options engine;
	struct peal_engine *bare;
	peal_engine_options_init(&engine);
	ck_assert_int_eq(
		peal_engine_new(node, &engine, &(struct peal_engine_handlers){ 0 }, NULL, &bare),
		-ESHUTDOWN);
}
END_TEST

START_TEST(tells_everyone_who_closes_it_that_it_is_closed)
{
	make();
	ck_assert_int_eq(peal_node_close(node, 5000, note, "first;"), 0);
	ck_assert_int_eq(peal_node_close(node, 5000, note, "second;"), 0);
	for (int i = 0; i < 10000 && !strstr(heard, "second;"); i++)
		turn();
	ck_assert_str_eq(heard, "first;second;");
	ck_assert_int_eq(peal_node_close(node, 5000, note, "late;"), 0);
	ck_assert_str_eq(heard, "first;second;");
	for (int i = 0; i < 10000 && !strstr(heard, "late;"); i++)
		turn();
	ck_assert_str_eq(heard, "first;second;late;");
	ck_assert_int_eq(peal_node_close(node, 5000, note, "last;"), 0);
	peal_node_free(node);
	node = NULL;
	ck_assert_str_eq(heard, "first;second;late;last;");
}
END_TEST

START_TEST(refuses_new_sessions_while_it_drains)
{
	make();
	int fd = dial(node);
	peal_node_drain(node);
	say(fd, BENCH_HANDSHAKE);
	const char *answer = read_until(fd, "}");
	ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 503"));
	ck_assert_ptr_nonnull(strstr(answer, "Retry-After: 5\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "{\"code\":3,\"message\":\"Bad request\"}"));
	close(fd);
}
END_TEST

START_TEST(refuses_sessions_above_its_limit)
{
	options.max_clients = 1;
	make();
	int fd = dial(node), other = dial(node);
	open_polling(fd, BENCH_HANDSHAKE);
	say(other, BENCH_HANDSHAKE);
	ck_assert_ptr_nonnull(strstr(read_until(other, "}"), "HTTP/1.1 503"));
	say(other, "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: "
		   "Upgrade\r\n"
		   "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
		   "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	const char *answer = read_until(other, "Bad request");
	ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 503"));
	ck_assert_ptr_nonnull(strstr(answer, "Retry-After: 5\r\n"));
	ck_assert_ptr_null(strstr(answer, "{"));
	close(fd);
	close(other);
}
END_TEST

/* --- options ------------------------------------------------------------------------------- */

START_TEST(names_an_option_that_is_out_of_range)
{
	static const char *const bad_network[] = { "10.0.0.0/99" };
	options.log = heard_fields;
	struct peal_node_options good = options;
	options.engine.ping_timeout_ms = 0;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	options = good;
	options.max_clients = 0;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	options = good;
	options.trusted_proxies = bad_network;
	options.trusted_proxy_count = 1;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	options = good;
	options.engine.cookie.enabled = true;
	options.engine.cookie.name = "a;b";
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	options = good;
	options.engine.cors.origin = PEAL_CORS_FIXED;
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	options = good;
	options.engine.initial_packet = "\xff";
	ck_assert_int_eq(peal_node_new(&options, &node), PEAL_NODE_E_OPTION);
	ck_assert_str_eq(heard,
			 "ping_timeout_ms;max_clients;trusted_proxies;cookie;cors;initial_packet;");
	node = NULL;
}
END_TEST

START_TEST(lowers_its_client_limit_to_the_limit_of_open_files)
{
	struct rlimit before, low = { 200, 0 };
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
	low.rlim_max = before.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	options.log = unheard;
	options.log_level = PEAL_LOG_WARNING;
	make();
	ck_assert_ptr_nonnull(strstr(heard, "max clients lowered"));
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
}
END_TEST

static int count_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;
	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

START_TEST(leaves_no_descriptor_behind)
{
	make();
	peal_node_free(node);
	int before = count_files();
	for (int i = 0; i < 3; i++) {
		make();
		int fd = dial(node);
		open_polling(fd, BENCH_HANDSHAKE);
		close(fd);
		peal_node_free(node);
	}
	node = NULL;
	ck_assert_int_eq(count_files(), before);
}
END_TEST

START_TEST(says_that_its_port_is_taken)
{
	struct peal_node *second;
	make();
	options.port = peal_node_port(node);
	ck_assert_int_eq(peal_node_new(&options, &second), 0);
	ck_assert_int_eq(peal_node_listen(second), -EADDRINUSE);
	peal_node_free(second);
}
END_TEST

/* --- hooks --------------------------------------------------------------------------------- */

static struct peal_next *waiting;

static void allow_later(const struct peal_request *request, struct peal_next *next, void *userdata)
{
	char verdict[16];
	(void)userdata;
	if (peal_request_query(request, "verdict", verdict, sizeof(verdict)) < 0)
		peal_next_accept(next);
	else if (!strcmp(verdict, "later"))
		waiting = next;
	else
		peal_next_refuse(next, verdict, NULL);
}

START_TEST(waits_for_an_allow_request_hook_that_answers_later)
{
	options.engine.allow_request = allow_later;
	make();
	int fd = dial(node);
	say(fd,
	    "GET /socket.io/?EIO=4&transport=polling&verdict=later HTTP/1.1\r\nHost: x\r\n\r\n");
	waiting = NULL;
	for (int i = 0; i < 10000 && !waiting; i++)
		turn();
	peal_next_accept(waiting);
	read_until(fd, "\"sid\"");
	say(fd, "GET /socket.io/?EIO=4&transport=polling&verdict=not%20you HTTP/1.1\r\nHost: "
		"x\r\n\r\n");
	const char *answer = read_until(fd, "}");
	ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 403"));
	ck_assert_ptr_nonnull(strstr(answer, "{\"code\":4,\"message\":\"not you\"}"));
	close(fd);
}
END_TEST

START_TEST(survives_a_client_that_leaves_while_the_hook_thinks)
{
	struct peal_stats stats;
	options.engine.allow_request = allow_later;
	make();
	int fd = dial(node);
	say(fd,
	    "GET /socket.io/?EIO=4&transport=polling&verdict=later HTTP/1.1\r\nHost: x\r\n\r\n");
	waiting = NULL;
	for (int i = 0; i < 10000 && !waiting; i++)
		turn();
	close(fd);
	for (int i = 0; i < 100; i++)
		turn();
	peal_next_accept(waiting);
	for (int i = 0; i < 10; i++)
		turn();
	peal_node_stats(node, &stats);
	ck_assert_uint_eq(stats.sessions_opened, 0);
	/* And one whose hook never answers. */
	fd = dial(node);
	say(fd,
	    "GET /socket.io/?EIO=4&transport=polling&verdict=later HTTP/1.1\r\nHost: x\r\n\r\n");
	waiting = NULL;
	for (int i = 0; i < 10000 && !waiting; i++)
		turn();
	close(fd);
}
END_TEST

START_TEST(counts_requests_that_wait_for_the_hook_against_its_limit)
{
	static const char later[] = "GET /socket.io/?EIO=4&transport=polling&verdict=later "
				    "HTTP/1.1\r\nHost: x\r\n\r\n";
	options.engine.allow_request = allow_later;
	options.max_clients = 1;
	make();
	int fd = dial(node);
	waiting = NULL;
	say(fd, later);
	for (int i = 0; i < 10000 && !waiting; i++)
		turn();
	close(fd);
	/* Its client left, but the application still has it. */
	fd = dial(node);
	say(fd, later);
	ck_assert_ptr_nonnull(strstr(read_until(fd, "}"), "HTTP/1.1 503"));
	peal_next_refuse(waiting, NULL, NULL);
	turn();
	say(fd, BENCH_HANDSHAKE);
	read_until(fd, "\"sid\"");
	close(fd);
}
END_TEST

static void add_headers(const struct peal_request *request, bool initial,
			struct peal_response_headers *headers, void *userdata)
{
	(void)request, (void)userdata;
	ck_assert_int_eq(
		peal_response_headers_add(headers, initial ? "X-Initial" : "X-Each", "yes"), 0);
	ck_assert_int_eq(peal_response_headers_add(headers, "X-Bad", "a\r\nb"), -EINVAL);
}

START_TEST(lets_the_application_add_headers)
{
	options.engine.headers = add_headers;
	make();
	int fd = dial(node);
	say(fd, BENCH_HANDSHAKE);
	const char *answer = read_until(fd, "}");
	ck_assert_ptr_nonnull(strstr(answer, "X-Initial: yes\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "X-Each: yes\r\n"));
	ck_assert_ptr_null(strstr(answer, "X-Bad"));
	say(fd,
	    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nConnection: "
	    "Upgrade\r\n"
	    "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: a, b\r\n"
	    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
	answer = read_until(fd, "maxPayload");
	ck_assert_ptr_nonnull(strstr(answer, "HTTP/1.1 101"));
	ck_assert_ptr_nonnull(strstr(answer, "X-Initial: yes\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "X-Each: yes\r\n"));
	ck_assert_ptr_nonnull(strstr(answer, "Sec-WebSocket-Protocol: a\r\n"));
	close(fd);
}
END_TEST

static void echo(struct peal_session *session, const void *data, size_t length, bool binary,
		 void *userdata)
{
	(void)userdata;
	ck_assert_int_eq(peal_session_send(session, data, length, binary), 0);
}

START_TEST(carries_a_bare_engine_beside_socket_io)
{
	struct peal_engine_options engine;
	struct peal_engine *bare;
	make();
	peal_engine_options_init(&engine);
	ck_assert_int_eq(peal_engine_new(node, &engine,
					 &(struct peal_engine_handlers){ .message = echo }, NULL,
					 &bare),
			 0);
	ck_assert_int_eq(
		peal_engine_new(node, &engine, &(struct peal_engine_handlers){ 0 }, NULL, &bare),
		-EEXIST);
	int fd = dial(node);
	char text[512], sid[21];
	say(fd, "GET /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
	memcpy(sid, strstr(read_until(fd, "}"), "\"sid\":\"") + 7, 20);
	sid[20] = '\0';
	snprintf(text, sizeof(text),
		 "POST /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: "
		 "x\r\nContent-Length: 10\r\n\r\n"
		 "4a\x1e"
		 "bAQIDBA",
		 sid);
	say(fd, text);
	read_until(fd, "ok");
	snprintf(text, sizeof(text),
		 "GET /engine.io/?EIO=4&transport=polling&sid=%s HTTP/1.1\r\nHost: x\r\n\r\n", sid);
	say(fd, text);
	read_until(fd, "\r\n\r\n4a\x1e"
		       "bAQIDBA==");
	close(fd);
}
END_TEST

static void on_page(struct peal_http_request *request, void *userdata)
{
	(void)userdata;
	peal_http_reply(request, 200, &(struct peal_header){ "Content-Type", "text/plain" }, 1,
			"page", 4);
}

START_TEST(answers_routes_beside_socket_io)
{
	make();
	ck_assert_int_eq(peal_http_route(node, "/page", "GET", 0, on_page, NULL), 0);
	ck_assert_int_eq(peal_http_route(node, "/page", "GET", 0, on_page, NULL), -EEXIST);
	int fd = dial(node);
	say(fd, "GET /page?x=1 HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, "\r\n\r\npage");
	close(fd);
}
END_TEST

START_TEST(answers_routes_on_a_listener_of_their_own)
{
	struct peal_http_listener *listener, *taken;
	make();
	ck_assert_int_eq(peal_http_listener_new(node, "127.0.0.1", 0, &listener), 0);
	ck_assert_uint_ne(peal_http_listener_port(listener), 0);
	ck_assert_uint_ne(peal_http_listener_port(listener), peal_node_port(node));
	ck_assert_int_eq(peal_http_listener_new(node, "127.0.0.1", peal_node_port(node), &taken),
			 -EADDRINUSE);
	ck_assert_int_eq(peal_http_listener_route(listener, "/page", "GET", 0, on_page, NULL), 0);
	ck_assert_int_eq(peal_http_listener_route(listener, "/page", "GET", 0, on_page, NULL),
			 -EEXIST);
	int fd = dial_port(peal_http_listener_port(listener));
	say(fd, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, "\r\n\r\npage");
	say(fd, "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, " 404 ");
	close(fd);
	fd = dial(node);
	say(fd, "GET /page HTTP/1.1\r\nHost: x\r\n\r\n");
	read_until(fd, " 404 ");
	close(fd);
}
END_TEST

UNIT_MAIN_WITH("node", set_up, tear_down, two_nodes_and_a_foreign_timer_share_one_base,
	       runs_a_loop_of_its_own_until_stopped, runs_what_other_threads_post,
	       runs_every_one_shot_callback_at_the_latest_when_it_is_freed,
	       closes_orderly_without_disconnect_packets,
	       cuts_what_is_open_when_the_time_for_closing_is_up,
	       tells_everyone_who_closes_it_that_it_is_closed, refuses_new_sessions_while_it_drains,
	       refuses_sessions_above_its_limit, names_an_option_that_is_out_of_range,
	       lowers_its_client_limit_to_the_limit_of_open_files, leaves_no_descriptor_behind,
	       says_that_its_port_is_taken, waits_for_an_allow_request_hook_that_answers_later,
	       survives_a_client_that_leaves_while_the_hook_thinks,
	       counts_requests_that_wait_for_the_hook_against_its_limit,
	       lets_the_application_add_headers, carries_a_bare_engine_beside_socket_io,
	       answers_routes_beside_socket_io, answers_routes_on_a_listener_of_their_own)
