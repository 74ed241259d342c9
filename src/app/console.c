/*
 * The console page of --demo. Its three files are part of the executable (console/embed.py); what
 * is filled in at start is where Socket.IO is.
 *
 * On the listener of --internal-listen the page is of another origin than Socket.IO. It then
 * connects to the port of the clients, over WebSocket, which asks no server for CORS headers; its
 * policy names just that port.
 */
#include "console.h"

#include <errno.h>
#include <peal/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "console_files.h"

/* Everything comes from this origin, nothing is inline, and nobody may frame the page. */
#define POLICY                                                                            \
	"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'%s; " \
	"img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct peal_console {
	char *page;
	size_t page_length;
	char policy[512];
};

static void reply(struct peal_http_request *request, const struct peal_console *console,
		  const char *type, const char *text, size_t length)
{
	const struct peal_header headers[] = {
		{ "Content-Type", type },
		{ "Content-Security-Policy", console->policy },
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

	reply(request, console, "text/html; charset=utf-8", console->page, console->page_length);
}

static void on_style(struct peal_http_request *request, void *userdata)
{
	reply(request, userdata, "text/css; charset=utf-8", console_css, sizeof(console_css) - 1);
}

static void on_script(struct peal_http_request *request, void *userdata)
{
	reply(request, userdata, "text/javascript; charset=utf-8", console_js,
	      sizeof(console_js) - 1);
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

int peal_console_attach(const struct peal_place *place, const char *path, const char *host,
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
	snprintf(console->policy, sizeof(console->policy), POLICY, also);
	r = fill_in(console, fillings, sizeof(fillings) / sizeof(*fillings));
	if (r == 0)
		r = peal_place_route(place, "/", "GET", 0, on_page, console);
	if (r == 0)
		r = peal_place_route(place, "/console.css", "GET", 0, on_style, console);
	if (r == 0)
		r = peal_place_route(place, "/console.js", "GET", 0, on_script, console);
	return r;
}

void peal_console_free(struct peal_console *console)
{
	if (!console)
		return;
	free(console->page);
	free(console);
}
