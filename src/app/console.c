/*
 * The pages: the live view of the operators, and the client of --demo. Their files are part of the
 * executable (console/embed.py).
 *
 * The live view asks /api and /metrics of its own origin, with the key that its user types in; the
 * page itself holds no secret.
 *
 * In the page of --demo is filled in at start where Socket.IO is. On the listener of
 * --internal-listen the page is of another origin than Socket.IO. It then connects to the port of
 * the clients, over WebSocket, which asks no server for CORS headers; its policy names just that
 * port.
 */
#include "console.h"

#include <errno.h>
#include <peal/http.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console_files.h"

/* Everything comes from this origin, nothing is inline, and nobody may frame the page. */
#define POLICY(also)                                                                       \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'" also \
	"; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/* Nor may a script of the live view make markup of text. */
#define LIVE_POLICY POLICY("") "; require-trusted-types-for 'script'; trusted-types 'none'"

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct peal_console {
	char *page;
	size_t page_length;
	char policy[512];
};

struct file {
	const char *path, *type, *text;
	size_t length;
};

#define FILE_OF(path, type, text)                                    \
	{                                                            \
		path, type "; charset=utf-8", text, sizeof(text) - 1 \
	}

static const struct file shared_files[] = {
	FILE_OF("/console.css", "text/css", console_css),
};

static const struct file live_files[] = {
	FILE_OF("/console", "text/html", live_html),
	FILE_OF("/console/live.css", "text/css", live_css),
	FILE_OF("/console/live.mjs", "text/javascript", live_mjs),
	FILE_OF("/console/live_api.mjs", "text/javascript", live_api_mjs),
	FILE_OF("/console/live_charts.mjs", "text/javascript", live_charts_mjs),
	FILE_OF("/console/live_cluster.mjs", "text/javascript", live_cluster_mjs),
	FILE_OF("/console/live_emit.mjs", "text/javascript", live_emit_mjs),
	FILE_OF("/console/live_page.mjs", "text/javascript", live_page_mjs),
};

static const struct file demo_files[] = {
	FILE_OF("/console.js", "text/javascript", console_js),
};

static void reply(struct peal_http_request *request, const char *policy, const char *type,
		  const char *text, size_t length)
{
	const struct peal_header headers[] = {
		{ "Content-Type", type },
		{ "Content-Security-Policy", policy },
		{ "X-Content-Type-Options", "nosniff" },
		{ "Referrer-Policy", "no-referrer" },
		{ "Cross-Origin-Opener-Policy", "same-origin" },
		{ "Cache-Control", "no-cache" },
	};

	peal_http_reply(request, 200, headers, sizeof(headers) / sizeof(*headers), text, length);
}

static void on_page(struct peal_http_request *request, void *userdata)
{
	const struct peal_console *console = userdata;

	reply(request, console->policy, "text/html; charset=utf-8", console->page,
	      console->page_length);
}

static void on_file(struct peal_http_request *request, void *userdata)
{
	const struct file *file = userdata;

	reply(request, LIVE_POLICY, file->type, file->text, file->length);
}

static int serve_file(const struct peal_place *place, const char *path, const struct file *file)
{
	return peal_place_route(place, path, "GET", 0, on_file, (void *)file);
}

static int serve_files(const struct peal_place *place, const struct file *files, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = serve_file(place, files[i].path, &files[i]);
	return r;
}

static void put_escaped(FILE *stream, const char *text)
{
	for (; *text; text++) {
		if (strchr("&<>\"'", *text))
			fprintf(stream, "&#%d;", *text);
		else
			fputc(*text, stream);
	}
}

/* What stands for a text in the page, and the text. */
struct filling {
	const char *mark, *text;
};

static int fill_in(struct peal_console *console, const struct filling *fillings, size_t count)
{
	FILE *stream = open_memstream(&console->page, &console->page_length);
	const char *rest = index_html;

	if (!stream)
		return -ENOMEM;
	while (*rest) {
		size_t i = 0;

		while (i < count && strncmp(rest, fillings[i].mark, strlen(fillings[i].mark)) != 0)
			i++;
		if (i < count) {
			put_escaped(stream, fillings[i].text);
			rest += strlen(fillings[i].mark);
		} else {
			fputc(*rest++, stream);
		}
	}
	return fclose(stream) == 0 ? 0 : -ENOMEM;
}

/* Any address of the machine: the page then takes the one that it came from. */
static bool is_any(const char *host)
{
	return !strcmp(host, "0.0.0.0") || !strcmp(host, "::");
}

int peal_console_attach_live(const struct peal_place *place, bool at_root)
{
	int r = serve_files(place, shared_files, COUNT(shared_files));

	if (r == 0)
		r = serve_files(place, live_files, COUNT(live_files));
	if (r == 0 && at_root)
		r = serve_file(place, "/", &live_files[0]);
	return r;
}

int peal_console_attach_demo(const struct peal_place *place, const char *path, const char *host,
			     struct peal_console **ret_console)
{
	struct peal_console *console = calloc(1, sizeof(*console));
	char port[16] = "", also[64] = "";
	const struct filling fillings[] = {
		{ "@PATH@", path },
		{ "@PORT@", port },
		{ "@HOST@", place->listener && !is_any(host) ? host : "" },
	};
	int r;

	if (!console)
		return -ENOMEM;
	*ret_console = console; /* also on failure: routes may hold it already */
	if (place->listener) {
		snprintf(port, sizeof(port), "%u", peal_node_port(place->node));
		snprintf(also, sizeof(also), " ws://*:%s wss://*:%s http://*:%s", port, port, port);
	}
	snprintf(console->policy, sizeof(console->policy), POLICY("%s"), also);
	r = fill_in(console, fillings, COUNT(fillings));
	if (r == 0)
		r = peal_place_route(place, "/", "GET", 0, on_page, console);
	if (r == 0)
		r = serve_files(place, demo_files, COUNT(demo_files));
	return r;
}

void peal_console_free(struct peal_console *console)
{
	if (!console)
		return;
	free(console->page);
	free(console);
}
