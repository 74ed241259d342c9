/*
 * The load generator's main program: connects many Socket.IO clients, publishes numbered
 * broadcasts, and prints how long they took and whether all arrived, as a JSON object for each part
 * that was measured. Here are its options and the processes that it starts.
 *
 * Exit status: 0 when every message arrived once and in order, 1 when not, 2 when the load could
 * not be run.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
	"usage: load --connect HOST:PORT[,HOST:PORT...] --clients N [--trigger "
	"TRIGGER[,TRIGGER...]]\n"
	"            [--transport websocket|polling] [--workers W] [--namespace NAME]\n"
	"            [--room-count R --room-size S] [--except E] [--stalled N]\n"
	"            [--payload BYTES] [--binary] [--in-flight K] [--ack MS] [--patience S]\n"
	"            [--redis redis://ADDRESS:PORT] [--pid P]...\n"
	"            [--seconds S | --messages M | --hold]\n"
	"TRIGGER is redis://ADDRESS:PORT, or http://ADDRESS:PORT with the key in PEAL_API_KEY; "
	"with\n"
	"several they take turns, without one nothing is published.\n"
	"K messages are published at a time; the next K follow when all have the last of them.\n"
	"The first E clients are in a room that no message is for; the first N never read.\n"
	"With --ack each message is acknowledged, and the HTTP trigger says by how many.\n"
	"With --hold the parts to measure are read from the standard input, one a line:\n"
	"`measure SECONDS`, `messages M`, `memory`, `leave`. Each is answered by a line of JSON.\n";

uint64_t load_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void load_fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "load: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	exit(2);
}

static double number_of(const char *name, const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value >= least && value <= most))
		load_fail("--%s is a number from %g to %g", name, least, most);
	return value;
}

void load_address(const char *text, struct sockaddr_in *ret_address)
{
	char host[32], more;
	unsigned port;

	memset(ret_address, 0, sizeof(*ret_address));
	ret_address->sin_family = AF_INET;
	if (sscanf(text, "%31[0-9.]:%u%c", host, &port, &more) != 2 || !port || port > 65535 ||
	    inet_pton(AF_INET, host, &ret_address->sin_addr) != 1)
		load_fail("%s is not an address and a port", text);
	ret_address->sin_port = htons((uint16_t)port);
}

static void set_targets(struct load_options *options, const char *text)
{
	char *copy = strdup(text), *rest = NULL;

	for (char *at = strtok_r(copy, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
		if (options->target_count == LOAD_TARGETS)
			load_fail("--connect takes %d addresses", LOAD_TARGETS);
		load_address(at, &options->targets[options->target_count++]);
	}
	free(copy);
}

/* The options point into @text from now on. */
static void set_triggers(struct load_options *options, char *text)
{
	char *rest = NULL;

	for (char *at = strtok_r(text, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
		if (options->trigger_count == LOAD_TRIGGERS)
			load_fail("--trigger takes %d of them", LOAD_TRIGGERS);
		options->triggers[options->trigger_count++] = at;
	}
}

static bool is_polling(const char *text)
{
	if (strcmp(text, "polling") != 0 && strcmp(text, "websocket") != 0)
		load_fail("--transport is websocket or polling");
	return *text == 'p';
}

enum word {
	CONNECT,
	CLIENTS,
	WORKERS,
	ROOM_COUNT,
	ROOM_SIZE,
	NAMESPACE,
	PAYLOAD,
	IN_FLIGHT,
	SECONDS,
	MESSAGES,
	TRIGGER,
	PATIENCE,
	TRANSPORT,
	BINARY,
	EXCEPT,
	ACK,
	STALLED,
	REDIS,
	HOLD,
	PID,
};

static const struct option words[] = {
	{ "connect", required_argument, NULL, CONNECT },
	{ "clients", required_argument, NULL, CLIENTS },
	{ "workers", required_argument, NULL, WORKERS },
	{ "room-count", required_argument, NULL, ROOM_COUNT },
	{ "room-size", required_argument, NULL, ROOM_SIZE },
	{ "namespace", required_argument, NULL, NAMESPACE },
	{ "payload", required_argument, NULL, PAYLOAD },
	{ "in-flight", required_argument, NULL, IN_FLIGHT },
	{ "seconds", required_argument, NULL, SECONDS },
	{ "messages", required_argument, NULL, MESSAGES },
	{ "trigger", required_argument, NULL, TRIGGER },
	{ "patience", required_argument, NULL, PATIENCE },
	{ "transport", required_argument, NULL, TRANSPORT },
	{ "binary", no_argument, NULL, BINARY },
	{ "except", required_argument, NULL, EXCEPT },
	{ "ack", required_argument, NULL, ACK },
	{ "stalled", required_argument, NULL, STALLED },
	{ "redis", required_argument, NULL, REDIS },
	{ "hold", no_argument, NULL, HOLD },
	{ "pid", required_argument, NULL, PID },
	{ NULL, 0, NULL, 0 },
};

static void set_option(struct load_options *options, int option, char *text)
{
	const char *name = words[option].name;

	if (option == CONNECT)
		set_targets(options, text);
	else if (option == CLIENTS)
		options->clients =
			(size_t)number_of(name, text, 1, LOAD_WORKERS * LOAD_WORKER_CLIENTS);
	else if (option == WORKERS)
		options->workers = (size_t)number_of(name, text, 1, LOAD_WORKERS);
	else if (option == ROOM_COUNT)
		options->rooms = (size_t)number_of(name, text, 1, 1e6);
	else if (option == ROOM_SIZE)
		options->room_size = (size_t)number_of(name, text, 1, 1e6);
	else if (option == NAMESPACE)
		options->namespace = text;
	else if (option == PAYLOAD)
		options->payload = (size_t)number_of(name, text, 0, LOAD_PAYLOAD);
	else if (option == IN_FLIGHT)
		options->in_flight = (size_t)number_of(name, text, 1, LOAD_IN_FLIGHT);
	else if (option == SECONDS)
		options->seconds = number_of(name, text, 0.01, 3600);
	else if (option == MESSAGES)
		options->messages = (uint64_t)number_of(name, text, 1, 4e9);
	else if (option == TRIGGER)
		set_triggers(options, text);
	else if (option == PATIENCE)
		options->patience = number_of(name, text, 0.1, 600);
	else if (option == TRANSPORT)
		options->polling = is_polling(text);
	else if (option == BINARY)
		options->binary = true;
	else if (option == EXCEPT)
		options->except = (size_t)number_of(name, text, 0, 1e6);
	else if (option == ACK)
		options->ack_ms = (unsigned)number_of(name, text, 1, 600000);
	else if (option == STALLED)
		options->stalled = (size_t)number_of(name, text, 0, 1e6);
	else if (option == REDIS)
		options->redis = text;
	else if (option == HOLD)
		options->hold = true;
	else if (options->server_count == LOAD_SERVERS)
		load_fail("--pid can be given %d times", LOAD_SERVERS);
	else
		options->servers[options->server_count++] =
			(pid_t)number_of(name, text, 1, 1 << 22);
}

static void read_options(struct load_options *options, int argc, char **argv)
{
	size_t least;
	int option;

	options->payload = 32;
	options->in_flight = 1;
	options->patience = 5;
	options->connect_patience = 120;
	options->at_once = 50;
	options->namespace = "/";
	while ((option = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		if (option == '?') {
			fputs(usage, stderr);
			exit(2);
		}
		set_option(options, option, optarg);
	}
	if (optind < argc || !options->target_count || !options->clients) {
		fputs(usage, stderr);
		exit(2);
	}
	if (!options->rooms != !options->room_size || options->room_size > options->clients)
		load_fail("rooms need a count and a size, which is at most that of the clients");
	if (options->except >= options->clients || options->stalled >= options->clients)
		load_fail("--except and --stalled are less than the clients");
	if (options->ack_ms && !options->trigger_count)
		load_fail("--ack needs a trigger");
	if ((options->rooms || options->except || options->messages) && !options->trigger_count)
		load_fail("rooms and messages need a trigger");
	if (options->hold && (options->messages || options->seconds > 0))
		load_fail("--hold is told on its standard input how long to measure");
	if (options->namespace[0] != '/' || strlen(options->namespace) > 100)
		load_fail("--namespace begins with a / and has at most 100 bytes");
	if (!options->messages && options->seconds <= 0)
		options->seconds = 1;
	least = (options->clients + LOAD_WORKER_CLIENTS - 1) / LOAD_WORKER_CLIENTS;
	if (options->workers < least)
		options->workers = least;
	if (options->workers > options->clients)
		options->workers = options->clients;
}

static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < 20000 ? limit.rlim_max : 20000;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void start_workers(struct load *load, pid_t *workers)
{
	const struct load_options *options = &load->options;
	size_t first = 0;

	for (size_t i = 0; i < options->workers; i++) {
		size_t end = options->clients * (i + 1) / options->workers;

		workers[i] = fork();
		if (workers[i] < 0)
			load_fail("fork: %s", strerror(errno));
		if (!workers[i])
			load_worker(load, i, first, end - first);
		first = end;
	}
}

int main(int argc, char **argv)
{
	struct load *load = mmap(NULL, sizeof(*load), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t workers[LOAD_WORKERS];
	bool good;

	if (load == MAP_FAILED)
		load_fail("no memory");
	read_options(&load->options, argc, argv);
	load->process = getpid();
	load->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	for (size_t i = 0; i < load->options.workers; i++)
		load->wake[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	raise_file_limit();
	start_workers(load, workers);
	good = load_run(load);
	for (size_t i = 0; i < load->options.workers; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
	return good ? 0 : 1;
}
