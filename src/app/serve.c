/*
 * `peal serve`: one node, from its settings to its orderly end.
 *
 * The program owns the event_base, so that its signals and the node share one loop. The first
 * SIGTERM or SIGINT closes orderly; the second ends the process at once, by the signal itself.
 * SIGHUP reloads.
 */
#include "serve.h"

#include <errno.h>
#include <event2/event.h>
#include <peal/peal.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api.h"
#include "client_files.h"
#include "clock.h"
#include "console.h"
#include "drain.h"
#include "health.h"
#include "file_limit.h"
#include "logging.h"
#include "metrics.h"
#include "node_options.h"
#include "notify.h"
#include "prepare.h"
#include "reload.h"
#include "secret.h"
#include "serve_namespaces.h"

/* What the end may take beyond the two times that are set, as systemd is told. */
#define STOP_SLACK_SECONDS 5

struct server {
	const struct peal_settings *settings;
	struct peal_logging logging;
	struct event_base *base;
	struct event *sigterm, *sigint, *sighup;
	struct peal_node *node;
	struct peal_client_files *client_files;
	struct peal_console *console;
	struct peal_api *api;
	struct peal_metrics metrics;
	struct peal_drain *drain;
	struct peal_notify *notify;    /* NULL: nobody wants to know */
	struct peal_place place;       /* of everything beside Socket.IO */
	struct peal_prepared prepared; /* until the node and the API have it */
	struct peal_reload reload;
	uint64_t cut_ms; /* when what is open then is cut */
	bool at_terminal;
	bool stopping;
};

static int fail(struct server *server, const char *message, int r)
{
	peal_logging_say(&server->logging, PEAL_LOG_ERROR, message,
			 PEAL_LOGGING_TEXT("error", r < 0 ? strerror(-r) : "see above"));
	return PEAL_EXIT_FAILURE;
}

/* --- the end
 * -------------------------------------------------------------------------------------- */

static void on_told(void *userdata)
{
	struct server *server = userdata;

	event_base_loopbreak(server->base);
}

/* What is left of the time is for telling the backend who has gone. */
static void on_closed(struct peal_node *node, void *userdata)
{
	struct server *server = userdata;
	uint64_t now_ms = peal_clock_ms();
	unsigned left = now_ms < server->cut_ms ? (unsigned)(server->cut_ms - now_ms) : 0;

	(void)node;
	if (server->prepared.webhooks)
		peal_webhooks_finish(server->prepared.webhooks, left, on_told, server);
	else
		on_told(server);
}

static void on_drained(void *userdata)
{
	struct server *server = userdata;
	unsigned timeout_ms = (unsigned)server->settings->shutdown_seconds * 1000;

	server->cut_ms = peal_clock_ms() + timeout_ms;
	/* Without memory nobody would tell that it is closed. */
	if (peal_node_close(server->node, timeout_ms, on_closed, server) != 0)
		event_base_loopexit(server->base, NULL);
	peal_api_close(server->api);
}

/* A drain that was asked for over HTTP goes on, unless this one is over sooner. */
static void drain(struct server *server)
{
	unsigned seconds = (unsigned)server->settings->drain_seconds;
	unsigned left = peal_drain_left(server->drain);

	if (!left || seconds < left)
		peal_drain_begin(server->drain, seconds);
	peal_notify_stopping(server->notify, peal_drain_left(server->drain) +
						     (unsigned)server->settings->shutdown_seconds +
						     STOP_SLACK_SECONDS);
}

static void on_signal(evutil_socket_t number, short events, void *userdata)
{
	struct server *server = userdata;

	(void)events;
	if (server->stopping) {
		raise((int)number); /* the default action is back: this ends the process */
		return;
	}
	server->stopping = true;
	/* From here on the kernel ends the process, even if the loop were stuck. */
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	peal_logging_say(
		&server->logging, PEAL_LOG_INFO, "shutting down",
		PEAL_LOGGING_TEXT("signal", number == SIGINT ? "SIGINT" : "SIGTERM"),
		PEAL_LOGGING_NUMBER("drain_seconds", server->settings->drain_seconds),
		PEAL_LOGGING_NUMBER("shutdown_seconds", server->settings->shutdown_seconds));
	drain(server);
}

/* A terminal that was closed hangs up too: then the program ends, as others do. */
static void on_hangup(evutil_socket_t number, short events, void *userdata)
{
	struct server *server = userdata;

	(void)number;
	if (server->at_terminal && !isatty(STDERR_FILENO))
		on_signal(SIGTERM, events, server);
	else
		peal_reload(&server->reload);
}

/* --- the start
 * ------------------------------------------------------------------------------------ */

static int make_base(struct server *server)
{
	struct event_config *config = event_config_new();

	if (!config)
		return -ENOMEM;
	event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	server->base = event_base_new_with_config(config);
	event_config_free(config);
	if (!server->base)
		return -ENOMEM;
	server->sigterm = evsignal_new(server->base, SIGTERM, on_signal, server);
	server->sigint = evsignal_new(server->base, SIGINT, on_signal, server);
	server->sighup = evsignal_new(server->base, SIGHUP, on_hangup, server);
	if (!server->sigterm || !server->sigint || !server->sighup ||
	    event_add(server->sigterm, NULL) < 0 || event_add(server->sigint, NULL) < 0 ||
	    event_add(server->sighup, NULL) < 0)
		return -ENOMEM;
	peal_hold_hangup(false); /* one that came meanwhile is dealt with when the loop runs */
	return 0;
}

static int make_node(struct server *server, size_t max_clients)
{
	struct peal_node_settings node_settings;
	int r = peal_node_settings_init(&node_settings, server->settings);

	if (r == 0) {
		node_settings.options.max_clients = max_clients;
		node_settings.options.log = peal_logging_write;
		node_settings.options.log_userdata = &server->logging;
		node_settings.options.base = server->base;
		node_settings.options.adapter = server->prepared.adapter;
		server->prepared.adapter = NULL;
		r = peal_node_new(&node_settings.options, &server->node);
	}
	peal_node_settings_deinit(&node_settings);
	return r;
}

static int make_place(struct server *server)
{
	const char *address = server->settings->internal_listen;
	char host[256];
	uint16_t port;
	int r;

	server->place = (struct peal_place){ .node = server->node };
	if (!address || !peal_option_split_address(address, host, sizeof(host), &port))
		return 0;
	r = peal_http_listener_new(server->node, host, port, &server->place.listener);
	if (r < 0)
		peal_logging_say(&server->logging, PEAL_LOG_ERROR,
				 "cannot listen where --internal-listen says",
				 PEAL_LOGGING_TEXT("address", address));
	else
		peal_logging_say(&server->logging, PEAL_LOG_INFO, "listening for operators",
				 PEAL_LOGGING_TEXT("host", host),
				 PEAL_LOGGING_NUMBER(
					 "port", peal_http_listener_port(server->place.listener)));
	return r;
}

/* For a reload too, when the first key comes. */
static int open_api(const char *key, void *context)
{
	struct server *server = context;
	int r = peal_api_attach(&server->place, key, &server->api);

	if (server->api)
		peal_api_set_drain(server->api, server->drain, &server->settings->drain_seconds);
	if (r == 0)
		peal_metrics_add(&server->metrics, peal_api_metrics(server->api));
	return r;
}

static int serve_api(struct server *server)
{
	int r = server->prepared.api_key ? open_api(server->prepared.api_key, server) : 0;

	peal_secret_free(server->prepared.api_key);
	server->prepared.api_key = NULL;
	return r;
}

static int serve_console(struct server *server)
{
	const struct peal_settings *settings = server->settings;
	int r = 0;

	if (settings->demo || settings->console)
		r = peal_console_attach_live(&server->place, !settings->demo);
	if (r != 0 || !settings->demo)
		return r;
	if (server->place.listener && server->client_files)
		r = peal_client_files_also(server->client_files, &server->place, settings->path);
	if (r == 0)
		r = peal_console_attach_demo(&server->place, settings->path, settings->host,
					     &server->console);
	return r;
}

static int serve_client(struct server *server)
{
	const struct peal_settings *settings = server->settings;
	int r = peal_client_files_attach(server->node, settings->path, settings->client_dir,
					 &server->client_files);

	if (r == -ENOENT && !settings->client_dir) {
		peal_logging_say(&server->logging,
				 settings->demo ? PEAL_LOG_WARNING : PEAL_LOG_INFO,
				 "the stock client is not installed and not served; scripts/setup "
				 "installs it, --client-dir names another folder");
		return 0;
	}
	if (r == 0)
		peal_logging_say(
			&server->logging, PEAL_LOG_INFO, "serving the stock client",
			PEAL_LOGGING_TEXT("directory",
					  peal_client_files_directory(server->client_files)),
			PEAL_LOGGING_TEXT("version",
					  peal_client_files_version(server->client_files)));
	else
		peal_logging_say(&server->logging, PEAL_LOG_ERROR,
				 "the folder of --client-dir cannot be served",
				 PEAL_LOGGING_TEXT("directory", settings->client_dir
									? settings->client_dir
									: ""),
				 PEAL_LOGGING_TEXT("error", strerror(-r)));
	return r;
}

static void say_listening(struct server *server)
{
	const struct peal_settings *settings = server->settings;
	bool brackets = strchr(settings->host, ':') != NULL;
	char url[512];

	snprintf(url, sizeof(url), "http://%s%s%s:%u", brackets ? "[" : "", settings->host,
		 brackets ? "]" : "", peal_node_port(server->node));
	peal_logging_say(&server->logging, PEAL_LOG_INFO, "listening",
			 PEAL_LOGGING_TEXT("url", url), PEAL_LOGGING_TEXT("path", settings->path),
			 PEAL_LOGGING_TEXT("name", peal_node_name(server->node)),
			 PEAL_LOGGING_TEXT("version", peal_version()));
}

static void warn(struct server *server)
{
	const struct peal_settings *settings = server->settings;

	for (size_t i = 0; i < settings->foreign_variables.count; i++) {
		const char *variable = settings->foreign_variables.items[i];
		char name[128];

		snprintf(name, sizeof(name), "%.*s", (int)strcspn(variable, "="), variable);
		peal_logging_say(&server->logging, PEAL_LOG_WARNING,
				 "a variable begins with PEAL_ but is no setting",
				 PEAL_LOGGING_TEXT("variable", name));
	}
	if (settings->cors_credentials && !strcmp(settings->cors_origin.items[0], "*"))
		peal_logging_say(&server->logging, PEAL_LOG_WARNING,
				 "browsers refuse credentials when any origin is allowed: use "
				 "--cors-origin reflect or list the origins");
}

static int run(struct server *server)
{
	size_t max_clients = (size_t)server->settings->max_clients;
	struct peal_usage usage = { { 0 } };
	int r = peal_prepare(server->settings, &server->logging, &server->prepared, &usage);

	if (r > 0) {
		fprintf(stderr, "peal: %s\nTry `peal serve --help`.\n", usage.text);
		return PEAL_EXIT_USAGE;
	}
	if (r < 0)
		return fail(server, "the node cannot be made", r);
	warn(server);
	if (peal_file_limit_apply(&max_clients, &server->logging) < 0)
		return PEAL_EXIT_FAILURE;
	r = make_base(server);
	if (r == 0)
		r = make_node(server, max_clients);
	if (r == PEAL_NODE_E_OPTION) {
		fail(server, "a setting is not valid", r);
		return PEAL_EXIT_USAGE;
	}
	if (r != 0)
		return fail(server, "the node cannot be made", r);
	r = peal_serve_namespaces(server->node, server->base, server->settings, &server->prepared,
				  &server->logging);
	if (r == 0)
		r = serve_client(server);
	if (r == 0)
		r = peal_drain_new(server->base, server->node, &server->logging, on_drained, server,
				   &server->drain);
	if (r == 0)
		r = make_place(server);
	if (r == 0)
		r = peal_health_attach(&server->place);
	if (r == 0)
		r = peal_metrics_attach(&server->metrics, &server->place);
	if (r == 0 && server->prepared.forward)
		peal_metrics_add(&server->metrics, peal_forward_metrics(server->prepared.forward));
	if (r == 0 && server->prepared.webhooks)
		peal_metrics_add(&server->metrics,
				 peal_webhooks_metrics(server->prepared.webhooks));
	if (r == 0)
		r = serve_api(server);
	if (r != 0)
		return fail(server, "the node cannot be set up", r);
	r = peal_node_listen(server->node);
	if (r != 0)
		return fail(server, "the node cannot listen", r);
	r = serve_console(server); /* it names the port */
	if (r != 0)
		return fail(server, "the node cannot be set up", r);
	say_listening(server);
	r = peal_notify_new(server->base, server->node, &server->logging, &server->notify);
	if (r != 0)
		return fail(server, "the node cannot be set up", r);
	if (event_base_dispatch(server->base) < 0)
		return fail(server, "the event loop failed", -EIO);
	peal_logging_say(&server->logging, PEAL_LOG_INFO, "closed");
	return PEAL_EXIT_ORDERLY;
}

void peal_hold_hangup(bool hold)
{
	sigset_t hangup;

	sigemptyset(&hangup);
	sigaddset(&hangup, SIGHUP);
	sigprocmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &hangup, NULL);
}

int peal_serve(struct peal_settings *settings, const struct peal_flags *flags)
{
	struct server server = {
		.settings = settings,
		.logging = {
			.level = (enum peal_log_level)settings->log_level,
			.json = settings->log_format == 1,
		},
		.at_terminal = isatty(STDERR_FILENO),
	};
	int code;

	server.reload = (struct peal_reload){
		.settings = settings,
		.flags = flags,
		.environment = environ,
		.logging = &server.logging,
		.place = &server.place,
		.api = &server.api,
		.open_api = open_api,
		.context = &server,
		.access = &server.prepared.access,
		.webhooks = &server.prepared.webhooks,
	};

	/* A client that resets its connection must not end the process, nor a log that is closed.
	 */
	signal(SIGPIPE, SIG_IGN);
	code = run(&server);
	peal_hold_hangup(true); /* for good: there is nothing left to reload */
	peal_node_free(server.node);
	peal_prepared_deinit(&server.prepared);
	peal_api_free(server.api);
	peal_drain_free(server.drain);
	peal_notify_free(server.notify);
	peal_console_free(server.console);
	peal_client_files_free(server.client_files);
	if (server.sigterm)
		event_free(server.sigterm);
	if (server.sigint)
		event_free(server.sigint);
	if (server.sighup)
		event_free(server.sighup);
	if (server.base)
		event_base_free(server.base);
	libevent_global_shutdown();
	return code;
}
