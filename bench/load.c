/*
 * The load generator's main program: connects many Socket.IO clients, publishes numbered
 * broadcasts, and prints how long they took and whether all arrived, as one JSON object.
 *
 * Exit status: 0 when every message arrived once and in order, 1 when not, 2 when the load could
 * not be run.
 */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
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

/* What a stretch of clients, which may go on with the first, has below @first. */
static uint64_t within(uint64_t begin, uint64_t size, uint64_t clients, uint64_t first)
{
	uint64_t end = begin + size, count = 0;

	if (begin < first)
		count += (end < first ? end : first) - begin;
	if (end > clients)
		count += end - clients < first ? end - clients : first;
	return count;
}

uint64_t load_recipients(const struct load_options *options, uint64_t number)
{
	uint64_t without = options->except > options->stalled ? options->except : options->stalled;
	uint64_t begin;

	if (!options->rooms)
		return options->clients - without;
	begin = number % options->rooms * options->room_size % options->clients;
	return options->room_size - within(begin, options->room_size, options->clients, without);
}

static double number_of(const char *name, const char *text, double least, double most)
{
	char *end;
	double value = strtod(text, &end);

	if (*end || end == text || !(value >= least && value <= most))
		load_fail("--%s is a number from %g to %g", name, least, most);
	return value;
}

static void set_targets(struct load_options *options, const char *text)
{
	char *copy = strdup(text), *rest = NULL;

	for (char *at = strtok_r(copy, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
		struct sockaddr_in *target = &options->targets[options->target_count];
		char *colon = strchr(at, ':');

		if (options->target_count++ == LOAD_TARGETS)
			load_fail("--connect takes %d addresses", LOAD_TARGETS);
		if (!colon)
			load_fail("%s is not an address and a port", at);
		*colon = 0;
		target->sin_family = AF_INET;
		target->sin_port = htons((uint16_t)number_of("connect", colon + 1, 1, 65535));
		if (inet_pton(AF_INET, at, &target->sin_addr) != 1)
			load_fail("%s is not an address", at);
	}
	free(copy);
}

static void set_triggers(struct load_options *options, const char *text)
{
	/* They are used as long as the process runs. */
	char *copy = strdup(text), *rest = NULL;

	for (char *at = strtok_r(copy, ",", &rest); at; at = strtok_r(NULL, ",", &rest)) {
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

static void set_option(struct load_options *options, int option, const char *text)
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
	if (options->ack_ms && (options->in_flight > 1 || !options->trigger_count))
		load_fail("--ack needs a trigger, and goes with one message in flight");
	if (options->rooms && !options->trigger_count)
		load_fail("rooms need a trigger");
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

/* A worker ends only when something is wrong, and has said then what. */
static void check_workers(void)
{
	int status;

	if (waitpid(-1, &status, WNOHANG) > 0)
		load_fail("a worker ended");
}

static uint64_t sum(const struct load *load, size_t member)
{
	uint64_t total = 0;

	for (size_t i = 0; i < load->options.workers; i++)
		total += *(const _Atomic uint64_t *)((const char *)&load->seen[i] + member);
	return total;
}

static void await_sum(const struct load *load, size_t member, uint64_t wanted, const char *what)
{
	uint64_t deadline = load_now() + (uint64_t)(load->options.connect_patience * 1e9);

	while (sum(load, member) < wanted) {
		check_workers();
		if (load_now() > deadline)
			load_fail("%llu of %llu clients %s", (unsigned long long)sum(load, member),
				  (unsigned long long)wanted, what);
		usleep(1000);
	}
}

static void prepare(struct load *load, uint64_t number)
{
	const struct load_options *options = &load->options;
	struct load_slot *slot = load_slot(load, number);

	slot->number = 0;
	slot->received = 0;
	slot->expected = load_recipients(options, number);
	slot->published_ns = load_now();
	slot->number = number;
	load->last = number;
}

/* Wait for messages first … first + count - 1. Return: whether all of them arrived in time. */
static bool await_messages(struct load *load, struct load_trigger *trigger, uint64_t first,
			   size_t count)
{
	uint64_t deadline = load_now() + (uint64_t)(load->options.patience * 1e9);
	struct pollfd waiting = { .fd = load->done, .events = POLLIN };
	eventfd_t times;

	for (;;) {
		size_t finished = 0;

		while (finished < count) {
			const struct load_slot *slot = load_slot(load, first + finished);

			if (slot->received < slot->expected)
				break;
			finished++;
		}
		if (trigger)
			load_trigger_read(trigger, false);
		if (finished == count)
			return true;
		if (load_now() > deadline)
			return false;
		check_workers();
		if (poll(&waiting, 1, 100) > 0)
			eventfd_read(load->done, &times);
	}
}

static void run(struct load *load, struct load_trigger *trigger, struct load_result *result)
{
	const struct load_options *options = &load->options;
	uint64_t begin = load_now(), next = 1;
	uint64_t end = begin + (uint64_t)(options->seconds * 1e9);

	while (options->messages ? next <= options->messages : load_now() < end) {
		size_t count = options->in_flight;

		if (options->messages && options->messages - next + 1 < count)
			count = (size_t)(options->messages - next + 1);
		for (size_t i = 0; i < count; i++)
			prepare(load, next + i);
		load_trigger_publish(trigger, next, count);
		next += count;
		result->unfinished += !await_messages(load, trigger, next - count, count);
		/* A server that loses everything must not hold up its user. */
		if (result->unfinished > 10)
			break;
	}
	result->seconds = (double)(load_now() - begin) / 1e9;
	result->messages = next - 1;
}

static void measure(struct load *load, struct load_result *result)
{
	const struct load_options *options = &load->options;
	struct load_trigger *trigger = options->trigger_count ? load_trigger_open(options) : NULL;
	uint64_t begin = load_now();

	await_sum(load, offsetof(struct load_seen, connected), options->clients, "have connected");
	result->connect_seconds = (double)(load_now() - begin) / 1e9;
	await_sum(load, offsetof(struct load_seen, joined), options->clients, "are in their rooms");
	/* What joining caused, subscriptions for instance, is no part of the measurement. */
	usleep(options->rooms ? 1000000 : 200000);
	for (size_t i = 0; i < options->server_count; i++)
		load_usage_read(options->servers[i], &result->before[i]);
	run(load, trigger, result);
	for (size_t i = 0; i < options->server_count; i++)
		load_usage_read(options->servers[i], &result->after[i]);
	load->asked = 1;
	await_sum(load, offsetof(struct load_seen, settled), options->workers, "have settled");
	load_trigger_read(trigger, true);
	load_trigger_free(trigger);
}

int main(int argc, char **argv)
{
	struct load *load = mmap(NULL, sizeof(*load), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	static struct load_result result;
	pid_t workers[LOAD_WORKERS];
	bool good;

	if (load == MAP_FAILED)
		load_fail("no memory");
	read_options(&load->options, argc, argv);
	load->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	raise_file_limit();
	start_workers(load, workers);
	measure(load, &result);
	good = load_report(load, &result, stdout);
	for (size_t i = 0; i < load->options.workers; i++) {
		kill(workers[i], SIGKILL);
		waitpid(workers[i], NULL, 0);
	}
	return good ? 0 : 1;
}
