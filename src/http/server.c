/*
 * The server: its options, the listener, the table of connections and their ceiling.
 */
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http/private.h"

#define BACKLOG 4096
/* So many connections are accepted one at a time before it is asked again whether others wait. */
#define SINGLE_ACCEPTS 4

/* --- the ready list -------------------------------------------------------------------------- */

void peal_http_server_wake(struct peal_http_server *server)
{
	if (server->ready_wanted)
		return;
	server->ready_wanted = true;
	event_active(server->ready_event, EV_TIMEOUT, 0);
}

static void on_ready(evutil_socket_t fd, short what, void *userdata)
{
	static const struct timeval now = { 0, 0 };
	struct peal_http_server *server = userdata;
	size_t count = server->connection_count;
	(void)fd;
	(void)what;
	peal_loop_enter(server->loop);
	/* Each gets one go; who wants more waits until the network was looked at. */
	while (count-- && !peal_list_empty(&server->ready)) {
		struct peal_list *link = server->ready.next;
		peal_http_connection_process(
			peal_container(link, struct peal_http_connection, ready));
		if (count % 16 == 0 && peal_loop_turn_is_long(server->loop))
			break;
	}
	server->ready_wanted = !peal_list_empty(&server->ready);
	if (server->ready_wanted)
		event_add(server->ready_event, &now);
}

/* --- accepting ------------------------------------------------------------------------------- */

/* Close the connection that can be spared best. Return: false when there is none. */
static bool make_room(struct peal_http_server *server)
{
	struct peal_list *first = peal_list_first(&server->lingers.queue);
	if (!first)
		first = peal_list_first(&server->keep_alives.queue);
	if (!first)
		return false;
	struct peal_deadline *deadline = peal_container(first, struct peal_deadline, link);
	peal_http_connection_close(peal_container(deadline, struct peal_http_connection, deadline));
	return true;
}

int peal_http_server_adopt(struct peal_http_server *server, int fd,
			   const struct sockaddr_storage *peer)
{
	int error = peal_http_connection_new(server, fd, peer);
	if (error)
		close(fd);
	return error;
}

static void take_in(struct peal_http_server *server, int fd, const struct sockaddr_storage *peer)
{
	if (server->connection_count >= server->max_connections && !make_room(server)) {
		server->stats->http_connections_refused++;
		close(fd);
		return;
	}
	if (peal_http_server_adopt(server, fd, peer))
		server->stats->http_connections_refused++;
}

/* There are no descriptors, or no memory for one: stop to listen for a moment instead of being
 * woken up again and again. */
static void back_off(struct peal_http_server *server, int error)
{
	if (!server->starved)
		peal_log(server->log, PEAL_LOG_ERROR, "cannot accept connections",
			 PEAL_FIELD_TEXT("error", strerror(error)));
	server->starved = true;
	event_del(server->accept_event);
	peal_deadline_arm(&server->accept_retries, &server->accept_again);
}

static void on_accept_again(struct peal_deadlines *deadlines, struct peal_deadline *deadline)
{
	struct peal_http_server *server =
		peal_container(deadline, struct peal_http_server, accept_again);
	(void)deadlines;
	if (server->accept_event)
		event_add(server->accept_event, NULL);
}

/*
 * To find out that nobody else waits takes the kernel about as long as to accept somebody. So where
 * one came alone, the next few are taken one at a time, and not more of them: many may wait behind
 * the first.
 */
static void on_accept(evutil_socket_t listener, short what, void *userdata)
{
	struct peal_http_server *server = userdata;
	(void)what;
	peal_loop_enter(server->loop);
	unsigned most = server->single_accepts ? 1 : PEAL_LIMIT_ACCEPTS_PER_TURN;
	if (server->single_accepts)
		server->single_accepts--;
	for (unsigned i = 0; i < most; i++) {
		struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
		socklen_t length = sizeof(peer);
		int fd = accept4(listener, (struct sockaddr *)&peer, &length,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			server->starved = false;
			take_in(server, fd, &peer);
			continue;
		}
		switch (errno) {
		case EAGAIN:
			server->single_accepts = i < 2 ? SINGLE_ACCEPTS : 0;
			return;
		case EMFILE:
		case ENFILE:
			if (make_room(server))
				continue;
			/* fall through */
		case ENOBUFS:
		case ENOMEM:
			back_off(server, errno);
			return;
		default:
			/* The client is gone already, or the network had an error for it. */
			continue;
		}
	}
}

static int open_listener(const struct addrinfo *address, int *ret_fd)
{
	static const int on = 1;
	int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Linux hands it down to the connections that are accepted. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0) {
		int error = -errno;
		close(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(address);
	if (getsockname(fd, (struct sockaddr *)&address, &length) < 0)
		return 0;
	if (address.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&address)->sin6_port);
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int peal_http_server_listen(struct peal_http_server *server, const char *host, uint16_t port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
				  .ai_flags = AI_PASSIVE | AI_NUMERICSERV };
	struct addrinfo *addresses = NULL;
	char service[8];
	int fd = -1, error = -EINVAL;
	if (server->listener >= 0 || server->closing)
		return -EALREADY;
	snprintf(service, sizeof(service), "%u", port);
	if (getaddrinfo(host, service, &hints, &addresses) != 0)
		return -EINVAL;
	for (const struct addrinfo *it = addresses; it; it = it->ai_next) {
		error = open_listener(it, &fd);
		if (!error)
			break;
	}
	freeaddrinfo(addresses);
	if (error)
		return error;
	server->accept_event = event_new(peal_loop_base(server->loop), fd, EV_READ | EV_PERSIST,
					 on_accept, server);
	if (!server->accept_event || event_add(server->accept_event, NULL) != 0) {
		if (server->accept_event)
			event_free(server->accept_event);
		server->accept_event = NULL;
		close(fd);
		return -ENOMEM;
	}
	server->listener = fd;
	return 0;
}

uint16_t peal_http_server_port(const struct peal_http_server *server)
{
	return server->listener >= 0 ? port_of(server->listener) : 0;
}

static void stop_listening(struct peal_http_server *server)
{
	if (server->listener < 0)
		return;
	peal_deadline_disarm(&server->accept_again);
	event_free(server->accept_event);
	server->accept_event = NULL;
	close(server->listener);
	server->listener = -1;
}

/* --- life ------------------------------------------------------------------------------------ */

size_t peal_http_server_connections(const struct peal_http_server *server)
{
	return server->connection_count;
}

int peal_http_server_set_trusted(struct peal_http_server *server, const char *const *networks,
				 size_t count)
{
	struct peal_http_network *trusted = count ? calloc(count, sizeof(*trusted)) : NULL;
	if (count && !trusted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		int error = peal_http_network_parse(networks[i], &trusted[i]);
		if (error) {
			free(trusted);
			return error;
		}
	}
	free(server->trusted);
	server->trusted = trusted;
	server->trusted_count = count;
	return 0;
}

bool peal_http_server_has_trusted(const struct peal_http_server *server)
{
	return server->trusted_count != 0;
}

void peal_http_server_set_max_connections(struct peal_http_server *server, size_t count)
{
	server->max_connections = count;
}

static void init_deadlines(struct peal_http_server *server)
{
	struct {
		struct peal_deadlines *deadlines;
		unsigned duration_ms;
		void (*fn)(struct peal_deadlines *, struct peal_deadline *);
	} all[] = {
		{ &server->accept_retries, PEAL_LIMIT_HTTP_ACCEPT_RETRY_MS, on_accept_again },
		{ &server->heads, PEAL_LIMIT_HTTP_HEAD_MS, peal_http_on_head_deadline },
		{ &server->keep_alives, PEAL_LIMIT_HTTP_KEEP_ALIVE_MS, peal_http_on_head_deadline },
		{ &server->body_idles, PEAL_LIMIT_HTTP_BODY_IDLE_MS, peal_http_on_body_idle },
		{ &server->bodies, PEAL_LIMIT_HTTP_BODY_MS, peal_http_on_body_deadline },
		{ &server->writes, PEAL_LIMIT_HTTP_WRITE_IDLE_MS, peal_http_on_close_deadline },
		{ &server->lingers, PEAL_LIMIT_HTTP_LINGER_MS, peal_http_on_close_deadline },
		{ &server->foreign_upgrades, PEAL_LIMIT_HTTP_FOREIGN_UPGRADE_MS,
		  peal_http_on_close_deadline },
	};
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		peal_deadlines_init(all[i].deadlines, server->loop, all[i].duration_ms, false,
				    all[i].fn);
}

static void deinit_deadlines(struct peal_http_server *server)
{
	struct peal_deadlines *all[] = { &server->accept_retries, &server->heads,
					 &server->keep_alives,	  &server->body_idles,
					 &server->bodies,	  &server->writes,
					 &server->lingers,	  &server->foreign_upgrades };
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		peal_deadlines_deinit(all[i]);
}

int peal_http_server_new(struct peal_loop *loop, const struct peal_http_options *options,
			 struct peal_stats *stats, const struct peal_log *log,
			 struct peal_http_server **ret_server)
{
	struct peal_http_server *server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->stats = stats;
	server->log = log;
	server->max_connections = options->max_connections;
	server->listener = -1;
	server->head = PEAL_BUFFER(2 * PEAL_LIMIT_HTTP_RESPONSE_HEAD_BYTES);
	peal_list_init(&server->connections);
	peal_list_init(&server->ready);
	peal_list_init(&server->mounts);
	peal_list_init(&server->orphans);
	peal_list_init(&server->waiting);
	server->barrier = options->barrier;
	peal_hash_init(&server->routes);
	init_deadlines(server);
	server->ready_event = event_new(peal_loop_base(loop), -1, 0, on_ready, server);
	int error = -ENOMEM;
	if (server->ready_event)
		error = peal_http_server_set_trusted(server, options->trusted_proxies,
						     options->trusted_proxy_count);
	if (error) {
		peal_http_server_free(server);
		return error;
	}
	*ret_server = server;
	return 0;
}

void peal_http_server_close(struct peal_http_server *server)
{
	server->closing = true;
	stop_listening(server);
	peal_list_each (link, &server->connections) {
		struct peal_http_connection *connection =
			peal_container(link, struct peal_http_connection, link);
		if (peal_http_connection_idle(connection))
			peal_http_connection_close(connection);
	}
}

void peal_http_server_free(struct peal_http_server *server)
{
	struct peal_list *link;
	if (!server)
		return;
	server->closing = true;
	stop_listening(server);
	/* What handlers do when they hear of it may close others. */
	while ((link = peal_list_first(&server->connections)))
		peal_http_connection_abort(peal_container(link, struct peal_http_connection, link),
					   PEAL_HTTP_ABORT_SERVER);
	peal_http_replies_end(server);
	while ((link = peal_list_take(&server->orphans)))
		peal_container(link, struct peal_http_request, orphan)->server = NULL;
	if (server->ready_event)
		event_free(server->ready_event);
	deinit_deadlines(server);
	peal_http_routes_free(server);
	peal_buffer_deinit(&server->head);
	free(server->trusted);
	free(server);
}
