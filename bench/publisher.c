/*
 * What it costs a node to publish: one without clients emits through the Redis adapter, and the CPU
 * time of its process is measured. bench/peers/publisher.mjs does the same on Node.js.
 *
 * usage: publisher --redis redis://ADDRESS:PORT [--emits M] [--at-once K] [--form all|room]
 *
 * Emits M events of 32 bytes, K in each turn of the loop while no more than a bounded number waits
 * for Redis; to everyone, or to a room that nobody is in. Prints
 * {"emits","seconds","cpu_us","user_us","system_us"} of that part.
 */
#include <getopt.h>
#include <peal/peal.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#define BACKLOG 2000
#define WARM_UP 20000 /* emits before those that are measured */
#define LOOK_MS 1     /* the backlog is looked at again after this */

struct publisher {
	struct peal_node *node;
	uint64_t emits, at_once;
	bool room;
	uint64_t number, until; /* of the part that is under way */
	bool measured;
	struct timespec time;
	struct rusage usage;
};

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "publisher: ");
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	exit(2);
}

/* Emits whose end is not known. */
static uint64_t backlog(const struct publisher *publisher)
{
	struct peal_stats stats;

	peal_node_stats(publisher->node, &stats);
	if (stats.cluster_dropped || stats.cluster_in_doubt || stats.emits_failed)
		fail("not everything was published");
	return publisher->number - stats.cluster_published;
}

static uint64_t us(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

static void report(const struct publisher *publisher)
{
	struct timespec time;
	struct rusage usage;
	uint64_t user, kernel;
	double seconds;

	clock_gettime(CLOCK_MONOTONIC, &time);
	getrusage(RUSAGE_SELF, &usage);
	user = us(&usage.ru_utime) - us(&publisher->usage.ru_utime);
	kernel = us(&usage.ru_stime) - us(&publisher->usage.ru_stime);
	seconds = (double)(time.tv_sec - publisher->time.tv_sec) +
		  (double)(time.tv_nsec - publisher->time.tv_nsec) / 1e9;
	printf("{\"emits\":%llu,\"seconds\":%.6f,\"cpu_us\":%llu,\"user_us\":%llu,"
	       "\"system_us\":%llu}\n",
	       (unsigned long long)publisher->emits, seconds, (unsigned long long)(user + kernel),
	       (unsigned long long)user, (unsigned long long)kernel);
}

/* The part that was under way is published: go on with the next, or end. */
static void next_part(struct publisher *publisher)
{
	if (publisher->measured) {
		report(publisher);
		peal_node_stop(publisher->node);
		return;
	}
	publisher->measured = true;
	publisher->until = publisher->number + publisher->emits;
	clock_gettime(CLOCK_MONOTONIC, &publisher->time);
	getrusage(RUSAGE_SELF, &publisher->usage);
}

static void emit_some(struct peal_node *node, void *userdata)
{
	static const char padding[] = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	struct publisher *publisher = userdata;
	const struct peal_target *target =
		publisher->room ? PEAL_TO(.rooms = PEAL_ROOMS("nobody")) : PEAL_ALL;
	uint64_t waiting = backlog(publisher);
	int r;

	if (!waiting && publisher->number == publisher->until) {
		next_part(publisher);
		if (publisher->number == publisher->until)
			return;
	}
	for (uint64_t i = 0; i < publisher->at_once && waiting < BACKLOG; i++, waiting++) {
		if (publisher->number == publisher->until)
			break;
		publisher->number++;
		peal_emit(peal_io(node), target, "bench", (uint64_t)publisher->number, padding);
	}
	/* With a full backlog there is nothing to do until Redis has taken some of it. */
	if (publisher->number == publisher->until || waiting >= BACKLOG)
		r = peal_node_after(node, LOOK_MS, emit_some, publisher);
	else
		r = peal_node_post(node, emit_some, publisher);
	if (r != 0)
		fail("no memory");
}

/* Wait until the node has joined its cluster. */
static void start(struct peal_node *node, void *userdata)
{
	struct publisher *publisher = userdata;

	if (!peal_node_ready(node)) {
		if (peal_node_after(node, 20, start, publisher) != 0)
			fail("no memory");
		return;
	}
	publisher->until = WARM_UP < publisher->emits ? WARM_UP : publisher->emits;
	emit_some(node, publisher);
}

static uint64_t number_of(const char *text, const char *name)
{
	char *end;
	unsigned long long value = strtoull(text, &end, 10);

	if (*end || *text < '0' || *text > '9' || !value || value > 1000000000)
		fail("--%s is a number above zero", name);
	return value;
}

static const struct option words[] = {
	{ "redis", required_argument, NULL, 'r' },
	{ "emits", required_argument, NULL, 'e' },
	{ "at-once", required_argument, NULL, 'a' },
	{ "form", required_argument, NULL, 'f' },
	{ NULL, 0, NULL, 0 },
};

static void read_options(struct publisher *publisher, struct peal_redis_options *redis, int argc,
			 char **argv)
{
	int option;

	publisher->emits = 100000;
	publisher->at_once = 100;
	publisher->room = true;
	redis->url = NULL;
	while ((option = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		if (option == 'r')
			redis->url = optarg;
		else if (option == 'e')
			publisher->emits = number_of(optarg, "emits");
		else if (option == 'a')
			publisher->at_once = number_of(optarg, "at-once");
		else if (option == 'f' && (!strcmp(optarg, "all") || !strcmp(optarg, "room")))
			publisher->room = *optarg == 'r';
		else
			fail("usage: --redis redis://ADDRESS:PORT [--emits M] [--at-once K] "
			     "[--form all|room]");
	}
	if (optind < argc || !redis->url)
		fail("--redis says where Redis is");
}

int main(int argc, char **argv)
{
	static struct publisher publisher;
	struct peal_node_options options;
	struct peal_redis_options redis;
	char message[256] = "no memory";

	peal_redis_options_init(&redis);
	read_options(&publisher, &redis, argc, argv);
	/* The node sizes its tables by the limit of open files. */
	setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 1024, 1024 });
	signal(SIGPIPE, SIG_IGN);
	peal_node_options_init(&options);
	options.port = 0;
	options.max_clients = 400;
	options.name = "publisher";
	options.log_level = PEAL_LOG_WARNING;
	if (peal_redis_adapter_new(&redis, &options.adapter, message, sizeof(message)) != 0)
		fail("%s", message);
	if (peal_node_new(&options, &publisher.node) != 0 ||
	    peal_node_listen(publisher.node) != 0 ||
	    peal_node_post(publisher.node, start, &publisher) != 0)
		fail("the node cannot be made");
	peal_node_run(publisher.node);
	peal_node_free(publisher.node);
	return 0;
}
