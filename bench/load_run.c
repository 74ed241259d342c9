/*
 * What the first process does once the workers run: lets the clients connect, publishes messages
 * and waits for them, and takes the readings around each part that is measured. A held load gets
 * the parts, one after the other, from the standard input.
 *
 * Between two parts the workers have taken in all that came, so a part has only what is its own.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEP 1000	       /* clients whose connecting is measured at a time */
#define QUIET_US 20000	       /* until a server is through with what it was asked for */
#define CONNECTED_US 200000    /* the same after all have connected */
#define JOINED_US 1000000      /* the same when rooms were joined, which other nodes hear of */
#define UNFINISHED_MESSAGES 10 /* a server that loses everything must not hold up its user */

struct run {
	struct load *load;
	const struct load_options *options;
	struct load_trigger *trigger; /* NULL: nothing is published */
	struct load_redis *redis;     /* NULL: nobody's commands are counted */
	uint64_t next;		      /* the number of the next message */
	bool good;
};

uint64_t load_recipients(const struct load_options *options, uint64_t number)
{
	uint64_t without = options->except > options->stalled ? options->except : options->stalled;
	uint64_t clients = options->clients, first, end, hidden = 0;

	if (!options->rooms)
		return clients - without;
	first = number % options->rooms * options->room_size % clients;
	end = first + options->room_size;
	/* The room may go on with the first clients behind the last one. */
	if (first < without)
		hidden += (end < without ? end : without) - first;
	if (end > clients)
		hidden += end - clients < without ? end - clients : without;
	return options->room_size - hidden;
}

/* A worker ends only when something is wrong, and has said then what. */
static void check_workers(void)
{
	int status;

	if (waitpid(-1, &status, WNOHANG) > 0)
		load_fail("a worker ended");
}

static void wake_workers(const struct load *load)
{
	for (size_t i = 0; i < load->options.workers; i++) {
		if (eventfd_write(load->wake[i], 1) != 0)
			load_fail("eventfd: %s", strerror(errno));
	}
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
			load_fail("%llu of %llu %s", (unsigned long long)sum(load, member),
				  (unsigned long long)wanted, what);
		usleep(1000);
	}
}

static void settle(struct load *load)
{
	uint64_t asked = ++load->asked;

	wake_workers(load);
	await_sum(load, offsetof(struct load_seen, settled), asked * load->options.workers,
		  "times a worker has settled");
}

static void read_point(const struct run *run, struct load_point *ret_point)
{
	for (size_t i = 0; i < run->options->server_count; i++)
		load_usage_read(run->options->servers[i], &ret_point->servers[i]);
	if (run->redis)
		load_redis_read(run->redis, &ret_point->redis);
}

static void read_memory(const struct load_options *options, uint64_t *bytes)
{
	for (size_t i = 0; i < options->server_count; i++)
		bytes[i] = load_memory_read(options->servers[i]);
}

static void prepare(struct load *load, uint64_t number)
{
	struct load_slot *slot = load_slot(load, number);

	slot->number = 0;
	slot->received = 0;
	slot->expected = load_recipients(&load->options, number);
	slot->published_ns = load_now();
	slot->number = number;
	load->last = number;
}

/* Wait for messages first … first + count - 1. Return: whether all of them arrived in time. */
static bool await_messages(struct run *run, uint64_t first, size_t count)
{
	uint64_t deadline = load_now() + (uint64_t)(run->options->patience * 1e9);
	struct pollfd waiting = { .fd = run->load->done, .events = POLLIN };
	eventfd_t times;

	for (;;) {
		size_t finished = 0;

		while (finished < count) {
			const struct load_slot *slot = load_slot(run->load, first + finished);

			if (slot->received < slot->expected)
				break;
			finished++;
		}
		load_trigger_read(run->trigger, false);
		if (finished == count)
			return true;
		if (load_now() > deadline)
			return false;
		check_workers();
		if (poll(&waiting, 1, 100) > 0)
			eventfd_read(run->load->done, &times);
	}
}

/* Publish the next @count messages, and wait for them. */
static void publish(struct run *run, size_t count, struct load_part *part)
{
	uint64_t first = run->next;

	for (size_t i = 0; i < count; i++)
		prepare(run->load, first + i);
	load_trigger_publish(run->trigger, first, count);
	run->next += count;
	part->messages += count;
	part->unfinished += !await_messages(run, first, count);
	if (run->options->ack_ms) {
		uint64_t expected = 0, acks;

		for (size_t i = 0; i < count; i++)
			expected += load_slot(run->load, first + i)->expected;
		acks = load_trigger_acks(run->trigger, expected);
		part->acks += acks;
		part->wrong_acks += acks != expected;
	}
}

/* Publish @messages, or as many as @seconds allow. */
static void drive(struct run *run, uint64_t messages, double seconds, struct load_part *part)
{
	uint64_t begin = load_now(), end = begin + (uint64_t)(seconds * 1e9);

	while (messages ? part->messages < messages : load_now() < end) {
		size_t count = run->options->in_flight;

		if (messages && messages - part->messages < count)
			count = (size_t)(messages - part->messages);
		if (run->trigger) {
			publish(run, count, part);
		} else {
			check_workers();
			usleep(1000);
		}
		if (part->unfinished > UNFINISHED_MESSAGES)
			break;
	}
	part->seconds = (double)(load_now() - begin) / 1e9;
}

static void measure(struct run *run, uint64_t messages, double seconds, double connect_seconds)
{
	static struct load_part part;
	static struct load_sums before, after;

	memset(&part, 0, sizeof(part));
	part.connect_seconds = connect_seconds;
	load_sums_read(run->load, &before);
	read_point(run, &part.before);
	drive(run, messages, seconds, &part);
	if (run->trigger)
		load_trigger_read(run->trigger, true);
	settle(run->load);
	read_point(run, &part.after);
	load_sums_read(run->load, &after);
	if (!load_report(run->options, &part, &before, &after, stdout))
		run->good = false;
}

/* Let all clients connect: a held load step by step, and with a pause behind each. */
static void connect_all(struct run *run, struct load_connected *connected)
{
	struct load *load = run->load;
	const struct load_options *options = run->options;
	struct load_point begin, end;

	read_memory(options, connected->memory_before);
	read_point(run, &connected->before);
	end = connected->before;
	while (load->allowed < options->clients) {
		uint64_t step = options->clients - load->allowed, started = load_now();

		if (options->hold && step > STEP)
			step = STEP;
		begin = end;
		load->allowed += step;
		wake_workers(load);
		await_sum(load, offsetof(struct load_seen, connected), load->allowed,
			  "clients have connected");
		connected->seconds += (double)(load_now() - started) / 1e9;
		if (!options->hold)
			continue;
		usleep(QUIET_US);
		read_point(run, &end);
		connected->steps[connected->step_count].clients = step;
		connected->steps[connected->step_count++].cpu_us =
			load_cpu_us(options, &begin, &end);
	}
	connected->after = end;
	await_sum(load, offsetof(struct load_seen, joined), options->clients,
		  "clients are in their rooms");
	usleep(options->rooms || options->except ? JOINED_US : CONNECTED_US);
	read_memory(options, connected->memory);
}

static void leave(struct run *run)
{
	struct load_point before, after;
	uint64_t begin = load_now();
	double seconds;

	read_point(run, &before);
	run->load->leaving = true;
	wake_workers(run->load);
	await_sum(run->load, offsetof(struct load_seen, left), run->options->clients,
		  "clients have left");
	seconds = (double)(load_now() - begin) / 1e9;
	usleep(QUIET_US);
	read_point(run, &after);
	load_report_left(run->options, seconds, &before, &after, stdout);
}

static void obey(struct run *run, struct load_connected *connected, const char *line)
{
	double seconds;
	unsigned long long messages;
	char more;

	if (run->load->leaving)
		load_fail("the clients have left");
	if (sscanf(line, "measure %lf %c", &seconds, &more) == 1 && seconds > 0 && seconds < 3600) {
		measure(run, 0, seconds, connected->seconds);
	} else if (sscanf(line, "messages %llu %c", &messages, &more) == 1 && messages &&
		   run->trigger) {
		measure(run, messages, 0, connected->seconds);
	} else if (!strcmp(line, "memory\n")) {
		read_memory(run->options, connected->memory);
		load_report_memory(run->options, connected, stdout);
	} else if (!strcmp(line, "leave\n")) {
		leave(run);
	} else {
		load_fail("there is no such command: %s", line);
	}
	fflush(stdout);
}

/* Take commands until there are no more. Clients that lose their connection are noticed at once. */
static void hold(struct run *run, struct load_connected *connected)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[128];

	setvbuf(stdin, NULL, _IONBF, 0);
	load_report_connected(run->options, connected, stdout);
	fflush(stdout);
	for (;;) {
		check_workers();
		if (poll(&input, 1, 100) <= 0)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return;
		obey(run, connected, line);
	}
}

bool load_run(struct load *load)
{
	const struct load_options *options = &load->options;
	struct run run = { .load = load, .options = options, .next = 1, .good = true };
	static struct load_connected connected;

	if (options->trigger_count)
		run.trigger = load_trigger_open(options);
	if (options->redis)
		run.redis = load_redis_open(options->redis);
	connect_all(&run, &connected);
	if (options->hold)
		hold(&run, &connected);
	else
		measure(&run, options->messages, options->seconds, connected.seconds);
	load_trigger_free(run.trigger);
	load_redis_free(run.redis);
	return run.good;
}
