/*
 * Who answers: exact routes first, then the longest mounted prefix, else 404. And the public face
 * of routes, <peal/http.h>.
 *
 * A route's request is held by the application until peal_http_reply(). When its client leaves
 * before, the object stays behind as an orphan of the server, or of nobody once that is freed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "http/private.h"

/* --- mounts --------------------------------------------------------------------------------- */

int peal_http_server_mount(struct peal_http_server *server, const char *prefix,
			   const struct peal_http_handler *handler, void *context,
			   const struct peal_cors *cors)
{
	size_t length = strlen(prefix);
	struct peal_list *before = server->mounts.next;
	for (; before != &server->mounts; before = before->next) {
		const struct peal_http_mount *other =
			peal_container(before, struct peal_http_mount, link);
		if (strcmp(other->prefix, prefix) == 0)
			return -EEXIST;
		if (other->prefix_length < length)
			break;
	}
	struct peal_http_mount *mount = malloc(sizeof(*mount) + length + 1);
	if (!mount)
		return -ENOMEM;
	*mount = (struct peal_http_mount){
		.handler = *handler, .context = context, .cors = cors, .prefix_length = length
	};
	memcpy(mount->prefix, prefix, length + 1);
	peal_list_append(before, &mount->link);
	return 0;
}

void peal_http_server_set_cors(struct peal_http_server *server, const char *prefix,
			       const struct peal_cors *cors)
{
	peal_list_each (link, &server->mounts) {
		struct peal_http_mount *mount = peal_container(link, struct peal_http_mount, link);
		if (strcmp(mount->prefix, prefix) == 0)
			mount->cors = cors;
	}
}

static const struct peal_http_mount *find_mount(const struct peal_http_server *server,
						const char *url)
{
	peal_list_each (link, &server->mounts) {
		const struct peal_http_mount *mount =
			peal_container(link, struct peal_http_mount, link);
		if (strncmp(url, mount->prefix, mount->prefix_length) == 0)
			return mount;
	}
	return NULL;
}

/* --- routes --------------------------------------------------------------------------------- */

/* "GET,POST" becomes "GET, HEAD, POST". Return: the length, 0 for what is no list of methods. */
static size_t write_allow(const char *methods, char *allow)
{
	char *end = allow;
	for (;;) {
		methods += strspn(methods, " ");
		size_t length = strspn(methods, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-");
		const char *next = methods + length + strspn(methods + length, " ");
		if (!length || (*next && *next != ','))
			return 0;
		if (end != allow) {
			memcpy(end, ", ", 2);
			end += 2;
		}
		memcpy(end, methods, length);
		end += length;
		if (length == 3 && memcmp(methods, "GET", 3) == 0) {
			memcpy(end, ", HEAD", 6);
			end += 6;
		}
		*end = '\0';
		if (!*next)
			return (size_t)(end - allow);
		methods = next + 1;
	}
}

int peal_http_server_route(struct peal_http_server *server, const char *path, const char *methods,
			   size_t max_body, peal_http_fn *fn, void *userdata)
{
	size_t length = strlen(path);
	if (path[0] != '/' || strpbrk(path, "? \t\r\n") || !fn ||
	    length > PEAL_LIMIT_HTTP_HEAD_BYTES)
		return -EINVAL;
	if (peal_hash_find(&server->routes, path, length))
		return -EEXIST;
	/* Each method may bring a HEAD with it, and each comma a blank. */
	struct peal_http_route *route =
		malloc(sizeof(*route) + length + 1 + 4 * strlen(methods) + 1);
	if (!route)
		return -ENOMEM;
	*route = (struct peal_http_route){ .max_body = max_body, .fn = fn, .userdata = userdata };
	memcpy(route->path, path, length + 1);
	route->allow = route->path + length + 1;
	route->entry.key = route->path;
	route->entry.key_length = (uint32_t)length;
	int error = write_allow(methods, route->allow) ? 0 : -EINVAL;
	if (!error)
		error = peal_hash_insert(&server->routes, &route->entry);
	if (error)
		free(route);
	return error;
}

static struct peal_http_route *find_route(const struct peal_http_server *server, const char *url)
{
	struct peal_hash_entry *entry = peal_hash_find(&server->routes, url, strcspn(url, "?"));
	return entry ? peal_container(entry, struct peal_http_route, entry) : NULL;
}

int peal_http_server_gate(struct peal_http_server *server, const char *path, peal_http_gate_fn *fn)
{
	struct peal_http_route *route = find_route(server, path);
	if (!route)
		return -ENOENT;
	route->gate = fn;
	return 0;
}

void peal_http_routes_free(struct peal_http_server *server)
{
	struct peal_hash_entry *entry = peal_hash_next(&server->routes, NULL);
	while (entry) {
		struct peal_hash_entry *next = peal_hash_next(&server->routes, entry);
		peal_hash_remove(&server->routes, entry);
		free(peal_container(entry, struct peal_http_route, entry));
		entry = next;
	}
	peal_hash_deinit(&server->routes);
	struct peal_list *link;
	while ((link = peal_list_take(&server->mounts)))
		free(peal_container(link, struct peal_http_mount, link));
}

/* The handler of all routes: the application is called when everything is there. */
static void on_route_request(struct peal_http_request *request, void *context)
{
	const struct peal_http_route *route = request->route;
	(void)context;
	if (route->gate) {
		request->held = true;
		if (!route->gate(request, route->userdata))
			return;
		request->held = false;
	}
	peal_http_request_read_body(request, route->max_body);
}

static void on_route_body(struct peal_http_request *request, const char *body, size_t length,
			  void *context)
{
	(void)body;
	(void)length;
	(void)context;
	request->held = true;
	/* What happened before this request is told before it. */
	peal_loop_run_tasks(request->server->loop);
	request->route->fn(request, request->route->userdata);
}

static void on_route_abort(struct peal_http_request *request, enum peal_http_abort why,
			   void *context)
{
	(void)request;
	(void)why;
	(void)context;
}

static const struct peal_http_handler route_handler = { on_route_request, on_route_body,
							on_route_abort };

/* --- dispatch ------------------------------------------------------------------------------- */

void peal_http_dispatch(struct peal_http_request *request)
{
	struct peal_http_server *server = request->server;
	const char *url = request->info.url;
	const struct peal_http_mount *mount = find_mount(server, url);
	const struct peal_http_route *route = request->websocket ? NULL : find_route(server, url);
	const struct peal_cors *cors = mount ? mount->cors : NULL;
	unsigned preflight = peal_cors_preflight(cors, &request->info, &request->headers.lines);
	if (preflight) {
		peal_http_request_respond(request, preflight, NULL, NULL, 0, false);
		return;
	}
	peal_cors_headers(cors, &request->info, &request->headers.lines);
	if (route) {
		request->route = route;
		request->handler = &route_handler;
		if (peal_http_has_token(route->allow, request->info.method)) {
			on_route_request(request, NULL);
			return;
		}
		(void)!peal_http_request_add_header(request, "Allow", route->allow);
		peal_http_request_respond(request, 405, NULL, NULL, 0, false);
	} else if (mount) {
		request->handler = &mount->handler;
		request->context = mount->context;
		mount->handler.on_request(request, mount->context);
	} else if (request->websocket) {
		struct peal_http_connection *connection = request->connection;
		peal_http_request_end(request);
		peal_http_connection_ignore(connection);
	} else {
		peal_http_request_respond(request, 404, NULL, NULL, 0, false);
	}
}

/* --- <peal/http.h> -------------------------------------------------------------------------- */

const struct peal_request *peal_http_request_info(const struct peal_http_request *request)
{
	return &request->info;
}

const void *peal_http_request_body(const struct peal_http_request *request, size_t *ret_length)
{
	*ret_length = request->body.length;
	return request->body.bytes ? request->body.bytes : "";
}
